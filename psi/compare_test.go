package psi

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// judge compares one feature.
func judge(t *testing.T, f feature, recent []int64) FeatureReport {
	t.Helper()
	o, err := (*CompareOptions)(nil).normalized()
	if err != nil {
		t.Fatal(err)
	}
	return compare([]feature{f}, func(dst []int64, _ int) []int64 { return append(dst, recent...) }, o).Features[0]
}

func TestMoved(t *testing.T) {
	lengths := feature{Name: "text_length", Edges: []float64{100.5, 400.5, 900.5}, Counts: []int64{300, 310, 300, 90, 0}}
	level := feature{Name: "level", Categories: []string{"low", "high"}, Counts: []int64{700, 300, 0, 0}}
	for want, c := range map[string]struct {
		f      feature
		recent []int64
	}{
		"text_length: 31% of texts are now over 900 characters, 9% at training":             {lengths, []int64{230, 230, 230, 310, 0}},
		"text_length: 61% of texts are now at most 100 characters, 30% at training":         {lengths, []int64{610, 190, 150, 50, 0}},
		"text_length: 61% of texts are now over 100 up to 400 characters, 31% at training":  {lengths, []int64{150, 610, 180, 60, 0}},
		"text_length: 20% of texts are now without a value, 0% at training":                 {lengths, []int64{240, 248, 240, 72, 200}},
		"level: 55% of texts are now \"high\", 30% at training":                             {level, []int64{450, 550, 0, 0}},
		"level: 5% of texts are now of a new category, 0% at training":                      {level, []int64{665, 285, 50, 0}},
		"level: 2.5% of texts are now without a value, 0% at training":                      {level, []int64{682, 293, 0, 25}},
		"\"disk\": now in 5% of texts, 0.1% at training":                                    {feature{Name: "term:disk", Edges: []float64{-0.5, 0.5}, Counts: []int64{0, 999, 1, 0}}, []int64{0, 950, 50, 0}},
		"risky_token_count: 99.5% of texts are now at least 3 risky words, 10% at training": {feature{Name: "risky_token_count", Edges: []float64{math.Nextafter(3, 0), 3}, Counts: []int64{900, 95, 5, 0}}, []int64{5, 950, 45, 0}},
		"load: 30% of texts are now over 12346, 5% at training":                             {feature{Name: "load", Edges: []float64{12345.6}, Counts: []int64{950, 50, 0}}, []int64{700, 300, 0}},
	} {
		if got := judge(t, c.f, c.recent); got.Moved != want {
			t.Errorf("%s, status %s, want %s", got.Moved, got.Status, want)
		}
	}
}

// TestBurst finds what suddenly occurs in a small window of a large baseline,
// where a bin is too rare to be judged beside the others.
func TestBurst(t *testing.T) {
	counts := []int64{4000, 3000, 2000, 900, 50, 30, 20, 0, 0} // of 7 categories
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	usual := []int64{80, 60, 40, 18, 1, 1, 0, 0, 0}
	ordered := feature{Name: "x", Edges: []float64{1, 2, 3, 4, 5, 6, 7}, Counts: counts}
	for _, f := range []feature{{Name: "x", Categories: names, Counts: counts}, ordered} {
		if r := judge(t, f, usual); r.Status != StatusStable {
			t.Errorf("usual counts: %+v", r)
		}
		for i, c := range counts {
			if c > 100 {
				continue
			}
			recent := slices.Clone(usual)
			recent[i] += 10
			if r := judge(t, f, recent); r.Status != StatusMonitor && r.Status != StatusAlert {
				t.Errorf("%d categories, bin %d in ten of 210: %+v", len(f.Categories), i, r)
			}
		}
	}
	// Many that are each rare, all at once: none of them alone is strange.
	many := feature{Name: "x", Counts: []int64{9800}}
	recent := []int64{180}
	for i := range 40 {
		many.Categories = append(many.Categories, fmt.Sprint(i))
		many.Counts, recent = append(many.Counts, 1), append(recent, int64(i%2))
	}
	many.Categories = append(many.Categories, "all else")
	many.Counts, recent = append(many.Counts, 0, 0), append(recent, 0, 0)
	if r := judge(t, many, recent); r.Status == StatusStable {
		t.Errorf("twenty rare categories: %+v", r)
	}
}

// TestMerging asks that merging keeps every observation that has neighbours,
// and leaves no bin too rare, but among two, whose test is exact.
func TestMerging(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var e evidence
	for range 3000 {
		bins := 3 + rng.IntN(9)
		counts, recent := make([]int64, bins), make([]int64, bins)
		for i := range bins {
			counts[i], recent[i] = rng.Int64N(1+rng.Int64N(60)), rng.Int64N(1+rng.Int64N(60))
		}
		f := feature{Edges: make([]float64, bins-2), Counts: counts}
		if rng.IntN(2) == 0 {
			f = feature{Categories: make([]string, bins-2), Counts: counts}
		}
		n, m, err := totals(counts, recent)
		if err != nil {
			continue
		}
		p, left := e.p(&f, n, recent, m)
		if !(p >= 0 && p <= 1) || left != len(e.baseline) {
			t.Fatalf("%v, %v: p is %v over %d bins", counts, recent, p, left)
		}
		filled, outside := 0, int64(0)
		for i := range counts {
			if counts[i]+recent[i] > 0 {
				filled++
			}
		}
		kept := int64(0)
		for i := range e.baseline {
			both := e.baseline[i] + e.recent[i]
			kept += both
			if filled > 2 && left > 2 && float64(both)*float64(min(n, m)) < minExpected*float64(n+m)*(1-1e-9) {
				t.Fatalf("%v, %v: merged to %v, %v, which has a rare bin", counts, recent, e.baseline, e.recent)
			}
		}
		for _, c := range e.rare {
			outside += c[0] + c[1]
		}
		if len(f.Categories) == 0 {
			outside = counts[bins-1] + recent[bins-1]
		}
		if kept > n+m || kept+outside < n+m {
			t.Fatalf("%v, %v: merged to %v, %v", counts, recent, e.baseline, e.recent)
		}
	}
}

// TestExtremes asks for figures that JSON has, and quickly, whatever the counts
// and edges.
func TestExtremes(t *testing.T) {
	o, err := (&CompareOptions{MinSample: 1}).normalized()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	sizes := []int64{0, 0, 1, 2, 1000, 1 << 31, 1 << 53, 1 << 59}
	edges := []float64{-math.MaxFloat64, -1, -5e-324, 0, 5e-324, 1e300, math.MaxFloat64}
	for range 2000 {
		f := feature{Name: "x", Edges: edges[rng.IntN(3) : 4+rng.IntN(4)]}
		if rng.IntN(3) == 0 {
			f = feature{Name: "x", Categories: []string{"a", "b", "c"}[:rng.IntN(4)]}
		}
		var recent []int64
		for range len(f.Edges) + len(f.Categories) + 2 {
			f.Counts = append(f.Counts, sizes[rng.IntN(len(sizes))])
			recent = append(recent, sizes[rng.IntN(len(sizes))])
		}
		r := compare([]feature{f}, func(dst []int64, _ int) []int64 { return append(dst, recent...) }, o)
		if _, err := json.Marshal(r); err != nil {
			t.Fatalf("%+v, %v: %v", f, recent, err)
		}
		x := r.Features[0]
		if !(x.PSI >= 0 && x.PSingle >= 0 && x.PSingle <= 1 && x.Low <= x.High && x.Distances.JensenShannon <= 1 && x.Distances.KolmogorovSmirnov <= 1 && x.Distances.Wasserstein >= 0) {
			t.Fatalf("%+v, %v: %+v", f, recent, x)
		}
	}
}

// TestSizesOfFeatures gives features different sample sizes.
func TestSizesOfFeatures(t *testing.T) {
	o, err := (*CompareOptions)(nil).normalized()
	if err != nil {
		t.Fatal(err)
	}
	features := []feature{
		{Name: "enough", Edges: []float64{0}, Counts: []int64{500, 500, 0}},
		{Name: "few", Edges: []float64{0}, Counts: []int64{50, 50, 0}},
		{Name: "none", Edges: []float64{0}, Counts: []int64{50, 50, 0}},
		{Name: "no baseline", Edges: []float64{0}, Counts: []int64{0, 0, 0}},
		{Name: "moved", Edges: []float64{0}, Counts: []int64{20000, 20000, 0}},
	}
	recent := [][]int64{{100, 100, 0}, {0, 99, 0}, {0, 0, 0}, {100, 100, 0}, {40, 160, 0}}
	of := func(dst []int64, j int) []int64 { return append(dst, recent[j]...) }
	r := compare(features, of, o)
	want := map[string]Status{"enough": StatusStable, "few": StatusInsufficient, "none": StatusInsufficient, "no baseline": StatusInsufficient, "moved": StatusAlert}
	for _, f := range r.Features {
		if f.Status != want[f.Name] {
			t.Errorf("%s: %+v, want %s", f.Name, f, want[f.Name])
		}
		if f.Name == "moved" && (f.NBaseline != 40000 || f.NRecent != 200 || f.P != 2*f.PSingle) {
			t.Errorf("moved: %+v, want it corrected for two features judged", f)
		}
	}
	if r.Status != StatusAlert || r.Drifted != 0.5 {
		t.Errorf("report: %s, %v drifted", r.Status, r.Drifted)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	if r := compare(features[1:3], func(dst []int64, j int) []int64 { return of(dst, j+1) }, o); r.Status != StatusInsufficient || r.Drifted != 0 {
		t.Errorf("too few of everything: %+v", r)
	}
}

// TestCopies has twenty features that say the same, as the words of a phrase
// do: one piece of evidence, which is too little.
func TestCopies(t *testing.T) {
	o, err := (*CompareOptions)(nil).normalized()
	if err != nil {
		t.Fatal(err)
	}
	var features []feature
	for i := range 20 {
		features = append(features, feature{Name: fmt.Sprint("term:", i), Edges: []float64{0.5}, Counts: []int64{222, 18, 0}})
	}
	r := compare(features, func(dst []int64, _ int) []int64 { return append(dst, 235, 5, 0) }, o)
	if f := r.Features[0]; r.Status != StatusStable || f.P >= o.Significance || r.P != 20*f.PSingle {
		t.Errorf("copies: %+v", r)
	}
	r = compare(features[:1], func(dst []int64, _ int) []int64 { return append(dst, 235, 5, 0) }, o)
	if r.Status != StatusMonitor {
		t.Errorf("one: %+v", r)
	}
}

// TestSlight finds what is below the line for monitor, unless that is switched
// off, and not what hardly matters.
func TestSlight(t *testing.T) {
	f := feature{Name: "level", Categories: []string{"low", "high"}, Counts: []int64{7000, 3000, 0, 0}}
	for _, c := range []struct {
		recent []int64
		slight float64
		want   Status
	}{
		{[]int64{5500, 4500, 0, 0}, 0, StatusMonitor}, // PSI 0.097
		{[]int64{5500, 4500, 0, 0}, 0.1, StatusStable},
		{[]int64{6800, 3200, 0, 0}, 0, StatusStable}, // PSI 0.0019, p 0.002
		{[]int64{6800, 3200, 0, 0}, 0.001, StatusMonitor},
	} {
		o, err := (&CompareOptions{Slight: c.slight}).normalized()
		if err != nil {
			t.Fatal(err)
		}
		r := compare([]feature{f}, func(dst []int64, _ int) []int64 { return append(dst, c.recent...) }, o)
		if r.Status != c.want {
			t.Errorf("%v, line %v: %+v, want %s", c.recent, c.slight, r, c.want)
		}
	}
}
