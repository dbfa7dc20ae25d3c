package mlflow

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/riskkit/riskkit/registry"
)

// An Experiment is a named group of runs.
type Experiment struct {
	ID, Name string
	// ArtifactURI is where the artifacts of its runs are.
	ArtifactURI string
	Tags        map[string]string
	// Deleted says that it is in the bin. Its name is taken all the same.
	Deleted bool
}

type experimentWire struct {
	ID          text   `json:"experiment_id"`
	Name        string `json:"name"`
	ArtifactURI string `json:"artifact_location"`
	Stage       string `json:"lifecycle_stage"`
	Tags        []pair `json:"tags"`
}

func (w experimentWire) experiment() Experiment {
	return Experiment{ID: string(w.ID), Name: w.Name, ArtifactURI: w.ArtifactURI, Tags: mapOf(w.Tags), Deleted: w.Stage == "deleted"}
}

// Experiment returns the experiment with a name, which may be a deleted one.
// Where there is none, the error wraps ErrNotFound.
func (c *Client) Experiment(ctx context.Context, name string) (Experiment, error) {
	var out struct {
		Experiment experimentWire `json:"experiment"`
	}
	if err := c.get(ctx, "experiments/get-by-name", url.Values{"experiment_name": {name}}, &out); err != nil {
		return Experiment{}, err
	}
	return out.Experiment.experiment(), nil
}

// CreateExperiment makes an experiment with tags, all in one step, and returns
// its ID. Where the name is taken, also by a deleted experiment, the error wraps
// ErrConflict; it may be this call that took it, and its answer that was lost.
func (c *Client) CreateExperiment(ctx context.Context, name string, tags map[string]string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("%w: an experiment without a name", registry.ErrInput)
	}
	if err := checkPairs("tag", tags, maxTag); err != nil {
		return "", err
	}
	var out struct {
		ID text `json:"experiment_id"`
	}
	err := c.post(ctx, "experiments/create", map[string]any{"name": name, "tags": pairsOf(tags)}, &out)
	return string(out.ID), err
}

// EnsureExperiment returns the experiment with a name, and makes it where there
// is none. If it is a deleted one, the error wraps ErrNotFound.
func (c *Client) EnsureExperiment(ctx context.Context, name string) (Experiment, error) {
	e, err := c.Experiment(ctx, name)
	if errors.Is(err, registry.ErrNotFound) {
		if _, err = c.CreateExperiment(ctx, name, nil); err == nil || errors.Is(err, registry.ErrConflict) {
			e, err = c.Experiment(ctx, name)
		}
	}
	if err == nil {
		err = e.usable()
	}
	return e, err
}

// usable returns an error if e is deleted.
func (e Experiment) usable() error {
	if e.Deleted {
		return fmt.Errorf("%w: experiment %q is deleted in MLflow; restore it there or choose another name", registry.ErrNotFound, e.Name)
	}
	return nil
}
