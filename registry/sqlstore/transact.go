package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// conn takes a connection whose commits reach the disk.
func (s *Store) conn(ctx context.Context) (*sql.Conn, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil || s.d.postgres {
		return conn, err
	}
	const full = 2
	var level int
	if err = conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level); err == nil && level < full {
		_, err = conn.ExecContext(ctx, "PRAGMA synchronous = FULL")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// transact calls f with a connection that is in a transaction, and commits that
// unless there is an error. On SQLite nobody else can write meanwhile.
func (s *Store) transact(ctx context.Context, f func(tx *sql.Conn) error) error {
	var conn *sql.Conn
	err := s.retry(ctx, func() (err error) {
		if conn, err = s.conn(ctx); err != nil {
			return err
		}
		if _, err = conn.ExecContext(ctx, s.d.begin); again(err) {
			conn.Close()
		} else if err != nil {
			discard(conn)
		}
		return err
	})
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			conn.Close()
		} else {
			rollback(ctx, conn)
		}
	}()
	if s.d.durable != "" {
		_, err = conn.ExecContext(ctx, s.d.durable)
	}
	if err == nil {
		err = f(conn)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	committed = err == nil
	return err
}

// rollback ends a transaction without its effects, also if ctx is done.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		discard(conn) // which rolls back, too
		return
	}
	conn.Close()
}

// discard closes a connection for good.
func discard(conn *sql.Conn) {
	// Whatever state it is in, there is nothing that could be done about it.
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	conn.Close()
}
