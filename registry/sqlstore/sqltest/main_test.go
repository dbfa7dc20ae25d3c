package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/riskkit/riskkit/registry/sqlstore"
	"github.com/riskkit/riskkit/registry/sqlstore/sqltest/pgserver"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(jobEnv); job != "" { // this is one of several processes
		if err := work(context.Background(), job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := leaked(before); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// leaked returns an error that shows all goroutines, if there are more than
// before and those that end do not within seconds.
func leaked(before int) error {
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	return fmt.Errorf("%d goroutines, %d before the tests:\n%s", runtime.NumGoroutine(), before, b.String())
}

// database is one to test with.
type database struct {
	dialect sqlstore.Dialect
	driver  string
	dsn     string
}

// open opens a pool of at most n connections, 0 for any number.
func (d database) open(t testing.TB, n int) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(n)
	t.Cleanup(func() {
		if inUse := db.Stats().InUse; inUse != 0 {
			t.Errorf("%d connections were not given back", inUse)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// store opens a store in a pool.
func (d database) store(t testing.TB, db *sql.DB, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), db, d.dialect, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newDB returns an empty database.
type newDB func(t testing.TB) database

// sqlite returns a SQLite database that does not exist yet. It has no busy
// timeout, so all waiting is that of package sqlstore.
func sqlite(t testing.TB) database {
	return database{sqlstore.SQLite, "sqlite", filepath.Join(t.TempDir(), "registry.db")}
}

// shared is the server of the tests that do not stop it.
var shared struct {
	once   sync.Once
	server *pgserver.Server
	err    error
	made   atomic.Int64
}

// postgres returns an empty database of the shared server.
func postgres(t testing.TB) database {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = pgserver.Start(context.Background()) })
	check(t, shared.err)
	name := fmt.Sprintf("test%d", shared.made.Add(1))
	admin, err := sql.Open("pgx", shared.server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	// An order of its own shows that names are not in the database's.
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"); err != nil {
		t.Fatal(err)
	}
	return database{sqlstore.PostgreSQL, "pgx", shared.server.DSN(name)}
}

// ownServer starts a server for one test, and returns it and a database.
func ownServer(t testing.TB, settings ...string) (*pgserver.Server, database) {
	t.Helper()
	server, err := pgserver.Start(context.Background(), settings...)
	check(t, err)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, database{sqlstore.PostgreSQL, "pgx", server.DSN("postgres")}
}

// check skips t where PostgreSQL is not set up.
func check(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, pgserver.ErrUnset) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// each runs f on all databases.
func each(t *testing.T, f func(t *testing.T, fresh newDB)) {
	t.Run("SQLite", func(t *testing.T) { f(t, sqlite) })
	t.Run("PostgreSQL", func(t *testing.T) { f(t, postgres) })
}

// notified is what hosts with pgx write.
func notified(ctx context.Context, driverConn any) error {
	_, err := driverConn.(*stdlib.Conn).Conn().WaitForNotification(ctx)
	return err
}

// withSetting returns a PostgreSQL DSN with a setting of its own.
func withSetting(dsn, name, value string) string {
	return dsn + "&" + name + "=" + url.PathEscape(value)
}
