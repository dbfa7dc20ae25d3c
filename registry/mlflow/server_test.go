package mlflow_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry/mlflow"
)

// servers are the real MLflow servers that the tests share.
var servers mlflowtest.Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// newClient returns a client of s, and closes its connections at the end.
func newClient(t testing.TB, s *mlflowtest.Server) *mlflow.Client {
	t.Helper()
	c, err := mlflow.NewClient(&mlflow.ClientOptions{URI: s.URI})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

var spaces atomic.Int64

// newSpace returns a name that no other test on the server uses.
func newSpace(t testing.TB) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), spaces.Add(1))
}

// must fails the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(x T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}
