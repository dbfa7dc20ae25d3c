package risk_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/corpus"
	"github.com/riskkit/riskkit/risk"
)

// usual returns n labelled incidents.
func usual(seed uint64, n int) []risk.Example {
	var all []risk.Example
	for _, x := range corpus.Usual(seed, n) {
		all = append(all, risk.Example{
			Document: risk.Document{ID: x.ID, Text: x.Text, Tags: x.Tags, CreatedAt: x.CreatedAt}, Label: x.Label,
		})
	}
	return all
}

// trained is a model that tests share; models do not change.
var trained = sync.OnceValues(func() (*risk.Model, *risk.TrainReport) {
	m, r, err := risk.Train(context.Background(), risk.ExampleSlice(usual(1, 400)), nil)
	if err != nil {
		panic(err)
	}
	return m, r
})

func heuristic(t testing.TB) *risk.Heuristic {
	t.Helper()
	h, err := risk.NewHeuristic(nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ended fails unless there are no more goroutines than before, soon.
func ended(t testing.TB, before int, what string) {
	t.Helper()
	now := runtime.NumGoroutine()
	for deadline := time.Now().Add(10 * time.Second); now > before && time.Now().Before(deadline); now = runtime.NumGoroutine() {
		time.Sleep(time.Millisecond) // what has returned may still be on its way out
	}
	if now > before {
		t.Errorf("%s: %d goroutines before, %d after", what, before, now)
	}
}

// wantError fails unless err wraps want and, if it is not empty, mentions
// mention.
func wantError(t testing.TB, what string, err, want error, mention string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), mention) {
		t.Errorf("%s: error is %v, want %v with %q", what, err, want, mention)
	}
}

// shifted returns n labelled incidents of another world.
func shifted(seed uint64, n int) []risk.Example {
	var all []risk.Example
	for _, x := range corpus.Shifted(seed, n) {
		all = append(all, risk.Example{Document: risk.Document{ID: x.ID, Text: x.Text, CreatedAt: x.CreatedAt}, Label: x.Label})
	}
	return all
}

// scorerFunc is a Scorer made of a function.
type scorerFunc func(risk.Document) (risk.Assessment, error)

func (f scorerFunc) Score(_ context.Context, d risk.Document) (risk.Assessment, error) { return f(d) }
