package registrytest_test

import (
	"context"
	"fmt"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// In a test of your own Store, open returns an empty one and the error goes to
// t.Error.
func ExampleTestStore() {
	err := registrytest.TestStore(context.Background(), func() (registry.Store, error) { return registry.NewMem(), nil })
	fmt.Println(err)
	// Output: <nil>
}
