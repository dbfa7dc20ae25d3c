package main

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
)

var servers mlflowtest.Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

const want = `registered version 1, DIGEST
registered version 2, DIGEST

history:
  1 registered   version 1 (staging) by training job: new labels
  2 promoted     version 1 (production) by on call: better recall
  3 registered   version 2 (staging) by training job: new labels
  4 promoted     version 2 (production) by on call: better recall
  5 rolled_back  version 1 (production) by on call: too many false alarms

in production is version 1. Look at it on MLflow's page:
  /#/models/demo
or in Python:
  MlflowClient().get_model_version_by_alias("demo", "production")
`

func TestRun(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	env := map[string]string{"MLFLOW_TRACKING_URI": s.URI}
	var out bytes.Buffer
	if err := run(t.Context(), &out, func(name string) string { return env[name] }, "example", "demo"); err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllString(out.String(), "DIGEST")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	const script = `
from mlflow import MlflowClient
c = MlflowClient()
v = c.get_model_version_by_alias("demo", "production")
print(v.version, v.tags["season"], c.get_run(v.run_id).data.metrics)
`
	if got := strings.TrimSpace(s.Script(t, script)); got != "1 spring {'f1': 0.81}" {
		t.Errorf("MLflow's own client sees %s", got)
	}
}

// TestNoServer says what is missing.
func TestNoServer(t *testing.T) {
	err := run(t.Context(), &bytes.Buffer{}, func(string) string { return "" }, "example", "demo")
	if !errors.Is(err, registry.ErrInput) || !strings.Contains(err.Error(), "MLFLOW_TRACKING_URI") {
		t.Errorf("error is %v", err)
	}
}
