package mlflow_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
)

// look prints what MLflow's own client knows of a registered model.
const look = `
import json, sys
import mlflow
from mlflow import MlflowClient
name = sys.argv[1]
c = MlflowClient()
out = {"aliases": {}, "versions": {}}
for alias, version in c.get_registered_model(name).aliases.items():
    v = c.get_model_version_by_alias(name, alias)
    assert v.version == str(version), (v, version)
    out["aliases"][alias] = int(v.version)
for v in c.search_model_versions("name = '%s'" % name):
    run = c.get_run(v.run_id)
    files = []
    def walk(path):
        for f in c.list_artifacts(v.run_id, path):
            walk(f.path) if f.is_dir else files.append(f.path)
    walk("")
    local = mlflow.artifacts.download_artifacts("models:/%s/%s" % (name, v.version))
    loaded = mlflow.models.Model.load(local)
    out["versions"][int(v.version)] = {
        "tags": v.tags, "description": v.description, "stage": v.current_stage, "status": v.status, "source": v.source == run.info.artifact_uri + "/model",
        "params": run.data.params, "metrics": run.data.metrics, "run": run.info.run_name, "user": run.info.user_id, "state": run.info.status,
        "datasets": [d.dataset.name + " " + d.dataset.digest for d in run.inputs.dataset_inputs], "files": sorted(files),
        "signature": loaded.signature.to_dict() if loaded.signature else None, "flavors": list(loaded.flavors),
        "logged": json.loads(run.data.tags.get("mlflow.log-model.history", "[]")),
    }
print(json.dumps(out))
`

// seen is what look prints.
type seen struct {
	Aliases  map[string]int
	Versions map[int]struct {
		Tags, Params                           map[string]string
		Metrics                                map[string]float64
		Description, Stage, Status, Run, State string
		Source                                 bool
		Datasets, Files, Flavors               []string
		Signature                              map[string]string
		Logged                                 []map[string]any
	}
}

func lookAt(t testing.TB, s *mlflowtest.Server, name string) seen {
	t.Helper()
	var out seen
	if err := json.Unmarshal([]byte(s.Script(t, look, name)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPythonSees looks at versions with MLflow's own client.
func TestPythonSees(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	ctx, c, space := t.Context(), newClient(t, s), newSpace(t)
	first := open(t, c, space)
	version := must[registry.Version](t)
	event := must[registry.Event](t)
	version(first.Register(ctx, model, registry.Artifact{"model.json": []byte("{}"), "card.md": []byte("# One")}, full()))
	r := open(t, c, space, func(o *mlflow.Options) { o.Publish = publishMetrics })
	version(r.Register(ctx, model, registry.Artifact{"model.json": []byte("[]")}, &registry.RegisterOptions{Stage: registry.Staging}))
	event(r.Move(ctx, model, registry.Move{Version: 1, To: registry.Production}))
	event(r.Move(ctx, model, registry.Move{Version: 2, Alias: "champion"}))
	event(r.Move(ctx, model, registry.Move{Version: 1, Alias: "rival"}))
	event(r.Move(ctx, model, registry.Move{Alias: "champion"}))
	event(r.Annotate(ctx, model, registry.Annotation{Version: 2, Description: "Second thoughts", Tags: map[string]string{"team": "risk"}}))
	got := lookAt(t, s, space+"."+model)
	if diff := cmp.Diff(map[string]int{"production": 1, "staging": 2, "rival": 1}, got.Aliases); diff != "" {
		t.Errorf("aliases: %s", diff)
	}
	one, two := got.Versions[1], got.Versions[2]
	if len(got.Versions) != 2 || one.Status != "READY" || !one.Source || one.State != "FINISHED" || one.Run != model+" version 1" {
		t.Errorf("versions: %+v", got.Versions)
	}
	described := registry.DigestOf([]byte(full().Description))
	wantTags := map[string]string{
		"riskkit.version": "1", "riskkit.stage": "production", "riskkit.key": "run-17", "riskkit.actor": "trainer",
		"riskkit.seed": "18446744073709551615", "riskkit.code": "0123456789abcdef", "riskkit.data": "sha256:" + strings.Repeat("ab", 32),
		"riskkit.training_run": "nightly-17", "team": "risk", "Gr__e/x_y": "groß", "riskkit.shown": `{"description":"` + hex.EncodeToString(described[:4]) + `","tags":["Gr__e/x_y","team"]}`,
		"riskkit.digest": must[registry.Version](t)(r.Resolve(ctx, model, "1")).Digest.String(),
	}
	if diff := cmp.Diff(wantTags, one.Tags); diff != "" {
		t.Errorf("tags: %s", diff)
	}
	if !strings.HasPrefix(one.Description, full().Description) || !strings.HasPrefix(two.Description, "Second thoughts") || two.Tags["team"] != "risk" {
		t.Errorf("descriptions are %q and %q, tags of the second %v", one.Description, two.Description, two.Tags)
	}
	if diff := cmp.Diff([]string{"model/MLmodel", "model/data/card.md", "model/data/model.json"}, one.Files); diff != "" {
		t.Errorf("files: %s", diff)
	}
	if diff := cmp.Diff([]string{"training data " + strings.Repeat("ab", 18)}, one.Datasets); diff != "" {
		t.Errorf("datasets: %s", diff)
	}
	if diff := cmp.Diff([]string{"riskkit"}, one.Flavors); diff != "" || len(one.Logged) != 1 {
		t.Errorf("flavors: %s; logged models %v", diff, one.Logged)
	}
	if want := `[{"type": "string", "name": "text", "required": true}]`; one.Signature["inputs"] != want || !strings.Contains(one.Signature["outputs"], "it's") {
		t.Errorf("signature is %v, want inputs %s", one.Signature, want)
	}
	if diff := cmp.Diff(map[string]float64{"f1": 0.75, "auc": 2}, two.Metrics); diff != "" {
		t.Errorf("metrics: %s", diff)
	}
	if diff := cmp.Diff([]string{"model/MLmodel", "model/code/empty.py", "model/data/model.json"}, two.Files); diff != "" {
		t.Errorf("files: %s", diff)
	}
	if two.Params["c"] != "0.5" || two.Tags["riskkit.stage"] != "staging" || one.Stage != "None" {
		t.Errorf("parameters %v, tags %v, MLflow's stage %q", two.Params, two.Tags, one.Stage)
	}
	// What is in line stays as it is.
	if err := r.Sync(ctx, model); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, lookAt(t, s, space+"."+model)); diff != "" {
		t.Errorf("a second Sync changed something: %s", diff)
	}
}
