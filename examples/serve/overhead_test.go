package main

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
	"github.com/riskkit/riskkit/risk/riskprom"
)

// TestOverhead compares the median answer of a bare model with that of the whole
// service: a canary, drift, metrics and a buffered audit log, by turns on each
// text.
func TestOverhead(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("times mean nothing here")
	}
	ctx := t.Context()
	reg := stock(t, filepath.Join(t.TempDir(), "models"))
	share := 1000
	if _, err := reg.Rollout(ctx, "incident-risk", registry.RolloutChange{Version: 2, BasisPoints: &share}); err != nil {
		t.Fatal(err)
	}
	metrics, err := riskprom.New(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := audit.OpenDir(filepath.Join(t.TempDir(), "audit"), &audit.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	trail, err := audit.Open(ctx, dir, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer trail.Close()
	svc, err := risk.NewService(ctx, &risk.ServiceOptions{
		Registry: reg, Model: "incident-risk", ML: true, Observers: risk.Observers{metrics, trail}, Feedback: trail,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close(context.WithoutCancel(ctx))
	v, err := reg.Resolve(ctx, "incident-risk", "production")
	if err != nil {
		t.Fatal(err)
	}
	m, err := risk.OpenModel(ctx, reg, v)
	if err != nil {
		t.Fatal(err)
	}
	examples, err := risk.Collect(risk.DatasetFile("../quickstart/data/usual.jsonl", nil).Examples())
	if err != nil {
		t.Fatal(err)
	}
	var bare, more []time.Duration
	for i, x := range slices.Concat(examples, examples) {
		b := quickest(func() { _, _ = m.Score(ctx, x.Document) })
		w := quickest(func() { _, _ = svc.Score(ctx, x.Document) })
		if i >= len(examples) { // the first round warms
			bare, more = append(bare, b), append(more, w-b)
		}
	}
	slices.Sort(bare)
	slices.Sort(more)
	b, d := bare[len(bare)/2], more[len(more)/2]
	t.Logf("a bare model answers in %v, the whole service takes %v more (medians of %d texts)", b, d, len(bare))
	if d > max(2*time.Microsecond, 4*b) { // on a machine that is busy the model takes longer too
		t.Errorf("the service takes %v more than the model, want at most 2µs", d)
	}
	if n := testing.AllocsPerRun(2000, func() { _, _ = svc.Score(ctx, examples[0].Document) }); n >= 1 {
		t.Errorf("%v allocations an answer", n)
	}
}

// quickest returns the least time of several calls.
func quickest(call func()) time.Duration {
	best := time.Duration(1 << 62)
	for range 15 {
		start := time.Now()
		call()
		best = min(best, time.Since(start))
	}
	return best
}
