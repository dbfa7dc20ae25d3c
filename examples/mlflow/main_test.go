package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
	"github.com/riskkit/riskkit/risk"
)

var servers mlflowtest.Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

const want = `registered version 1, trained on 240 incidents
registered version 2, trained on 480 incidents

history:
  1 registered   version 1 (staging) by training job: new labels
  2 promoted     version 1 (production) by on call: better recall
  3 registered   version 2 (staging) by training job: new labels
  4 promoted     version 2 (production) by on call: better recall
  5 rolled_back  version 1 (production) by on call: too many false alarms

in production is version 1. Look at it on MLflow's page:
  /#/models/demo
or in Python:
  mlflow.pyfunc.load_model("models:/demo@production")
`

// TestRun has MLflow's own client look at what was logged, and mlflow.pyfunc
// predict by it what Go does.
func TestRun(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	env := map[string]string{"MLFLOW_TRACKING_URI": s.URI}
	getenv := func(name string) string { return env[name] }
	var out bytes.Buffer
	if err := run(t.Context(), &out, getenv, options{model: "demo", experiment: "example", data: "../quickstart/data/incidents.jsonl"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	client, err := mlflow.ClientFromEnv(getenv)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdle()
	reg, err := mlflow.Open(t.Context(), client, &mlflow.Options{Store: &mlflow.StoreOptions{Experiment: "example"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := reg.Resolve(t.Context(), "demo", "production")
	if err != nil {
		t.Fatal(err)
	}
	m, err := risk.OpenModel(t.Context(), reg, v)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for x, err := range risk.DatasetFile("../quickstart/data/usual.jsonl", nil).Examples() {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, x.Text)
	}
	data, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys, mlflow, pandas
from mlflow import MlflowClient
c = MlflowClient()
v = c.get_model_version_by_alias("demo", "production")
run = c.get_run(v.run_id)
texts = json.loads(sys.argv[1])
scores = mlflow.pyfunc.load_model("models:/demo@production").predict(pandas.DataFrame({"text": texts}))
print("RESULT " + json.dumps({"version": int(v.version), "card": v.description, "metrics": run.data.metrics, "scores": list(scores["score"]), "levels": list(scores["level"])}))
`
	printed := s.Script(t, script, string(data))
	_, printed, _ = strings.Cut(printed, "RESULT ")
	var got struct {
		Version int
		Card    string
		Metrics map[string]float64
		Scores  []float64
		Levels  []string
	}
	if err := json.Unmarshal([]byte(printed), &got); err != nil {
		t.Fatalf("%v in %s", err, printed)
	}
	if got.Version != 1 || !strings.Contains(got.Card, "#") || got.Metrics["macro_f1"] <= 0 || len(got.Scores) != len(texts) || len(texts) < 100 {
		t.Errorf("MLflow's own client sees version %d, metrics %v, card %.200q, %d predictions of %d texts", got.Version, got.Metrics, got.Card, len(got.Scores), len(texts))
	}
	for i, text := range texts {
		a, err := m.Score(t.Context(), risk.Document{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a.Score-got.Scores[i]) > 1e-9 || string(a.Level) != got.Levels[i] {
			t.Errorf("text %d has score %v, %s in Python, %v, %s in Go", i, got.Scores[i], got.Levels[i], a.Score, a.Level)
		}
	}
}

// TestNoServer says what is missing.
func TestNoServer(t *testing.T) {
	err := run(t.Context(), &bytes.Buffer{}, func(string) string { return "" }, options{})
	if !errors.Is(err, registry.ErrInput) || !strings.Contains(err.Error(), "MLFLOW_TRACKING_URI") {
		t.Errorf("error is %v", err)
	}
}
