package eval

import (
	"flag"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
)

var thorough = flag.Bool("thorough", false, "simulate the full grids, and much more often")

// Thorough is thorough for the tests outside of this package.
var Thorough = thorough

// tries scales a number of tries.
func tries(n int) int {
	switch {
	case *thorough:
		return 40 * n
	case testing.Short() || race.Enabled:
		return max(1, n/10)
	}
	return n
}
