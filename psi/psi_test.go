package psi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/tfidf"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestPSI(t *testing.T) {
	for name, c := range map[string]struct {
		baseline, recent []int64
		want             float64
	}{
		// Shares summed by NumPy 2.4.6; 0.037218 is also what Evidently's tests
		// have.
		"six bins":         {[]int64{16, 18, 16, 14, 12, 12}, []int64{16, 16, 16, 16, 16, 8}, 0.037218381577290835},
		"equal":            {[]int64{1, 2, 3}, []int64{10, 20, 30}, 0},
		"empty both sides": {[]int64{5, 0, 5}, []int64{7, 0, 7}, 0},
		// By hand: shares 1 and 0.5/10 against 1/2 and 1/2.
		"empty on one side": {[]int64{10, 0}, []int64{5, 5}, -0.5*math.Log(0.5) + 0.45*math.Log(10)},
	} {
		got, err := psi.PSI(c.baseline, c.recent)
		if err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: PSI is %.17g, want %.17g, error %v", name, got, c.want, err)
		}
	}
	for name, c := range map[string][2][]int64{
		"lengths":  {{1, 2}, {1}},
		"negative": {{1, 2}, {3, -1}},
		"nothing":  {{0, 0}, {1, 2}},
		"no bins":  {nil, nil},
	} {
		if _, err := psi.PSI(c[0], c[1]); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestHomogeneity(t *testing.T) {
	// scipy.stats.chi2_contingency(..., correction=False).pvalue, SciPy 1.17.1,
	// without the bins that are empty on both sides.
	for _, c := range []struct {
		baseline, recent []int64
		want             float64
	}{
		{[]int64{16, 18, 16, 14, 12, 12}, []int64{16, 16, 16, 16, 16, 8}, 0.8985262394026607},
		{[]int64{90, 10}, []int64{70, 30}, 0.00040695201744495946},
		{[]int64{100, 100, 100, 0}, []int64{5, 10, 12, 3}, 3.6575053891627725e-07},
		{[]int64{5, 0, 5}, []int64{7, 0, 9}, 0.7557942778558606},
		{[]int64{5}, []int64{7}, 1},
	} {
		if got, err := psi.Homogeneity(c.baseline, c.recent); err != nil || !near(got, c.want) {
			t.Errorf("%v, %v: p is %.17g, want %.17g, error %v", c.baseline, c.recent, got, c.want, err)
		}
	}
	if _, err := psi.Homogeneity([]int64{1}, nil); !errors.Is(err, psi.ErrInput) {
		t.Errorf("lengths: error is %v", err)
	}
	if got := psi.Expected(10, 100, 100); !near(got, 0.18) { // 9 * (1/100 + 1/100)
		t.Errorf("expected PSI is %v", got)
	}
}

// values is an extractor for tests: texts are numbers separated by spaces.
type values int

func (v values) NumFeatures() int         { return int(v) }
func (v values) FeatureName(i int) string { return fmt.Sprint("f", i) }

func (v values) AppendFeatures(ind []int32, val []float64, s string) ([]int32, []float64) {
	for i, f := range strings.Fields(s) {
		var x float64
		if _, err := fmt.Sscan(f, &x); err == nil && x != 0 {
			ind, val = append(ind, int32(i)), append(val, x)
		}
	}
	return ind, val
}

func baseline(t testing.TB, f psi.FeatureExtractor, texts []string) *psi.Baseline {
	t.Helper()
	b, err := psi.NewBaseline(f, slices.Values(texts), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBins(t *testing.T) {
	many := func(n int, f func(i int) any) (texts []string) {
		for i := range n {
			texts = append(texts, fmt.Sprint(f(i)))
		}
		return texts
	}
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"deciles":   {many(100, func(i int) any { return i }), `"edges":[9.5,19.5,29.5,39.5,49.5,59.5,69.5,79.5,89.5],"counts":[10,10,10,10,10,10,10,10,10,10,0]`},
		"presence":  {many(100, func(i int) any { return i / 90 }), `"edges":[0.5],"counts":[90,10,0]`},
		"rare":      {many(100, func(i int) any { return i / 97 }), `"edges":[-0.5,0.5],"counts":[0,97,3,0]`},
		"rare ends": {many(100, func(i int) any { return []any{0, -1, 2}[i/98*(i-97)] }), `"edges":[-0.5,1],"counts":[1,98,1,0]`},
		"constant":  {many(50, func(int) any { return 7 }), `"edges":[6.999999999999999,7],"counts":[0,50,0,0]`},
		"all zero":  {many(50, func(int) any { return 0 }), `"edges":[-5e-324,0],"counts":[0,50,0,0]`},
		"least":     {many(50, func(int) any { return "-Inf" }), `"edges":[-1.7976931348623157e+308],"counts":[50,0,0]`},
		"greatest":  {many(50, func(int) any { return "Inf" }), `"edges":[1.7976931348623155e+308,1.7976931348623157e+308],"counts":[0,50,0,0]`},
		"missing":   {many(100, func(i int) any { return []any{"NaN", 1, 2, 3}[i%4] }), `"edges":[1.5,2.5],"counts":[25,25,25,25]`},
		"nothing":   {many(10, func(int) any { return "NaN" }), `"name":"f0","counts":[0,10]`},
		"negative":  {many(60, func(i int) any { return i%3 - 1 }), `"edges":[-0.5,0.5],"counts":[20,20,20,0]`},
		"infinite":  {many(60, func(i int) any { return []any{"-Inf", 0, "Inf"}[i%3] }), `"counts":[20,20,20,0]`},
		"no common": {many(8, func(i int) any { return i }), `"name":"f0","counts":[8,0]`},
		"few texts": {many(3, func(i int) any { return i }), `"name":"f0","counts":[3,0]`},
	} {
		data, err := json.Marshal(baseline(t, values(1), c.texts))
		if err != nil || !strings.Contains(string(data), c.want) {
			t.Errorf("%s: baseline is %s, error %v, want %s", name, data, err, c.want)
		}
	}
	if _, err := psi.NewBaseline(values(1), slices.Values([]string{}), nil); !errors.Is(err, psi.ErrInput) {
		t.Errorf("no texts: error is %v", err)
	}
	if _, err := psi.NewBaseline(values(1), slices.Values([]string{"1"}), &psi.BaselineOptions{Bins: 1}); !errors.Is(err, psi.ErrInput) {
		t.Errorf("one bin: error is %v", err)
	}
}

// TestMergeOrder counts the same texts in one profile and in many, merged in
// random orders.
func TestMergeOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	text := func() string {
		return fmt.Sprintf("%d %.3f %s", rng.IntN(4), rng.NormFloat64(), []string{"0", "1", "NaN", "Inf"}[rng.IntN(4)])
	}
	var texts []string
	for range 500 {
		texts = append(texts, text())
	}
	b := baseline(t, values(3), texts)
	whole := psi.NewProfile(b)
	parts := make([]*psi.Profile, 7)
	for i := range parts {
		parts[i] = psi.NewProfile(b)
	}
	for range 300 {
		ind, val := values(3).AppendFeatures(nil, nil, text())
		for _, p := range []*psi.Profile{whole, parts[rng.IntN(len(parts))]} {
			if err := p.Add(ind, val); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := psi.Compare(whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		merged := psi.NewProfile(b)
		for _, i := range rng.Perm(len(parts)) {
			if err := merged.Merge(parts[i]); err != nil {
				t.Fatal(err)
			}
		}
		got, err := psi.Compare(merged, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("merged (-whole +merged):\n%s", diff)
		}
	}
	if err := whole.Merge(psi.NewProfile(baseline(t, values(3), texts[1:]))); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("merge of another baseline: error is %v", err)
	}
	n := whole.N()
	if err := whole.Add([]int32{3}, []float64{1}); !errors.Is(err, psi.ErrFeatures) || whole.N() != n {
		t.Errorf("a feature too many: error is %v", err)
	}
}

// TestFalseAlarms sweeps texts that do not drift: hardly any sweep may say that
// they do, whatever the sample size.
func TestFalseAlarms(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const features = 20
	row := func(ind []int32, val []float64) ([]int32, []float64) {
		for j := range int32(features) {
			x := rng.NormFloat64()
			if j%2 == 1 {
				x = 0
				if rng.IntN(10) == 0 { // a term in a tenth of the texts
					x = 1
				}
			}
			if x != 0 {
				ind, val = append(ind, j), append(val, x)
			}
		}
		return ind, val
	}
	for _, n := range []int{200, 1000, 5000} {
		for _, m := range []int{100, 200, 1000} {
			const sweeps = 60
			alarms := 0
			for range sweeps {
				b, err := psi.NewBaseline(drawn(row), func(yield func(string) bool) {
					for range n {
						if !yield("") {
							return
						}
					}
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				p := psi.NewProfile(b)
				for range m {
					if err := p.Add(row(nil, nil)); err != nil {
						t.Fatal(err)
					}
				}
				r, err := psi.Compare(p, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Status != psi.StatusStable {
					alarms++
				}
			}
			// 5% of 60 are 3; the seed is fixed, and 8 would be 3 standard
			// deviations above.
			if alarms > 7 {
				t.Errorf("n=%d, m=%d: %d of %d sweeps without drift alarmed", n, m, alarms, sweeps)
			}
		}
	}
}

// drawn is an extractor that draws its features.
type drawn func(ind []int32, val []float64) ([]int32, []float64)

func (d drawn) NumFeatures() int         { return 20 }
func (d drawn) FeatureName(i int) string { return fmt.Sprint("f", i) }
func (d drawn) AppendFeatures(ind []int32, val []float64, _ string) ([]int32, []float64) {
	return d(ind, val)
}

func TestCompare(t *testing.T) {
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprint(i%100, " ", i%2))
	}
	b := baseline(t, values(2), texts)
	window := func(n int, text func(i int) string) *psi.Profile {
		p := psi.NewProfile(b)
		for i := range n {
			if err := p.Add(values(2).AppendFeatures(nil, nil, text(i))); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	for name, c := range map[string]struct {
		p     *psi.Profile
		opts  *psi.CompareOptions
		want  psi.Status
		moved string
	}{
		"same":      {window(500, func(i int) string { return texts[i] }), nil, psi.StatusStable, ""},
		"few":       {window(99, func(int) string { return "99 1" }), nil, psi.StatusInsufficient, ""},
		"none":      {window(0, nil), nil, psi.StatusInsufficient, ""},
		"shifted":   {window(500, func(int) string { return "99 1" }), nil, psi.StatusAlert, "f0: 100% of texts are now over 89.5, 10% at training"},
		"a little":  {window(1000, func(i int) string { return fmt.Sprint(i%100, " ", min(1, i%3)) }), nil, psi.StatusMonitor, "f1: 67% of texts are now over 0.5, 50% at training"},
		"the lines": {window(1000, func(i int) string { return fmt.Sprint(i%100, " ", min(1, i%3)) }), &psi.CompareOptions{Monitor: 0.05, Alert: 0.1}, psi.StatusAlert, "f1: 67% of texts are now over 0.5, 50% at training"},
	} {
		r, err := psi.Compare(c.p, c.opts)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != c.want || r.Features[0].Moved != c.moved || len(r.Features) != 2 {
			t.Errorf("%s: report is %+v, want %s, %q", name, r, c.want, c.moved)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What never changed at training, or hardly ever, is seen when it does.
	texts = nil
	for i := range 500 {
		texts = append(texts, fmt.Sprint("3 ", i/498))
	}
	b = baseline(t, values(2), texts)
	for text, moved := range map[string]string{
		"3 0":   "",
		"4 0":   "f0: 100% of texts are now over 3, 0% at training",
		"2.5 0": "f0: 100% of texts are now below 3, 0% at training",
		"3 1":   "f1: 100% of texts are now over 0.5, 0.4% at training",
		"NaN 0": "f0: 100% of texts are now without a value, 0% at training",
	} {
		r, err := psi.Compare(window(200, func(int) string { return text }), nil)
		if err != nil || r.Features[0].Moved != moved || (r.Status == psi.StatusAlert) != (moved != "") {
			t.Errorf("%q: report is %+v, error %v, want %q", text, r, err, moved)
		}
	}
	for _, o := range []psi.CompareOptions{{Monitor: -1}, {Monitor: 0.5, Alert: 0.2}, {MinSample: -1}, {Significance: 1}, {Slight: -1}, {Alert: math.NaN()}} {
		if _, err := psi.Compare(window(1, func(int) string { return "" }), &o); !errors.Is(err, psi.ErrInput) {
			t.Errorf("options %+v: error is %v", o, err)
		}
	}
}

var incidents = []string{
	"Data loss on the primary database, all users affected!",
	"The login page is slow.",
	"A typo on the start page",
	"Backup failed: disk full, data loss possible",
}

func vocabulary(t testing.TB) *tfidf.Vectorizer {
	t.Helper()
	v, err := tfidf.Fit(slices.Values(incidents), &tfidf.Options{NGrams: [2]int{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func textFeatures(t testing.TB) *psi.TextFeatures {
	t.Helper()
	f, err := psi.NewTextFeatures(vocabulary(t), &psi.TextOptions{Risky: []string{"data loss", "failed"}, Terms: []string{"data loss", "page"}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTextFeatures(t *testing.T) {
	f := textFeatures(t)
	for text, want := range map[string]map[string]float64{
		"": {},
		"DATA LOSS again: page failed": {
			"text_length": 28, "token_count": 5, "risky_token_count": 3, "unknown_token_ratio": 0.2, "term:data loss": 1, "term:page": 1,
		},
		"größer":         {"text_length": 6, "token_count": 1, "unknown_token_ratio": 1},
		"data data loss": {"text_length": 14, "token_count": 3, "risky_token_count": 2, "term:data loss": 1},
		"\xff\xfe":       {"text_length": 2},
	} {
		got := map[string]float64{}
		ind, val := f.AppendFeatures(nil, nil, text)
		if !slices.IsSorted(ind) {
			t.Errorf("indices %v do not ascend", ind)
		}
		for k, i := range ind {
			got[f.FeatureName(int(i))] = val[k]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("features of %q (-want +got):\n%s", text, diff)
		}
	}
	ind, val := make([]int32, 0, 16), make([]float64, 0, 16)
	if n := testing.AllocsPerRun(100, func() { ind, val = f.AppendFeatures(ind[:0], val[:0], incidents[0]) }); n >= 1 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
	plain, err := psi.NewTextFeatures(nil, nil)
	if err != nil || plain.NumFeatures() != 3 {
		t.Errorf("without a vocabulary: %d features, error %v", plain.NumFeatures(), err)
	}
	for name, o := range map[string]psi.TextOptions{
		"unknown term": {Terms: []string{"kernel"}}, "twice": {Terms: []string{"page", "page"}}, "many": {Terms: make([]string, 101)},
		"wordless": {Risky: []string{"!"}}, "long": {Risky: []string{strings.Repeat("risk ", 17)}},
	} {
		if _, err := psi.NewTextFeatures(vocabulary(t), &o); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := psi.NewTextFeatures(nil, &psi.TextOptions{Terms: []string{"page"}}); !errors.Is(err, psi.ErrInput) {
		t.Errorf("terms without a vocabulary: error is %v", err)
	}
}

func TestMonitor(t *testing.T) {
	var usual []string
	for i := range 400 {
		usual = append(usual, incidents[i%len(incidents)])
	}
	f := textFeatures(t)
	b := baseline(t, f, usual)
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	loaded := new(psi.Baseline)
	if err := json.Unmarshal(data, loaded); err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(loaded, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	observe := func(text func(i int) string) psi.Report {
		t.Helper()
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 60 {
					m.Observe(text(60*g + i))
				}
			})
		}
		wg.Wait()
		r, err := m.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := observe(func(i int) string { return incidents[i%4] }); r.Status != psi.StatusStable || r.NRecent != 240 || r.NBaseline != 400 {
		t.Errorf("usual texts: %+v", r)
	}
	if r := observe(func(i int) string { return incidents[i%2] }); r.Status != psi.StatusAlert || r.NRecent != 240 {
		t.Errorf("unusual texts: %+v", r)
	}
	m.Observe("one")
	for range 2 { // too few texts do not end the window
		if r, err := m.Sweep(t.Context()); err != nil || r.Status != psi.StatusInsufficient || r.NRecent != 1 {
			t.Errorf("one text: %+v, error %v", r, err)
		}
	}
	var dm psi.DriftMonitor = m
	dm.Observe("")
	if _, err := psi.NewMonitor(b, values(2), nil); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("other features: error is %v", err)
	}
	if _, err := psi.NewMonitor(b, f, &psi.CompareOptions{MinSample: -1}); !errors.Is(err, psi.ErrInput) {
		t.Errorf("bad options: error is %v", err)
	}
}

func TestMonitorTellsOfBadExtractor(t *testing.T) {
	b := baseline(t, values(1), []string{"1"})
	m, err := psi.NewMonitor(b, values(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Observe("1 2") // a feature more than it says it has
	if _, err := m.Sweep(t.Context()); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("error is %v", err)
	}
	if _, err := m.Sweep(t.Context()); err != nil {
		t.Errorf("the next sweep: %v", err)
	}
}

func FuzzBaseline(f *testing.F) {
	data, err := json.Marshal(baseline(f, values(2), []string{"1 2", "2 3", "NaN 4", "0 0"}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	if data, err = json.Marshal(mixed(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":"riskkit-baseline/1","n":10,"features":[{"name":"a","edges":[1,1],"counts":[2,3,5,0]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b psi.Baseline
		if err := b.UnmarshalJSON(data); err != nil {
			if !errors.Is(err, psi.ErrInput) {
				t.Fatal(err)
			}
			return
		}
		p := psi.NewProfile(&b)
		for j := range b.NumFeatures() {
			v := float64(j) - 1
			text := p.Add([]int32{int32(j)}, []float64{v})
			numeric, categorical := p.AddNumeric(b.FeatureName(j), v), p.AddCategorical(b.FeatureName(j), "eu")
			if (text == nil) == (numeric == nil || categorical == nil) || numeric == nil && categorical == nil {
				t.Fatalf("feature %d is of texts (%v), a number (%v) or a category (%v)", j, text, numeric, categorical)
			}
		}
		r, err := psi.Compare(p, &psi.CompareOptions{MinSample: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(&b)
		if err != nil || b.UnmarshalJSON(again) != nil {
			t.Fatal("what was loaded cannot be saved and loaded again")
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	f := textFeatures(b)
	m, err := psi.NewMonitor(baseline(b, f, incidents), f, nil)
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Join(incidents, " ")
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(text)
	}
}

func BenchmarkCompare(b *testing.B) {
	var texts []string
	rng := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		var s []string
		for range 60 {
			s = append(s, fmt.Sprint(rng.IntN(100)))
		}
		texts = append(texts, strings.Join(s, " "))
	}
	p := psi.NewProfile(baseline(b, values(60), texts))
	for _, s := range texts[:200] {
		if err := p.Add(values(60).AppendFeatures(nil, nil, s)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := psi.Compare(p, nil); err != nil {
			b.Fatal(err)
		}
	}
}
