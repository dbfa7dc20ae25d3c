package riskprom

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
)

// TestShards wants goroutines that count at the same time to have memory that
// is two cache lines apart, until there are enough, and a sum over all.
func TestShards(t *testing.T) {
	s := shards{counts: 5, sums: 3}
	enough := max(8, 4*runtime.GOMAXPROCS(0))
	held := make([]*shard, enough)
	for i := range held {
		held[i] = s.get()
		held[i].counts[i%5] += 2
		held[i].sums[i%3] += 0.5
	}
	span := func(c *shard) [][2]uintptr {
		return [][2]uintptr{
			{uintptr(unsafe.Pointer(c)), uintptr(unsafe.Pointer(c)) + unsafe.Offsetof(c.sums) + unsafe.Sizeof(c.sums)},
			{uintptr(unsafe.Pointer(&c.counts[0])), uintptr(unsafe.Pointer(&c.counts[4])) + 8},
			{uintptr(unsafe.Pointer(&c.sums[0])), uintptr(unsafe.Pointer(&c.sums[2])) + 8},
		}
	}
	for i, a := range held {
		for _, b := range held[:i] {
			for _, x := range span(a) {
				for _, y := range span(b) {
					if x[0] < y[1]+128 && y[0] < x[1]+128 {
						t.Fatalf("memory of two shards is at %x and %x", x, y)
					}
				}
			}
		}
	}
	for range 3 * enough { // all are held: those that are there are shared
		s.get().counts[0]++
	}
	if len(s.all) != enough {
		t.Errorf("%d shards, want %d", len(s.all), enough)
	}
	total, counts, sums := s.sum(), uint64(0), 0.0
	for _, n := range total.counts {
		counts += n
	}
	for _, v := range total.sums {
		sums += v
	}
	if counts != uint64(5*enough) || sums != float64(enough)/2 {
		t.Errorf("sums are %d and %v, want %d and %v", counts, sums, 5*enough, float64(enough)/2)
	}
	if race.Enabled {
		return // sync.Pool drops values at random
	}
	s.put(held[3])
	if s.get() != held[3] {
		t.Error("what a goroutine gave back is not what it gets")
	}
}

// TestShardsStay wants a goroutine that counts again and again to do so where it
// did before: one shard for each processor that it was on at most.
func TestShardsStay(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values at random under the race detector")
	}
	m, err := New(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		m.Scored(t.Context(), &risk.Scored{})
		m.Failed(risk.StageAudit, nil)
	}
	if n := len(m.shards.all); n > 2*runtime.GOMAXPROCS(0) {
		t.Errorf("%d shards", n)
	}
}
