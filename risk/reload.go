package risk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// SetML switches the model on or off at run time and, if on, loads it. Off takes
// effect at once, also while a version is being loaded. The error is Reload's.
func (s *Service) SetML(ctx context.Context, on bool) error {
	s.mu.Lock()
	s.ml = on
	if !on && s.live.Load().ml {
		s.put(new(live))
	}
	s.mu.Unlock()
	return s.Reload(ctx)
}

// Reload looks up which versions are to answer and, where they are others than
// those in use, loads them, verifies them, has them answer a few texts, and only
// then puts them in their place, without disturbing a call. What is in use stays
// loaded, and so does the version that was in production before, so that a
// rollback needs nothing but the registry's word. Where loading fails, what
// answered before goes on answering, Status has the error too, and the version
// is left alone for ServiceOptions.RetryAfter. With the model off it does
// nothing. One Reload waits for another, until ctx is done.
func (s *Service) Reload(ctx context.Context) error {
	if !s.on() {
		return nil
	}
	select {
	case s.reload <- struct{}{}:
		defer func() { <-s.reload }()
	case <-ctx.Done():
		return fmt.Errorf("risk: another reload is under way: %w", ctx.Err())
	}
	loading, cancel := context.WithTimeoutCause(ctx, s.o.LoadTimeout, ErrTimeout)
	defer cancel()
	next := s.find(loading, s.live.Load())
	s.change(next)
	return next.err
}

// on reports whether the model is switched on.
func (s *Service) on() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ml
}

// find returns what is to answer in the place of now, but for its stack.
func (s *Service) find(ctx context.Context, now *live) *live {
	v, rollout, beside, err := s.resolve(ctx)
	if err != nil { // nothing is known, so all goes on
		if !equalErrors(err, now.err) {
			s.o.Observers.Failed(StageLoad, err)
		}
		return &live{ml: true, production: now.production, candidate: now.candidate, rollout: now.rollout, candErr: now.candErr, err: err}
	}
	next := &live{ml: true, rollout: rollout}
	if next.production, next.err = s.open(ctx, v, StageLoad); next.err != nil {
		// What was in production goes on alone, for a rollout is beside what is.
		next.production, next.rollout = now.production, nil
	}
	if next.production != nil && next.rollout != nil {
		next.candidate, next.candErr = s.open(ctx, beside, StageCandidate)
	}
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
	if next.production == nil {
		next.scorer = s.o.Heuristic
		if next.ml {
			next.scorer = reasoned{s.o.Heuristic, ReasonUnavailable}
		}
		return
	}
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
		Takes: func(doc Document) bool { return r.Takes(s.o.Key(doc), doc.Tags) },
	}
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

// change puts next in the place of what answers and lets go of what nobody
// needs any more. If the model was switched off in the meantime, nothing changes.
func (s *Service) change(next *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ml || !s.put(next) {
		return
	}
	s.resident = slices.DeleteFunc(s.resident, func(a *arm) bool {
		old := a != next.production && a != next.candidate && a != s.current && a != s.previous
		if old {
			s.retire(a.close)
		}
		return old
	})
	if a := next.production; a != nil && a != s.current {
		s.previous, s.current = s.current, a
	}
}

// swap has next answer from now on. mu is held.
func (s *Service) swap(next *live) {
	now := s.live.Load()
	s.stack(now, next)
	s.live.Store(next)
	if now.shadow != nil && now.shadow != next.shadow {
		s.retire(now.shadow.Close)
	}
	if a := next.production; a != nil && a != now.production && a.monitor != nil {
		a.monitor.Take() // the window begins anew
	}
}

// put swaps and tells what answers now, unless that changes nothing. mu is held.
func (s *Service) put(next *live) bool {
	if next.same(s.live.Load()) {
		return false
	}
	s.swap(next)
	st := s.Status()
	s.o.Observers.ModelChanged(&st)
	s.o.Observers.BreakerChanged(StageModel, next.production.breakerState())
	s.o.Observers.BreakerChanged(StageCandidate, next.candidate.breakerState())
	return true
}

// Watch reloads whenever something happens to the model in the registry, which
// must be a registry.Watcher, until ctx is done; then it returns nil. What could
// not be loaded is tried again after ServiceOptions.RetryAfter, and a registry
// that is away is too; the error of one that cannot be watched any more, or
// panics, is returned. It is meant to run in a goroutine of the host.
func (s *Service) Watch(ctx context.Context) (err error) {
	w, ok := s.o.Registry.(registry.Watcher)
	if !ok {
		if s.o.Registry == nil {
			return nil
		}
		return fmt.Errorf("%w: a %T cannot be watched; call Reload now and then", ErrService, s.o.Registry)
	}
	again, cancel := context.WithCancel(ctx)
	var retries sync.WaitGroup
	retries.Go(func() { s.retry(again) })
	defer func() {
		cancel()
		retries.Wait()
	}()
	var last error
	err = guard("the registry", func() {
		after := int64(0)
		if state, err := registry.StateOf(ctx, s.o.Registry, s.o.Model); err == nil {
			after = state.Seq // what happened before then is one Reload
		}
		_ = s.Reload(ctx) // Status has the error
		for _, last = range w.Watch(ctx, s.o.Model, after) {
			_ = s.Reload(ctx)
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return last
}

// retry reloads now and then while something could not be loaded.
func (s *Service) retry(ctx context.Context) {
	tick := time.NewTicker(s.o.RetryAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if l := s.live.Load(); l.ml && (l.err != nil || l.candErr != nil) {
				_ = s.Reload(ctx)
			}
		}
	}
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
