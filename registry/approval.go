package registry

import (
	"context"
	"fmt"
	"slices"
)

// A Protection says that a stage or alias may be moved only with an approval,
// or no more so (Off).
type Protection struct {
	// Stage or Alias is what to protect.
	Stage Stage
	Alias string
	// Off takes the protection away. That needs an approval of version 0.
	Off bool
	// Actor and Reason say who did so and why.
	Actor, Reason string
}

// An Approval says that a version may be moved to a protected stage or alias by
// somebody else than Actor.
type Approval struct {
	// Version is the version to be moved; 0 means that the alias may be taken
	// away, or the protection.
	Version int
	// Stage or Alias is where.
	Stage Stage
	Alias string
	// Actor and Reason say who approved and why.
	Actor, Reason string
}

// approvalKey is what an approval is for: a stage or alias and a version.
type approvalKey struct {
	name    string
	version int
}

// pointerName returns the name of the stage or alias that e is about.
func (e *Event) pointerName() string {
	if e.Alias != "" {
		return e.Alias
	}
	return string(e.Stage)
}

// permitted returns an error that wraps ErrDenied where e moves what is
// protected without the approval of a third: neither who moves it nor who
// registered the version. A rollback needs none, for the version had one
// before.
func (s *State) permitted(e *Event) error {
	if !s.protected[e.pointerName()] || e.Kind == KindRolledBack {
		return nil
	}
	author := ""
	if e.Version > 0 {
		author = s.Versions[e.Version-1].Actor
	}
	for _, by := range s.approvals[approvalKey{e.pointerName(), e.Version}] {
		if by != e.Actor && by != author {
			return nil
		}
	}
	return fmt.Errorf("%w: %s of model %q is protected; somebody other than %q, who moves it, and %q, who registered %s, must approve first",
		ErrDenied, e.pointerName(), s.Model, e.Actor, author, versionName(e.Version))
}

// guard folds protections and approvals.
func (s *State) guard(e *Event) error {
	if (e.Stage == "") == (e.Alias == "") || e.Stage != "" && checkStage(e.Stage) != nil || e.Alias != "" && checkAlias(e.Alias) != nil {
		return s.wrong(e, "names stage %q and alias %q", e.Stage, e.Alias)
	}
	name := e.pointerName()
	switch e.Kind {
	case KindProtected:
		s.protected[name] = true
	case KindUnprotected:
		if err := s.permitted(e); err != nil {
			return s.wrong(e, "takes the protection of %s without an approval", name)
		}
		delete(s.protected, name)
		delete(s.approvals, approvalKey{name, e.Version})
	case KindApproved:
		if e.Actor == "" {
			return s.wrong(e, "approves without an actor")
		}
		key := approvalKey{name, e.Version}
		s.approvals[key] = append(slices.Clip(s.approvals[key]), e.Actor)
	}
	return nil
}

// Protect appends the event that carries out p. It is written to the history,
// so it holds for everybody who works on the model. Actors are who they say they
// are, and one who says nothing is somebody else than each who does, unless the
// host makes sure of it.
func (l *Log) Protect(ctx context.Context, model string, p Protection) (Event, error) {
	e := Event{Kind: KindProtected, Stage: p.Stage, Alias: p.Alias, Actor: p.Actor, Reason: p.Reason}
	if p.Off {
		e.Kind = KindUnprotected
	}
	return l.change(ctx, model, func(s *State) (Event, error) {
		if s.protected[e.pointerName()] != p.Off {
			return e, fmt.Errorf("%w: %s of model %q is so already", ErrConflict, e.pointerName(), s.Model)
		}
		return e, s.permitted(&e)
	}, p.Stage, p.Alias)
}

// Approve appends the event that carries out a. An approval is used up by the
// move that it is for.
func (l *Log) Approve(ctx context.Context, model string, a Approval) (Event, error) {
	if a.Actor == "" {
		return Event{}, fmt.Errorf("%w: an approval needs an actor", ErrInput)
	}
	e := Event{Kind: KindApproved, Version: a.Version, Stage: a.Stage, Alias: a.Alias, Actor: a.Actor, Reason: a.Reason}
	return l.change(ctx, model, func(s *State) (Event, error) {
		if a.Version < 0 || a.Version > len(s.Versions) {
			return e, fmt.Errorf("%w: version %d of model %q, which has %d", ErrNotFound, a.Version, s.Model, len(s.Versions))
		}
		return e, nil
	}, a.Stage, a.Alias)
}

// change appends an event about a stage or an alias of a model that is there.
func (l *Log) change(ctx context.Context, model string, plan func(*State) (Event, error), stage Stage, alias string) (Event, error) {
	switch {
	case (stage == "") == (alias == ""):
		return Event{}, fmt.Errorf("%w: stage %q and alias %q, want one of them", ErrInput, stage, alias)
	case stage != "":
		if err := checkStage(stage); err != nil {
			return Event{}, err
		}
	default:
		if err := checkAlias(alias); err != nil {
			return Event{}, err
		}
	}
	return l.amend(ctx, model, plan)
}
