package mlflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

// A Registry is a registry.Log kept in an MLflow server that also shows each
// version in that server's own model registry. The log is what counts: what
// MLflow shows follows from it, and can be brought in line with it at any time
// by Sync. It is made by Open.
type Registry struct {
	*registry.Log
	c       *Client
	store   *Store
	o       Options
	stages  bool
	syncing locks // by model

	mu      sync.Mutex
	runs    map[string]bool // of versions, made by this Registry
	aliases bool            // the server has them, as far as is known
}

// Options configure a Registry. The zero value means the defaults.
type Options struct {
	// Store says where in MLflow the log is kept. nil means the defaults.
	Store *StoreOptions
	// Log configures the registry.Log. nil means the defaults.
	Log *registry.LogOptions
	// Prefix stands before a model's name in MLflow's model registry.
	Prefix string
	// Stages says whether to move versions between MLflow's own stages too,
	// which MLflow 3 still has but warns of. nil means if the server is older
	// or has no aliases.
	Stages *bool
	// Publish makes what MLflow shows of a version. It is called again if that
	// failed in the middle or if the description changes, and should then make
	// the same. read returns a file of the version, verified. nil means the
	// files as they are, see Publication.
	Publish func(ctx context.Context, v registry.Version, read func(file string) ([]byte, error)) (*Publication, error)
}

// Open returns the registry in an MLflow server, whose version it asks for. nil
// opts means the defaults.
func Open(ctx context.Context, c *Client, opts *Options) (*Registry, error) {
	r := &Registry{c: c, runs: map[string]bool{}, aliases: true}
	if opts != nil {
		r.o = *opts
	}
	if r.o.Publish == nil {
		r.o.Publish = func(_ context.Context, v registry.Version, read func(string) ([]byte, error)) (*Publication, error) {
			return Publish(v, read)
		}
	}
	if err := checkModelName(r.o.Prefix + "model"); err != nil {
		return nil, fmt.Errorf("prefix %.300q: %w", r.o.Prefix, err)
	}
	var err error
	if r.store, err = NewStore(c, r.o.Store); err != nil {
		return nil, err
	}
	r.Log = registry.New(r.store, r.o.Log)
	version, err := c.Version(ctx)
	switch {
	case r.o.Stages != nil:
		r.stages = *r.o.Stages
	case err == nil:
		major, _ := majorVersion(version)
		r.stages = major < 3
	}
	// Servers that only speak MLflow's interface need not have a version.
	if err != nil && !errors.Is(err, registry.ErrUnsupported) && !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	return r, nil
}

// A SyncError says that the log has what was asked for, and that showing it on
// MLflow's pages failed. Sync does the rest.
type SyncError struct {
	Model string
	Err   error
}

// Error says what failed and what to do.
func (e *SyncError) Error() string {
	return fmt.Sprintf("mlflow: the log of model %q has it, but MLflow's pages do not show all of it yet; call Sync: %v", e.Model, e.Err)
}

// Unwrap returns what failed.
func (e *SyncError) Unwrap() error { return e.Err }

// syncError wraps what Sync failed with. It must not look like a conflict in the
// log, after which callers take it that nothing was done.
func syncError(model string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, registry.ErrConflict) {
		err = errors.New(err.Error())
	}
	return &SyncError{model, err}
}

// Register adds the files of a as a new version of model and shows it in MLflow.
// An error that is a *SyncError comes with the version, which is registered.
func (r *Registry) Register(ctx context.Context, model string, a registry.Artifact, opts *registry.RegisterOptions) (registry.Version, error) {
	v, err := r.Log.Register(ctx, model, a, opts)
	if err != nil {
		return v, err
	}
	return v, syncError(model, r.sync(ctx, model, v.Number, a))
}

// Move appends one event and shows in MLflow what it moved. An error that is a
// *SyncError comes with the event, which is in the log.
func (r *Registry) Move(ctx context.Context, model string, m registry.Move) (registry.Event, error) {
	e, err := r.Log.Move(ctx, model, m)
	if err != nil {
		return e, err
	}
	return e, syncError(model, r.Sync(ctx, model))
}

// Annotate changes what is said of a version, also in MLflow. An error that is a
// *SyncError comes with the event, which is in the log.
func (r *Registry) Annotate(ctx context.Context, model string, a registry.Annotation) (registry.Event, error) {
	e, err := r.Log.Annotate(ctx, model, a)
	if err != nil {
		return e, err
	}
	return e, syncError(model, r.Sync(ctx, model))
}

// reader returns the function that Publish reads files of v with: from a, if
// that is v's artifact, else from the store.
func (r *Registry) reader(ctx context.Context, v registry.Version, a registry.Artifact) func(string) ([]byte, error) {
	return func(file string) ([]byte, error) {
		info, err := v.File(file)
		if err != nil {
			return nil, err
		}
		if data, ok := a[file]; ok && registry.DigestOf(data) == info.Digest {
			return bytes.Clone(data), nil
		}
		f, err := r.Log.Open(ctx, v, file)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		return data, errors.Join(err, f.Close())
	}
}
