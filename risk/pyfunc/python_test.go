package pyfunc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
	"github.com/riskkit/riskkit/tfidf"
)

// closeTo is how far apart a number of Go and one of Python may be.
const closeTo = 1e-9

// throughMLflow loads each folder with MLflow and prints what it predicts.
const throughMLflow = `
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc, pandas
job = json.load(sys.stdin.buffer)
models = {d: mlflow.pyfunc.load_model(d) for d in job["folders"]}
out = {}
for d, m in models.items():
    rows = m.predict(pandas.DataFrame({"text": job["texts"]}))
    assert isinstance(rows, pandas.DataFrame), type(rows)
    assert m.metadata.signature.inputs.input_names() == ["text"], m.metadata.signature
    assert m.metadata.signature.outputs.input_names() == list(rows.columns), m.metadata.signature
    out[d] = rows.to_dict("records")
json.dump(out, sys.stdout)
`

// directly loads each folder without MLflow.
const directly = `
import glob, importlib, json, os, sys
job = json.load(sys.stdin.buffer)
models = {}
for d in job["folders"]:
    sys.path.insert(0, d + "/code")
    (file,) = glob.glob(glob.escape(d) + "/code/*.py")
    models[d] = importlib.import_module(os.path.basename(file)[:-3])._load_pyfunc(d + "/data/model.json")
json.dump({d: m.predict(job["texts"]) for d, m in models.items()}, sys.stdout)
`

// mlflowPython returns the interpreter that has MLflow, or skips the test.
func mlflowPython(t testing.TB) string {
	t.Helper()
	python := os.Getenv("RISKKIT_MLFLOW")
	if python == "" {
		t.Skip("RISKKIT_MLFLOW does not name a Python interpreter that has mlflow")
	}
	return python
}

// plainPython returns any interpreter, or skips the test.
func plainPython(t testing.TB) string {
	t.Helper()
	if python := os.Getenv("RISKKIT_MLFLOW"); python != "" {
		return python
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("RISKKIT_MLFLOW is not set, and there is no python3: %v", err)
	}
	return python
}

// run runs a script, with in as JSON for its input, and reads what it prints.
func run(t testing.TB, in, out any, python string, args ...string) {
	t.Helper()
	input, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	cmd.Dir = t.TempDir() // where MLflow leaves what it likes
	cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", python, err, stderr.Bytes())
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		t.Fatalf("%v in %.2000s", err, stdout.Bytes())
	}
}

// write writes files to a folder.
func write(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// job is what the scripts read.
type job struct {
	Folders []string `json:"folders"`
	Texts   []string `json:"texts"`
}

// compare has the models predict in Go and in Python, and returns the greatest
// difference between two numbers.
func compare(t testing.TB, models map[string]*risk.Model, texts []string, python string, args ...string) (greatest float64) {
	t.Helper()
	j := job{Texts: texts}
	folders := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		files, err := pyfunc.Files(models[name], nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		dir := t.TempDir()
		write(t, dir, files)
		j.Folders = append(j.Folders, dir)
		folders[name] = dir
	}
	var got map[string][]map[string]any
	run(t, j, &got, python, args...)
	for name, m := range models {
		rows := got[folders[name]]
		if len(rows) != len(texts) {
			t.Errorf("%s: %d answers to %d texts", name, len(rows), len(texts))
			continue
		}
		for i, text := range texts {
			a, err := m.Score(t.Context(), risk.Document{Text: text})
			if err != nil {
				t.Fatal(err)
			}
			d, err := difference(rows[i], &a, len(m.Config().Tags) > 0)
			if greatest = max(greatest, d); err != nil || !(d <= closeTo) {
				t.Errorf("%s: %.100q: differs by %v, %v\nGo:     %+v\nPython: %v", name, text, d, err, a, rows[i])
			}
		}
	}
	return greatest
}

// difference returns the greatest difference between two numbers of an answer of
// Python and one of Go, and what else differs.
func difference(row map[string]any, a *risk.Assessment, categories bool) (greatest float64, err error) {
	columns := 2 + a.Probabilities.Len()
	near := func(v any, want float64) {
		f, ok := v.(float64)
		if !ok {
			f = math.NaN()
		}
		greatest = max(greatest, math.Abs(f-want))
	}
	near(row["score"], a.Score)
	if row["level"] != a.Level {
		return greatest, fmt.Errorf("level %v, want %v", row["level"], a.Level)
	}
	for level, p := range a.Probabilities.All() {
		near(row["p_"+level], p)
	}
	if categories {
		columns++
		list, ok := row["categories"].([]any)
		if !ok || len(list) != len(a.Categories) {
			return greatest, fmt.Errorf("categories %v, want %v", row["categories"], a.Categories)
		}
		for i, c := range a.Categories {
			got, _ := list[i].(map[string]any)
			if got["name"] != c.Name {
				return greatest, fmt.Errorf("category %v, want %v", got["name"], c.Name)
			}
			near(got["share"], c.Share)
		}
	}
	if len(row) != columns {
		return greatest, fmt.Errorf("%d columns, want %d", len(row), columns)
	}
	return greatest, nil
}

// comparable returns the texts that models are compared on, as Python gets them.
func comparable(t testing.TB) []string {
	t.Helper()
	all := texts(t)
	for i, s := range all {
		all[i] = repaired(s)
	}
	return all
}

// long returns models and a text of a megabyte.
func long(t testing.TB) (map[string]*risk.Model, []string) {
	t.Helper()
	all := strings.Join(comparable(t), " ")
	return map[string]*risk.Model{
		"words":      assembled(t, vectorizer(t, tfidf.Options{NGrams: [2]int{1, 2}}), 3, false, nil, nil),
		"characters": assembled(t, vectorizer(t, tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 2}}), 3, false, nil, nil),
	}, []string{strings.Repeat(all, 1+(1<<20)/len(all))}
}

// TestLoader has Python predict without anything but its standard library.
func TestLoader(t *testing.T) {
	python := plainPython(t)
	d := compare(t, models(t), comparable(t), python, "-I", "-S", "-B", "-c", directly)
	m, megabyte := long(t)
	d = max(d, compare(t, m, megabyte, python, "-I", "-S", "-B", "-c", directly))
	t.Logf("greatest difference: %.3g", d)
}

// TestMLflow has MLflow load and predict, all models in one process.
func TestMLflow(t *testing.T) {
	python := mlflowPython(t)
	d := compare(t, models(t), comparable(t), python, "-I", "-B", "-c", throughMLflow)
	t.Logf("greatest difference: %.3g", d)
}
