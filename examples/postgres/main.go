// Postgres keeps a model registry in PostgreSQL: it registers two versions,
// moves production and an alias between them, rolls back, hears of a change that
// another connection makes, and prints the history. The tables are made on the
// first run; each run works on a model of its own.
//
//	DATABASE_URL=postgres://user:password@localhost/database go run .
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	model := "incident-risk-" + time.Now().UTC().Format("20060102t150405")
	if err := run(ctx, os.Getenv("DATABASE_URL"), model, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn, model string, out io.Writer) error {
	if dsn == "" {
		return errors.New("set DATABASE_URL to the PostgreSQL database to work in, such as postgres://user:password@localhost/database")
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(4) // of which waiting takes one
	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, &sqlstore.Options{Notified: notified})
	if err != nil {
		return err
	}
	reg := registry.New(store, nil)
	if err := register(ctx, reg, model, out); err != nil {
		return err
	}
	if err := move(ctx, reg, model, out); err != nil {
		return err
	}
	if err := watch(ctx, dsn, store, reg, model, out); err != nil {
		return err
	}
	return history(ctx, reg, model, out)
}

// notified waits until a connection that listens is notified.
func notified(ctx context.Context, driverConn any) error {
	_, err := driverConn.(*stdlib.Conn).Conn().WaitForNotification(ctx)
	return err
}

// register adds two versions, the second of them twice, as a training job does
// that was started again because its answer was lost.
func register(ctx context.Context, reg *registry.Log, model string, out io.Writer) error {
	schema := &registry.Schema{
		Inputs:  []registry.Column{{Name: "text", Type: "string"}, {Name: "tags", Type: "string", Optional: true}},
		Outputs: []registry.Column{{Name: "score", Type: "double"}, {Name: "level", Type: "string"}},
	}
	for _, run := range []struct {
		key, weights string
		lineage      registry.Lineage
	}{
		{"run-1", "first weights", registry.Lineage{Data: "labels-april", Code: "v1.4.0", Run: "run-1", Seed: 1}},
		{"run-2", "second weights", registry.Lineage{Data: "labels-may", Code: "v1.4.1", Run: "run-2", Seed: 1, Parent: 1}},
		{"run-2", "second weights", registry.Lineage{Data: "labels-may", Code: "v1.4.1", Run: "run-2", Seed: 1, Parent: 1}},
	} {
		v, err := reg.Register(ctx, model, registry.Artifact{"model.bin": []byte(run.weights)}, &registry.RegisterOptions{
			Actor: "training", Reason: "new labels", Key: run.key, Lineage: &run.lineage, Schema: schema,
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is version %d, trained on %s\n", run.key, v.Number, v.Lineage.Data)
	}
	return nil
}

// move promotes, rolls back and sets an alias, each time only if it is as the
// mover believes.
func move(ctx context.Context, reg *registry.Log, model string, out io.Writer) error {
	for _, m := range []registry.Move{
		{Version: 1, To: registry.Production, Expect: new(0), Actor: "on call", Reason: "first model"},
		{Version: 2, To: registry.Production, Expect: new(1), Actor: "on call", Reason: "better recall"},
		{Version: 2, Alias: "champion", Expect: new(0), Actor: "on call", Reason: "won the comparison"},
		{Rollback: true, Expect: new(2), Actor: "on call", Reason: "too many false alarms"},
	} {
		if _, err := reg.Move(ctx, model, m); err != nil {
			return err
		}
	}
	// Somebody who has not heard of the rollback.
	_, err := reg.Move(ctx, model, registry.Move{Version: 1, To: registry.Staging, Expect: new(2)})
	if !errors.Is(err, registry.ErrConflict) {
		return fmt.Errorf("moving on a stale belief: error is %v", err)
	}
	v, err := reg.Resolve(ctx, model, "production")
	if err != nil {
		return err
	}
	data, err := registry.ReadFile(ctx, reg, v, "model.bin")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "production is version %d: %s\n", v.Number, data)
	return nil
}

// watch waits for a change, which another connection makes.
func watch(ctx context.Context, dsn string, store *sqlstore.Store, reg *registry.Log, model string, out io.Writer) error {
	before, err := reg.State(ctx, model)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	moved := make(chan error, 1)
	go func() { moved <- promoteElsewhere(ctx, dsn, model) }()
	err = errors.Join(store.Wait(ctx, model, before.Seq+1), <-moved)
	if err != nil {
		return err
	}
	v, err := reg.Resolve(ctx, model, "production")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "woken: production is version %d now\n", v.Number)
	return nil
}

// promoteElsewhere is what another program would do.
func promoteElsewhere(ctx context.Context, dsn, model string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
	if err != nil {
		return err
	}
	_, err = registry.New(store, nil).Move(ctx, model, registry.Move{
		Version: 2, To: registry.Production, Expect: new(1), Actor: "another program", Reason: "alarms explained",
	})
	return err
}

// history prints the events of a model.
func history(ctx context.Context, reg *registry.Log, model string, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n#\tevent\tversion\twhere\tinstead of\tactor\treason")
	for e, err := range reg.History(ctx, model) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%d\t%s\t%s\n", e.Seq, e.Kind, e.Version, string(e.Stage)+e.Alias, e.From, e.Actor, e.Reason)
	}
	return w.Flush()
}
