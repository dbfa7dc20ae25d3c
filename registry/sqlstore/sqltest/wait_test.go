package sqltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// TestWait hears of events that another pool appends.
func TestWait(t *testing.T) {
	d := postgres(t)
	listening := make(chan struct{}, 1) // told each time a Wait is about to listen
	db := d.open(t, 4)
	waiter := d.store(t, db, &sqlstore.Options{Notified: func(ctx context.Context, conn any) error {
		select {
		case listening <- struct{}{}:
		default:
		}
		return notified(ctx, conn)
	}})
	writer := d.store(t, d.open(t, 1), nil)
	wait := func(ctx context.Context, log string, seq int64) <-chan error {
		done := make(chan error, 1)
		go func() { done <- waiter.Wait(ctx, log, seq) }()
		return done
	}
	add := func(log string, seq int64) {
		t.Helper()
		if err := writer.Append(t.Context(), log, seq, []byte("event")); err != nil {
			t.Fatal(err)
		}
	}
	soon := func(what string, done <-chan error, want error, limit time.Duration) {
		t.Helper()
		start := time.Now()
		select {
		case err := <-done:
			t.Logf("%s: after %v", what, time.Since(start))
			if !errors.Is(err, want) {
				t.Errorf("%s: error is %v, want %v", what, err, want)
			}
		case <-time.After(limit):
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
	quiet := func(t *testing.T) {
		for range 4 { // all connections that may be there
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var channels int
			if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_listening_channels()").Scan(&channels); err != nil || channels != 0 {
				t.Errorf("a connection of the pool listens to %d channels, error %v", channels, err)
			}
		}
	}
	t.Run("an event that is there", func(t *testing.T) {
		add("a", 1)
		soon("waiting", wait(t.Context(), "a", 1), nil, 10*time.Second)
	})
	t.Run("an event to come", func(t *testing.T) {
		for seq := int64(2); seq <= 5; seq++ {
			done := wait(t.Context(), "a", seq)
			<-listening
			add("a", seq)
			soon("waiting", done, nil, 2*time.Second)
		}
	})
	t.Run("events of others and before it", func(t *testing.T) {
		done := wait(t.Context(), "a", 8)
		<-listening
		add("b", 1)
		add("a", 6)
		<-listening // woken by event 6 and waiting again
		add("a", 7)
		<-listening
		select {
		case err := <-done:
			t.Errorf("returned without the event, error %v", err)
		default:
		}
		add("a", 8)
		soon("waiting", done, nil, 2*time.Second)
	})
	t.Run("nobody listens any more", quiet)
	t.Run("a context that ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := wait(ctx, "a", 100)
		<-listening
		cancel()
		soon("cancelling", done, context.Canceled, time.Second)
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		soon("a deadline", wait(ctx, "a", 100), context.DeadlineExceeded, time.Second)
	})
	t.Run("nobody listens after a failure", quiet)
}

// TestWaitMissesNothing appends at each moment of a wait.
func TestWaitMissesNothing(t *testing.T) {
	d := postgres(t)
	writer := d.store(t, d.open(t, 0), nil)
	var seq int64
	for _, moment := range []string{"before it listens", "when it listens", "when it has looked"} {
		at := func(now string) error {
			if now != moment {
				return nil
			}
			return writer.Append(t.Context(), "log", seq, []byte("event"))
		}
		connector, err := stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(d.dsn)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(hookConnector{connector, at})
		defer db.Close()
		waiter := d.store(t, db, &sqlstore.Options{Notified: func(ctx context.Context, conn any) error {
			if err := at("when it has looked"); err != nil {
				return err
			}
			return notified(ctx, conn.(hookConn).Conn)
		}})
		for range 5 {
			seq++
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := waiter.Wait(ctx, "log", seq); err != nil {
				t.Errorf("an event %s: %v", moment, err)
			}
			cancel()
		}
	}
}

// A hookConnector makes connections that call at around LISTEN.
type hookConnector struct {
	driver.Connector
	at func(moment string) error
}

func (c hookConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return hookConn{conn.(*stdlib.Conn), c.at}, nil
}

type hookConn struct {
	*stdlib.Conn
	at func(moment string) error
}

func (c hookConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !strings.HasPrefix(query, "LISTEN") {
		return c.Conn.ExecContext(ctx, query, args)
	}
	if err := c.at("before it listens"); err != nil {
		return nil, err
	}
	result, err := c.Conn.ExecContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return result, c.at("when it listens")
}

// TestWaitUnderLoad follows a log that another writes as fast as it can.
func TestWaitUnderLoad(t *testing.T) {
	const events = 200
	d := postgres(t)
	writer := d.store(t, d.open(t, 0), nil)
	waiter := d.store(t, d.open(t, 0), &sqlstore.Options{Notified: notified})
	failed := make(chan error, 1)
	go func() {
		for seq := int64(1); seq <= events; seq++ {
			if err := writer.Append(t.Context(), "log", seq, []byte("event")); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for seq := int64(1); seq <= events; {
		if err := waiter.Wait(ctx, "log", seq); err != nil {
			t.Fatal(err)
		}
		for _, err := range waiter.Events(ctx, "log", seq) {
			if err != nil {
				t.Fatal(err)
			}
			seq++
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// TestWaitServerGone ends a wait when its server does.
func TestWaitServerGone(t *testing.T) {
	server, d := ownServer(t)
	listening := make(chan struct{})
	s := d.store(t, d.open(t, 0), &sqlstore.Options{Notified: func(ctx context.Context, conn any) error {
		close(listening)
		return notified(ctx, conn)
	}})
	done := make(chan error, 1)
	go func() { done <- s.Wait(t.Context(), "log", 1) }()
	<-listening
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("waiting ended without an error")
	}
}

// TestCannotWait says so.
func TestCannotWait(t *testing.T) {
	check := func(s *sqlstore.Store, log string, seq int64, want error) {
		t.Helper()
		if err := s.Wait(t.Context(), log, seq); !errors.Is(err, want) {
			t.Errorf("error is %v, want %v", err, want)
		}
	}
	with := &sqlstore.Options{Notified: notified}
	lite := sqlite(t)
	check(lite.store(t, lite.open(t, 0), with), "log", 1, registry.ErrUnsupported)
	d := postgres(t)
	check(d.store(t, d.open(t, 0), nil), "log", 1, registry.ErrUnsupported)
	check(d.store(t, d.open(t, 1), with), "log", 1, registry.ErrUnsupported)
	check(d.store(t, d.open(t, 0), with), "log", 0, registry.ErrInput)
	check(d.store(t, d.open(t, 0), with), "", 1, registry.ErrInput)
}

// TestWatchHears watches a model through LISTEN/NOTIFY: polling would take an
// hour.
func TestWatchHears(t *testing.T) {
	d := postgres(t)
	watching := registry.New(d.store(t, d.open(t, 4), &sqlstore.Options{Notified: notified}), &registry.LogOptions{Poll: time.Hour})
	writing := registry.New(d.store(t, d.open(t, 1), nil), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	events := make(chan registry.Event)
	go func() {
		defer close(events)
		for e, err := range watching.Watch(ctx, "risk", 0) {
			if err != nil {
				t.Error(err)
				return
			}
			events <- e
		}
	}()
	for i := range 5 {
		v, err := writing.Register(t.Context(), "risk", registry.Artifact{"model.bin": {byte(i)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := <-events; !ok || e.Version != v.Number {
			t.Fatalf("heard of version %d, want %d", e.Version, v.Number)
		}
	}
	cancel()
	for range events {
		t.Error("an event after the last")
	}
}
