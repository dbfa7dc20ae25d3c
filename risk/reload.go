package risk

import (
	"context"
	"fmt"
	"slices"

	"github.com/riskkit/riskkit/registry"
)

// SetML switches the model on or off at run time and, if on, loads it. The error
// is Reload's.
func (s *Service) SetML(ctx context.Context, on bool) error {
	s.reload.Lock()
	s.ml = on
	s.reload.Unlock()
	return s.Reload(ctx)
}

// Reload looks up which versions are to answer and, where they are others than
// those in use, loads them, verifies them, has them answer a few texts, and only
// then puts them in their place, without disturbing a call. What is in use stays
// loaded, and so does the version that was in production before, so that a
// rollback needs nothing but the registry's word. Where loading fails, what
// answered before goes on answering, Status has the error too, and the version
// is left alone for ServiceOptions.RetryAfter. With the model off, the heuristic
// takes over.
func (s *Service) Reload(ctx context.Context) error {
	s.reload.Lock()
	defer s.reload.Unlock()
	if !s.ml {
		if s.live.Load().ml {
			s.change(&live{scorer: s.o.Heuristic})
		}
		return nil
	}
	next := s.find(ctx, s.live.Load())
	s.change(next)
	return next.err
}

// find returns what is to answer in the place of now.
func (s *Service) find(ctx context.Context, now *live) *live {
	v, rollout, beside, err := s.resolve(ctx)
	if err != nil { // nothing is known, so all goes on
		kept := *now
		kept.ml, kept.err = true, err
		if kept.production == nil {
			kept.scorer = reasoned{s.o.Heuristic, ReasonUnavailable}
		}
		return &kept
	}
	next := &live{ml: true, rollout: rollout}
	if next.production, next.err = s.open(ctx, v); next.err != nil {
		// What was in production goes on alone, for a rollout is beside what is.
		next.production, next.rollout = now.production, nil
	}
	if next.production == nil {
		next.scorer = reasoned{s.o.Heuristic, ReasonUnavailable}
		return next
	}
	if next.rollout != nil {
		next.candidate, next.candErr = s.open(ctx, beside)
	}
	s.stack(now, next)
	return next
}

// resolve asks the registry which version is to answer, which rollout there is,
// if any, and of which version. A registry that panics is one that fails.
func (s *Service) resolve(ctx context.Context) (v registry.Version, rollout *registry.Rollout, beside registry.Version, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w while loading: the registry: %v", ErrPanic, p)
		}
	}()
	if s.o.Registry == nil {
		return v, nil, beside, fmt.Errorf("%w: ML is on, but there is no Registry", ErrService)
	}
	if s.o.Ref != string(registry.Production) {
		v, err = s.o.Registry.Resolve(ctx, s.o.Model, s.o.Ref)
		return v, nil, beside, err
	}
	// One state, so that all belongs together.
	state, err := registry.StateOf(ctx, s.o.Registry, s.o.Model)
	if err != nil {
		return v, nil, beside, err
	}
	if v, err = state.Resolve(s.o.Ref); err == nil && state.Rollout != nil {
		beside, err = state.Resolve(fmt.Sprint(state.Rollout.Version))
	}
	return v, state.Rollout, beside, err
}

// equalRollouts reports whether two rollouts send the same documents the same
// way.
func equalRollouts(a, b *registry.Rollout) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID && a.Version == b.Version && a.BasisPoints == b.BasisPoints && a.Paused == b.Paused && a.Shadow == b.Shadow && slices.Equal(a.Tags, b.Tags)
}

// stack puts the scorer of next together. A shadow that goes on is taken over
// from now.
func (s *Service) stack(now, next *live) {
	next.scorer = next.production.scorer
	r, c := next.rollout, next.candidate
	if r == nil || c == nil {
		return
	}
	if r.Shadow && !r.Paused {
		if now.shadow != nil && now.production == next.production && now.candidate == c && now.rollout.ID == r.ID {
			next.shadow = now.shadow
		} else {
			o := s.o.Shadow
			o.Rollout, o.Scale, o.Takes, o.Observer, o.Now = r.ID, s.o.Scale, nil, shadowed{s.o.Observers}, s.o.Now
			next.shadow = NewShadow(next.scorer, c.first, &o)
		}
		next.scorer = next.shadow
	}
	next.scorer = &Canary{
		Production: next.scorer, Candidate: c.first, Scale: s.o.Scale, Rollout: r.ID, Observer: s.o.Observers,
		Takes: func(doc Document) bool { return r.Takes(s.key(doc), doc.Tags) },
	}
}

// key returns the key of a document. A Key of the host's that panics gives none.
func (s *Service) key(doc Document) (key string) {
	defer func() { _ = recover() }()
	return s.o.Key(doc)
}

// shadowed tells observers of a candidate's failures beside.
type shadowed struct{ Observers }

func (o shadowed) Shadowed(ctx context.Context, x *Shadowed) {
	o.Observers.Shadowed(ctx, x)
	if x.Err != nil && !x.Dropped {
		o.Observers.Failed(StageCandidate, x.Err)
	}
}

// same reports whether l and o answer the same way, for the same reasons.
func (l *live) same(o *live) bool {
	return l.ml == o.ml && l.production == o.production && l.candidate == o.candidate &&
		equalErrors(l.err, o.err) && equalErrors(l.candErr, o.candErr) && equalRollouts(l.rollout, o.rollout)
}

func equalErrors(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

// change puts next in the place of what answers, tells of it, and lets go of
// what nobody needs any more.
func (s *Service) change(next *live) {
	now := s.live.Load()
	if next.same(now) {
		return
	}
	s.swap(next)
	if a := next.production; a != nil && a != now.production && a.monitor != nil {
		a.monitor.Take() // the window begins anew
	}
	s.resident = slices.DeleteFunc(s.resident, func(a *arm) bool {
		old := a != next.production && a != next.candidate && a != now.production && a != s.previous
		if old {
			s.retire(a.close)
		}
		return old
	})
	if now.production != next.production {
		s.previous = now.production
	}
	if next.err != nil {
		s.o.Observers.Failed(StageLoad, next.err)
	}
	if next.candErr != nil {
		s.o.Observers.Failed(StageCandidate, next.candErr)
	}
	st := s.Status()
	s.o.Observers.ModelChanged(&st)
	s.o.Observers.BreakerChanged(StageModel, next.production.breakerState())
	s.o.Observers.BreakerChanged(StageCandidate, next.candidate.breakerState())
}

// swap puts next in the place of what answers, and ends the shadow of that.
func (s *Service) swap(next *live) {
	if now := s.live.Swap(next); now.shadow != nil && now.shadow != next.shadow {
		s.retire(now.shadow.Close)
	}
}

// Watch reloads whenever something happens to the model in the registry, which
// must be a registry.Watcher, until ctx is done; then it returns nil. A registry
// that is away is tried again; the error of one that cannot be watched any more
// is returned. It is meant to run in a goroutine of the host.
func (s *Service) Watch(ctx context.Context) error {
	w, ok := s.o.Registry.(registry.Watcher)
	if !ok {
		if s.o.Registry == nil {
			return nil
		}
		return fmt.Errorf("%w: a %T cannot be watched; call Reload now and then", ErrService, s.o.Registry)
	}
	after := int64(0)
	if state, err := registry.StateOf(ctx, s.o.Registry, s.o.Model); err == nil {
		after = state.Seq // what happened before then is one Reload
	}
	_ = s.Reload(ctx) // Status has the error
	var last error
	for _, last = range w.Watch(ctx, s.o.Model, after) {
		_ = s.Reload(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return last
}

// reasoned is a Scorer that answers in the place of another for a reason.
type reasoned struct {
	Scorer
	reason FallbackReason
}

func (r reasoned) Score(ctx context.Context, doc Document) (Assessment, error) {
	a, err := r.Scorer.Score(ctx, doc)
	a.FallbackReason = r.reason
	return a, err
}

func (r reasoned) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	a, err := Explain(ctx, r.Scorer, doc, n)
	a.FallbackReason = r.reason
	return a, err
}
