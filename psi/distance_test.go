package psi

import (
	"errors"
	"math"
	"testing"

	"github.com/riskkit/riskkit/internal/fixture"
)

// peer is what SciPy and Evidently say (internal/drift/psi_fixture.py).
type peer struct {
	P         []float64
	Corrected []float64
	Cases     map[string]struct {
		Baseline, Recent  []int64
		Edges             []float64
		ChiSquare         float64 `json:"chi_square"`
		Homogeneity       float64
		Critical          float64
		JensenShannon     float64 `json:"jensen_shannon"`
		Hellinger         float64
		KolmogorovSmirnov float64 `json:"kolmogorov_smirnov"`
		Wasserstein       float64
		Filled            float64 `json:"psi_filled"`
		Exact, Trend      *float64
	}
}

func TestDistancesEqualsSciPy(t *testing.T) {
	var f peer
	fixture.LoadFile(t, "distances", &f)
	if len(f.Cases) < 10 {
		t.Fatalf("%d cases in the fixture", len(f.Cases))
	}
	check := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-10*max(math.Abs(want), 1e-4)) {
			t.Errorf("%s is %.15g, want %.15g", what, got, want)
		}
	}
	exacts, trends := 0, 0
	for name, c := range f.Cases {
		n, m, err := totals(c.Baseline, c.Recent)
		if err != nil {
			t.Fatal(err)
		}
		value := func(v float64, err error) float64 {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return v
		}
		bins, _ := chiSquare(c.Baseline, n, c.Recent, m)
		check(name+": χ²", value(ChiSquare(c.Baseline, c.Recent)), c.ChiSquare)
		check(name+": homogeneity", value(Homogeneity(c.Baseline, c.Recent)), c.Homogeneity)
		check(name+": critical", Critical(bins, n, m, 0.05), c.Critical)
		check(name+": Jensen-Shannon", value(JensenShannon(c.Baseline, c.Recent)), c.JensenShannon)
		check(name+": Hellinger", value(Hellinger(c.Baseline, c.Recent)), c.Hellinger)
		check(name+": Kolmogorov-Smirnov", value(KolmogorovSmirnov(c.Baseline, c.Recent)), c.KolmogorovSmirnov)
		check(name+": Wasserstein", value(Wasserstein(c.Edges, c.Baseline, c.Recent)), c.Wasserstein)
		check(name+": PSI filled", value(PSIFilled(c.Baseline, c.Recent, 1e-4)), c.Filled)
		if c.Exact != nil {
			exacts++
			p := exact(c.Baseline[1], n, c.Recent[1], m)
			if name == "large" { // by the normal law
				if math.Abs(p-*c.Exact) > 0.01**c.Exact {
					t.Errorf("%s: exact test is %v, want about %v", name, p, *c.Exact)
				}
			} else {
				check(name+": exact test", p, *c.Exact)
			}
		}
		if c.Trend != nil {
			trends++
			check(name+": trend", trend(c.Baseline, c.Recent), *c.Trend)
		}
	}
	if exacts < 5 || trends < 3 {
		t.Errorf("%d exact tests, %d trends in the fixture", exacts, trends)
	}
	for i, p := range BenjaminiHochberg(f.P) {
		check("corrected p", p, f.Corrected[i])
	}
}

// TestPublished has the numbers of six bins as others print them.
func TestPublished(t *testing.T) {
	b, r := []int64{16, 18, 16, 14, 12, 12}, []int64{16, 16, 16, 16, 16, 8}
	psi, _ := PSI(b, r)
	chi, _ := ChiSquare(b, r)
	p, _ := Homogeneity(b, r)
	h, _ := Hellinger(b, r)
	js, _ := JensenShannon(b, r)
	filled, _ := PSIFilled([]int64{0, 2, 1}, []int64{1, 1, 1}, 1e-4) // the values 3 2 2 against 1 2 3
	for _, c := range []struct {
		name                 string
		got, want, precision float64
	}{
		{"PSI", psi, 0.037218, 1e-6},
		{"critical", Critical(6, 88, 88, 0.05), 0.2516, 1e-4},
		{"χ²", chi, 1.6224, 1e-4},
		{"p", p, 0.8985, 1e-4},
		{"Hellinger", h, 0.06812, 1e-5},
		{"Jensen-Shannon", js, 0.081734, 1e-6},
		{"PSI filled", filled, 2.934, 1e-3},
	} {
		if !(math.Abs(c.got-c.want) <= c.precision) {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestDistancesOfBadInput(t *testing.T) {
	for name, c := range map[string][2][]int64{
		"lengths": {{1, 2}, {1}}, "negative": {{1, 2}, {3, -1}}, "nothing": {{0, 0}, {1, 2}}, "no bins": {nil, nil},
		"overflow": {{math.MaxInt64, 1}, {1, 1}},
	} {
		_, _, interval := Interval(c[0], c[1], 0.95)
		_, filled := PSIFilled(c[0], c[1], 1e-4)
		_, chi := ChiSquare(c[0], c[1])
		_, js := JensenShannon(c[0], c[1])
		_, h := Hellinger(c[0], c[1])
		_, ks := KolmogorovSmirnov(c[0], c[1])
		_, w := Wasserstein([]float64{1}, c[0], c[1])
		for i, err := range []error{interval, filled, chi, js, h, ks, w} {
			if !errors.Is(err, ErrInput) {
				t.Errorf("%s: error %d is %v", name, i, err)
			}
		}
	}
	two := []int64{1, 2}
	for name, edges := range map[string][]float64{"none": nil, "many": {1, 2}, "NaN": {math.NaN()}, "infinite": {math.Inf(1)}} {
		if _, err := Wasserstein(edges, two, two); !errors.Is(err, ErrInput) {
			t.Errorf("edges %s: error is %v", name, err)
		}
	}
	if _, err := Wasserstein([]float64{2, 2}, []int64{1, 1, 1}, []int64{1, 1, 1}); !errors.Is(err, ErrInput) {
		t.Errorf("equal edges: error is %v", err)
	}
	for _, v := range []float64{0, 1, -1, math.NaN()} {
		if _, _, err := Interval(two, two, v); !errors.Is(err, ErrInput) {
			t.Errorf("confidence %v: error is %v", v, err)
		}
		if _, err := PSIFilled(two, two, v); !errors.Is(err, ErrInput) {
			t.Errorf("fill %v: error is %v", v, err)
		}
		if !math.IsNaN(Critical(3, 10, 10, v)) {
			t.Errorf("alpha %v: critical value is %v", v, Critical(3, 10, 10, v))
		}
	}
	// The ends of what numbers there are stay numbers.
	huge := []float64{-math.MaxFloat64, 0, math.MaxFloat64}
	if w, err := Wasserstein(huge, []int64{1, 0, 0, 0}, []int64{0, 0, 0, 1}); err != nil || w != math.MaxFloat64 {
		t.Errorf("Wasserstein of the ends is %v, error %v", w, err)
	}
	if Critical(1, 10, 10, 0.05) != 0 || !math.IsInf(Critical(2, 0, 10, 0.05), 1) {
		t.Error("critical values of one bin and of no sample")
	}
	if p := BenjaminiHochberg(nil); len(p) != 0 {
		t.Errorf("no p-values corrected are %v", p)
	}
}

// TestExactOfLargeSamples holds the exact test against sums of Poisson's law,
// which that of a rare value in very large samples is.
func TestExactOfLargeSamples(t *testing.T) {
	// 20 of 2e15 in two equal halves: 15 or more of 20 tosses, by mid-p.
	const half = int64(1) << 50
	want := 2 * (21700.0 - 15504.0/2) / (1 << 20)
	if got := exact(5, half, 15, half); math.Abs(got-want) > 1e-6*want {
		t.Errorf("p is %v, want %v", got, want)
	}
	if got := exact(half/2, half, half/2, half); got != 1 {
		t.Errorf("p of equal shares is %v", got)
	}
	for _, c := range [][4]int64{{0, 10, 0, 10}, {10, 10, 10, 10}, {0, 0, 3, 10}} {
		if got := exact(c[0], c[1], c[2], c[3]); got != 1 {
			t.Errorf("p of %v is %v, want 1", c, got)
		}
	}
}
