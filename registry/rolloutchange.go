package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A RolloutChange starts the rollout of a version, changes the one there is, or
// aborts it.
type RolloutChange struct {
	// Version is the version to start a rollout of. It must be there, neither
	// in production nor archived, and no other rollout may be going on. 0 means
	// the rollout that there is.
	Version int
	// ID names a new rollout: 1 to 128 ASCII letters, digits, '.', '_' and '-',
	// beginning with a letter or digit. Empty means one that no other rollout
	// of any history has. With the ID of an earlier rollout the same keys come
	// first.
	ID string
	// BasisPoints, Paused and Shadow are what they are in a Rollout; nil leaves
	// them, and means 0 and false of a new one. Tags are replaced unless nil;
	// an empty slice removes all. Their order does not matter.
	BasisPoints    *int
	Tags           []string
	Paused, Shadow *bool
	// Abort ends the rollout: all goes to production. It needs no approval.
	Abort bool
	// Expect is the rollout that the caller believes to be there, as State has
	// it, with an empty ID for none; if another is, or the same has changed,
	// nothing is done and the error is a *RolloutConflictError. nil means any.
	Expect *Rollout
	// Actor and Reason say who did so and why. Evidence is as in a Move.
	Actor, Reason string
	Evidence      json.RawMessage
}

// A RolloutConflictError says that a model's rollout is not what the caller
// expected. It matches ErrConflict.
type RolloutConflictError struct {
	// Expected is nil for none, as is State.Rollout.
	Expected *Rollout
	// State is the model's current state.
	State *State
}

// Error says what is there.
func (e *RolloutConflictError) Error() string {
	return fmt.Sprintf("registry: the rollout of model %q is %v, not %v as expected; look again before going on", e.State.Model, e.State.Rollout, e.Expected)
}

// Is reports whether target is ErrConflict.
func (e *RolloutConflictError) Is(target error) bool { return target == ErrConflict }

// Rollout appends the event that carries out c. Where production is protected,
// a version needs an approval for production before it may answer anybody, or
// more than it does; otherwise the error wraps ErrDenied. The approval is not
// used up: the promotion will need it. Scoring in shadow needs none, nor do
// pausing, resuming, narrowing and aborting.
func (l *Log) Rollout(ctx context.Context, model string, c RolloutChange) (Event, error) {
	return l.amend(ctx, model, func(s *State) (Event, error) { return s.planRollout(c) })
}

// planRollout returns the event that carries out c.
func (s *State) planRollout(c RolloutChange) (Event, error) {
	e := Event{Kind: KindRolloutChanged, Actor: c.Actor, Reason: c.Reason, Evidence: c.Evidence}
	if c.Expect != nil {
		want := c.Expect
		if want.ID == "" {
			want = nil
		}
		if !want.equal(s.Rollout) {
			return e, &RolloutConflictError{Expected: want, State: s}
		}
	}
	now, next := s.Rollout, Rollout{ID: c.ID, Version: c.Version}
	switch {
	case c.Abort && (c.Version != 0 || c.ID != "" || c.BasisPoints != nil || c.Tags != nil || c.Paused != nil || c.Shadow != nil):
		return e, fmt.Errorf("%w: a rollout is aborted and changed; one at a time", ErrInput)
	case c.Version == 0 && c.ID != "":
		return e, fmt.Errorf("%w: the ID of a rollout cannot be changed; abort it and start another", ErrInput)
	case c.Version == 0 && now == nil:
		return e, fmt.Errorf("%w: model %q has no rollout; start one of a version", ErrConflict, s.Model)
	case c.Version != 0 && now != nil:
		return e, fmt.Errorf("%w: model %q has a rollout already, of %v; abort it first", ErrConflict, s.Model, now)
	case c.Version < 0 || c.Version > len(s.Versions):
		return e, fmt.Errorf("%w: version %d of model %q, which has %d", ErrNotFound, c.Version, s.Model, len(s.Versions))
	case c.Abort:
		e.Kind, e.Version = KindRolloutAborted, now.Version
		return e, nil
	case c.Version == 0:
		next = *now
	default:
		e.Kind = KindRolloutStarted
		if c.ID == "" {
			next.ID = hex.EncodeToString(s.Hash[:8]) // of the event before, and so of this history alone
		}
	}
	if c.BasisPoints != nil {
		next.BasisPoints = *c.BasisPoints
	}
	if c.Tags != nil {
		next.Tags = slices.Compact(slices.Sorted(slices.Values(c.Tags)))
	}
	if c.Paused != nil {
		next.Paused = *c.Paused
	}
	if c.Shadow != nil {
		next.Shadow = *c.Shadow
	}
	if next.equal(now) {
		return e, fmt.Errorf("%w: the rollout of model %q is so already: %v", ErrConflict, s.Model, now)
	}
	next.Started = time.Time{} // it is that of the event
	e.Version, e.Rollout = next.Version, &next
	return e, s.possibleRollout(&e)
}

// possibleRollout returns an error where the rollout that e has cannot follow.
func (s *State) possibleRollout(e *Event) error {
	if err := e.Rollout.check(); err != nil {
		return err
	}
	v := &s.Versions[e.Version-1]
	if v.Stage == Production || v.Stage == Archived {
		return fmt.Errorf("%w: version %d of model %q is in %s; only what is in neither production nor archived can be rolled out", ErrConflict, v.Number, s.Model, v.Stage)
	}
	if !e.Rollout.widens(s.Rollout) {
		return nil
	}
	return s.permitted(&Event{Stage: Production, Version: e.Version, Actor: e.Actor})
}

// rollout folds an event of a rollout.
func (s *State) rollout(e *Event) error {
	now, next := s.Rollout, e.Rollout
	if e.Kind == KindRolloutAborted {
		if now == nil || now.Version != e.Version || next != nil {
			return s.wrong(e, "aborts a rollout of version %d, where there is %v", e.Version, now)
		}
		s.Rollout = nil
		return nil
	}
	if next == nil || next.Version != e.Version || !next.Started.IsZero() || (now == nil) != (e.Kind == KindRolloutStarted) ||
		now != nil && (now.ID != next.ID || now.Version != next.Version) {
		return s.wrong(e, "has the rollout %v, where there is %v", next, now)
	}
	if err := s.possibleRollout(e); err != nil {
		return s.wrong(e, "has a rollout that cannot be: %v", err)
	}
	r := *next
	if r.Started = e.Time; now != nil {
		r.Started = now.Started
	}
	s.Rollout = &r
	return nil
}

// endRollout ends the rollout if e, which moved a version, leaves none to it.
func (s *State) endRollout(e *Event) {
	if s.Rollout != nil && (e.Stage == Production || e.Stage == Archived && e.Version == s.Rollout.Version) {
		s.Rollout = nil
	}
}
