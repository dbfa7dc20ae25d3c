package mlflow_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
)

func collect[T any](t testing.TB, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for x, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

// is fails the test if an error is not what it should be.
func is(t testing.TB, err, want error, doing string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", doing, err, want)
	}
}

// TestCalls makes each call of a client on both servers.
func TestCalls(t *testing.T) {
	for _, env := range []string{mlflowtest.Env, mlflowtest.Env2} {
		t.Run(env, func(t *testing.T) {
			c := newClient(t, servers.Start(t, env))
			name := newSpace(t)
			if v, err := c.Version(t.Context()); err != nil || v == "" {
				t.Errorf("version %q: %v", v, err)
			}
			run := runCalls(t, c, name)
			artifactCalls(t, c, run)
			modelCalls(t, c, name, run)
		})
	}
}

func runCalls(t *testing.T, c *mlflow.Client, name string) mlflow.Run {
	ctx := t.Context()
	_, err := c.Experiment(ctx, name)
	is(t, err, registry.ErrNotFound, "an experiment that is not there")
	id := must[string](t)(c.CreateExperiment(ctx, name, map[string]string{"a": "b"}))
	_, err = c.CreateExperiment(ctx, name, nil)
	is(t, err, registry.ErrConflict, "an experiment that is there")
	e := must[mlflow.Experiment](t)(c.EnsureExperiment(ctx, name))
	if e.ID != id || e.Tags["a"] != "b" || e.Deleted {
		t.Errorf("experiment is %+v", e)
	}
	_, err = c.Run(ctx, strings.Repeat("0", 32))
	is(t, err, registry.ErrNotFound, "a run that is not there")
	start := time.UnixMilli(1700000000123).UTC()
	run := must[mlflow.Run](t)(c.CreateRun(ctx, mlflow.NewRun{ExperimentID: id, Name: "one", Start: start, Tags: map[string]string{"t": "1"}}))
	b := mlflow.Batch{Params: map[string]string{"p": "ü"}, Tags: map[string]string{"t": "2", "u": "3"}, Metrics: []mlflow.Metric{
		{Key: "f1", Value: 0.25, Step: 1, Time: start}, {Key: "f1", Value: 0.5, Step: 2, Time: start}, {Key: "nan", Value: math.NaN(), Time: start},
	}}
	if err := c.LogBatch(ctx, run.ID, b); err != nil {
		t.Fatal(err)
	}
	again := b
	again.Metrics = b.Metrics[:2] // MLflow 2 does not take the same NaN twice
	if err := c.LogBatch(ctx, run.ID, again); err != nil {
		t.Errorf("logging the same again: %v", err)
	}
	is(t, c.LogBatch(ctx, run.ID, mlflow.Batch{Params: map[string]string{"p": "other"}}), registry.ErrInput, "another value of a parameter")
	is(t, c.LogParam(ctx, run.ID, "p", "other"), registry.ErrInput, "another value of a parameter")
	d := mlflow.Dataset{Name: "d", Digest: "1", SourceType: "local", Source: `{"uri":"x"}`, Schema: `{"a":"b"}`, Profile: `{"n":1}`, Context: "training"}
	for _, err := range []error{
		c.LogParam(ctx, run.ID, "p", "ü"), c.SetTag(ctx, run.ID, "t", "4"), c.LogInputs(ctx, run.ID, []mlflow.Dataset{d}), c.LogInputs(ctx, run.ID, []mlflow.Dataset{d}),
		c.LogModel(ctx, run.ID, []byte(`{"artifact_path":"model","flavors":{},"run_id":"`+run.ID+`","utc_time_created":"2026-01-01 00:00:00.000000"}`)),
		c.FinishRun(ctx, run.ID, "FINISHED", start.Add(time.Second)),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	got := must[mlflow.Run](t)(c.Run(ctx, run.ID))
	want := mlflow.Run{
		ID: run.ID, ExperimentID: id, Name: "one", ArtifactURI: run.ArtifactURI, Status: "FINISHED", Start: start, End: start.Add(time.Second), Params: b.Params,
		Tags: got.Tags, Metrics: []mlflow.Metric{b.Metrics[1], b.Metrics[2]}, Datasets: []mlflow.Dataset{d},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.SortSlices(func(a, b mlflow.Metric) bool { return a.Key < b.Key })); diff != "" || got.Tags["t"] != "4" || got.Tags["u"] != "3" {
		t.Errorf("run: %s; tags %v", diff, got.Tags)
	}
	if diff := cmp.Diff(b.Metrics[:2], collect(t, c.MetricHistory(ctx, run.ID, "f1"))); diff != "" {
		t.Errorf("history: %s", diff)
	}
	other := must[mlflow.Run](t)(c.CreateRun(ctx, mlflow.NewRun{ExperimentID: id, Name: "other"}))
	if found := collect(t, c.SearchRuns(ctx, []string{id}, "tags.u = '3'")); len(found) != 1 || found[0].ID != run.ID {
		t.Errorf("found %v", found)
	}
	if err := c.DeleteRun(ctx, other.ID); err != nil {
		t.Error(err)
	}
	if found := collect(t, c.SearchRuns(ctx, []string{id}, "")); len(found) != 1 {
		t.Errorf("%d runs are left", len(found))
	}
	return run
}

func artifactCalls(t *testing.T, c *mlflow.Client, run mlflow.Run) {
	ctx := t.Context()
	names := []string{"model/a", "model/b c+d&e=f.json", "model/größe/ä.txt", "model/empty"}
	for _, name := range names {
		data := name
		if name == "model/empty" {
			data = ""
		}
		if err := c.PutArtifact(ctx, run.ArtifactURI, name, strings.NewReader(data), int64(len(data))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.ReadArtifact(ctx, run.ArtifactURI, name, 100); err != nil || string(got) != data {
			t.Errorf("%s is %q: %v", name, got, err)
		}
	}
	is(t, c.PutArtifact(ctx, run.ArtifactURI, "model/#", strings.NewReader(""), 0), registry.ErrInput, "a name that MLflow does not take")
	_, err := c.OpenArtifact(ctx, run.ArtifactURI, "model/none")
	is(t, err, registry.ErrNotFound, "an artifact that is not there")
	all, err := c.ListArtifacts(ctx, run.ArtifactURI, "model")
	want := []mlflow.ArtifactInfo{{Path: "model/a", Size: 7}, {Path: "model/b c+d&e=f.json", Size: 20}, {Path: "model/empty"}, {Path: "model/größe", IsDir: true}}
	if diff := cmp.Diff(want, all, cmpopts.SortSlices(func(a, b mlflow.ArtifactInfo) bool { return a.Path < b.Path })); diff != "" || err != nil {
		t.Errorf("listed: %s, %v", diff, err)
	}
	if all, err := c.ListArtifacts(ctx, run.ArtifactURI, "none"); err != nil || len(all) > 0 {
		t.Errorf("a folder that is not there has %v: %v", all, err)
	}
}

func modelCalls(t *testing.T, c *mlflow.Client, name string, run mlflow.Run) {
	ctx := t.Context()
	_, err := c.Model(ctx, name)
	is(t, err, registry.ErrNotFound, "a model that is not there")
	for range 2 {
		must[mlflow.RegisteredModel](t)(c.EnsureModel(ctx, mlflow.RegisteredModel{Name: name, Description: "d", Tags: map[string]string{"a": "1"}}))
	}
	const many = 3
	for i := range many {
		v := must[mlflow.ModelVersion](t)(c.CreateVersion(ctx, mlflow.NewVersion{
			Name: name, Source: run.ArtifactURI + "/model", RunID: run.ID, Description: fmt.Sprint(i), Tags: map[string]string{"i": fmt.Sprint(i), "x": "y"},
		}))
		if v = must[mlflow.ModelVersion](t)(c.AwaitReady(ctx, name, v.Version)); v.Version != fmt.Sprint(i+1) || v.Tags["i"] != fmt.Sprint(i) || v.RunID != run.ID {
			t.Errorf("version is %+v", v)
		}
	}
	_, err = c.CreateVersion(ctx, mlflow.NewVersion{Name: name, Source: "mlflow-artifacts:/elsewhere/../..", RunID: run.ID})
	is(t, err, registry.ErrInput, "a source outside of the run")
	_, err = c.Alias(ctx, name, "champion")
	is(t, err, registry.ErrNotFound, "an alias that is not there")
	is(t, c.SetAlias(ctx, name, "v7", "1"), registry.ErrInput, "a reserved alias")
	is(t, c.SetAlias(ctx, name, "champion", "99"), registry.ErrNotFound, "an alias of nothing")
	_, err = c.ModelVersion(ctx, name, "99")
	is(t, err, registry.ErrNotFound, "a version that is not there")
	is(t, c.MoveStage(ctx, name, "1", "Archived", true), registry.ErrInput, "archiving what is archived")
	for _, err := range []error{
		c.SetAlias(ctx, name, "champion", "1"), c.SetAlias(ctx, name, "champion", "2"), c.SetAlias(ctx, name, "gone", "2"), c.DeleteAlias(ctx, name, "gone"), c.DeleteAlias(ctx, name, "never"),
		c.SetModelTag(ctx, name, "b", "2"), c.SetVersionTag(ctx, name, "2", "i", "new"), c.DeleteVersionTag(ctx, name, "2", "x"), c.DescribeVersion(ctx, name, "2", "new"),
		c.MoveStage(ctx, name, "2", "Production", false), c.DeleteVersion(ctx, name, "3"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	v := must[mlflow.ModelVersion](t)(c.Alias(ctx, name, "champion"))
	if diff := cmp.Diff(map[string]string{"i": "new"}, v.Tags); diff != "" || v.Version != "2" || v.Description != "new" || v.Stage != "Production" || v.Created.IsZero() {
		t.Errorf("version is %+v, tags %s", v, diff)
	}
	found := collect(t, c.SearchModels(ctx, fmt.Sprintf("name = '%s'", name)))
	want := []mlflow.RegisteredModel{{Name: name, Description: "d", Tags: map[string]string{"a": "1", "b": "2"}, Aliases: map[string]string{"champion": "2"}}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("found: %s", diff)
	}
	if all := collect(t, c.SearchVersions(ctx, fmt.Sprintf("name = '%s'", name))); len(all) != many-1 {
		t.Errorf("%d versions are left", len(all))
	}
}
