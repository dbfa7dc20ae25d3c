package risk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// TestReadOnce holds what a service counts of texts, which it reads once for the
// score and for drift, against a monitor that reads them for itself.
func TestReadOnce(t *testing.T) {
	for name, features := range map[string]*tfidf.Options{
		"words":       {},
		"short words": {ShortWords: true, NGrams: [2]int{1, 2}, MinDF: 2},
		"stop words":  {StopWords: []string{"the", "is"}, NGrams: [2]int{1, 2}},
		"stems":       {StemLanguage: "english"},
		"characters":  {Analyzer: tfidf.CharWB, NGrams: [2]int{3, 4}, MinDF: 2},
		"no accents":  {Accents: tfidf.AccentsASCII},
	} {
		m, r, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 60)), &risk.TrainOptions{Features: features, C: 1})
		if err != nil {
			t.Fatal(name, err)
		}
		reg := registry.New(registry.NewMem(), nil)
		a, err := risk.NewArtifact(m, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reg.Register(t.Context(), "m", a, &registry.RegisterOptions{Stage: registry.Production}); err != nil {
			t.Fatal(err)
		}
		svc := service(t, risk.ServiceOptions{Registry: reg, Model: "m", ML: true})
		plain, err := m.NewMonitor(nil)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{
			"", "a", "Data a loss, a b c; the SERVER is down!!! 100% x", "Ünïcode é 数 数据库 x ٣ Ⅷ broken", strings.Repeat("outage ", 300),
			"naïve é", "tabs\tand\nlines\u2028here\x00zero\x7f",
		}
		for _, x := range usual(2, 200) {
			texts = append(texts, x.Text)
		}
		served := svc.Drift().(*psi.Monitor)
		for _, s := range texts {
			if _, err := svc.Score(t.Context(), risk.Document{Text: s}); err != nil {
				t.Fatal(err)
			}
			plain.Observe(s)
		}
		got, want := must(served.Sweep(t.Context())), must(plain.Sweep(t.Context()))
		got.Features = slices.DeleteFunc(got.Features, func(f psi.FeatureReport) bool {
			return f.Name == "score" || f.Name == "level" || f.Name == "method" || f.Name == "escalated"
		})
		for _, f := range want.Features {
			i := slices.IndexFunc(got.Features, func(g psi.FeatureReport) bool { return g.Name == f.Name })
			if f.Name != "score" && f.Name != "level" && f.Name != "method" && f.Name != "escalated" && (i < 0 || got.Features[i].PSI != f.PSI) {
				t.Errorf("%s: %s is counted otherwise: %+v, want %+v", name, f.Name, got.Features, f)
			}
		}
		if diff := cmp.Diff(want.Words, got.Words); diff != "" || (want.Words == nil) != (name == "stems" || name == "characters" || name == "no accents") {
			t.Errorf("%s: words %+v (-plain +served)\n%s", name, want.Words, diff)
		}
	}
}

// BenchmarkReadOnce says what reading a text for its score takes, and what
// counting it for drift adds to that.
func BenchmarkReadOnce(b *testing.B) {
	reg, docs := incidentsToServe(b)
	m := must(risk.OpenModel(b.Context(), reg, must(reg.Resolve(b.Context(), "incident-risk", "production"))))
	monitor := must(m.NewMonitor(nil))
	v := m.Features().(*tfidf.Vectorizer)
	const n = 64
	var read [n]text.Reading
	var features [n][]int32
	for i, d := range docs[:n] {
		read[i].Least = 2
		features[i], _ = v.AppendRead(nil, nil, d.Text, &read[i])
	}
	b.Run("read", func(b *testing.B) {
		r := text.Reading{Least: 2}
		var ind []int32
		var val []float64
		i := 0
		for b.Loop() {
			ind, val = v.AppendRead(ind[:0], val[:0], docs[i%n].Text, &r)
			i++
		}
	})
	b.Run("observe", func(b *testing.B) {
		i := 0
		for b.Loop() {
			monitor.ObserveRead(&read[i%n], features[i%n], "")
			i++
		}
	})
}

// BenchmarkServed compares a bare model with the whole service around it.
func BenchmarkServed(b *testing.B) {
	_, reg := stocked(b)
	svc := service(b, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	m, err := risk.OpenModel(b.Context(), reg, must(reg.Resolve(b.Context(), "incident-risk", "production")))
	if err != nil {
		b.Fatal(err)
	}
	few := usual(1, 64)
	docs := slices.Clone(few)
	for i := range docs { // as long as incidents are
		for k := 1; k < 4; k++ {
			docs[i].Text += " " + few[(i*k+k)%64].Text
		}
	}
	for name, s := range map[string]risk.Scorer{"model": m, "service": svc} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				if _, err := s.Score(b.Context(), docs[i%64].Document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
