package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

// Wait returns nil as soon as there is an event at position seq of a log. It
// holds one connection meanwhile, so a pool needs one more than there are
// waiters. Without Options.Notified, with a pool of one connection and on SQLite
// the error wraps registry.ErrUnsupported. A pooler between here and the server
// must keep sessions apart, for they listen.
func (s *Store) Wait(ctx context.Context, log string, seq int64) error {
	if err := registry.CheckName(log); err != nil {
		return err
	}
	switch {
	case seq < 1:
		return fmt.Errorf("%w: position %d to wait for, they begin at 1", registry.ErrInput, seq)
	case !s.d.postgres:
		return fmt.Errorf("%w: SQLite notifies nobody; look again now and then", registry.ErrUnsupported)
	case s.o.Notified == nil:
		return fmt.Errorf("%w: waiting takes Options.Notified", registry.ErrUnsupported)
	case s.db.Stats().MaxOpenConnections == 1:
		return fmt.Errorf("%w: waiting takes a connection, and the pool has but one; allow more", registry.ErrUnsupported)
	}
	return fail(ctx, s.wait(ctx, log, seq), "waiting for event %d of log %q", seq, log)
}

func (s *Store) wait(ctx context.Context, log string, seq int64) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	if err := s.listen(ctx, conn, log, seq); err != nil {
		discard(conn) // which may be in the middle of anything
		return err
	}
	return conn.Close()
}

// listen waits on a connection, which listens no more if there is no error.
func (s *Store) listen(ctx context.Context, conn *sql.Conn, log string, seq int64) error {
	// First listen, then look: an event comes before the look or is heard.
	if _, err := conn.ExecContext(ctx, "LISTEN "+s.channel(log)); err != nil {
		return err
	}
	for {
		var there int
		err := conn.QueryRowContext(ctx, s.sql("SELECT count(*) FROM {events} WHERE log = $1 AND seq = $2"), log, seq).Scan(&there)
		if err != nil {
			return err
		}
		if there > 0 {
			_, err := conn.ExecContext(ctx, "UNLISTEN "+s.channel(log))
			return err
		}
		if err := conn.Raw(func(driverConn any) error { return s.o.Notified(ctx, driverConn) }); err != nil {
			return err
		}
	}
}

// channel is the name of the channel that appending to a log notifies.
func (s *Store) channel(log string) string {
	sum := sha256.Sum256([]byte(s.schema + "\x00" + s.o.Prefix + "\x00" + log))
	return fmt.Sprintf("riskkit_%x", sum[:16])
}
