package risk_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/risk"
)

// small is a lexicon whose scores can be worked out by hand.
func small() *risk.Lexicon {
	return &risk.Lexicon{
		Version: "small-1", Scale: risk.DefaultScale(), Thresholds: []float64{0.25, 0.75},
		Terms: []risk.LexiconTerm{
			{Term: "outage", Weight: 0.5, Category: "availability"},
			{Term: "data loss", Weight: 0.75, Category: "data loss"},
			{Term: "lost data", Weight: 0.75, Category: "data loss"},
			{Term: "typo", Weight: -0.5},
			{Term: "not reachable", Weight: 0.5, Category: "availability"},
		},
		Modifiers: map[string]float64{"total": 2, "possible": 0.5, "no": 0, "not": 0, "at risk of": 0.5},
	}
}

func TestHeuristicScore(t *testing.T) {
	h, err := risk.NewHeuristic(small())
	if err != nil {
		t.Fatal(err)
	}
	// Scores by hand from 1 - Π (1-w)^factor.
	for text, want := range map[string]float64{
		"":                              0,
		"all is well":                   0,
		"Outage!":                       0.5,
		"an OUTAGE, another outage":     0.5, // a term counts once
		"outage with data loss":         1 - 0.5*0.25,
		"total outage":                  0.75,
		"possible outage":               1 - math.Sqrt(0.5),
		"possible total outage":         0.5,
		"no outage":                     0,
		"no outage or data loss":        0, // three words far
		"no big bad and ugly outage":    0.5,
		"no. Outage":                    0.5, // another sentence
		"no outage; outage":             0.5, // the strongest counts
		"outage, no outage":             0.5,
		"not reachable":                 0.5, // a term before a modifier
		"not not reachable":             0,
		"data loss":                     0.75,
		"data\nloss":                    0.75,
		"data  LOSS":                    0.75,
		"outage in a typo":              1 - 0.5*1.5,
		"typo":                          0, // not below 0
		"at risk of outage":             1 - math.Sqrt(0.5),
		"data lost data loss":           0.75,
		strings.Repeat("outage ", 9999): 0.5,
	} {
		a, err := h.Score(t.Context(), risk.Document{ID: "1", Text: text})
		if err != nil || math.Abs(a.Score-want) > 1e-12 {
			t.Errorf("%.40q: score %v, error %v, want %v", text, a.Score, err, want)
		}
		if a.ID != "1" || a.Method != risk.MethodHeuristic || a.ModelVersion != "small-1" {
			t.Errorf("%.40q: assessment %+v", text, a)
		}
	}
}

func TestHeuristicAnswer(t *testing.T) {
	h, err := risk.NewHeuristic(small())
	if err != nil {
		t.Fatal(err)
	}
	a, err := risk.Explain(t.Context(), h, risk.Document{ID: "INC-1", Text: "total outage, possible data loss, and a typo"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	// Safe is 0.25 * 0.5 * 1.5 = 0.1875; without the outage 0.75, without the
	// data loss 0.375, without the typo 0.125. Bits: outage 2, data loss 1.
	const want = `{"risk_score":0.8125,"risk_label":"high","risk_score_method":"heuristic","risk_model_version":"small-1","risk_threshold":0.75,` +
		`"id":"INC-1","probabilities":{"low":0.03515625,"medium":0.3046875,"high":0.66015625},` +
		`"categories":[{"name":"availability","share":0.6666666666666666},{"name":"data loss","share":0.3333333333333333}],` +
		`"explanation":[{"term":"outage","contribution":0.5625},{"term":"data loss","contribution":0.1875}],"escalated":false}`
	keys := regexp.MustCompile(`"[a-z_ ]+":`)
	if diff := cmp.Diff(keys.FindAllString(want, -1), keys.FindAllString(string(data), -1)); diff != "" {
		t.Errorf("names in JSON (-want +got):\n%s", diff)
	}
	var back, wanted risk.Assessment
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, back, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("assessment (-want +got):\n%s", diff)
	}
}

// TestHeuristicIsConsistent checks, on real-looking and odd texts, that score,
// level, threshold and probabilities agree, and that answers do not depend on
// what was scored before.
func TestHeuristicIsConsistent(t *testing.T) {
	shared := heuristic(t)
	texts := []string{"", "\xff\xfe\x00", "İ ΑΣ", strings.Repeat("data loss outage ransomware critical ", 1000), strings.Repeat("no ", 5000) + "outage"}
	for _, x := range usual(3, 200) {
		texts = append(texts, x.Text)
	}
	for _, text := range texts {
		a, err := risk.Explain(t.Context(), shared, risk.Document{Text: text}, 5)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := risk.Explain(t.Context(), heuristic(t), risk.Document{Text: text}, 5)
		if diff := cmp.Diff(fresh, a); err != nil || diff != "" {
			t.Fatalf("%.40q: a used heuristic answers otherwise (-fresh +used):\n%s", text, diff)
		}
		checkAssessment(t, a, shared.Scale(), []float64{0.3, 0.6})
	}
}

// checkAssessment fails unless the parts of a agree.
func checkAssessment(t testing.TB, a risk.Assessment, scale risk.Scale, thresholds []float64) {
	t.Helper()
	p := make([]float64, len(scale))
	sum := 0.0
	for k := range a.Probabilities.Len() {
		_, p[k] = a.Probabilities.At(k)
		sum += p[k]
	}
	rank, threshold := risk.Cut(thresholds, a.Score)
	if math.Abs(sum-1) > 1e-9 || math.Abs(scale.Severity(p)-a.Score) > 1e-9 || a.Level != scale[rank] || a.Threshold != threshold {
		t.Errorf("assessment %+v does not agree with itself: probabilities sum to %v, severity %v, level %s, threshold %v",
			a, sum, scale.Severity(p), scale[rank], threshold)
	}
}

// TestHeuristicExtremes has the strongest terms and modifiers there can be.
func TestHeuristicExtremes(t *testing.T) {
	l := small()
	l.Modifiers["very"] = 100
	l.Terms = []risk.LexiconTerm{
		{Term: "up", Weight: math.Nextafter(1, 0), Category: "a"}, {Term: "down", Weight: math.Nextafter(-1, 0), Category: "b"},
		{Term: "tiny", Weight: math.SmallestNonzeroFloat64, Category: "c"},
	}
	h, err := risk.NewHeuristic(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"very very very up", "very very very down", "very up, very very very down", "possible tiny"} {
		a, err := risk.Explain(t.Context(), h, risk.Document{Text: text}, 5)
		if err != nil {
			t.Fatal(err)
		}
		checkAssessment(t, a, h.Scale(), l.Thresholds)
		if _, err := json.Marshal(a); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestHeuristicIsFast(t *testing.T) {
	h := heuristic(t)
	start := time.Now()
	if _, err := h.Explain(t.Context(), risk.Document{Text: strings.Repeat("possible total data loss ", 1<<18)}, 5); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 20*time.Second { // a million words; linear takes a fraction of a second
		t.Errorf("a million words took %v", d)
	}
}

func TestLexicon(t *testing.T) {
	l, err := risk.DefaultLexicon()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	back, err := risk.ReadLexicon(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if risky := l.Risky(); len(risky) < 100 || len(risky) >= len(l.Terms) {
		t.Errorf("%d of %d terms are risky", len(risky), len(l.Terms))
	}
	for name, change := range map[string]func(*risk.Lexicon){
		"scale":          func(l *risk.Lexicon) { l.Scale = nil },
		"thresholds":     func(l *risk.Lexicon) { l.Thresholds = []float64{0.5} },
		"order":          func(l *risk.Lexicon) { l.Thresholds = []float64{0.5, 0.4} },
		"NaN threshold":  func(l *risk.Lexicon) { l.Thresholds = []float64{0.5, math.NaN()} },
		"doubt":          func(l *risk.Lexicon) { l.Doubt = 1 },
		"weight":         func(l *risk.Lexicon) { l.Terms[0].Weight = 1 },
		"NaN":            func(l *risk.Lexicon) { l.Terms[0].Weight = math.NaN() },
		"wordless term":  func(l *risk.Lexicon) { l.Terms[0].Term = "!" },
		"modifier":       func(l *risk.Lexicon) { l.Modifiers["x1"] = -1 },
		"wordless":       func(l *risk.Lexicon) { l.Modifiers["a"] = 1 },
		"infinite":       func(l *risk.Lexicon) { l.Modifiers["x1"] = math.Inf(1) },
		"huge":           func(l *risk.Lexicon) { l.Modifiers["x1"] = 101 },
		"long term":      func(l *risk.Lexicon) { l.Terms[0].Term = strings.Repeat("long ", 17) },
		"repeated level": func(l *risk.Lexicon) { l.Scale = risk.Scale{"a", "a", "b"} },
	} {
		l := small()
		change(l)
		_, err := risk.NewHeuristic(l)
		wantError(t, name, err, risk.ErrLexicon, "")
	}
	for _, s := range []string{"", "{", `{"verzion":"1"}`, `{"scale":[]}`} {
		_, err := risk.ReadLexicon(strings.NewReader(s))
		wantError(t, s, err, risk.ErrLexicon, "")
	}
	l = small()
	h, err := risk.NewHeuristic(l)
	if err != nil {
		t.Fatal(err)
	}
	l.Terms[0].Weight, l.Thresholds[0] = 0, 0 // the heuristic has its own copy
	if a, err := h.Score(t.Context(), risk.Document{Text: "outage"}); err != nil || a.Score != 0.5 || a.Level != "medium" {
		t.Errorf("assessment %+v, error %v", a, err)
	}
}

func FuzzHeuristic(f *testing.F) {
	h := heuristic(f)
	f.Add("No outage. Total data loss!")
	f.Add("not \xff not reachable")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := h.Explain(t.Context(), risk.Document{Text: text}, 3)
		if err != nil || len(a.Explanation) > 3 {
			t.Fatal(a, err)
		}
		checkAssessment(t, a, h.Scale(), []float64{0.3, 0.6})
	})
}

func BenchmarkHeuristic(b *testing.B) {
	h := heuristic(b)
	doc := risk.Document{Text: usual(1, 1)[0].Text}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Score(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
	}
}
