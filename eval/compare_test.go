package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aPair is one example of random versions.
type aPair struct {
	id             string
	truth, a, b    int
	probaA, probaB []float64
}

// randomPairs returns n examples of two versions that often agree.
func randomPairs(rng *rand.Rand, n, k int) []aPair {
	proba := func() []float64 {
		p, sum := make([]float64, k), 0.0
		for i := range p {
			p[i] = rng.ExpFloat64()
			sum += p[i]
		}
		for i := range p {
			p[i] /= sum
		}
		return p
	}
	all := make([]aPair, n)
	for i := range all {
		x := aPair{id: fmt.Sprint("INC-", i), truth: rng.IntN(k), a: rng.IntN(k), b: rng.IntN(k), probaA: proba(), probaB: proba()}
		if rng.IntN(2) == 0 {
			x.b, x.probaB = x.a, x.probaA
		}
		all[i] = x
	}
	return all
}

func addPairs(t testing.TB, levels []string, o *PairsOptions, all []aPair) *Pairs {
	t.Helper()
	p, err := NewPairs(levels, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if err := p.Add(x.id, x.truth, x.a, x.b, x.probaA, x.probaB); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

var threeLevels = []string{"low", "medium", "high"}

// TestInfluence differentiates every metric numerically.
func TestInfluence(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		k := 2 + rng.IntN(3)
		table := newConfusionTable(k)
		cost := make(Cost, k)
		for i := range table.cell {
			table.cell[i] = 1 + 50*rng.Float64()
			cost[i/k] = append(cost[i/k], rng.Float64())
		}
		table.sum()
		e := evidence{levels: make([]string, k)}
		for _, m := range e.measures(cost) {
			influence, sum := make([]float64, k*k), 0.0
			table.influence(influence, m)
			for i := range table.cell {
				sum += influence[i] * table.cell[i]
				at := func(c float64) float64 {
					moved := newConfusionTable(k)
					copy(moved.cell, table.cell)
					moved.cell[i] += c
					moved.sum()
					return moved.value(m)
				}
				const h = 1e-4
				if want := (at(h) - at(-h)) / (2 * h); math.Abs(influence[i]-want) > 1e-8 {
					t.Errorf("%s: influence of cell %d is %v, want %v", m.metric, i, influence[i], want)
				}
			}
			if math.Abs(sum) > 1e-12 {
				t.Errorf("%s: influences sum to %v", m.metric, sum)
			}
		}
	}
}

// TestBootstrapAgrees compares the spread of the bootstrap with the delta method
// and the normal interval with the percentiles, both for many examples.
func TestBootstrapAgrees(t *testing.T) {
	p := addPairs(t, threeLevels, nil, randomPairs(rand.New(rand.NewPCG(2, 2)), 4000, 3))
	c, err := p.Compare(&CompareOptions{Resamples: 2000, Confidence: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	e := p.evidence()
	for _, d := range c.Differences {
		m, err := newMeasure(threeLevels, d.Metric, d.Level, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := e.difference(m)
		if math.Abs(want.b-want.a-d.Difference) > 1e-15 || d.Low > d.Difference || d.High < d.Difference {
			t.Errorf("%s %s: %+v, difference %v", d.Metric, d.Level, d, want.b-want.a)
		}
		if half := normalQuantile(0.95) * want.stdErr; math.Abs((d.High-d.Low)/(2*half)-1) > 0.1 {
			t.Errorf("%s %s: the interval is %v wide, by the delta method %v", d.Metric, d.Level, d.High-d.Low, 2*half)
		}
	}
}

// TestBootstrapCovers holds the true difference in 95% of the intervals, of
// metrics of all and of the rarest level; of few examples in more of them.
func TestBootstrapCovers(t *testing.T) {
	n, resamples, sum, count := 12, 200, 0.0, 0.0
	if *thorough {
		n, resamples = 300, 1000
	}
	for _, w := range worlds {
		truth := w.newPairs(t).evidence()
		shares := w.shares(0.1)
		for i, q := range shares {
			truth.cells[i].n = q
		}
		a, b := truth.tables()
		for _, size := range []int{50, 200, 1000, 10000} {
			covered, all := map[string]float64{}, 0.0
			for i := range n {
				p := w.newPairs(t)
				w.pairsOf(p, shares, size, rand.NewPCG(3, uint64(i)))
				c, err := p.Compare(&CompareOptions{Resamples: resamples, Seed: uint64(i)})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range c.Differences {
					if d.Level != "" && d.Level != w.levels()[len(w.priors)-1] {
						continue
					}
					m, err := newMeasure(w.levels(), d.Metric, d.Level, nil)
					if err != nil {
						t.Fatal(err)
					}
					in := indicator(d.Contains(b.value(m)-a.value(m))) / float64(n)
					covered[string(d.Metric)] += in
					all += in
				}
			}
			mean := all / float64(len(covered))
			if size >= 1000 { // of fewer they are wider than need be
				sum += mean
				count++
			}
			t.Logf("%-7s %5d examples: mean %.3f, %.3v", w.name, size, mean, covered)
			for m, share := range covered {
				if 1-share > atMost(0.1, n) {
					t.Errorf("%s, %d examples: intervals of %s cover in %.3f", w.name, size, m, share)
				}
			}
		}
	}
	t.Logf("mean from 1000 examples on: %.4f", sum/count)
	if mean := sum / count; mean < 0.87 || *thorough && (mean < 0.94 || mean > 0.965) {
		t.Errorf("intervals cover in %.4f", mean)
	}
}

// TestCompareOnAnyCores wants the same bytes from one core as from four, and
// others from another seed.
func TestCompareOnAnyCores(t *testing.T) {
	p := addPairs(t, threeLevels, nil, randomPairs(rand.New(rand.NewPCG(6, 6)), 300, 3))
	compare := func(cores int, seed uint64) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		c, err := p.Compare(&CompareOptions{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if one, four := compare(1, 1), compare(4, 1); !bytes.Equal(one, four) {
		t.Errorf("on one core\n%s\non four\n%s", one, four)
	}
	if bytes.Equal(compare(2, 1), compare(2, 2)) {
		t.Error("the seed makes no difference")
	}
}

func TestFlips(t *testing.T) {
	p := addPairs(t, threeLevels, &PairsOptions{Flips: 2}, []aPair{
		{id: "same", truth: 0, a: 1, b: 1}, {id: "c", truth: 2, a: 0, b: 2}, {id: "b", truth: 2, a: 1, b: 2}, {id: "a", truth: 2, a: 1, b: 2},
		{id: "worse", truth: 0, a: 0, b: 1}, {id: "other", truth: 0, a: 1, b: 2}, {id: "", truth: 0, a: 2, b: 1},
	})
	c, err := p.Compare(&CompareOptions{Resamples: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := &Flips{
		Better: FlipList{3, []Flip{{"c", "high", "low", "high"}, {"a", "high", "medium", "high"}}},
		Worse:  FlipList{1, []Flip{{"worse", "low", "low", "medium"}}},
		Other:  FlipList{2, []Flip{{"other", "low", "medium", "high"}}},
	}
	if diff := cmp.Diff(want, c.Flips); diff != "" {
		t.Errorf("flips (-want +got):\n%s", diff)
	}
	if none := addPairs(t, threeLevels, &PairsOptions{Flips: -1}, randomPairs(rand.New(rand.NewPCG(7, 7)), 50, 3)).listFlips(); len(none.Better.Examples) != 0 || none.Better.N == 0 {
		t.Errorf("flips without ids: %+v", none)
	}
}

func TestDifferenceBetter(t *testing.T) {
	for _, c := range []struct {
		m         Metric
		low, high float64
		want      int
	}{
		{MetricAccuracy, 0.1, 0.2, 1}, {MetricAccuracy, -0.2, -0.1, -1}, {MetricAccuracy, 0, 0.1, 0}, {MetricLogLoss, 0.1, 0.2, -1}, {MetricCost, -2, -1, 1},
	} {
		if got := (Difference{Metric: c.m, Interval: Interval{c.low, c.high}}).Better(); got != c.want {
			t.Errorf("%s in [%v, %v]: Better is %d, want %d", c.m, c.low, c.high, got, c.want)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	p := addPairs(t, []string{"low", "high"}, nil, nil)
	arms, err := NewArms([]string{"low", "high"})
	if err != nil {
		t.Fatal(err)
	}
	good := []float64{0.5, 0.5}
	for name, err := range map[string]error{
		"truth":          p.Add("x", 2, 0, 0, nil, nil),
		"a":              p.Add("x", 0, -1, 0, nil, nil),
		"b":              p.Add("x", 0, 0, 2, nil, nil),
		"NaN":            p.Add("x", 0, 0, 0, []float64{math.NaN(), 1}, good),
		"sum":            p.Add("x", 0, 0, 0, good, []float64{0.5, 0.4}),
		"too few":        p.Add("x", 0, 0, 0, good, []float64{1}),
		"merge":          p.Merge(addPairs(t, threeLevels, nil, nil)),
		"arm":            arms.Add(2, 0, 0, nil),
		"truth of arm":   arms.Add(ArmA, -1, 0, nil),
		"answer of arm":  arms.Add(ArmB, 0, 2, nil),
		"NaN of arm":     arms.Add(ArmB, 0, 1, []float64{1, math.NaN()}),
		"levels":         second(NewPairs([]string{"a", "a"}, nil)),
		"many levels":    second(NewArms(make([]string, 33))),
		"many flips":     second(NewPairs(threeLevels, &PairsOptions{Flips: math.MaxInt})),
		"confidence":     second(p.Compare(&CompareOptions{Confidence: 1})),
		"resamples":      second(p.Compare(&CompareOptions{Resamples: -1})),
		"cost":           second(p.Compare(&CompareOptions{Cost: Cost{{1}}})),
		"impossible":     second(Proportions(2, 1, 0, 1, 0.95)),
		"proportion b":   second(Proportions(0, 1, -1, 1, 0.95)),
		"McNemar":        second(McNemar([]int{0}, []int{0}, []int{-1})),
		"merge of arms":  arms.Merge(&Arms{levels: threeLevels}),
		"no JSON":        p.UnmarshalJSON([]byte("{")),
		"no JSON of arm": arms.UnmarshalJSON([]byte("1")),
	} {
		if !errors.Is(err, ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"pairs": second(p.Compare(nil)), "arms": second(arms.Compare(nil)), "proportions": second(Proportions(0, 0, 1, 1, 0.95)),
	} {
		if !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if p.N() != 0 || p.losses.N != 0 {
		t.Errorf("refused examples were counted: %+v", p)
	}
}

// second returns the error of a pair of answers.
func second[V any](_ V, err error) error { return err }

// TestArmsCompare has the intervals of accuracy and recall that Proportions
// gives, and none that knows something of nothing.
func TestArmsCompare(t *testing.T) {
	s, err := NewArms(threeLevels)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 { // 20 of a and 40 of b, low and medium alone; a has 15 right, b 39
		arm := min(1, i/20)
		predicted := i % 2
		if i < 5 || i == 59 {
			predicted = 2
		}
		if err := s.Add(arm, i%2, predicted, nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Compare(nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Proportions(15, 20, 39, 40, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if c.NA != 20 || c.NB != 40 || c.P != want.P || c.Differences[0].Interval != want.Interval || c.Flips != nil || c.Paired != nil {
		t.Errorf("comparison %+v, want accuracies %+v", c, want)
	}
	for _, d := range c.Differences {
		if d.Metric == MetricRecall && d.Level == "high" && d.Interval != (Interval{-1, 1}) {
			t.Errorf("recall of a level that does not occur: %+v", d)
		}
	}
}

func BenchmarkPairsAdd(b *testing.B) {
	p := addPairs(b, threeLevels, nil, nil)
	probaA, probaB := []float64{0.2, 0.5, 0.3}, []float64{0.1, 0.2, 0.7}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Add("INC-1", 2, 1, 2, probaA, probaB); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompare resamples all metrics of a million examples a thousand times.
func BenchmarkCompare(b *testing.B) {
	w, p := worlds[0], worlds[0].newPairs(b)
	w.pairsOf(p, w.shares(0.1), 1_000_000, rand.NewPCG(1, 1))
	for b.Loop() {
		if _, err := p.Compare(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	w, p := worlds[0], worlds[0].newPairs(b)
	w.pairsOf(p, w.shares(0.1), 1_000_000, rand.NewPCG(1, 1))
	g, err := NewGate(w.levels(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := g.Judge(Look{Evidence: p}); err != nil {
			b.Fatal(err)
		}
	}
}
