package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// A Store is a [registry.Store] in a database. It also is a
// [registry.Collector], and on PostgreSQL a [registry.Waiter]. It is made by
// Open and safe for concurrent use; so is a database used by several processes.
// It holds no connection between calls and need not be closed.
type Store struct {
	db       *sql.DB
	d        dialect
	o        Options
	schema   string // where the tables are; "" on SQLite
	replacer *strings.Replacer
}

// Options configure a Store. The zero value means the defaults.
type Options struct {
	// Prefix begins the names of all tables: up to 32 lower-case ASCII letters,
	// digits and '_', not beginning with a digit. "" means "riskkit_".
	Prefix string
	// Schema is the PostgreSQL schema that the tables are in; it must be there.
	// "" means the first one of the connection's search path.
	Schema string
	// Patience bounds how long a call tries again while the database is locked
	// or could not serialize it. 0 means 30 seconds.
	Patience time.Duration
	// Notified waits until a PostgreSQL connection that listens is notified. It
	// gets the driver's own connection, as [sql.Conn.Raw] does, and must return
	// when ctx is done. With it, the Store can Wait. The package comment has the
	// one for pgx.
	Notified func(ctx context.Context, driverConn any) error
}

// Open returns the store in a database, and makes or migrates its tables first
// if need be. Where they are of a newer version of this package, the error wraps
// registry.ErrUnsupported. nil opts means the defaults.
func Open(ctx context.Context, db *sql.DB, dialect Dialect, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = "riskkit_"
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	d, err := dialect.dialect()
	switch {
	case err != nil:
		return nil, err
	case db == nil:
		return nil, fmt.Errorf("%w: no database", registry.ErrInput)
	case !validName(o.Prefix, 32) || strings.HasPrefix(o.Prefix, "sqlite_"):
		return nil, fmt.Errorf("%w: table prefix %.100q, want up to 32 lower-case ASCII letters, digits and '_', not beginning with a digit or sqlite_", registry.ErrInput, o.Prefix)
	case o.Schema != "" && !d.postgres:
		return nil, fmt.Errorf("%w: schema %.100q: %v has none; use the prefix", registry.ErrInput, o.Schema, dialect)
	case o.Schema != "" && !validName(o.Schema, 63):
		return nil, fmt.Errorf("%w: schema %.100q, want up to 63 lower-case ASCII letters, digits and '_', not beginning with a digit", registry.ErrInput, o.Schema)
	}
	s := &Store{db: db, d: d, o: o}
	if err := s.prepare(ctx); err != nil {
		return nil, fail(ctx, err, "opening the store in %v", dialect)
	}
	return s, nil
}

// prepare makes the database ready.
func (s *Store) prepare(ctx context.Context) error {
	if !s.d.postgres {
		if err := s.useWAL(ctx); err != nil {
			return err
		}
	}
	if s.d.postgres {
		if err := s.findSchema(ctx); err != nil {
			return err
		}
	}
	s.replacer = s.d.replacer(s.schema, s.o.Prefix)
	return s.migrate(ctx)
}

// useWAL switches a SQLite database to the write-ahead log.
func (s *Store) useWAL(ctx context.Context) error {
	var mode string
	err := s.retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		err = fmt.Errorf("%w: the database has journal mode %q and cannot have WAL; use a file on a local disk, or registry.NewMem for one in memory", registry.ErrUnsupported, mode)
	}
	return err
}

// findSchema finds the schema that the tables are in.
func (s *Store) findSchema(ctx context.Context) error {
	var found sql.NullString
	query, args := "SELECT current_schema()", []any(nil)
	if s.o.Schema != "" {
		query, args = "SELECT max(nspname)::text FROM pg_catalog.pg_namespace WHERE nspname = $1", []any{s.o.Schema}
	}
	err := s.retry(ctx, func() error { return s.db.QueryRowContext(ctx, query, args...).Scan(&found) })
	switch {
	case err != nil:
		return err
	case found.Valid:
		s.schema = found.String
		return nil
	case s.o.Schema != "":
		return fmt.Errorf("%w: schema %q; create it first", registry.ErrNotFound, s.o.Schema)
	}
	return fmt.Errorf("%w: no schema of the search path is there; create one or name one in Options", registry.ErrNotFound)
}

// sql completes a statement: see dialect.replacer.
func (s *Store) sql(statement string) string { return s.replacer.Replace(statement) }

// validName reports whether name can stand in a statement without quotes.
func validName(name string, most int) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= most
}
