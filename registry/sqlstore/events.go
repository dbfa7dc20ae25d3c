package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/riskkit/riskkit/registry"
)

// maxEvent bounds an event.
const maxEvent = 16 << 20

// Append stores event at the position seq of a log.
func (s *Store) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := registry.CheckName(log); err != nil {
		return err
	}
	if len(event) > maxEvent {
		return fmt.Errorf("%w: event of %d bytes, at most %d are allowed", registry.ErrInput, len(event), maxEvent)
	}
	if event == nil {
		event = []byte{} // not NULL
	}
	args := []any{log, seq, event}
	if s.d.postgres {
		args = append(args, s.channel(log))
	}
	var added int64
	err := s.retry(ctx, func() error {
		conn, err := s.conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		result, err := conn.ExecContext(ctx, s.sql(s.d.append), args...)
		if err == nil {
			added, err = result.RowsAffected()
		}
		return err
	})
	if err == nil && added == 0 {
		return fmt.Errorf("%w: position %d of log %q is not the next", registry.ErrConflict, seq, log)
	}
	return fail(ctx, err, "appending event %d of log %q", seq, log)
}

// Events yields the events of a log from the position from. Where one is
// missing in between, the error wraps registry.ErrCorrupt. No connection is held
// while the caller looks at one.
func (s *Store) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		next := max(1, from)
		fetch := func(limit int) ([][]byte, bool, error) {
			if err := registry.CheckName(log); err != nil {
				return nil, false, err
			}
			want := next
			scan := func(rows *sql.Rows) (event []byte, size int, err error) {
				var seq int64
				if err := rows.Scan(&seq, &event); err != nil {
					return nil, 0, err
				}
				if seq != next {
					return nil, 0, fmt.Errorf("%w: event %d is missing, the next is %d", registry.ErrCorrupt, next, seq)
				}
				next++
				return event, len(event), nil
			}
			page, more, err := query(ctx, s, func() { next = want }, scan,
				"SELECT seq, event FROM {events} WHERE log = $1 AND seq >= $2 ORDER BY seq LIMIT $3", log, want, limit)
			return page, more, fail(ctx, err, "reading log %q from event %d", log, want)
		}
		pages(ctx, fetch)(yield)
	}
}

// Logs yields the names of all logs.
func (s *Store) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		last := ""
		fetch := func(limit int) ([]string, bool, error) {
			scan := func(rows *sql.Rows) (log string, size int, err error) {
				err = rows.Scan(&log)
				return log, len(log), err
			}
			page, more, err := query(ctx, s, nil, scan,
				"SELECT log FROM {events} WHERE seq = 1 AND log > $1 ORDER BY log LIMIT $2", last, limit)
			if len(page) > 0 {
				last = page[len(page)-1]
			}
			return page, more, fail(ctx, err, "listing the logs")
		}
		pages(ctx, fetch)(yield)
	}
}
