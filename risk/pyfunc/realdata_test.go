package pyfunc_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/pyfunc"
)

// measured loads a folder, predicts the texts and prints answers and times.
const measured = `
import glob, importlib, json, os, sys, time
job = json.load(sys.stdin.buffer)
(d,) = job["folders"]
sys.path.insert(0, d + "/code")
loader = importlib.import_module(os.path.basename(glob.glob(d + "/code/*.py")[0])[:-3])
start = time.perf_counter()
m = loader._load_pyfunc(d + "/data/model.json")
loaded = time.perf_counter()
rows = m.predict(job["texts"])
done = time.perf_counter()
json.dump({"rows": rows, "load": loaded - start, "predict": done - loaded}, sys.stdout)
`

// TestRealIncidents measures, on the real incidents that are kept beside the
// project, how far Go and Python are apart and how long Python takes.
func TestRealIncidents(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the real incidents are not here: %v", err)
	}
	if testing.Short() || race.Enabled {
		t.Skip("training on the real incidents takes long; run without -short and -race")
	}
	python := plainPython(t)
	train, recent := filepath.Join(dir, "incidents-train.jsonl.gz"), filepath.Join(dir, "incidents-recent.jsonl.gz")
	m, r, err := risk.Train(t.Context(), risk.DatasetFile(train, nil).Examples(), &risk.TrainOptions{
		Features: &risk.Recipes()[0].Features, NaiveBayes: 1, Recency: 0.25, C: 4, Folds: 2, Categories: 300,
	})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	files, err := pyfunc.Files(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	folder := t.TempDir()
	write(t, folder, files)
	j := job{Folders: []string{folder}}
	for x, err := range risk.DatasetFile(recent, nil).Examples() {
		if err != nil {
			t.Fatal(err)
		}
		if j.Texts = append(j.Texts, repaired(x.Text)); len(j.Texts) == 500 {
			break
		}
	}
	var got struct {
		Rows          []map[string]any
		Load, Predict float64
	}
	run(t, j, &got, python, "-I", "-S", "-B", "-c", measured)
	if len(got.Rows) != len(j.Texts) {
		t.Fatalf("%d answers to %d texts", len(got.Rows), len(j.Texts))
	}
	greatest := 0.0
	for i, text := range j.Texts {
		a, err := m.Score(t.Context(), risk.Document{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		d, err := difference(got.Rows[i], &a, len(r.Categories) > 0)
		if greatest = max(greatest, d); err != nil || !(d <= closeTo) {
			t.Errorf("%.100q: differs by %v, %v", text, d, err)
		}
	}
	t.Logf("%d features, %d categories: %d bytes written in %v; Python loads them in %.0f ms and takes %.0f µs a text; greatest difference %.3g",
		r.Features, len(r.Categories), len(files["data/model.json"]), took.Round(time.Millisecond), 1e3*got.Load, 1e6*got.Predict/float64(len(j.Texts)), greatest)
}
