package risk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

func TestModelSaveAndLoad(t *testing.T) {
	m, _ := trained()
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := risk.ReadModel(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.MarshalBinary()
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("saved again, the bytes differ; error %v", err)
	}
	for _, x := range usual(2, 30) {
		want, err := m.Explain(t.Context(), x.Document, 5)
		if err != nil {
			t.Fatal(err)
		}
		got, err := back.Explain(t.Context(), x.Document, 5)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("loaded (-saved +loaded), error %v:\n%s", err, diff)
		}
	}
}

// TestModelDamage flips a bit in each of many places of a model file.
func TestModelDamage(t *testing.T) {
	m, _ := trained()
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += 97 {
		damaged := slices.Clone(data)
		damaged[i] ^= 0x10
		_, err := risk.ReadModel(damaged)
		wantError(t, "a flipped bit", err, risk.ErrModel, "")
		_, err = risk.ReadModel(data[:i])
		wantError(t, "a cut", err, risk.ErrModel, "")
	}
}

// TestExplain checks contributions by taking the term out of a text of known
// words, where that changes nothing but that term.
func TestExplain(t *testing.T) {
	// Without normalisation of the vector a text's features stand alone.
	m, err := risk.NewModel(risk.ModelConfig{
		Features: presence{"outage", "data", "typo"}, Classifier: classifier(t),
		Calibrator: logreg.Temperature(1.5), Thresholds: []float64{0.3, 0.6},
	})
	if err != nil {
		t.Fatal(err)
	}
	score := func(text string) float64 {
		a, err := m.Score(t.Context(), risk.Document{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return a.Score
	}
	a, err := risk.Explain(t.Context(), m, risk.Document{Text: "outage data typo"}, 10)
	if err != nil || len(a.Explanation) != 3 {
		t.Fatalf("explanation %+v, error %v", a.Explanation, err)
	}
	all := score("outage data typo")
	for i, c := range a.Explanation {
		without := strings.ReplaceAll("outage data typo", c.Term, "")
		if want := all - score(without); math.Abs(c.Contribution-want) > 1e-12 {
			t.Errorf("contribution of %q is %v, without it the score is %v less", c.Term, c.Contribution, want)
		}
		if i > 0 && math.Abs(c.Contribution) > math.Abs(a.Explanation[i-1].Contribution) {
			t.Errorf("contributions are not in order: %v", a.Explanation)
		}
	}
	if a, err = risk.Explain(t.Context(), m, risk.Document{Text: "outage data typo"}, 1); err != nil || len(a.Explanation) != 1 {
		t.Errorf("explanation %+v, error %v", a.Explanation, err)
	}
	if a, err = risk.Explain(t.Context(), m, risk.Document{Text: "outage"}, 0); err != nil || a.Explanation != nil {
		t.Errorf("not asked for: explanation %+v, error %v", a.Explanation, err)
	}
}

// presence is a host's own extractor: whether each word occurs.
type presence []string

func (p presence) NumFeatures() int         { return len(p) }
func (p presence) FeatureName(i int) string { return p[i] }

func (p presence) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	for i, word := range p {
		if strings.Contains(text, word) {
			ind, val = append(ind, int32(i)), append(val, 1)
		}
	}
	return ind, val
}

func classifier(t testing.TB) *logreg.Model {
	t.Helper()
	rows := logreg.NewRows(3)
	var y []int
	for i := range 60 {
		var ind []int32
		for j := range int32(3) {
			if (i>>j)%2 == 1 {
				ind = append(ind, j)
			}
		}
		if err := rows.Append(ind, slices.Repeat([]float64{1}, len(ind))); err != nil {
			t.Fatal(err)
		}
		y = append(y, max(0, min(2, i%2+i/2%2-i/4%2)))
	}
	m, _, err := logreg.Fit(t.Context(), rows, y, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNewModelErrors(t *testing.T) {
	good := risk.ModelConfig{Features: presence{"a", "b", "c"}, Classifier: classifier(t), Thresholds: []float64{0.3, 0.6}}
	for name, change := range map[string]func(*risk.ModelConfig){
		"scale":         func(c *risk.ModelConfig) { c.Scale = risk.Scale{"one"} },
		"thresholds":    func(c *risk.ModelConfig) { c.Thresholds = nil },
		"order":         func(c *risk.ModelConfig) { c.Thresholds = []float64{0.6, 0.3} },
		"no baseline":   func(c *risk.ModelConfig) { c.Drift = &risk.Drift{} },
		"no features":   func(c *risk.ModelConfig) { c.Features = nil },
		"no classifier": func(c *risk.ModelConfig) { c.Classifier = nil },
		"classes":       func(c *risk.ModelConfig) { c.Scale = risk.Scale{"a", "b"}; c.Thresholds = []float64{0.5} },
		"features":      func(c *risk.ModelConfig) { c.Features = presence{"a"} },
	} {
		c := good
		change(&c)
		_, err := risk.NewModel(c)
		wantError(t, name, err, risk.ErrModel, "")
	}
	m, err := risk.NewModel(good)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.MarshalBinary()
	wantError(t, "saving a host's own features", err, risk.ErrModel, "presence")
	_, err = m.NewMonitor(nil)
	wantError(t, "no baseline", err, risk.ErrNoDrift, "")
}

func TestArtifact(t *testing.T) {
	m, r := trained()
	a, err := risk.NewArtifact(m, r)
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(registry.NewMem(), nil)
	v, err := reg.Register(t.Context(), "incident-risk", a, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := risk.OpenModel(t.Context(), reg, v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := opened.Score(t.Context(), risk.Document{Text: "the shop takes no orders"})
	if err != nil || got.ModelVersion != "1" || got.ModelDigest != v.Digest.String() {
		t.Errorf("assessment %+v, error %v", got, err)
	}
	for _, x := range []struct {
		status psi.Status
		texts  []risk.Example
	}{{psi.StatusStable, usual(5, 300)}, {psi.StatusAlert, shifted(5, 300)}} {
		monitor, err := opened.NewMonitor(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range x.texts {
			monitor.Observe(x.Text)
		}
		report, err := monitor.Sweep(t.Context())
		if err != nil || report.Status != x.status || report.NBaseline != 400 {
			t.Errorf("sweep %+v, error %v, want %s", report, err, x.status)
		}
	}
	// Broken artifacts are refused when they are opened.
	for name, change := range map[string]func(registry.Artifact){
		"no model":       func(a registry.Artifact) { delete(a, risk.ModelFile) },
		"noise":          func(a registry.Artifact) { a[risk.ModelFile] = []byte("noise") },
		"baseline noise": func(a registry.Artifact) { a[risk.BaselineFile] = []byte("noise") },
		"baseline empty": func(a registry.Artifact) { a[risk.BaselineFile] = []byte("{}") },
		"baseline null":  func(a registry.Artifact) { a[risk.BaselineFile] = []byte("null") },
		"baseline of another model": func(a registry.Artifact) {
			a[risk.BaselineFile] = bytes.Replace(a[risk.BaselineFile], []byte(`"terms":[`), []byte(`"terms":["zzz",`), 1)
		},
	} {
		broken := registry.Artifact{}
		for k, v := range a {
			broken[k] = v
		}
		change(broken)
		v, err := reg.Register(t.Context(), "incident-risk", broken, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := risk.OpenModel(t.Context(), reg, v); !errors.Is(err, risk.ErrModel) && !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	delete(a, risk.BaselineFile) // allowed
	if v, err = reg.Register(t.Context(), "incident-risk", a, nil); err != nil {
		t.Fatal(err)
	}
	if opened, err = risk.OpenModel(t.Context(), reg, v); err != nil {
		t.Fatal(err)
	}
	_, err = opened.NewMonitor(nil)
	wantError(t, "no baseline", err, risk.ErrNoDrift, "")
}

// TestBaselineLeavesEachTextOut trains on texts of which each has words of its
// own: new ones of that kind are not strange, though all their words that
// matter are unknown.
func TestBaselineLeavesEachTextOut(t *testing.T) {
	texts := func(from, n int) []risk.Example {
		var all []risk.Example
		for i := from; i < from+n; i++ {
			// Each word is in two texts: this one and the next.
			all = append(all, risk.Example{Document: risk.Document{
				Text: fmt.Sprintf("the shop lost order number%05d number%05d today", i, i+1),
			}, Label: risk.DefaultScale()[i%3]})
		}
		return all
	}
	m, _, err := risk.Train(t.Context(), risk.ExampleSlice(texts(0, 300)), nil)
	if err != nil {
		t.Fatal(err)
	}
	monitor, err := m.NewMonitor(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range texts(10_000, 300) {
		monitor.Observe(x.Text)
	}
	r, err := monitor.Sweep(t.Context())
	if err != nil || r.Status != psi.StatusStable {
		t.Errorf("sweep %+v, error %v", r, err)
	}
}

// TestSweepsWithoutDrift sweeps incidents like those of the training data, for
// the figure in docs/drift.md: hardly any sweep may find that they drifted.
func TestSweepsWithoutDrift(t *testing.T) {
	const sweeps = 200
	if testing.Short() || race.Enabled {
		t.Skip("two hundred trainings take long; run without -short and -race")
	}
	drifted := 0
	for seed := range uint64(sweeps) {
		m, _, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1000+seed, 240)), nil)
		if err != nil {
			t.Fatal(err)
		}
		monitor, err := m.NewMonitor(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range usual(5000+seed, 240) {
			monitor.Observe(x.Text)
		}
		r, err := monitor.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != psi.StatusStable {
			drifted++
		}
	}
	t.Logf("%d of %d sweeps without drift were not stable", drifted, sweeps)
	if drifted > sweeps/20 {
		t.Errorf("%d of %d sweeps without drift were not stable", drifted, sweeps)
	}
}

// TestModelConcurrent shares one Model; it is meant for -race.
func TestModelConcurrent(t *testing.T) {
	m, _ := trained()
	docs := usual(2, 20)
	var want []risk.Assessment
	for _, x := range docs {
		a, err := m.Explain(t.Context(), x.Document, 3)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, a)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, x := range docs {
				got, err := m.Explain(t.Context(), x.Document, 3)
				if diff := cmp.Diff(want[i], got); err != nil || diff != "" {
					t.Errorf("alone and together (-alone +together), error %v:\n%s", err, diff)
				}
			}
		})
	}
	wg.Wait()
}

func TestScoreBatch(t *testing.T) {
	m, _ := trained()
	var docs []risk.Document
	for _, x := range usual(2, 10) {
		docs = append(docs, x.Document)
	}
	all, err := risk.ScoreBatch(t.Context(), m, nil, docs)
	if err != nil || len(all) != 10 || all[9].ID != docs[9].ID {
		t.Errorf("%d assessments, error %v", len(all), err)
	}
	failing := errors.New("failing")
	all, err = risk.ScoreBatch(t.Context(), scorerFunc(func(d risk.Document) (risk.Assessment, error) {
		if d.ID == docs[3].ID {
			return risk.Assessment{}, failing
		}
		return risk.Assessment{ID: d.ID}, nil
	}), nil, docs)
	if !errors.Is(err, failing) || len(all) != 3 {
		t.Errorf("%d assessments, error %v", len(all), err)
	}
}

func FuzzReadModel(f *testing.F) {
	v, err := tfidf.Fit(slices.Values([]string{"data loss", "disk full"}), nil)
	if err != nil {
		f.Fatal(err)
	}
	rows := logreg.NewRows(v.NumFeatures())
	for _, s := range []string{"data", "disk", "loss"} {
		if err := rows.Append(v.AppendFeatures(nil, nil, s)); err != nil {
			f.Fatal(err)
		}
	}
	c, _, err := logreg.Fit(f.Context(), rows, []int{0, 1, 2}, 3, nil)
	if err != nil {
		f.Fatal(err)
	}
	m, err := risk.NewModel(risk.ModelConfig{Features: v, Classifier: c, Thresholds: []float64{0.2, 0.7}})
	if err != nil {
		f.Fatal(err)
	}
	data, err := m.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[16 : len(data)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		for version := range uint32(3) { // so that more than the checksum is tried
			file := data
			if version > 0 {
				file = binfile.Append(nil, "RKMD", version, func(b []byte) []byte { return append(b, data...) })
			}
			m, err := risk.ReadModel(file)
			if err != nil {
				if !errors.Is(err, risk.ErrModel) {
					t.Fatal(err)
				}
				continue
			}
			if _, err := m.Explain(t.Context(), risk.Document{Text: "data loss on a full disk"}, 3); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkModelScore(b *testing.B) {
	m, _ := trained()
	doc := usual(2, 1)[0].Document
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Score(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
	}
}
