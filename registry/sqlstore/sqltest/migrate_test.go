package sqltest

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// TestConcurrentMigration opens an empty database from many pools at once.
func TestConcurrentMigration(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		var wg sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			db := d.open(t, 1)
			wg.Go(func() { _, errs[i] = sqlstore.Open(t.Context(), db, d.dialect, nil) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		var rows, version int
		if err := d.open(t, 0).QueryRow("SELECT count(*), max(version) FROM riskkit_schema").Scan(&rows, &version); err != nil || rows != 1 || version != 1 {
			t.Errorf("%d migrations, the last %d, error %v", rows, version, err)
		}
	})
}

// TestNewerSchema refuses tables that it does not know.
func TestNewerSchema(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		db := d.open(t, 0)
		d.store(t, db, nil)
		if _, err := db.Exec("INSERT INTO riskkit_schema (version) VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		_, err := sqlstore.Open(t.Context(), db, d.dialect, nil)
		if !errors.Is(err, registry.ErrUnsupported) || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestFailedMigration leaves nothing behind, and the next one works.
func TestFailedMigration(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		db := d.open(t, 0)
		if _, err := db.Exec("CREATE TABLE riskkit_chunks (other TEXT)"); err != nil { // the last to be made
			t.Fatal(err)
		}
		if _, err := sqlstore.Open(t.Context(), db, d.dialect, nil); err == nil {
			t.Fatal("opened beside a table of that name")
		}
		if _, err := db.Exec("SELECT 1 FROM riskkit_schema"); err == nil {
			t.Error("a failed migration left tables")
		}
		if _, err := db.Exec("DROP TABLE riskkit_chunks"); err != nil {
			t.Fatal(err)
		}
		d.store(t, db, nil)
	})
}

// TestPlaces keeps stores with other prefixes and schemas apart.
func TestPlaces(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		db := d.open(t, 0)
		places := []sqlstore.Options{{}, {Prefix: "a_"}, {Prefix: "select"}}
		if d.dialect == sqlstore.PostgreSQL {
			if _, err := db.Exec(`CREATE SCHEMA models; CREATE SCHEMA "Odd ""one"`); err != nil {
				t.Fatal(err)
			}
			places = append(places, sqlstore.Options{Schema: "models"}, sqlstore.Options{Schema: "models", Prefix: "a_"})
		}
		dbs := make([]*sql.DB, len(places))
		for i := range places {
			dbs[i] = db
		}
		if d.dialect == sqlstore.PostgreSQL { // where the search path leads
			odd := d
			odd.dsn = withSetting(d.dsn, "search_path", `"Odd ""one"`)
			places, dbs = append(places, sqlstore.Options{}), append(dbs, odd.open(t, 0))
		}
		for range 2 { // made the first time, found the second
			for i, o := range places {
				s := d.store(t, dbs[i], &o)
				if err := s.Append(t.Context(), fmt.Sprintf("log-%d", i), 1, []byte("event")); err != nil && !errors.Is(err, registry.ErrConflict) {
					t.Fatal(err)
				}
				for name, err := range s.Logs(t.Context()) {
					if err != nil || name != fmt.Sprintf("log-%d", i) {
						t.Errorf("%+v has log %q, error %v", o, name, err)
					}
				}
			}
		}
	})
}

// TestBadOptions refuses what cannot be meant.
func TestBadOptions(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		db := d.open(t, 0)
		for _, c := range []struct {
			opts sqlstore.Options
			want error
		}{
			{sqlstore.Options{Prefix: `x"; DROP TABLE y; --`}, registry.ErrInput},
			{sqlstore.Options{Prefix: "Upper_"}, registry.ErrInput},
			{sqlstore.Options{Prefix: "1_"}, registry.ErrInput},
			{sqlstore.Options{Prefix: "sqlite_"}, registry.ErrInput},
			{sqlstore.Options{Prefix: strings.Repeat("a", 33)}, registry.ErrInput},
			{sqlstore.Options{Schema: `x"y`}, registry.ErrInput},
			{sqlstore.Options{Schema: "nowhere"}, map[sqlstore.Dialect]error{
				sqlstore.SQLite: registry.ErrInput, sqlstore.PostgreSQL: registry.ErrNotFound}[d.dialect]},
		} {
			if _, err := sqlstore.Open(t.Context(), db, d.dialect, &c.opts); !errors.Is(err, c.want) {
				t.Errorf("%+v: error is %v, want %v", c.opts, err, c.want)
			}
		}
		d.store(t, db, &sqlstore.Options{Prefix: strings.Repeat("a", 32)})
	})
}

// TestMemoryDatabase refuses SQLite without a file, where nothing lasts.
func TestMemoryDatabase(t *testing.T) {
	d := database{sqlstore.SQLite, "sqlite", ":memory:"}
	if _, err := sqlstore.Open(t.Context(), d.open(t, 1), d.dialect, nil); !errors.Is(err, registry.ErrUnsupported) {
		t.Errorf("error is %v", err)
	}
}

// TestDurability looks at what SQLite was told, also where the host had told
// otherwise.
func TestDurability(t *testing.T) {
	for _, c := range []struct {
		host string
		want int
	}{{"OFF", 2}, {"NORMAL", 2}, {"FULL", 2}, {"EXTRA", 3}} {
		d := database{sqlstore.SQLite, "sqlite", filepath.Join(t.TempDir(), "registry.db") + "?_pragma=synchronous(" + c.host + ")"}
		db := d.open(t, 1)
		if err := d.store(t, db, nil).Append(t.Context(), "log", 1, []byte("event")); err != nil {
			t.Fatal(err)
		}
		var level int
		var mode string
		if err := errors.Join(db.QueryRow("PRAGMA synchronous").Scan(&level), db.QueryRow("PRAGMA journal_mode").Scan(&mode)); err != nil {
			t.Fatal(err)
		}
		if level != c.want || mode != "wal" {
			t.Errorf("host has synchronous %s, after an append it is %d with journal %s", c.host, level, mode)
		}
	}
}

// TestErrorsKeepSecrets shows no password where the server cannot be reached.
func TestErrorsKeepSecrets(t *testing.T) {
	server, d := ownServer(t)
	db := d.open(t, 0)
	s := d.store(t, db, nil)
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := sqlstore.Open(t.Context(), d.open(t, 0), d.dialect, nil)
	for _, err := range []error{err, s.Append(t.Context(), "log", 1, nil), s.PutBlob(t.Context(), registry.DigestOf(nil), strings.NewReader(""))} {
		if err == nil || strings.Contains(err.Error(), server.Password()) || !strings.HasPrefix(err.Error(), "sqlstore: ") {
			t.Errorf("error is %v", err)
		}
	}
}
