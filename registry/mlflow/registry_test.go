package mlflow_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// open returns a registry in a space of its own; more options may be given.
func open(t testing.TB, c *mlflow.Client, space string, change ...func(*mlflow.Options)) *mlflow.Registry {
	t.Helper()
	o := &mlflow.Options{Store: &mlflow.StoreOptions{Experiment: space}, Prefix: space + "."}
	for _, f := range change {
		f(o)
	}
	r, err := mlflow.Open(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRegistryConforms(t *testing.T) {
	c := newClient(t, servers.Start(t, mlflowtest.Env))
	err := registrytest.TestRegistry(t.Context(), func() (registry.Registry, error) { return open(t, c, newSpace(t)), nil })
	if err != nil {
		t.Error(err)
	}
}

const model = "incident-risk"

// full are options with everything that a version can have.
func full() *registry.RegisterOptions {
	return &registry.RegisterOptions{
		Actor: "trainer", Reason: "weekly", Key: "run-17", Description: "On labels until May. Größer als zuvor.",
		Tags:    map[string]string{"team": "risk", "Größe/x:y": "groß"},
		Lineage: &registry.Lineage{Data: "sha256:" + strings.Repeat("ab", 32), Code: "0123456789abcdef", Run: "nightly-17", Seed: 18446744073709551615},
		Schema:  &registry.Schema{Inputs: []registry.Column{{Name: "text", Type: "string"}}, Outputs: []registry.Column{{Name: "it's", Type: "double", Optional: true}}},
	}
}

// publishMetrics is a Publish with metrics and parameters.
func publishMetrics(_ context.Context, v registry.Version, read func(string) ([]byte, error)) (*mlflow.Publication, error) {
	data, err := read("model.json")
	if err != nil {
		return nil, err
	}
	return &mlflow.Publication{
		Files:  map[string][]byte{"MLmodel": []byte("flavors: {riskkit: {}}\n"), "data/model.json": data, "code/empty.py": nil},
		Params: map[string]string{"c": "0.5"}, Metrics: map[string]float64{"f1": 0.75, "auc": float64(v.Number), "nan": math.NaN()},
		Datasets: []mlflow.Dataset{{Name: "incidents", Digest: "abc", Context: "training"}},
	}, nil
}

// TestSyncRepairs lets Publish fail, and others work on the same model.
func TestSyncRepairs(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	ctx, c, space := t.Context(), newClient(t, s), newSpace(t)
	name := space + "." + model
	broken := errors.New("broken")
	fails := true
	r := open(t, c, space, func(o *mlflow.Options) {
		o.Publish = func(ctx context.Context, v registry.Version, read func(string) ([]byte, error)) (*mlflow.Publication, error) {
			if fails {
				return nil, broken
			}
			return publishMetrics(ctx, v, read)
		}
	})
	v, err := r.Register(ctx, model, registry.Artifact{"model.json": []byte("1")}, nil)
	var sync *mlflow.SyncError
	if !errors.As(err, &sync) || !errors.Is(err, broken) || sync.Model != model || v.Number != 1 {
		t.Fatalf("version %d, error %v", v.Number, err)
	}
	if _, err := r.Resolve(ctx, model, "1"); err != nil {
		t.Errorf("the log does not have it: %v", err)
	}
	e, err := r.Move(ctx, model, registry.Move{Version: 1, To: registry.Production})
	if !errors.As(err, &sync) || e.Kind != registry.KindPromoted {
		t.Errorf("event %+v, error %v", e, err)
	}
	fails = false
	// Somebody else makes a version and an alias.
	run := must[mlflow.Run](t)(c.CreateRun(ctx, mlflow.NewRun{ExperimentID: "0", Name: "other"}))
	other := must[mlflow.ModelVersion](t)(c.CreateVersion(ctx, mlflow.NewVersion{Name: name, Source: run.ArtifactURI + "/model", RunID: run.ID}))
	if err := c.SetAlias(ctx, name, "theirs", other.Version); err != nil {
		t.Fatal(err)
	}
	if err := r.Sync(ctx, model); err != nil {
		t.Fatal(err)
	}
	got := numbers(t, c, name)
	want := map[string]string{"production": "2", "theirs": "1", "1": "", "2": "1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("aliases and versions: %s", diff)
	}
}

// numbers returns the aliases of a registered model, and which of ours each of its
// versions is.
func numbers(t testing.TB, c *mlflow.Client, name string) map[string]string {
	t.Helper()
	m := must[mlflow.RegisteredModel](t)(c.Model(t.Context(), name))
	for v, err := range c.SearchVersions(t.Context(), fmt.Sprintf("name = '%s'", name)) {
		if err != nil {
			t.Fatal(err)
		}
		m.Aliases[v.Version] = v.Tags["riskkit.version"]
	}
	return m.Aliases
}

// TestSyncTogether registers and moves through several registries at once, as
// several processes would.
func TestSyncTogether(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	ctx, space := t.Context(), newSpace(t)
	const writers, each = 3, 3
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		r := open(t, newClient(t, s), space)
		wg.Go(func() {
			for i := range each {
				v, err := r.Register(ctx, model, registry.Artifact{"model.json": fmt.Appendf(nil, "%d %d", w, i)}, nil)
				if err == nil {
					_, err = r.Move(ctx, model, registry.Move{Version: v.Number, To: registry.Production})
				}
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s)
	state := must[*registry.State](t)(registry.StateOf(ctx, open(t, c, space), model))
	in, _ := state.In(registry.Production)
	want := map[string]string{"production": fmt.Sprint(in.Number)}
	for n := 1; n <= writers*each; n++ {
		want[fmt.Sprint(n)] = fmt.Sprint(n)
	}
	if diff := cmp.Diff(want, numbers(t, c, space+"."+model)); diff != "" {
		t.Errorf("aliases and versions: %s", diff)
	}
	// All runs of the model's experiment are those of its versions.
	e := must[mlflow.Experiment](t)(c.Experiment(ctx, space+"/"+model))
	var of []string
	for run, err := range c.SearchRuns(ctx, []string{e.ID}, "") {
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, run.Tags["riskkit.version"])
	}
	if slices.Sort(of); len(of) != writers*each {
		t.Errorf("runs are of versions %q", of)
	}
}

// TestStages runs on MLflow 2, whose stages are moved too.
func TestStages(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env2)
	ctx, c, space := t.Context(), newClient(t, s), newSpace(t)
	r := open(t, c, space)
	for i := range 3 {
		must[registry.Version](t)(r.Register(ctx, model, registry.Artifact{"model.json": {byte(i)}}, &registry.RegisterOptions{Description: "d"}))
	}
	for _, m := range []registry.Move{{Version: 1, To: registry.Production}, {Version: 2, To: registry.Staging}, {Version: 3, To: registry.Archived}, {Version: 2, To: registry.Production}} {
		must[registry.Event](t)(r.Move(ctx, model, m))
	}
	got := lookAt(t, s, space+"."+model)
	var stages []string
	for n := range 3 {
		stages = append(stages, got.Versions[n+1].Stage)
	}
	if diff := cmp.Diff([]string{"None", "Production", "Archived"}, stages); diff != "" {
		t.Errorf("stages: %s", diff)
	}
	if diff := cmp.Diff(map[string]int{"production": 2}, got.Aliases); diff != "" {
		t.Errorf("aliases: %s", diff)
	}
}
