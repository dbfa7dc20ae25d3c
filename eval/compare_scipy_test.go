package eval

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/riskkit/riskkit/internal/fixture"
)

// TestCompareEqualsSciPy holds metrics, tests and intervals against those of
// scikit-learn, SciPy and statsmodels (internal/sklearn/compare_fixture.py).
func TestCompareEqualsSciPy(t *testing.T) {
	var f struct {
		Cases []struct {
			Name        string
			Truth, A, B []int
			ProbaA      [][]float64 `json:"proba_a"`
			ProbaB      [][]float64 `json:"proba_b"`
			Cost        Cost
			MetricsA    map[string]float64 `json:"metrics_a"`
			MetricsB    map[string]float64 `json:"metrics_b"`
			McNemar     float64
			Paired      map[Metric][2]float64
			Arms        map[Metric][2]float64
		}
		McNemar     []Paired
		Proportions []struct {
			HitsA int64 `json:"hits_a"`
			NA    int64 `json:"n_a"`
			HitsB int64 `json:"hits_b"`
			NB    int64 `json:"n_b"`
			Interval
			P float64
		}
		Guards []struct {
			GuardCounts
			Ratio, Evidence float64
		}
		Shares []struct {
			Old, New int64
			Share, P float64
		}
	}
	fixture.LoadFile(t, "compare", &f)
	if len(f.Cases) == 0 || len(f.McNemar) == 0 || len(f.Proportions) == 0 || len(f.Guards) == 0 || len(f.Shares) == 0 {
		t.Fatal("the fixture is empty")
	}
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
			t.Errorf("%s is %.17g, want %.17g", what, got, want)
		}
	}
	for _, c := range f.Cases {
		levels := []string{"0", "1", "2", "3", "4"}[:len(c.Cost)]
		pairs, err := NewPairs(levels, nil)
		if err != nil {
			t.Fatal(err)
		}
		arms, err := NewArms(levels)
		if err != nil {
			t.Fatal(err)
		}
		for i, truth := range c.Truth {
			err := pairs.Add("", truth, c.A[i], c.B[i], c.ProbaA[i], c.ProbaB[i])
			if i < len(c.Truth)/2 {
				err = errors.Join(err, arms.Add(ArmA, truth, c.A[i], c.ProbaA[i]))
			} else {
				err = errors.Join(err, arms.Add(ArmB, truth, c.B[i], c.ProbaB[i]))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := pairs.Compare(&CompareOptions{Resamples: 10, Cost: c.Cost})
		if err != nil {
			t.Fatal(err)
		}
		near(c.Name+": McNemar's P", got.P, c.McNemar, 1e-12)
		seen := 0
		for _, d := range got.Differences {
			name := string(d.Metric)
			if d.Level != "" {
				name += " " + d.Level
			}
			if want, ok := c.Paired[d.Metric]; ok {
				near(fmt.Sprintf("%s: lower end of paired %s", c.Name, name), d.Low, want[0], 1e-12)
				near(fmt.Sprintf("%s: upper end of paired %s", c.Name, name), d.High, want[1], 1e-12)
				continue
			}
			seen++
			wantA, okA := c.MetricsA[name]
			wantB, okB := c.MetricsB[name]
			if !okA || !okB {
				t.Errorf("%s: %s is not in the fixture", c.Name, name)
			}
			near(c.Name+": "+name+" of a", d.A, wantA, 1e-12)
			near(c.Name+": "+name+" of b", d.B, wantB, 1e-12)
		}
		if seen != len(c.MetricsA) {
			t.Errorf("%s: %d metrics of %d", c.Name, seen, len(c.MetricsA))
		}
		got, err = arms.Compare(&CompareOptions{Resamples: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Differences {
			if want, ok := c.Arms[d.Metric]; ok {
				near(fmt.Sprintf("%s: lower end of %s in arms", c.Name, d.Metric), d.Low, want[0], 1e-12)
				near(fmt.Sprintf("%s: upper end of %s in arms", c.Name, d.Metric), d.High, want[1], 1e-12)
			}
		}
	}
	for _, want := range f.McNemar {
		got := mcNemar(int64(want.OnlyA), int64(want.OnlyB))
		tolerance := 1e-12
		if want.OnlyA+want.OnlyB > 100_000 {
			tolerance = 1e-9 // what gonum's incomplete beta function can do
		}
		near(fmt.Sprintf("McNemar's P of %d and %d", want.OnlyA, want.OnlyB), got.P, want.P, tolerance)
	}
	for _, want := range f.Proportions {
		got, err := Proportions(want.HitsA, want.NA, want.HitsB, want.NB, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("proportions %d/%d and %d/%d: ", want.HitsA, want.NA, want.HitsB, want.NB)
		near(name+"lower end", got.Low, want.Low, 1e-12)
		near(name+"upper end", got.High, want.High, 1e-12)
		near(name+"P", got.P, want.P, 1e-12)
	}
	for _, want := range f.Guards {
		near(fmt.Sprintf("evidence of %+v", want.GuardCounts), want.excess(want.Ratio), want.Evidence, 1e-9)
	}
	for _, want := range f.Shares {
		g, err := NewGate([]string{"low", "high"}, &GateOptions{Share: want.Share})
		if err != nil {
			t.Fatal(err)
		}
		v, err := g.Judge(Look{OldN: want.Old, NewN: want.New})
		if err != nil {
			t.Fatal(err)
		}
		if r := v.Reasons[0]; r.Name != reasonShare || (r.Outcome == Inconclusive) != (want.P < 0.001) {
			t.Errorf("share of %d and %d: %+v, P is %v", want.Old, want.New, r, want.P)
		}
		n := float64(want.Old + want.New)
		near("P of a share", twoSided((float64(want.New)/n-want.Share)/math.Sqrt(want.Share*(1-want.Share)/n)), want.P, 1e-12)
	}
}
