package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// The host imports a driver, here one that calls itself sqlite. Module sqltest
// has this example with one.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "registry.db")
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
	fmt.Println("version", v.Number)
}

// What cannot be a name of tables is refused before the database is asked.
func ExampleOpen() {
	_, err := sqlstore.Open(context.Background(), new(sql.DB), sqlstore.PostgreSQL, &sqlstore.Options{Prefix: "Risk Kit"})
	fmt.Println(err)
	// Output: registry: invalid input: table prefix "Risk Kit", want up to 32 lower-case ASCII letters, digits and '_', not beginning with a digit or sqlite_
}
