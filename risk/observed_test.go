package risk_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// printer is an Observer that prints answers.
type printer struct{ risk.NopObserver }

func (printer) Scored(_ context.Context, s *risk.Scored) {
	fmt.Println(s.Document.ID, s.Assessment.Level, s.Duration >= 0)
}

func ExampleObserved() {
	s := &risk.Observed{Scorer: remote{}, Observer: printer{}}
	_, err := s.Score(context.Background(), risk.Document{ID: "INC-1", Text: "The shop is down"})
	fmt.Println(err)
	// Output:
	// INC-1 medium true
	// <nil>
}

func ExampleFallback() {
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	broken := scorerFunc(func(risk.Document) (risk.Assessment, error) { panic("a bug") })
	s := &risk.Fallback{First: broken, Second: heuristic, Scale: risk.DefaultScale()}
	a, err := s.Score(context.Background(), risk.Document{Text: "Total outage of the shop"})
	fmt.Println(a.Level, a.Method, a.FallbackReason, err)
	// Output: high heuristic panic <nil>
}

// TestObserved has answers told, errors not, and a panic of the observer and of
// the clock change nothing.
func TestObserved(t *testing.T) {
	r := new(recorder)
	broken := errors.New("broken")
	s := &risk.Observed{Observer: r, Scorer: scorerFunc(func(d risk.Document) (risk.Assessment, error) {
		if d.Text == "bad" {
			return risk.Assessment{}, broken
		}
		return risk.Assessment{ID: d.ID, Level: "low"}, nil
	})}
	if _, err := s.Score(t.Context(), risk.Document{}); err != nil || r.scored.Load() != 1 {
		t.Errorf("%d told, error %v", r.scored.Load(), err)
	}
	if _, err := s.Score(t.Context(), risk.Document{Text: "bad"}); !errors.Is(err, broken) || r.scored.Load() != 1 {
		t.Errorf("%d told, error %v", r.scored.Load(), err)
	}
	rude := &risk.Observed{Scorer: s, Observer: rude{}, Now: func() time.Time { panic("no time") }}
	if a, err := rude.Score(t.Context(), risk.Document{ID: "7"}); err != nil || a.ID != "7" {
		t.Errorf("%+v, error %v", a, err)
	}
	if race.Enabled {
		return
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Score(context.Background(), risk.Document{}) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestFailuresAreToldOnce has a model fail until its breaker opens: the errors
// are told, not each answer that is given without it afterwards.
func TestFailuresAreToldOnce(t *testing.T) {
	for name, candidate := range map[string]int{"model": 0, "candidate": 10000} {
		_, reg := stocked(t)
		broken := 1
		if candidate > 0 {
			broken = 2
			rollout(t, reg, registry.RolloutChange{Version: 2, BasisPoints: &candidate})
		}
		r, started := new(recorder), false
		s := service(t, risk.ServiceOptions{
			Registry: reg, Model: "incident-risk", ML: true, Observers: risk.Observers{r}, Breaker: risk.BreakerOptions{Failures: 3, Pause: time.Hour},
			Open: func(ctx context.Context, reg registry.Registry, v registry.Version) (risk.Scorer, error) {
				m, err := risk.OpenModel(ctx, reg, v)
				if err != nil || v.Number != broken {
					return m, err
				}
				return bad(func(ctx context.Context, d risk.Document) (risk.Assessment, error) {
					if started {
						return risk.Assessment{}, errors.New("down")
					}
					return m.Score(ctx, d)
				}), nil
			},
		})
		started = true
		for range 50 {
			if a := score(t, s); a.FallbackReason == "" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if n := r.failed.Load(); n != 3 {
			t.Errorf("%s: %d errors were told, want 3", name, n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
