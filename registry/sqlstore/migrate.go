package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

// migrations returns the statements that lead from each version of the tables
// to the next, beginning with none. What was released is never changed.
func (d dialect) migrations() [][]string {
	first := []string{
		"CREATE TABLE {events} (log TEXT {alphabet} NOT NULL, seq BIGINT NOT NULL, event {bytes} NOT NULL, PRIMARY KEY (log, seq))",
		"CREATE INDEX {first} ON {events} (log) WHERE seq = 1",
		"CREATE TABLE {blobs} (digest {bytes} NOT NULL PRIMARY KEY, size BIGINT NOT NULL, put_at BIGINT NOT NULL)",
		"CREATE TABLE {chunks} (digest {bytes} NOT NULL, n BIGINT NOT NULL, data {bytes} NOT NULL, PRIMARY KEY (digest, n))",
	}
	if d.extra != "" {
		first = append(first, d.extra)
	}
	return [][]string{first}
}

// migrate makes or changes the tables, unless they are as they should be.
func (s *Store) migrate(ctx context.Context) error {
	steps := s.d.migrations()
	var tables int
	err := s.retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, s.d.hasTable, s.schema, s.o.Prefix+"schema").Scan(&tables)
	})
	if err != nil {
		return err
	}
	if tables > 0 { // perhaps nothing is to be done, which takes no rights
		var have int
		err := s.retry(ctx, func() (err error) {
			have, err = s.version(ctx, s.db)
			return err
		})
		if err != nil || have == len(steps) {
			return err
		}
	}
	return s.transact(ctx, func(tx *sql.Conn) error {
		if s.d.postgres {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", s.lockKey()); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, s.sql("CREATE TABLE IF NOT EXISTS {schema} (version BIGINT NOT NULL PRIMARY KEY)")); err != nil {
			return err
		}
		have, err := s.version(ctx, tx)
		for ; err == nil && have < len(steps); have++ {
			err = s.step(ctx, tx, have+1, steps[have])
		}
		return err
	})
}

// step leads the tables to a version.
func (s *Store) step(ctx context.Context, tx *sql.Conn, version int, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, s.sql(statement)); err != nil {
			return fmt.Errorf("migrating the tables to version %d: %w", version, err)
		}
	}
	_, err := tx.ExecContext(ctx, s.sql("INSERT INTO {schema} (version) VALUES ($1)"), version)
	return err
}

// version returns the version of the tables.
func (s *Store) version(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (have int, err error) {
	err = db.QueryRowContext(ctx, s.sql("SELECT coalesce(max(version), 0) FROM {schema}")).Scan(&have)
	if most := len(s.d.migrations()); err == nil && have > most {
		err = fmt.Errorf("%w: the tables %s… are of version %d, this program knows those up to %d; update it", registry.ErrUnsupported, s.o.Prefix, have, most)
	}
	return have, err
}

// lockKey is the number of the lock that migrations of these tables take turns
// by.
func (s *Store) lockKey() int64 {
	sum := sha256.Sum256([]byte("riskkit migration\x00" + s.schema + "\x00" + s.o.Prefix))
	return int64(binary.BigEndian.Uint64(sum[:]))
}
