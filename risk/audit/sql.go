package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A Dialect is the SQL that a database understands.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota + 1
	SQLite
)

// A SQL is the Sink that is two tables in a database. It brings no driver: the
// host opens the database and closes it. What is appended is one row for each
// batch, in a transaction of its own. On SQLite the host opens the database with
// synchronous=FULL, and with a busy timeout where others write to it. Whoever
// locks a writer's name takes it from who had it, whose Appender fails from then
// on with ErrLocked. It is safe for concurrent use.
type SQL struct {
	db      *sql.DB
	durable string // makes a transaction reach the disk
	names   *strings.Replacer
}

// SQLOptions configure a SQL.
type SQLOptions struct {
	// Prefix begins the names of the tables. Empty means riskkit_audit_.
	Prefix string
}

// OpenSQL makes the tables that are missing. nil opts means the defaults.
func OpenSQL(ctx context.Context, db *sql.DB, d Dialect, opts *SQLOptions) (*SQL, error) {
	prefix := "riskkit_audit_"
	if opts != nil && opts.Prefix != "" {
		prefix = opts.Prefix
	}
	quote := func(name string) string { return `"` + strings.ReplaceAll(prefix+name, `"`, `""`) + `"` }
	s := &SQL{db: db}
	bytes, param := "BYTEA", "$"
	switch d {
	case PostgreSQL:
		s.durable = `SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
			WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`
	case SQLite:
		bytes, param = "BLOB", "?"
	default:
		return nil, fmt.Errorf("%w: dialect %d, want PostgreSQL or SQLite", ErrInput, int(d))
	}
	s.names = strings.NewReplacer("{chunks}", quote("chunks"), "{writers}", quote("writers"), "{bytes}", bytes, "$", param)
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS {writers} (writer TEXT PRIMARY KEY, owner TEXT NOT NULL, checkpoint {bytes})",
		`CREATE TABLE IF NOT EXISTS {chunks} (writer TEXT NOT NULL, segment BIGINT NOT NULL, at BIGINT NOT NULL, data {bytes} NOT NULL,
			torn BIGINT NOT NULL, PRIMARY KEY (writer, segment, torn, at))`,
	} {
		if _, err := db.ExecContext(ctx, s.names.Replace(statement)); err != nil {
			// Two who make a table at once may both find it missing.
			if _, qerr := db.ExecContext(ctx, s.names.Replace("SELECT 1 FROM {chunks}, {writers} WHERE 1 = 0")); qerr != nil {
				return nil, fmt.Errorf("audit: making the tables: %w", err)
			}
		}
	}
	return s, nil
}

// Segments lists the segments.
func (s *SQL) Segments(ctx context.Context) (all []Segment, err error) {
	rows, err := s.db.QueryContext(ctx, s.names.Replace("SELECT writer, segment, CAST(sum(length(data)) AS BIGINT) FROM {chunks} WHERE torn = 0 GROUP BY writer, segment"))
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			var x Segment
			if err = rows.Scan(&x.Writer, &x.First, &x.Size); err != nil {
				break
			}
			all = append(all, x)
		}
		if err == nil {
			err = rows.Err()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit: listing the segments: %w", err)
	}
	sortSegments(all)
	return all, nil
}

// OpenSegment reads a segment, one row at a time.
func (s *SQL) OpenSegment(ctx context.Context, seg Segment, from int64) (io.ReadCloser, error) {
	r := &sqlReader{s: s, ctx: ctx, seg: seg, at: from}
	found, err := r.fetch()
	if err == nil && !found {
		var n int
		err = s.db.QueryRowContext(ctx, s.names.Replace("SELECT count(*) FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2"), seg.Writer, seg.First).Scan(&n)
		if err == nil && n == 0 {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit: opening %v: %w", seg, err)
	}
	return r, nil
}

// sqlReader reads a segment.
type sqlReader struct {
	s    *SQL
	ctx  context.Context
	seg  Segment
	at   int64
	rest bytes.Reader
}

// fetch reads the row that has the byte at.
func (r *sqlReader) fetch() (bool, error) {
	var at int64
	var data []byte
	err := r.s.db.QueryRowContext(r.ctx, r.s.names.Replace(
		"SELECT at, data FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2 AND at <= $3 ORDER BY at DESC LIMIT 1"),
		r.seg.Writer, r.seg.First, r.at).Scan(&at, &data)
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.at-at >= int64(len(data)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.rest.Reset(data[r.at-at:])
	return true, nil
}

func (r *sqlReader) Read(p []byte) (int, error) {
	if r.rest.Len() == 0 {
		if found, err := r.fetch(); err != nil {
			return 0, fmt.Errorf("audit: reading %v: %w", r.seg, err)
		} else if !found {
			return 0, io.EOF
		}
	}
	n, err := r.rest.Read(p)
	r.at += int64(n)
	return n, err
}

func (r *sqlReader) Close() error { return nil }

// Checkpoint reads the writer's checkpoint.
func (s *SQL) Checkpoint(ctx context.Context, writer string) (data []byte, err error) {
	err = s.db.QueryRowContext(ctx, s.names.Replace("SELECT checkpoint FROM {writers} WHERE writer = $1"), writer).Scan(&data)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("audit: reading the checkpoint of writer %q: %w", writer, err)
	}
	return data, nil
}

// Lock makes the caller the owner of the writer's name.
func (s *SQL) Lock(ctx context.Context, writer string) (Appender, error) {
	if err := CheckWriter(writer); err != nil {
		return nil, err
	}
	a := &sqlAppender{s, writer, rand.Text()}
	_, err := s.db.ExecContext(ctx, s.names.Replace("INSERT INTO {writers} (writer, owner) VALUES ($1, $2) ON CONFLICT (writer) DO UPDATE SET owner = excluded.owner"), writer, a.owner)
	if err != nil {
		return nil, fmt.Errorf("audit: locking writer %q: %w", writer, err)
	}
	return a, nil
}

// sqlAppender writes as one writer.
type sqlAppender struct {
	s             *SQL
	writer, owner string
}

// transact does statements, each with its arguments, in one transaction of the
// owner.
func (a *sqlAppender) transact(ctx context.Context, what string, statements ...[]any) (err error) {
	tx, err := a.s.db.BeginTx(ctx, nil)
	if err == nil {
		defer func() {
			if err != nil {
				_ = tx.Rollback() // the first error counts
			}
		}()
		if a.s.durable != "" {
			_, err = tx.ExecContext(ctx, a.s.durable)
		}
		var result sql.Result
		if err == nil { // the row is locked from here on
			result, err = tx.ExecContext(ctx, a.s.names.Replace("UPDATE {writers} SET owner = owner WHERE writer = $1 AND owner = $2"), a.writer, a.owner)
		}
		var n int64
		if err == nil {
			n, err = result.RowsAffected()
		}
		if err == nil && n != 1 {
			err = ErrLocked
		}
		for _, x := range statements {
			if err == nil {
				_, err = tx.ExecContext(ctx, a.s.names.Replace(x[0].(string)), x[1:]...)
			}
		}
		if err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return fmt.Errorf("audit: %s of writer %q: %w", what, a.writer, err)
	}
	return nil
}

const insertChunk = "INSERT INTO {chunks} (writer, segment, at, data, torn) VALUES ($1, $2, $3, $4, $5)"

func (a *sqlAppender) Append(ctx context.Context, s Segment, data []byte) error {
	return a.transact(ctx, "writing a segment", []any{insertChunk, a.writer, s.First, s.Size, data, 0})
}

// Sync has nothing to do: what is committed is safe.
func (a *sqlAppender) Sync(ctx context.Context, _ Segment) error { return ctx.Err() }

func (a *sqlAppender) Cut(ctx context.Context, s Segment, torn []byte) error {
	statements := [][]any{{"DELETE FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2 AND at >= $3", a.writer, s.First, s.Size}}
	// A row that was damaged may reach over the cut.
	var at int64
	var data []byte
	err := a.s.db.QueryRowContext(ctx, a.s.names.Replace("SELECT at, data FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2 AND at < $3 ORDER BY at DESC LIMIT 1"),
		a.writer, s.First, s.Size).Scan(&at, &data)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("audit: cutting %v: %w", s, err)
	}
	if at+int64(len(data)) > s.Size {
		statements = append(statements,
			[]any{"DELETE FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2 AND at = $3", a.writer, s.First, at},
			[]any{insertChunk, a.writer, s.First, at, data[:s.Size-at], 0})
	}
	if len(torn) > 0 {
		statements = append(statements,
			[]any{"DELETE FROM {chunks} WHERE torn = 1 AND writer = $1 AND segment = $2 AND at = $3", a.writer, s.First, s.Size},
			[]any{insertChunk, a.writer, s.First, s.Size, torn, 1})
	}
	return a.transact(ctx, "cutting a segment", statements...)
}

func (a *sqlAppender) Delete(ctx context.Context, s Segment) error {
	return a.transact(ctx, "deleting a segment", []any{"DELETE FROM {chunks} WHERE torn = 0 AND writer = $1 AND segment = $2", a.writer, s.First})
}

func (a *sqlAppender) PutCheckpoint(ctx context.Context, data []byte) error {
	return a.transact(ctx, "writing the checkpoint", []any{"UPDATE {writers} SET checkpoint = $2 WHERE writer = $1", a.writer, data})
}

func (a *sqlAppender) Close() error { return nil }
