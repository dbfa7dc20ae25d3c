package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// These errors have the methods that drivers' errors have. Module sqltest meets
// the drivers themselves.
type (
	stateError string
	codeError  int
)

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }
func (e codeError) Error() string     { return fmt.Sprint("code ", int(e)) }
func (e codeError) Code() int         { return int(e) }

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		err            error
		again, damaged bool
	}{
		{err: nil},
		{err: errors.New("other")},
		{err: stateError("40001"), again: true},
		{err: stateError("40P01"), again: true},
		{err: stateError("23505")},
		{err: stateError("08006")}, // the connection is gone: nobody knows what took place
		{err: stateError("XX001"), damaged: true},
		{err: stateError("XX002"), damaged: true},
		{err: codeError(5), again: true},
		{err: codeError(6), again: true},
		{err: codeError(5 | 2<<8), again: true}, // an extended code
		{err: codeError(19)},
		{err: codeError(11), damaged: true},
		{err: codeError(26), damaged: true},
		{err: errors.New("driver: database is locked"), again: true},
		{err: errors.New("driver: database table is locked: x"), again: true},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if again(err) != c.again || damaged(err) != c.damaged {
				t.Errorf("%v: again %v, damaged %v", err, again(err), damaged(err))
			}
			if c.err == nil {
				break
			}
		}
	}
}

func TestFail(t *testing.T) {
	if err := fail(t.Context(), nil, "doing"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cause := errors.New("interrupted")
	if err := fail(ctx, cause, "doing %d", 1); !errors.Is(err, cause) || errors.Is(err, context.Canceled) || err.Error() != "sqlstore: doing 1: interrupted" {
		t.Error(err)
	}
	cancel()
	if err := fail(ctx, cause, "doing"); !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := fail(t.Context(), stateError("XX001"), "doing"); !errors.Is(err, registry.ErrCorrupt) {
		t.Error(err)
	}
}

func TestRetry(t *testing.T) {
	busy := codeError(5)
	synctest.Test(t, func(t *testing.T) {
		s := &Store{o: Options{Patience: time.Second}}
		calls := 0
		if err := s.retry(t.Context(), func() error {
			if calls++; calls < 10 {
				return busy
			}
			return nil
		}); err != nil || calls != 10 {
			t.Errorf("%d calls, error %v", calls, err)
		}
		other := errors.New("other")
		calls = 0
		if err := s.retry(t.Context(), func() error { calls++; return other }); err != other || calls != 1 {
			t.Errorf("%d calls, error %v", calls, err)
		}
		start := time.Now()
		if err := s.retry(t.Context(), func() error { return busy }); !errors.Is(err, busy) || !strings.Contains(err.Error(), "tried") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(start); took < time.Second || took > time.Second+64*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start = time.Now()
		if err := s.retry(ctx, func() error { return busy }); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("error is %v after %v", err, time.Since(start))
		}
	})
}

// TestOpenInput needs no database to refuse what makes no sense.
func TestOpenInput(t *testing.T) {
	for _, c := range []struct {
		db      *sql.DB
		dialect Dialect
		opts    *Options
	}{
		{nil, SQLite, nil},
		{new(sql.DB), 0, nil},
		{new(sql.DB), 3, nil},
		{new(sql.DB), SQLite, &Options{Prefix: "a b"}},
		{new(sql.DB), SQLite, &Options{Schema: "main"}},
		{new(sql.DB), PostgreSQL, &Options{Schema: strings.Repeat("s", 64)}},
	} {
		if _, err := Open(t.Context(), c.db, c.dialect, c.opts); !errors.Is(err, registry.ErrInput) {
			t.Errorf("%v, %v: error is %v", c.dialect, c.opts, err)
		}
	}
	if s := fmt.Sprint(PostgreSQL, SQLite, Dialect(7)); s != "PostgreSQL SQLite Dialect(7)" {
		t.Error(s)
	}
}

func TestQuote(t *testing.T) {
	s := &Store{}
	for _, dialect := range []Dialect{PostgreSQL, SQLite} {
		d, err := dialect.dialect()
		if err != nil {
			t.Fatal(err)
		}
		s.replacer = d.replacer(`odd "$1 {blobs}`, "p_")
		want := map[Dialect]string{
			PostgreSQL: `SELECT $1 FROM "odd ""$1 {blobs}"."p_events"`,
			SQLite:     `SELECT ?1 FROM "odd ""$1 {blobs}"."p_events"`,
		}
		if got := s.sql("SELECT $1 FROM {events}"); got != want[dialect] {
			t.Errorf("%v: %s", dialect, got)
		}
	}
}
