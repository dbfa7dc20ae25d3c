package sqltest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// A registry in a SQLite file.
func Example() {
	dir, err := os.MkdirTemp("", "registry-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(dir, "registry.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	reg := registry.New(store, nil)
	v, err := reg.Register(ctx, "incident-risk", registry.Artifact{"model.bin": []byte("weights")}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := registry.ReadFile(ctx, reg, v, "model.bin")
	fmt.Printf("version %d: %s, error %v\n", v.Number, data, err)
	// Output: version 1: weights, error <nil>
}

// On PostgreSQL, the driver waits for notifications.
func Example_wait() {
	ctx := context.Background()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, &sqlstore.Options{
		Notified: func(ctx context.Context, driverConn any) error {
			_, err := driverConn.(*stdlib.Conn).Conn().WaitForNotification(ctx)
			return err
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.Wait(ctx, "incident-risk", 1); err != nil {
		fmt.Println(err)
	}
}
