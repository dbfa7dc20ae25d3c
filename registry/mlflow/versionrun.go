package mlflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
	"github.com/riskkit/riskkit/registry"
)

// takeOver is how long somebody else who began to show a version is left to it.
const takeOver = 10 * time.Second

// create makes a version that MLflow does not have yet: a run with its files,
// and a model version of that run.
//
// Several may do so at once. Which run it is, is a parameter of the log's run,
// so there is one. Who did not make that run waits for who did, and goes on for
// him only if he takes too long; if both make a version then, the later one is
// deleted by who made it.
func (r *Registry) create(ctx context.Context, p *page, v registry.Version, a registry.Artifact) (ModelVersion, error) {
	run, made, err := r.versionRun(ctx, v)
	if err != nil {
		return ModelVersion{}, err
	}
	began := time.Now()
	if !made {
		have, err := r.await(ctx, p.model.Name, run.ID)
		if err != nil || have.Version != "" {
			return have, err
		}
		r.own(run.ID)
	}
	pub, err := r.publication(ctx, v, a)
	if err != nil {
		return ModelVersion{}, err
	}
	if err := r.fill(ctx, run, v, pub); err != nil {
		return ModelVersion{}, fmt.Errorf("run %s: %w", run.ID, err)
	}
	// Nobody takes over before takeOver.
	alone := func() bool { return made && time.Since(began) < takeOver/2 }
	if !alone() {
		if have, err := r.find(ctx, p.model.Name, run.ID); err != nil || have.Version != "" {
			return have, err
		}
	}
	n := NewVersion{Name: p.model.Name, Source: run.ArtifactURI + "/" + modelDir, RunID: run.ID, Description: describe(pub, v), Tags: versionTags(v)}
	mine, err := r.c.CreateVersion(ctx, n)
	if err == nil && mine.Status != "READY" {
		mine, err = r.c.AwaitReady(ctx, mine.Name, mine.Version)
	}
	if err != nil {
		return ModelVersion{}, err
	}
	if mine.Tags = n.Tags; alone() {
		return mine, nil
	}
	first, err := r.find(ctx, p.model.Name, run.ID)
	if err == nil && first.Version != "" && first.Version != mine.Version {
		return first, r.c.DeleteVersion(ctx, mine.Name, mine.Version)
	}
	return mine, err
}

// versionRun returns the run of a version, and whether this call made it.
func (r *Registry) versionRun(ctx context.Context, v registry.Version) (run Run, made bool, err error) {
	l, err := r.store.run(ctx, v.Model, false)
	if err == nil && l == nil {
		err = fmt.Errorf("%w: log %q", registry.ErrNotFound, v.Model)
	}
	if err != nil {
		return Run{}, false, err
	}
	log, err := r.c.Run(ctx, l.runID)
	if err != nil {
		return Run{}, false, err
	}
	key := "version-" + eventKey(int64(v.Number))
	id := log.Params[key]
	if id == "" {
		mine, err := r.c.CreateRun(ctx, NewRun{
			ExperimentID: l.experimentID, Name: fmt.Sprintf("%s version %d", v.Model, v.Number), Start: v.CreatedAt, Tags: runTags(v),
		})
		if err != nil {
			return Run{}, false, err
		}
		if id, err = r.store.logOnce(ctx, l, key, mine.ID); err != nil {
			return Run{}, false, err
		}
		if id == mine.ID {
			r.own(id)
			return mine, true, nil
		}
		if err := r.c.DeleteRun(ctx, mine.ID); err != nil { // nobody knows of it
			return Run{}, false, err
		}
	}
	run, err = r.c.Run(ctx, id)
	if err == nil && run.Deleted {
		err = fmt.Errorf("%w: run %s of it is deleted in MLflow; restore it there", registry.ErrNotFound, id)
	}
	return run, false, err
}

// own notes that a run is this Registry's to fill.
func (r *Registry) own(runID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[runID] = true
}

// find returns the first version of a registered model that was made of a run,
// without a number if there is none.
func (r *Registry) find(ctx context.Context, name, runID string) (first ModelVersion, err error) {
	for v, err := range r.c.SearchVersions(ctx, fmt.Sprintf("name = '%s'", name)) {
		if err != nil {
			return first, err
		}
		if v.RunID == runID && (first.Version == "" || older(v.Version, first.Version)) {
			first = v
		}
	}
	return first, nil
}

// await waits for a version that somebody else is about to make of a run, if the
// run is not this Registry's own.
func (r *Registry) await(ctx context.Context, name, runID string) (ModelVersion, error) {
	r.mu.Lock()
	own := r.runs[runID]
	r.mu.Unlock()
	if own {
		return ModelVersion{}, nil
	}
	for deadline := time.Now().Add(takeOver); ; {
		v, err := r.find(ctx, name, runID)
		if err != nil || v.Version != "" || time.Now().After(deadline) {
			return v, err
		}
		if err := pause.For(ctx, 200*time.Millisecond); err != nil {
			return v, err
		}
	}
}

// fill logs all that belongs to a version's run. Doing it again changes nothing.
func (r *Registry) fill(ctx context.Context, run Run, v registry.Version, pub *Publication) error {
	for _, name := range sortedKeys(pub.Files) {
		data := pub.Files[name]
		if err := r.c.PutArtifact(ctx, run.ArtifactURI, modelDir+"/"+name, bytes.NewReader(data), int64(len(data))); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	b := Batch{Params: pub.Params, Tags: map[string]string{tagNote: shorten(describe(pub, v), maxTag)}}
	for _, key := range sortedKeys(pub.Metrics) {
		if math.IsNaN(pub.Metrics[key]) {
			continue // MLflow 2 does not take it again
		}
		b.Metrics = append(b.Metrics, Metric{Key: key, Value: pub.Metrics[key], Time: v.CreatedAt})
	}
	if err := r.c.LogBatch(ctx, run.ID, b); err != nil {
		return err
	}
	if err := r.c.LogInputs(ctx, run.ID, pub.Datasets); err != nil {
		return err
	}
	if len(pub.Files) > 0 && run.Tags[tagLogged] == "" {
		err := r.c.LogModel(ctx, run.ID, pub.loggedModel(run.ID, v.CreatedAt))
		if err != nil && !errors.Is(err, registry.ErrUnsupported) {
			return err
		}
	}
	return r.c.FinishRun(ctx, run.ID, "FINISHED", v.CreatedAt)
}
