package risk_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

var update = flag.Bool("update", false, "write the golden files of the newest version")

// TestOldFiles reads the golden file of every version. Scores are those of
// the code that wrote them.
func TestOldFiles(t *testing.T) {
	newest := filepath.Join("testdata", "model_v2.bin")
	if *update {
		m, _, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 60)), &risk.TrainOptions{
			Features: &tfidf.Options{MinDF: 4}, NaiveBayes: 1, C: 1, Calibration: logreg.CalibrationIsotonic, Categories: 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		data, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(newest, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		file, text string
		score      float64
		categories []string
	}{
		{filepath.Join("testdata", "model_v1.bin"), "The payment service is down, customers cannot pay", 0.32894384623645667, nil},
		{newest, usual(1, 60)[6].Text, 0, []string{"request"}},
	} {
		data, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := risk.ReadModel(data)
		if err != nil {
			t.Fatalf("%s: %v", c.file, err)
		}
		a, err := m.Score(t.Context(), risk.Document{Text: c.text})
		if err != nil || math.Abs(a.Score-c.score) > 1e-9 {
			t.Errorf("%s: score %v, error %v, want %v", c.file, a.Score, err, c.score)
		}
		var names []string
		for _, x := range a.Categories {
			names = append(names, x.Name)
		}
		if !slices.Equal(names, c.categories) {
			t.Errorf("%s: categories %v, want %v", c.file, a.Categories, c.categories)
		}
		if c.file != newest {
			continue
		}
		if again, err := m.MarshalBinary(); err != nil || string(again) != string(data) {
			t.Errorf("%s: saved again, the bytes differ, error %v", c.file, err)
		}
		for i := range data {
			damaged := slices.Clone(data)
			damaged[i] ^= 1 << (i % 8)
			if _, err := risk.ReadModel(damaged); err == nil {
				t.Fatalf("bit flipped in byte %d: no error", i)
			}
			if _, err := risk.ReadModel(data[:i]); err == nil {
				t.Fatalf("cut at %d: no error", i)
			}
		}
	}
}

// TestScoreDoesNotAllocate scores by a model alone and through a Service's
// usual stack.
func TestScoreDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under -race")
	}
	m, _ := trained()
	doc := usual(2, 1)[0].Document
	f := &risk.Fallback{First: m, Second: heuristic(t), Scale: m.Scale()}
	for name, s := range map[string]risk.Scorer{"model": m, "fallback": f} {
		if n := testing.AllocsPerRun(200, func() {
			if _, err := s.Score(t.Context(), doc); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestFileSize wants a file to be at most 1.2 times what the model has in
// memory.
func TestFileSize(t *testing.T) {
	m, _ := trained()
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	v, ok := m.Features().(*tfidf.Vectorizer)
	if !ok {
		t.Fatal("no vectorizer")
	}
	memory := v.Size() + 8*4*v.NumFeatures() // at least three weights and an intercept
	if float64(len(data)) > 1.2*float64(memory) {
		t.Errorf("the file has %d bytes, the model %d", len(data), memory)
	}
	runtime.KeepAlive(m)
}
