package registry

import (
	"fmt"
	"slices"
	"strconv"
)

// A State is what the events of a model add up to. It must not be changed.
type State struct {
	Model    string
	Versions []Version // version n at n-1

	stages     map[Stage]int // the version in staging and in production
	production []int         // those that a rollback can return to, and the one in production last
	seen       map[int]bool  // those that ever were in production
	seq        int64
	last       Event
}

// In returns the version in Staging or Production, and whether there is one.
func (s *State) In(stage Stage) (Version, bool) {
	n := s.stages[stage]
	if n == 0 {
		return Version{}, false
	}
	return s.Versions[n-1], true
}

// Resolve returns the version that ref names: a stage, a number, or "latest".
// Otherwise the error wraps ErrNotFound or ErrInput.
func (s *State) Resolve(ref string) (Version, error) {
	switch ref {
	case string(Staging), string(Production):
		if v, ok := s.In(Stage(ref)); ok {
			return v, nil
		}
		return Version{}, fmt.Errorf("%w: no version of model %q is in %s", ErrNotFound, s.Model, ref)
	case "latest":
		if n := len(s.Versions); n > 0 {
			return s.Versions[n-1], nil
		}
		return Version{}, fmt.Errorf("%w: model %q has no version", ErrNotFound, s.Model)
	}
	n, err := strconv.Atoi(ref)
	if err != nil {
		return Version{}, fmt.Errorf("%w: %q names no version, want %s, %s, latest or a number", ErrInput, ref, Production, Staging)
	}
	if n < 1 || n > len(s.Versions) {
		return Version{}, fmt.Errorf("%w: version %d of model %q, which has %d", ErrNotFound, n, s.Model, len(s.Versions))
	}
	return s.Versions[n-1], nil
}

// RollbackTarget returns the version that a rollback returns to, and whether
// there is one.
func (s *State) RollbackTarget() (Version, bool) {
	if len(s.production) < 2 {
		return Version{}, false
	}
	return s.Versions[s.production[len(s.production)-2]-1], true
}

// clone returns a copy that apply can change.
func (s *State) clone() *State {
	c := *s
	c.Versions = slices.Clone(s.Versions)
	c.production = slices.Clone(s.production)
	c.stages = map[Stage]int{}
	for stage, n := range s.stages {
		c.stages[stage] = n
	}
	c.seen = map[int]bool{}
	for n := range s.seen {
		c.seen[n] = true
	}
	return &c
}

// apply folds the next event into s. Where it does not follow from what came
// before, the error wraps ErrCorrupt and s must not be used any more.
func (s *State) apply(e Event) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: event %d of model %q %s", ErrCorrupt, e.Seq, s.Model, fmt.Sprintf(format, args...))
	}
	switch {
	case e.Seq != s.seq+1:
		return wrong("stands at position %d", s.seq+1)
	case e.Model != s.Model:
		return wrong("is of model %q", e.Model)
	case e.Previous != s.last.Hash:
		return wrong("follows an event with hash %v, the one before it has %v", e.Previous, s.last.Hash)
	}
	switch e.Kind {
	case KindRegistered:
		for _, f := range e.Files {
			if !validName(f.Name) || f.Size < 0 || f.Size > MaxFile {
				return wrong("registers file %q of %d bytes", f.Name, f.Size)
			}
		}
		if e.Version != len(s.Versions)+1 || e.Digest == nil || *e.Digest != artifactDigest(e.Files) {
			return wrong("registers version %d with the wrong number or digest", e.Version)
		}
		s.Versions = append(s.Versions, Version{
			Model: s.Model, Number: e.Version, Digest: *e.Digest, Files: e.Files,
			CreatedAt: e.Time, Actor: e.Actor, Description: e.Description, Tags: e.Tags,
		})
		if e.Stage == "" {
			break
		}
		fallthrough
	case KindPromoted, KindRolledBack, KindArchived:
		if e.Version < 1 || e.Version > len(s.Versions) {
			return wrong("moves version %d of %d", e.Version, len(s.Versions))
		}
		if err := checkStage(e.Stage); err != nil {
			return wrong("moves to stage %q", e.Stage)
		}
		if e.From != s.stages[e.Stage] {
			return wrong("takes the place of version %d in %s, where version %d is", e.From, e.Stage, s.stages[e.Stage])
		}
		s.move(e)
	default:
		return wrong("is of kind %q, which this version of riskkit does not know", e.Kind)
	}
	s.seq, s.last = e.Seq, e
	return nil
}

// move brings e.Version to e.Stage.
func (s *State) move(e Event) {
	if s.stages == nil {
		s.stages, s.seen = map[Stage]int{}, map[int]bool{}
	}
	v := &s.Versions[e.Version-1]
	if s.stages[v.Stage] == e.Version {
		delete(s.stages, v.Stage)
	}
	v.Stage = e.Stage
	if e.Stage == Archived {
		return
	}
	if e.From != 0 {
		s.Versions[e.From-1].Stage = ""
	}
	s.stages[e.Stage] = e.Version
	if e.Stage != Production {
		return
	}
	if i := lastIndex(s.production, e.Version); e.Kind == KindRolledBack && i >= 0 {
		s.production = s.production[:i+1]
	} else {
		s.production = append(s.production, e.Version)
	}
	s.seen[e.Version] = true
}

func lastIndex(s []int, v int) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == v {
			return i
		}
	}
	return -1
}

func checkStage(stage Stage) error {
	switch stage {
	case Staging, Production, Archived:
		return nil
	}
	return fmt.Errorf("%w: stage %q, want %s, %s or %s", ErrInput, stage, Staging, Production, Archived)
}

// plan returns the event that carries out m, which is yet to be numbered, dated
// and chained.
func (s *State) plan(m Move) (Event, error) {
	e := Event{Kind: KindPromoted, Version: m.Version, Stage: m.To, Actor: m.Actor, Reason: m.Reason}
	switch {
	case m.Rollback && m.To != "" && m.To != Production:
		return e, fmt.Errorf("%w: only production can be rolled back, not %s", ErrInput, m.To)
	case m.Rollback:
		e.Kind, e.Stage = KindRolledBack, Production
	case m.To == Archived:
		e.Kind = KindArchived
	}
	if err := checkStage(e.Stage); err != nil {
		return e, err
	}
	e.From = s.stages[e.Stage]
	if m.Expect != nil && *m.Expect != e.From {
		return e, &ConflictError{Model: s.Model, Stage: e.Stage, Expected: *m.Expect, Actual: e.From}
	}
	if m.Rollback && e.Version == 0 {
		v, ok := s.RollbackTarget()
		if !ok {
			return e, fmt.Errorf("%w: model %q has no earlier version of production to roll back to", ErrConflict, s.Model)
		}
		e.Version = v.Number
	}
	v, err := s.Resolve(strconv.Itoa(e.Version))
	switch {
	case err != nil:
		return e, err
	case v.Stage == e.Stage:
		return e, fmt.Errorf("%w: version %d of model %q is in %s already", ErrConflict, v.Number, s.Model, e.Stage)
	case m.Rollback && !s.seen[v.Number]:
		return e, fmt.Errorf("%w: version %d of model %q was never in production; promote it instead", ErrConflict, v.Number, s.Model)
	case v.Stage == Production:
		return e, fmt.Errorf("%w: version %d of model %q is in production; promote another or roll back first", ErrConflict, v.Number, s.Model)
	}
	return e, nil
}
