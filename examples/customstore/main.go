// Customstore keeps a registry in a storage of the host's own (store.go) and has
// the conformance suites say that it may.
//
//	go run ./examples/customstore
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "customstore:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	err := registrytest.TestStore(ctx, func() (registry.Store, error) { return new(store), nil })
	err = errors.Join(err, registrytest.TestRegistry(ctx, func() (registry.Registry, error) {
		return registry.New(new(store), nil), nil
	}))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "the store keeps its contract")
	return nil
}
