package riskprom_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskprom"
)

func BenchmarkScored(b *testing.B) {
	m, _ := start(b)
	s := answer(risk.MethodML, 0.5, 12*time.Microsecond)
	b.ReportAllocs()
	for b.Loop() {
		m.Scored(context.Background(), s)
	}
}

// BenchmarkClientGolang is what the same costs with a counter and two
// histograms of client_golang whose children are resolved beforehand.
func BenchmarkClientGolang(b *testing.B) {
	requests, scores, durations := clientGolang()
	for b.Loop() {
		requests.Inc()
		scores.Observe(0.5)
		durations.Observe(12e-6)
	}
}

func clientGolang() (requests prometheus.Counter, scores, durations prometheus.Histogram) {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "r"}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "s", Buckets: prometheus.LinearBuckets(0.05, 0.05, 20)}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "d", Buckets: prometheus.ExponentialBuckets(1e-6, 2, 19)})
}

func BenchmarkScrape(b *testing.B) {
	m, reg := start(b)
	m.Scored(context.Background(), answer(risk.MethodML, 0.5, time.Microsecond))
	for b.Loop() {
		if n, err := testutil.GatherAndCount(reg); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// sink keeps arithmetic from being optimised away.
var sink atomic.Uint64

// BenchmarkTwoGoroutines reports how much longer two goroutines that each do
// the work take than one that does it: for bare arithmetic, for Scored of
// Metrics of each's own and of one for both, and for client_golang, which
// shares its numbers. The least of many short rounds counts, because others use
// the machine too. Where two processors are threads of one core, Metrics of
// each's own are slower together as well.
func BenchmarkTwoGoroutines(b *testing.B) {
	one, _ := start(b)
	first, _ := start(b)
	second, _ := start(b)
	requests, scores, durations := clientGolang()
	const calls = 20_000
	scored := func(m *riskprom.Metrics) {
		s := answer(risk.MethodML, 0.5, 12*time.Microsecond)
		for range calls {
			m.Scored(context.Background(), s)
		}
	}
	works := []struct {
		unit string
		do   func(goroutine int)
	}{
		{"arithmetic", func(int) {
			x := uint64(time.Now().UnixNano())
			for range calls * 30 {
				x = x*6364136223846793005 + 1442695040888963407
			}
			sink.Store(x)
		}},
		{"own", func(goroutine int) { scored([]*riskprom.Metrics{first, second}[goroutine]) }},
		{"scored", func(int) { scored(one) }},
		{"client_golang", func(int) {
			for range calls {
				requests.Inc()
				scores.Observe(0.5)
				durations.Observe(12e-6)
			}
		}},
	}
	least := make([][2]time.Duration, len(works))
	for b.Loop() {
		for range 20 {
			for i, w := range works {
				for others := range 2 {
					begun := time.Now()
					var wg sync.WaitGroup
					if others == 1 {
						wg.Go(func() { w.do(1) })
					}
					w.do(0)
					wg.Wait()
					if d := time.Since(begun); least[i][others] == 0 || d < least[i][others] {
						least[i][others] = d
					}
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, w := range works {
		b.ReportMetric(float64(least[i][1])/float64(least[i][0]), w.unit+"-2:1")
	}
}
