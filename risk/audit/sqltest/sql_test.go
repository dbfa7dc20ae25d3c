package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/riskkit/riskkit/registry/sqlstore/sqltest/pgserver"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
	"github.com/riskkit/riskkit/risk/audit/audittest"
)

// each runs f on an empty database of each kind.
func each(t *testing.T, f func(t *testing.T, open func() *sql.DB, driver, dsn string, d audit.Dialect)) {
	opener := func(t *testing.T, driver, dsn string) func() *sql.DB {
		return func() *sql.DB {
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return db
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		dsn := filepath.Join(t.TempDir(), "audit.db") + "?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_txlock=immediate"
		f(t, opener(t, "sqlite", dsn), "sqlite", dsn, audit.SQLite)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := pgserver.Start(context.Background())
		if errors.Is(err, pgserver.ErrUnset) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		f(t, opener(t, "pgx", server.DSN("postgres")), "pgx", server.DSN("postgres"), audit.PostgreSQL)
	})
}

// TestSink runs the conformance suite.
func TestSink(t *testing.T) {
	each(t, func(t *testing.T, open func() *sql.DB, _, _ string, d audit.Dialect) {
		db := open()
		for range 2 { // the tables are there the second time
			if _, err := audit.OpenSQL(t.Context(), db, d, nil); err != nil {
				t.Fatal(err)
			}
		}
		sink, err := audit.OpenSQL(t.Context(), db, d, &audit.SQLOptions{Prefix: `odd "name" `})
		if err != nil {
			t.Fatal(err)
		}
		if err := audittest.TestSink(t.Context(), sink); err != nil {
			t.Error(err)
		}
	})
}

// TestLog records answers, takes the name over, and finds a changed row.
func TestLog(t *testing.T) {
	each(t, func(t *testing.T, open func() *sql.DB, _, _ string, d audit.Dialect) {
		sinks := make([]*audit.SQL, 2)
		for i := range sinks {
			var err error
			if sinks[i], err = audit.OpenSQL(t.Context(), open(), d, nil); err != nil {
				t.Fatal(err)
			}
		}
		locked := 0
		o := &audit.Options{SegmentBytes: 20_000, OnError: func(err error) {
			if errors.Is(err, audit.ErrLocked) {
				locked++
			} else {
				t.Error(err)
			}
		}}
		first, err := audit.Open(t.Context(), sinks[0], "w", o)
		if err != nil {
			t.Fatal(err)
		}
		record := func(l *audit.Log, n int) {
			for i := range n {
				l.Scored(t.Context(), &risk.Scored{Document: risk.Document{ID: fmt.Sprint(i)}, Assessment: risk.Assessment{Score: 0.5, Level: "high"}, Time: time.Now()})
			}
		}
		began := time.Now()
		record(first, 2000)
		if _, err := first.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("2000 records in %v", time.Since(began).Round(time.Millisecond))
		second, err := audit.Open(t.Context(), sinks[1], "w", o)
		if err != nil {
			t.Fatal(err)
		}
		record(second, 10)
		record(first, 10) // too late
		if err := first.PutFeedback(t.Context(), risk.Feedback{ID: "1", Level: "low"}); !errors.Is(err, audit.ErrLocked) {
			t.Errorf("the first goes on: %v", err)
		}
		_ = first.Close() // it has lost its name
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		if locked == 0 {
			t.Error("the first does not report that it has lost its name")
		}
		report, err := audit.Verify(t.Context(), sinks[0], nil)
		if err != nil || report.Chains[0].Last < 2010 {
			t.Errorf("%+v, error %v", report, err)
		}
		n := 0
		for r, err := range audit.Read(t.Context(), sinks[0], &audit.ReadOptions{Kinds: []audit.Kind{audit.KindScored}}) {
			if err != nil || r.Assessment.Score != 0.5 {
				t.Fatal(r, err)
			}
			n++
		}
		if n != 2010 {
			t.Errorf("%d records", n)
		}
		if _, err := open().Exec("DELETE FROM riskkit_audit_chunks WHERE at = (SELECT max(at) FROM riskkit_audit_chunks WHERE segment = 1) AND segment = 1"); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Verify(t.Context(), sinks[0], nil); !errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("a row is deleted: error is %v", err)
		}
	})
}
