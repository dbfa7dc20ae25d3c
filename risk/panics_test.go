package risk_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// fuse makes the part of a host that has it panic once it is lit.
type fuse struct{ lit, blown atomic.Bool }

func (f *fuse) touch() {
	if f.lit.Load() {
		f.blown.Store(true)
		panic("the host's own bug")
	}
}

// fused are the parts that a host gives, each of which panics by its fuse.
type (
	fusedRegistry struct {
		*registry.Log
		*fuse
	}
	fusedFeatures struct {
		risk.FeatureExtractor
		*fuse
	}
	fusedClassifier struct {
		risk.Classifier
		*fuse
	}
	fusedScorer struct {
		risk.Scorer
		*fuse
	}
	fusedObserver  struct{ *fuse }
	fusedEscalator struct{ *fuse }
	fusedSink      struct{ *fuse }
)

func (r fusedRegistry) State(ctx context.Context, model string) (*registry.State, error) {
	r.touch()
	return r.Log.State(ctx, model)
}

func (r fusedRegistry) Resolve(ctx context.Context, model, ref string) (registry.Version, error) {
	r.touch()
	return r.Log.Resolve(ctx, model, ref)
}

func (r fusedRegistry) Open(ctx context.Context, v registry.Version, file string) (io.ReadCloser, error) {
	r.touch()
	return r.Log.Open(ctx, v, file)
}

func (r fusedRegistry) Watch(ctx context.Context, model string, after int64) iter.Seq2[registry.Event, error] {
	return func(yield func(registry.Event, error) bool) {
		for e, err := range r.Log.Watch(ctx, model, after) {
			r.touch()
			if !yield(e, err) {
				return
			}
		}
	}
}

func (f fusedFeatures) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	f.touch()
	return f.FeatureExtractor.AppendFeatures(ind, val, text)
}

func (f fusedClassifier) AppendProba(dst []float64, ind []int32, val []float64) []float64 {
	f.touch()
	return f.Classifier.AppendProba(dst, ind, val)
}

func (s fusedScorer) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	s.touch()
	return s.Scorer.Score(ctx, doc)
}

func (o fusedObserver) Scored(context.Context, *risk.Scored)         { o.touch() }
func (o fusedObserver) Shadowed(context.Context, *risk.Shadowed)     { o.touch() }
func (o fusedObserver) Feedback(context.Context, *risk.Feedback)     { o.touch() }
func (o fusedObserver) ModelChanged(*risk.ServiceStatus)             { o.touch() }
func (o fusedObserver) BreakerChanged(risk.Stage, risk.BreakerState) { o.touch() }
func (o fusedObserver) Failed(risk.Stage, error)                     { o.touch() }

func (e fusedEscalator) Escalate(context.Context, risk.Document, risk.Assessment) (risk.Opinion, error) {
	e.touch()
	return risk.Opinion{Level: "high"}, nil
}

func (s fusedSink) PutFeedback(context.Context, risk.Feedback) error {
	s.touch()
	return nil
}

// TestPanics has everything that a host can give a Service panic, one after the
// other, where requests are answered and on goroutines behind them. Nothing of it
// reaches the caller or ends the process, and the model goes on answering unless
// it is the model that panics.
func TestPanics(t *testing.T) {
	always := risk.EscalationOptions{Levels: risk.DefaultScale()}
	open := func(n int, wrap func(m *risk.Model) risk.Scorer) func(context.Context, registry.Registry, registry.Version) (risk.Scorer, error) {
		return func(ctx context.Context, r registry.Registry, v registry.Version) (risk.Scorer, error) {
			m, err := risk.OpenModel(ctx, r, v)
			if err != nil || v.Number != n {
				return m, err
			}
			return wrap(m), nil
		}
	}
	for name, c := range map[string]struct {
		give   func(o *risk.ServiceOptions, f *fuse)
		shadow bool
		reason risk.FallbackReason // of a request that the fuse is in the way of
		err    error               // of Feedback
	}{
		"clock": {give: func(o *risk.ServiceOptions, f *fuse) {
			o.Now = func() time.Time { f.touch(); return time.Now() }
		}},
		"clock, shadow": {shadow: true, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Now = func() time.Time { f.touch(); return time.Now() }
		}},
		"key": {give: func(o *risk.ServiceOptions, f *fuse) {
			o.Key = func(d risk.Document) string { f.touch(); return d.ID }
		}},
		"registry":         {give: func(o *risk.ServiceOptions, f *fuse) { o.Registry = fusedRegistry{o.Registry.(*registry.Log), f} }},
		"observer":         {give: func(o *risk.ServiceOptions, f *fuse) { o.Observers = risk.Observers{fusedObserver{f}} }},
		"observer, shadow": {shadow: true, give: func(o *risk.ServiceOptions, f *fuse) { o.Observers = risk.Observers{fusedObserver{f}} }},
		"feedback":         {give: func(o *risk.ServiceOptions, f *fuse) { o.Feedback = fusedSink{f} }, err: risk.ErrPanic},
		"escalator":        {give: func(o *risk.ServiceOptions, f *fuse) { o.Escalator, o.Escalation = fusedEscalator{f}, always }},
		"escalated hook": {give: func(o *risk.ServiceOptions, f *fuse) {
			o.Escalator, o.Escalation = fusedEscalator{new(fuse)}, always
			o.Escalation.OnEscalated = func(context.Context, *risk.Escalated) { f.touch() }
		}},
		"budget's clock": {give: func(o *risk.ServiceOptions, f *fuse) {
			o.Escalator, o.Escalation = fusedEscalator{new(fuse)}, always
			o.Escalation.Budget = must(risk.NewBudget(&risk.BudgetOptions{Now: func() time.Time { f.touch(); return time.Now() }}))
		}},
		"breaker's clock": {reason: risk.ReasonError, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Breaker = risk.BreakerOptions{Failures: 1, Now: func() time.Time { f.touch(); return time.Now() }}
			o.Open = open(1, func(m *risk.Model) risk.Scorer {
				return bad(func(ctx context.Context, d risk.Document) (risk.Assessment, error) {
					if f.lit.Load() {
						return risk.Assessment{}, errors.New("down")
					}
					return m.Score(ctx, d)
				})
			})
		}},
		"scorer": {reason: risk.ReasonPanic, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(1, func(m *risk.Model) risk.Scorer { return fusedScorer{m, f} })
		}},
		"candidate": {reason: risk.ReasonPanic, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(2, func(m *risk.Model) risk.Scorer { return fusedScorer{m, f} })
		}},
		"candidate, shadow": {shadow: true, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(2, func(m *risk.Model) risk.Scorer { return fusedScorer{m, f} })
		}},
		"features": {reason: risk.ReasonPanic, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(1, func(m *risk.Model) risk.Scorer {
				c := m.Config()
				c.Features, c.Drift = fusedFeatures{c.Features, f}, nil
				return must(risk.NewModel(c))
			})
		}},
		"classifier": {reason: risk.ReasonPanic, give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(1, func(m *risk.Model) risk.Scorer {
				c := m.Config()
				c.Classifier = fusedClassifier{c.Classifier, f}
				return must(risk.NewModel(c))
			})
		}},
		"open": {give: func(o *risk.ServiceOptions, f *fuse) {
			o.Open = open(3, func(*risk.Model) risk.Scorer { f.touch(); return nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, reg := stocked(t)
			half := 5000
			change := registry.RolloutChange{Version: 2, BasisPoints: &half}
			if c.shadow {
				change = registry.RolloutChange{Version: 2, Shadow: &c.shadow}
			}
			rollout(t, reg, change)
			f := new(fuse)
			o := risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true, RetryAfter: time.Millisecond}
			c.give(&o, f)
			s := service(t, o)
			ctx, cancel := context.WithCancel(t.Context())
			watching := make(chan error, 1)
			go func() { watching <- s.Watch(ctx) }()
			f.lit.Store(true)
			move(t, reg, registry.Move{Version: 2, To: registry.Staging}) // for Watch
			reasons := map[risk.FallbackReason]int{}
			for i := range 40 {
				a, err := s.Score(t.Context(), risk.Document{ID: string(rune('a' + i)), Text: "The checkout is down for all customers."})
				if err != nil || risk.DefaultScale().Index(a.Level) < 0 {
					t.Fatalf("%+v, error %v", a, err)
				}
				reasons[a.FallbackReason]++
			}
			if fine := reasons[""] == 40; c.reason == "" && !fine || c.reason != "" && (fine || reasons[c.reason] == 0) {
				t.Errorf("reasons are %v, want %q", reasons, c.reason)
			}
			_, err := s.Feedback(t.Context(), risk.Feedback{ID: "a", Level: "low"})
			if !errors.Is(err, c.err) {
				t.Errorf("feedback: error is %v, want %v", err, c.err)
			}
			blown := func() {
				for deadline := time.Now().Add(30 * time.Second); !f.blown.Load(); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("nothing has panicked")
					}
				}
			}
			if c.shadow {
				blown() // before another version ends the rollout
			}
			_ = s.Reload(t.Context()) // may fail, but not panic
			if v, err := reg.Register(t.Context(), "incident-risk", files(t, reg, 1), &registry.RegisterOptions{Stage: registry.Production}); err != nil || v.Number != 3 {
				t.Fatal(v.Number, err)
			}
			_ = s.Reload(t.Context())
			blown()
			_ = s.Status()
			cancel()
			if err := <-watching; err != nil && !errors.Is(err, risk.ErrPanic) {
				t.Errorf("watching ended with %v", err)
			}
			ctx, cancel = context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// files returns the files of a version.
func files(t testing.TB, reg *registry.Log, n int) registry.Artifact {
	t.Helper()
	v := must(reg.Resolve(t.Context(), "incident-risk", string(rune('0'+n))))
	a := registry.Artifact{}
	for _, f := range v.Files {
		a[f.Name] = must(registry.ReadFile(t.Context(), reg, v, f.Name))
	}
	a["copy.txt"] = []byte("another version of the same")
	return a
}

// TestHeuristicPanics has a host's own heuristic panic or answer nonsense: that
// is an error, and the model's answers are not touched.
func TestHeuristicPanics(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(risk.Document) (risk.Assessment, error)
		want   error
	}{
		"panic":    {func(risk.Document) (risk.Assessment, error) { panic("ouch") }, risk.ErrPanic},
		"nonsense": {func(risk.Document) (risk.Assessment, error) { return risk.Assessment{Level: "dire"}, nil }, risk.ErrInvalid},
	} {
		_, reg := stocked(t)
		s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true, Heuristic: scorerFunc(c.answer), Scale: risk.DefaultScale()})
		if a := score(t, s); a.Method != risk.MethodML {
			t.Errorf("%s: %+v", name, a)
		}
		if err := s.SetML(t.Context(), false); err != nil {
			t.Error(err)
		}
		_, err := s.Score(t.Context(), risk.Document{Text: "x"})
		wantError(t, name, err, c.want, "")
	}
}
