package eval

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// both adds an example to a state of each kind, the answers of both versions to
// Arms.
func both(t testing.TB, p *Pairs, s *Arms, x aPair, weight float64) {
	t.Helper()
	if err := errors.Join(p.AddWeighted(x.id, x.truth, x.a, x.b, x.probaA, x.probaB, weight),
		s.AddWeighted(ArmA, x.truth, x.a, x.probaA, weight), s.AddWeighted(ArmB, x.truth, x.b, x.probaB, weight)); err != nil {
		t.Fatal(err)
	}
}

func emptyOfBoth(t testing.TB) (*Pairs, *Arms) {
	t.Helper()
	p, err := NewPairs(threeLevels, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewArms(threeLevels)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// weightedOfBoth returns states of examples of very different weights.
func weightedOfBoth(t testing.TB) (*Pairs, *Arms) {
	t.Helper()
	p, s := emptyOfBoth(t)
	for i, x := range randomPairs(rand.New(rand.NewPCG(64, 64)), 20, 3) {
		both(t, p, s, x, []float64{0, 1e-100, 0.5, 1, 1e100}[i%5])
	}
	return p, s
}

func compareBoth(t testing.TB, p *Pairs, s *Arms) [2]Comparison {
	t.Helper()
	o := &CompareOptions{Resamples: 200, Cost: Cost{{0, 1, 2}, {1, 0, 1}, {5, 2, 0}}}
	a, errA := p.Compare(o)
	b, errB := s.Compare(o)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	return [2]Comparison{a, b}
}

// TestWeightsStandForExamples has examples of a weight be as good as so many of
// them, and of one weight all, as none.
func TestWeightsStandForExamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 61))
	all := randomPairs(rng, 400, 3)
	weighted, weightedArms := emptyOfBoth(t)
	repeated, repeatedArms := emptyOfBoth(t)
	plain, plainArms := emptyOfBoth(t)
	heavy, heavyArms := emptyOfBoth(t)
	for _, x := range all {
		w := rng.IntN(5)
		both(t, weighted, weightedArms, x, float64(w))
		for range w {
			both(t, repeated, repeatedArms, x, 1)
		}
		both(t, plain, plainArms, x, 1)
		both(t, heavy, heavyArms, x, 1e50)
	}
	equal := cmpopts.EquateApprox(0, 1e-12)
	got, want := compareBoth(t, weighted, weightedArms), compareBoth(t, repeated, repeatedArms)
	for i := range got {
		if diff := cmp.Diff(want[i].Differences, got[i].Differences, equal, cmpopts.IgnoreTypes(Interval{})); diff != "" {
			t.Errorf("weighted (-repeated +weighted):\n%s", diff)
		}
		for j, d := range got[i].Differences {
			if narrow := want[i].Differences[j]; d.High-d.Low < 1.1*(narrow.High-narrow.Low) {
				t.Errorf("%s %s: an interval as narrow as if there were more examples, %v, of those %v", d.Metric, d.Level, d.Interval, narrow.Interval)
			}
		}
	}
	got, want = compareBoth(t, heavy, heavyArms), compareBoth(t, plain, plainArms)
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("all of one weight (-plain +heavy):\n%s", diff)
	}
	if c, w := compareBoth(t, weighted, weightedArms)[0], want[0]; *c.Paired != *w.Paired || c.NA != 400 || c.Flips.Better.N != w.Flips.Better.N {
		t.Errorf("McNemar's test and flips of %d examples do not count them: %+v, want %+v", c.NA, c.Paired, w.Paired)
	}
	g, err := NewGate(threeLevels, &GateOptions{MinSamples: 395, MinPerLevel: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		Evidence
		few bool
	}{{plain, false}, {heavy, false}, {plainArms, false}, {weighted, true}, {weightedArms, true}} {
		v, err := g.Judge(Look{Evidence: x})
		if err != nil {
			t.Fatal(err)
		}
		if few := v.Reasons[0].Name == reasonSamples; few != x.few {
			t.Errorf("%T: too few effective examples is %v, want %v: %s", x.Evidence, few, x.few, v)
		}
	}
}

// TestWeightedState writes, reads and merges weighted states, and reads those
// that were written before there were weights.
func TestWeightedState(t *testing.T) {
	rng := rand.New(rand.NewPCG(62, 62))
	whole, wholeArms := emptyOfBoth(t)
	merged, mergedArms := emptyOfBoth(t)
	for range 4 {
		part, partArms := emptyOfBoth(t)
		for _, x := range randomPairs(rng, 50, 3) {
			w := 10 * rng.Float64()
			both(t, whole, wholeArms, x, w)
			both(t, part, partArms, x, w)
		}
		p, s := new(Pairs), new(Arms)
		for _, state := range []struct{ from, to any }{{part, p}, {partArms, s}} {
			data, err := json.Marshal(state.from)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, state.to); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(state.from, state.to, cmp.AllowUnexported(Pairs{}, Arms{}, arm{}, cell{}, loss{}, flip{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("read (-written +read):\n%s", diff)
			}
		}
		if err := errors.Join(merged.Merge(p), mergedArms.Merge(s)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(compareBoth(t, whole, wholeArms), compareBoth(t, merged, mergedArms), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("merged (-whole +merged):\n%s", diff)
	}
	// A state as it was written then: two examples with probabilities.
	const before = `{"levels":["low","high"],"counts":[1,0,0,0,0,1,0,0],"losses":{"n":2,"a":[0.75,0.5],"b":[0.5,0.25],"squares":[0.125,0.0625]},"keep":20,"flips":[null,null,null]}`
	var p Pairs
	if err := json.Unmarshal([]byte(before), &p); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&p)
	if err != nil || string(again) != before {
		t.Errorf("written again: %s, error %v, want %s", again, err, before)
	}
	if l := p.evidence().losses[0]; l.n != 2 || l.a != 0.375 || l.b != 0.25 || math.Abs(l.stdErr-math.Sqrt(0.125/2-0.125*0.125)) > 1e-15 {
		t.Errorf("losses are %+v", l)
	}
	for _, w := range []float64{-1, math.NaN(), math.Inf(1), 1e101, 1e-101} {
		if err := p.AddWeighted("A", 0, 0, 0, nil, nil, w); !errors.Is(err, ErrInput) || p.N() != 2 {
			t.Errorf("weight %v of a pair: error %v, %d examples", w, err, p.N())
		}
		if err := wholeArms.AddWeighted(ArmA, 0, 0, nil, w); !errors.Is(err, ErrInput) {
			t.Errorf("weight %v of an arm: error %v", w, err)
		}
	}
	nothing, nothingArms := emptyOfBoth(t)
	both(t, nothing, nothingArms, aPair{}, 0)
	if _, err := nothing.Compare(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("pairs of weight 0: error %v", err)
	}
	if _, err := nothingArms.Compare(nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("arms of weight 0: error %v", err)
	}
}

// TestWeightedIntervalsCover reviews all of a hard quarter of examples and a
// fifth of the rest, on which alone b differs from a, and counts how often the
// intervals hold the difference over all examples. That of counts without
// weights would hold it in 0.
func TestWeightedIntervalsCover(t *testing.T) {
	const n = 3000 // of which some 1200 are reviewed
	// Of the easy ones a is right in 0.9 and b in 0.8, of the hard both in 0.5.
	answer := func(rng *rand.Rand, truth int, right float64) int {
		if rng.Float64() < right {
			return truth
		}
		return (truth + 1 + rng.IntN(2)) % 3
	}
	want := map[Metric]float64{MetricAccuracy: -0.075, MetricMacroF1: -0.075, MetricRecall: -0.075}
	held, z := map[Metric]int{}, map[Metric]int{}
	times := tries(80)
	for i := range times {
		rng := rand.New(rand.NewPCG(63, uint64(i)))
		p, s := emptyOfBoth(t)
		for range n {
			hard, x := rng.Float64() < 0.25, aPair{truth: rng.IntN(3)}
			x.a = answer(rng, x.truth, 0.9)
			x.b = answer(rng, x.truth, 0.8)
			weight := 5.0
			if hard {
				x.a = answer(rng, x.truth, 0.5)
				x.b, weight = x.a, 1
			} else if rng.IntN(5) > 0 {
				continue
			}
			both(t, p, s, x, weight)
		}
		c, err := p.Compare(&CompareOptions{Resamples: 400})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range c.Differences {
			if v, ok := want[d.Metric]; ok && d.Contains(v) && (d.Level == "" || d.Level == "high") {
				held[d.Metric]++
			}
		}
		for name, e := range map[Metric]evidence{"pairs": p.evidence(), "arms": s.evidence()} {
			if d := e.difference(aMeasure{metric: MetricMacroF1}); math.Abs(d.b-d.a+0.075) <= 1.96*d.stdErr {
				z[name]++
			}
		}
	}
	t.Logf("of %d: bootstrap %v, delta method %v", times, held, z)
	least := 0.95 - 4*math.Sqrt(0.95*0.05/float64(times))
	for name, n := range held {
		if share := float64(n) / float64(times); share < least || len(held) != len(want) {
			t.Errorf("intervals of %s hold the difference in %.3f", name, share)
		}
	}
	if float64(min(z["pairs"], z["arms"]))/float64(times) < least {
		t.Errorf("the delta method holds it in %v of %d", z, times)
	}
}
