package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
)

// A page has firstPage to lastPage rows, the next one four times as many as the
// one before, and no more after pageBytes.
const (
	firstPage = 8
	lastPage  = 512
	pageBytes = 4 << 20
)

// pages yields the rows of the pages that fetch returns, until it says that
// there are no more or has an error, which comes behind the rows.
func pages[T any](ctx context.Context, fetch func(limit int) (page []T, more bool, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for limit := firstPage; ; limit = min(4*limit, lastPage) {
			page, more, err := fetch(limit)
			for _, row := range page {
				if err := ctx.Err(); err != nil {
					yield(zero, err)
					return
				}
				if !yield(row, nil) {
					return
				}
			}
			if err != nil {
				yield(zero, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// query returns a page of rows, and whether there may be more. The last of args
// is the limit. scan also says how large a row is; reset, if not nil, is called
// before the first row, which there may be several of.
func query[T any](ctx context.Context, s *Store, reset func(), scan func(*sql.Rows) (T, int, error), statement string, args ...any) (page []T, more bool, err error) {
	limit := args[len(args)-1].(int)
	err = s.retry(ctx, func() (err error) {
		if page, more = nil, false; reset != nil {
			reset()
		}
		rows, err := s.db.QueryContext(ctx, s.sql(statement), args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for bytes := 0; bytes < pageBytes && rows.Next(); {
			row, size, err := scan(rows)
			if err != nil {
				return err
			}
			page = append(page, row)
			bytes += size
			more = bytes >= pageBytes || len(page) == limit
		}
		return rows.Err()
	})
	return page, more, err
}
