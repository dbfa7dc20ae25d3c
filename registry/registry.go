package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// A Registry keeps the versions of named models. Log is one on any Store;
// implementations must pass registrytest.TestRegistry.
type Registry interface {
	// Register adds the files of a as a new version of model, numbered one
	// above the last. nil opts means the defaults.
	Register(ctx context.Context, model string, a Artifact, opts *RegisterOptions) (Version, error)
	// Resolve returns the version of model that ref names: a stage, an alias, a
	// number such as "7", or "latest".
	Resolve(ctx context.Context, model, ref string) (Version, error)
	// Open opens a file of v. Reading it fails with ErrCorrupt, at its end at
	// the latest, if it is not what was registered.
	Open(ctx context.Context, v Version, file string) (io.ReadCloser, error)
	// Move appends one event that moves a version of model between stages, or
	// an alias between versions.
	Move(ctx context.Context, model string, m Move) (Event, error)
	// History yields the events of model from the first on. Where there is no
	// such model the error wraps ErrNotFound.
	History(ctx context.Context, model string) iter.Seq2[Event, error]
}

// RegisterOptions say more about a version. The zero value says nothing.
type RegisterOptions struct {
	// Stage is where the version goes at once, in the same event. Empty means
	// nowhere.
	Stage Stage
	// Actor and Reason say who registered the version and why.
	Actor, Reason string
	// Description and Tags are kept with the version. They can be changed
	// later; Lineage and Schema cannot.
	Description string
	Tags        map[string]string
	Lineage     *Lineage
	Schema      *Schema
	// Key is an idempotency key, such as the name of the training run.
	// Registering the same files with the same key again, say because the
	// answer was lost, returns the version that is there; other files with that
	// key are a conflict, as are those of a version that was collected.
	Key string
}

// A Move says what to move where: a version To a stage, or an Alias to a
// version, or production back (Rollback).
type Move struct {
	// Version is the version to move. 0 in a rollback means the one that was in
	// production before; for an alias it means that the alias shall name none.
	Version int
	// To is the stage to move it to; for a rollback it is production or empty.
	// What was in staging or production before is in no stage then. A version
	// in production cannot be archived.
	To Stage
	// Alias is the alias to move, such as "champion": 1 to 128 lower-case ASCII
	// letters, digits, '_' and '-', beginning with a letter. It can be neither a
	// stage, nor "latest", nor 'v' and digits.
	Alias string
	// Rollback returns to an earlier version of production.
	Rollback bool
	// Expect is the version that the caller believes to be there now, 0 for
	// none; if another is, nothing is moved and the error is a *ConflictError.
	// nil means any.
	Expect *int
	// Actor and Reason say who moved it and why. Evidence is what the decision
	// rests on, such as the verdict of a gate: JSON in UTF-8 of at most 64 KiB,
	// which the event keeps in compact form.
	Actor, Reason string
	Evidence      json.RawMessage
}

// A ConflictError says that a stage or alias does not hold the version that the
// caller expected. It matches ErrConflict.
type ConflictError struct {
	Model string
	// Name is the stage or alias.
	Name             string
	Expected, Actual int // 0 for none
	// State is the model's current state.
	State *State
}

// Error says what is there.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("registry: %s of model %q holds %s, not %s as expected; look again before moving on",
		e.Name, e.Model, versionName(e.Actual), versionName(e.Expected))
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

func versionName(n int) string {
	if n == 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", n)
}

// A Stater is a Registry that knows a model's folded state without going
// through its history each time.
type Stater interface {
	State(ctx context.Context, model string) (*State, error)
}

// StateOf returns the state of model in r: its versions and stages. Where r is
// no Stater, it folds the whole history.
func StateOf(ctx context.Context, r Registry, model string) (*State, error) {
	if s, ok := r.(Stater); ok {
		return s.State(ctx, model)
	}
	s := newState(model)
	for e, err := range r.History(ctx, model) {
		if err != nil {
			return nil, err
		}
		if err := s.apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ReadFile returns the whole content of a file of v, verified.
func ReadFile(ctx context.Context, r Registry, v Version, file string) ([]byte, error) {
	f, err := r.Open(ctx, v, file)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of version %d of model %q: %w", file, v.Number, v.Model, err)
	}
	return data, nil
}
