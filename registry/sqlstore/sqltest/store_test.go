package sqltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// TestConformance runs the suites, each case in tables of its own, also where
// all calls have to share one connection.
func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		for _, conns := range []int{0, 1} {
			t.Run(fmt.Sprintf("connections=%d", conns), func(t *testing.T) {
				d := fresh(t)
				db := d.open(t, conns)
				tables := 0
				open := func() (registry.Store, error) {
					tables++
					return sqlstore.Open(t.Context(), db, d.dialect, &sqlstore.Options{Prefix: fmt.Sprintf("t%d_", tables)})
				}
				if err := registrytest.TestStore(t.Context(), open); err != nil {
					t.Error(err)
				}
				if err := registrytest.TestRegistry(t.Context(), func() (registry.Registry, error) {
					s, err := open()
					return registry.New(s, &registry.LogOptions{Poll: time.Millisecond}), err
				}); err != nil {
					t.Error(err)
				}
				if stride := 11; conns == 0 {
					if testing.Short() {
						stride = 53
					}
					if err := registrytest.TestFaults(t.Context(), open, stride); err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
}

// TestSerializable runs the suite where the host has all transactions
// serialized, so that some fail for it and are to be tried again.
func TestSerializable(t *testing.T) {
	d := postgres(t)
	d.dsn = withSetting(d.dsn, "default_transaction_isolation", "serializable")
	db := d.open(t, 0)
	tables := 0
	if err := registrytest.TestStore(t.Context(), func() (registry.Store, error) {
		tables++
		return sqlstore.Open(t.Context(), db, d.dialect, &sqlstore.Options{Prefix: fmt.Sprintf("t%d_", tables)})
	}); err != nil {
		t.Error(err)
	}
}

var (
	_ registry.Store     = (*sqlstore.Store)(nil)
	_ registry.Collector = (*sqlstore.Store)(nil)
	_ registry.Waiter    = (*sqlstore.Store)(nil)
)
