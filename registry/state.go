package registry

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// A State is what the events of a model add up to. It must not be changed.
type State struct {
	Model    string
	Versions []Version // version n at n-1
	// Aliases says which version each alias names.
	Aliases map[string]int
	// Rollout is the one that is going on, nil if none is.
	Rollout *Rollout
	// Seq, Hash and Time are those of the last event.
	Seq  int64
	Hash Digest
	Time time.Time

	stages     map[Stage]int // the version in staging and in production
	production []int         // those that a rollback can return to, and the one in production last
	served     map[int]bool  // those that ever were in production
	keys       map[string]int
	protected  map[string]bool // stages and aliases
	approvals  map[approvalKey][]string
}

// In returns the version in Staging or Production, and whether there is one.
func (s *State) In(stage Stage) (Version, bool) {
	n := s.stages[stage]
	if n == 0 {
		return Version{}, false
	}
	return s.Versions[n-1], true
}

// Resolve returns the version that ref names: a stage, an alias, a number, or
// "latest". Otherwise the error wraps ErrNotFound or ErrInput.
func (s *State) Resolve(ref string) (Version, error) {
	n, err := s.resolve(ref)
	if err != nil {
		return Version{}, err
	}
	return s.Versions[n-1], nil
}

func (s *State) resolve(ref string) (int, error) {
	switch ref {
	case string(Staging), string(Production):
		if n := s.stages[Stage(ref)]; n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("%w: no version of model %q is in %s", ErrNotFound, s.Model, ref)
	case "latest":
		if n := len(s.Versions); n > 0 {
			return n, nil
		}
		return 0, fmt.Errorf("%w: model %q has no version", ErrNotFound, s.Model)
	}
	if n := s.Aliases[ref]; n > 0 {
		return n, nil
	}
	n, err := strconv.Atoi(ref)
	switch {
	case err != nil && checkAlias(ref) == nil:
		return 0, fmt.Errorf("%w: %q names no version of model %q: it is neither an alias nor %s, %s, latest or a number", ErrNotFound, ref, s.Model, Production, Staging)
	case err != nil:
		return 0, fmt.Errorf("%w: %.200q names no version, want %s, %s, latest, an alias or a number", ErrInput, ref, Production, Staging)
	case n < 1 || n > len(s.Versions):
		return 0, fmt.Errorf("%w: version %d of model %q, which has %d", ErrNotFound, n, s.Model, len(s.Versions))
	}
	return n, nil
}

// RollbackTarget returns the version that a rollback returns to, and whether
// there is one.
func (s *State) RollbackTarget() (Version, bool) {
	if len(s.production) < 2 {
		return Version{}, false
	}
	return s.Versions[s.production[len(s.production)-2]-1], true
}

// Served reports whether a version ever was in production.
func (s *State) Served(version int) bool { return s.served[version] }

// clone returns a copy that apply can change.
func (s *State) clone() *State {
	c := *s
	c.Versions = slices.Clone(s.Versions)
	c.Aliases = maps.Clone(s.Aliases)
	c.production = slices.Clone(s.production)
	c.stages = maps.Clone(s.stages)
	c.served = maps.Clone(s.served)
	c.keys = maps.Clone(s.keys)
	c.protected = maps.Clone(s.protected)
	c.approvals = maps.Clone(s.approvals)
	return &c
}

// newState returns the state of a model without events.
func newState(model string) *State {
	return &State{
		Model: model, Aliases: map[string]int{}, stages: map[Stage]int{}, served: map[int]bool{}, keys: map[string]int{},
		protected: map[string]bool{}, approvals: map[approvalKey][]string{},
	}
}

// pointer returns the version that the stage or alias of e names.
func (s *State) pointer(e *Event) int {
	if e.Alias != "" {
		return s.Aliases[e.Alias]
	}
	return s.stages[e.Stage]
}

// apply folds the next event into s. Where it does not follow from what came
// before, the error wraps ErrCorrupt and s must not be used any more.
func (s *State) apply(e Event) error {
	switch {
	case e.Seq != s.Seq+1:
		return s.wrong(&e, "stands at position %d", s.Seq+1)
	case e.Model != s.Model:
		return s.wrong(&e, "is of model %q", e.Model)
	case e.Previous != s.Hash:
		return s.wrong(&e, "follows an event with hash %v, the one before it has %v", e.Previous, s.Hash)
	case e.Time.Before(s.Time):
		return s.wrong(&e, "is of %v, the one before it of %v", e.Time, s.Time)
	}
	if err := s.do(&e); err != nil {
		return err
	}
	s.Seq, s.Hash, s.Time = e.Seq, e.Hash, e.Time
	return nil
}

func (s *State) wrong(e *Event, format string, args ...any) error {
	return fmt.Errorf("%w: event %d of model %q %s", ErrCorrupt, e.Seq, s.Model, fmt.Sprintf(format, args...))
}

// do does what e says.
func (s *State) do(e *Event) error {
	if e.Kind == KindRegistered {
		if err := s.register(e); err != nil || e.Stage == "" {
			return err
		}
	}
	optional := e.Kind == KindUnaliased || e.Kind == KindProtected || e.Kind == KindUnprotected || e.Kind == KindApproved
	if e.Version < 0 || e.Version > len(s.Versions) || e.Version == 0 && !optional {
		return s.wrong(e, "is about version %d of %d", e.Version, len(s.Versions))
	}
	switch e.Kind {
	case KindRegistered, KindPromoted, KindRolledBack, KindArchived:
		if err := checkStage(e.Stage); err != nil || (e.Stage == Archived) != (e.Kind == KindArchived) && e.Kind != KindRegistered {
			return s.wrong(e, "moves to stage %q", e.Stage)
		}
		if e.Kind == KindRolledBack && (e.Stage != Production || !s.served[e.Version]) {
			return s.wrong(e, "rolls back to version %d, which was never in production", e.Version)
		}
		if e.Stage != Production && s.stages[Production] == e.Version {
			return s.wrong(e, "takes version %d out of production without another in its place", e.Version)
		}
		if err := s.follows(e); err != nil {
			return err
		}
		s.move(e)
		s.endRollout(e)
	case KindAliased, KindUnaliased:
		if err := checkAlias(e.Alias); err != nil || (e.Version == 0) != (e.Kind == KindUnaliased) {
			return s.wrong(e, "moves alias %q to version %d", e.Alias, e.Version)
		}
		if err := s.follows(e); err != nil {
			return err
		}
		if s.Aliases[e.Alias] = e.Version; e.Version == 0 {
			delete(s.Aliases, e.Alias)
		}
	case KindAnnotated:
		s.annotate(e)
	case KindProtected, KindUnprotected, KindApproved:
		return s.guard(e)
	case KindRolloutStarted, KindRolloutChanged, KindRolloutAborted:
		return s.rollout(e)
	case KindCollected:
		v := &s.Versions[e.Version-1]
		if v.Stage != Archived || v.Collected {
			return s.wrong(e, "collects version %d, which is not archived or was collected before", e.Version)
		}
		v.Collected = true
	default:
		return s.wrong(e, "is of kind %q, which this version of riskkit does not know", e.Kind)
	}
	return nil
}

// follows checks that e moves what is there to what may be there.
func (s *State) follows(e *Event) error {
	if have := s.pointer(e); e.From != have {
		return s.wrong(e, "takes the place of version %d in %s, where version %d is", e.From, e.pointerName(), have)
	}
	if e.Version > 0 && s.Versions[e.Version-1].Collected {
		return s.wrong(e, "moves version %d, whose files are collected", e.Version)
	}
	if err := s.permitted(e); err != nil {
		return s.wrong(e, "moves %s without an approval", e.pointerName())
	}
	delete(s.approvals, approvalKey{e.pointerName(), e.Version}) // it is used up
	return nil
}

// register adds a version.
func (s *State) register(e *Event) error {
	for _, f := range e.Files {
		if !validName(f.Name) || f.Size < 0 || f.Size > MaxFile || !f.validBlocks() {
			return s.wrong(e, "registers file %q of %d bytes with block sums %.20q", f.Name, f.Size, f.Blocks)
		}
	}
	if e.Version != len(s.Versions)+1 || e.Digest == nil || *e.Digest != artifactDigest(e.Files) {
		return s.wrong(e, "registers version %d with the wrong number or digest", e.Version)
	}
	if e.Lineage != nil && (e.Lineage.Parent < 0 || e.Lineage.Parent >= e.Version) {
		return s.wrong(e, "registers version %d with parent %d", e.Version, e.Lineage.Parent)
	}
	if e.Key != "" {
		if n := s.keys[e.Key]; n > 0 {
			return s.wrong(e, "registers with the key of version %d", n)
		}
		s.keys[e.Key] = e.Version
	}
	s.Versions = append(s.Versions, Version{
		Model: s.Model, Number: e.Version, Digest: *e.Digest, Files: e.Files, CreatedAt: e.Time, Since: e.Time, Actor: e.Actor,
		Description: e.Description, Tags: e.Tags, Key: e.Key, Lineage: e.Lineage, Schema: e.Schema,
	})
	return nil
}

// move brings e.Version to e.Stage.
func (s *State) move(e *Event) {
	v := &s.Versions[e.Version-1]
	if s.stages[v.Stage] == e.Version {
		delete(s.stages, v.Stage)
	}
	v.Stage, v.Since = e.Stage, e.Time
	if e.Stage == Archived {
		return
	}
	if e.From != 0 {
		s.Versions[e.From-1].Stage, s.Versions[e.From-1].Since = "", e.Time
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
	s.served[e.Version] = true
}

func lastIndex(s []int, v int) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == v {
			return i
		}
	}
	return -1
}

// annotate changes description and tags of a version.
func (s *State) annotate(e *Event) {
	v := &s.Versions[e.Version-1]
	if e.Description != "" {
		v.Description = e.Description
	}
	tags := map[string]string{}
	maps.Copy(tags, v.Tags)
	maps.Copy(tags, e.Tags)
	maps.DeleteFunc(tags, func(_, value string) bool { return value == "" })
	v.Tags = tags
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
	e := Event{Kind: KindPromoted, Version: m.Version, Stage: m.To, Alias: m.Alias, Actor: m.Actor, Reason: m.Reason, Evidence: m.Evidence}
	switch {
	case m.Alias != "" && (m.Rollback || m.To != ""):
		return e, fmt.Errorf("%w: a move is of an alias, to a stage, or a rollback; one at a time", ErrInput)
	case m.Alias != "":
		if e.Kind = KindAliased; m.Version == 0 {
			e.Kind = KindUnaliased
		}
		if err := checkAlias(m.Alias); err != nil {
			return e, err
		}
	case m.Rollback && m.To != "" && m.To != Production:
		return e, fmt.Errorf("%w: only production can be rolled back, not %s", ErrInput, m.To)
	case m.Rollback:
		e.Kind, e.Stage = KindRolledBack, Production
	case m.To == Archived:
		e.Kind = KindArchived
	}
	if m.Alias == "" {
		if err := checkStage(e.Stage); err != nil {
			return e, err
		}
	}
	e.From = s.pointer(&e)
	if m.Expect != nil && *m.Expect != e.From {
		return e, &ConflictError{Model: s.Model, Name: e.pointerName(), Expected: *m.Expect, Actual: e.From, State: s}
	}
	if m.Rollback && e.Version == 0 {
		v, ok := s.RollbackTarget()
		if !ok {
			return e, fmt.Errorf("%w: model %q has no earlier version of production to roll back to", ErrConflict, s.Model)
		}
		e.Version = v.Number
	}
	if err := s.possible(&e); err != nil {
		return e, err
	}
	return e, s.permitted(&e)
}

// possible returns an error where the version of a move cannot be moved so.
func (s *State) possible(e *Event) error {
	if e.Kind == KindUnaliased {
		if e.From == 0 {
			return fmt.Errorf("%w: alias %q of model %q names no version already", ErrConflict, e.Alias, s.Model)
		}
		return nil
	}
	v, err := s.Resolve(strconv.Itoa(e.Version))
	switch {
	case err != nil:
		return err
	case v.Collected:
		return fmt.Errorf("%w: the files of version %d of model %q are collected; register it again", ErrConflict, v.Number, s.Model)
	case e.Kind == KindAliased && e.From == v.Number:
		return fmt.Errorf("%w: alias %q of model %q names version %d already", ErrConflict, e.Alias, s.Model, v.Number)
	case e.Kind == KindAliased:
		return nil
	case v.Stage == e.Stage:
		return fmt.Errorf("%w: version %d of model %q is in %s already", ErrConflict, v.Number, s.Model, e.Stage)
	case e.Kind == KindRolledBack && !s.served[v.Number]:
		return fmt.Errorf("%w: version %d of model %q was never in production; promote it instead", ErrConflict, v.Number, s.Model)
	case v.Stage == Production:
		return fmt.Errorf("%w: version %d of model %q is in production; promote another or roll back first", ErrConflict, v.Number, s.Model)
	}
	return nil
}
