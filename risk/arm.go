package risk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
)

// An arm is one loaded version of a model, ready to answer.
type arm struct {
	version registry.Version
	// first is the version with what keeps its trouble from spreading, scorer
	// the same with the heuristic behind it.
	first, scorer Scorer
	breaker       *Breaker
	deadline      *Deadline    // nil for none
	monitor       *psi.Monitor // nil without a baseline
	outputs       outputs
	thresholds    []float64 // nil where they are not known
}

// close ends the goroutines of a and waits for them.
func (a *arm) close(ctx context.Context) error {
	if a.deadline == nil {
		return nil
	}
	return a.deadline.Close(ctx)
}

// breakerState returns the state of the breaker of a, which may be nil.
func (a *arm) breakerState() BreakerState {
	if a == nil {
		return BreakerClosed
	}
	return a.breaker.State()
}

// refusal is why a version is not tried again for a while.
type refusal struct {
	digest registry.Digest
	err    error
	until  time.Time
}

// open returns the arm of a version: it is loaded, verified, and answers a few
// texts. What is loaded already is not loaded again, and what was refused is not
// tried in a loop. A registry that panics is one that fails. Observers are told of
// each failure, as of that stage.
func (s *Service) open(ctx context.Context, v registry.Version, stage Stage) (a *arm, err error) {
	for _, a := range s.resident {
		if a.version.Number == v.Number && a.version.Digest == v.Digest {
			return a, nil
		}
	}
	now := s.o.Now()
	if r, ok := s.refused[v.Number]; ok && r.digest == v.Digest && now.Before(r.until) && r.until.Sub(now) <= s.o.RetryAfter {
		return nil, r.err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w while loading: %v", ErrPanic, p)
		}
		if err != nil {
			if a != nil {
				s.retire(a.close)
			}
			a, err = nil, fmt.Errorf("version %d of model %q: %w", v.Number, v.Model, err)
			if ctx.Err() == nil || context.Cause(ctx) == ErrTimeout { // else it is not the version's fault
				s.refused[v.Number] = refusal{v.Digest, err, now.Add(s.o.RetryAfter)}
			}
			s.o.Observers.Failed(stage, err)
			return
		}
		delete(s.refused, v.Number)
		s.resident = append(s.resident, a)
	}()
	scorer, err := s.o.Open(ctx, s.o.Registry, v)
	if err != nil {
		return nil, err
	}
	a = &arm{version: v}
	if t, ok := scorer.(interface{ Thresholds() []float64 }); ok {
		a.thresholds = t.Thresholds()
	}
	m, own := scorer.(*Model)
	if own && !slices.Equal(m.c.Scale, s.o.Scale) {
		return nil, fmt.Errorf("%w: it is on %q, the service on %q", ErrScale, []string(m.c.Scale), []string(s.o.Scale))
	}
	test := scorer
	if own && m.c.Drift != nil {
		if a.monitor, err = m.NewMonitor(s.o.Drift); err != nil {
			return a, err
		}
		a.outputs = newOutputs(a.monitor)
		scorer = newWatched(m, a.monitor)
	}
	quick := own && m.quick()
	s.guard(a, scorer, own, quick)
	if !quick {
		test = a.first // it may hang
	}
	err = smokeTest(ctx, s.o.Registry, v, test, s.o.Scale)
	if a.monitor != nil && !quick {
		a.monitor.Take() // the test's texts are no incidents
	}
	return a, err
}

// guard puts around a version what keeps its trouble from the caller. own says
// that it is a Model, quick that it cannot hang.
func (s *Service) guard(a *arm, scorer Scorer, own, quick bool) {
	if d := s.o.Deadline; d != nil || !quick {
		if d == nil {
			d = new(DeadlineOptions)
		}
		o := *d
		o.Local = o.Local || own
		a.deadline = NewDeadline(scorer, &o)
		scorer = a.deadline
	}
	b := s.o.Breaker
	b.OnChange = func(state BreakerState) {
		stage := StageModel
		if s.live.Load().candidate == a {
			stage = StageCandidate
		}
		s.o.Observers.BreakerChanged(stage, state)
	}
	if b.Now == nil {
		b.Now = s.o.Now
	}
	a.breaker = &Breaker{Scorer: scorer, BreakerOptions: b}
	a.first = a.breaker
	a.scorer = &Fallback{First: a.breaker, Second: s.o.Heuristic, Scale: s.o.Scale, OnFallback: s.fellBack}
}

// fellBack counts a fallback.
func (s *Service) fellBack(reason FallbackReason, err error) {
	s.fallbacks.Add(1)
	s.last.Store(&err)
	if reason != ReasonCanceled && reason != ReasonBreaker { // the caller's doing, and what earlier errors did
		s.o.Observers.Failed(StageModel, err)
	}
}

// thresholds returns the cuts that gave an answer, nil where they are not known.
func (s *Service) thresholds(a Assessment) []float64 {
	if a.Method != MethodHeuristic {
		if arm := s.live.Load().arm(&a); arm != nil {
			return arm.thresholds
		}
	}
	return s.cuts
}

// baseline is a host's Heuristic: a panic and an answer that makes no sense are
// errors.
type baseline struct {
	Scorer
	scale Scale
}

func (b baseline) Score(ctx context.Context, doc Document) (Assessment, error) {
	return askValid(ctx, b.Scorer, doc, 0, b.scale)
}

func (b baseline) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return askValid(ctx, b.Scorer, doc, n, b.scale)
}
