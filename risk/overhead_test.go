package risk_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// incidentsToServe returns a registry with a model in production, and texts to
// score: real ones where they are beside the project.
func incidentsToServe(t testing.TB) (reg *registry.Log, docs []risk.Document) {
	t.Helper()
	_, reg = stocked(t)
	for _, x := range usual(1, 300) {
		docs = append(docs, x.Document)
	}
	return reg, docs
}

// quickest returns the least time of several calls.
func quickest(calls int, call func()) time.Duration {
	best := time.Duration(1 << 62)
	for range calls {
		start := time.Now()
		call()
		best = min(best, time.Since(start))
	}
	return best
}

// TestServiceOverhead compares the median time of an answer of a bare model with
// that of the whole service around it, by turns on each text.
func TestServiceOverhead(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("times mean nothing here")
	}
	reg, docs := incidentsToServe(t)
	svc := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	m, err := risk.OpenModel(t.Context(), reg, must(reg.Resolve(t.Context(), "incident-risk", "production")))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	var bare, whole, more, cut []time.Duration
	var words text.Words
	var keys []text.Key
	for _, d := range docs {
		b := quickest(15, func() { _, _ = m.Score(ctx, d) })
		w := quickest(15, func() { _, _ = svc.Score(ctx, d) })
		bare, whole, more = append(bare, b), append(whole, w), append(more, w-b)
		cut = append(cut, quickest(15, func() {
			words.Set(d.Text)
			keys = words.AppendKeys(keys[:0])
		}))
	}
	median := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2]
	}
	b, w, d := median(bare), median(whole), median(more)
	t.Logf("cutting a text into words takes %v", median(cut))
	t.Logf("a bare model answers in %v, the service in %v, which is %v more (medians of %d texts)", b, w, d, len(docs))
	if d > max(2*time.Microsecond, 3*b) { // on a machine that is busy the model takes longer too
		t.Errorf("the service takes %v more than the model, want at most 2µs", d)
	}
}

// BenchmarkServiceTwoGoroutines says how much faster two goroutines are than
// one, at asking a service with a canary, and at bare arithmetic.
func BenchmarkServiceTwoGoroutines(b *testing.B) {
	reg, docs := incidentsToServe(b)
	rollout(b, reg, registry.RolloutChange{Version: 2, BasisPoints: ptr(1000)})
	svc := service(b, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true, Observers: risk.Observers{risk.NopObserver{}}})
	const each = 8_000 // short runs alternate, for machines have moods
	run := func(goroutines int, work func(int)) float64 {
		began := time.Now()
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() { work(g) })
		}
		wg.Wait()
		return float64(goroutines) * each / time.Since(began).Seconds()
	}
	scoring := func(g int) {
		for i := range each {
			if _, err := svc.Score(b.Context(), docs[(i+g*97)%len(docs)]); err != nil {
				b.Error(err)
				return
			}
		}
	}
	arithmetic := func(g int) {
		rng, sum := rand.New(rand.NewPCG(uint64(g), 9)), 0.0
		for range 1000 * each { // takes about as long
			sum += rng.Float64()
		}
		if sum < 0 {
			b.Error("sum is negative")
		}
	}
	var scored, computed []float64
	for b.Loop() {
		scored = append(scored, run(2, scoring)/run(1, scoring))
		computed = append(computed, run(2, arithmetic)/run(1, arithmetic))
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(median(scored), "scoring-x")
	b.ReportMetric(median(computed), "arithmetic-x")
}
