package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// world is where simulated examples come from: two versions of which b mostly
// answers as a does.
type world struct {
	name   string
	priors []float64 // of the levels
	right  float64   // how often a is
	redraw float64   // how often b answers for itself
}

var worlds = []world{
	{"even", []float64{0.4, 0.35, 0.25}, 0.6, 0.3},
	{"skewed", []float64{0.65, 0.27, 0.08}, 0.8, 0.2},
	{"rare", []float64{0.8, 0.17, 0.03}, 0.85, 0.1},
	{"alike", []float64{0.5, 0.3, 0.2}, 0.7, 0.1},
	{"two", []float64{0.9, 0.1}, 0.85, 0.5},
}

func (w world) levels() []string { return []string{"low", "medium", "high"}[:len(w.priors)] }

// shares returns how probable each truth and pair of answers is where b, when
// it answers for itself, is right so much more often than a.
func (w world) shares(better float64) []float64 {
	k := len(w.priors)
	answer := func(truth, x int, right float64) float64 {
		if x == truth {
			return right
		}
		return (1 - right) / float64(k-1)
	}
	q := make([]float64, k*k*k)
	for t, prior := range w.priors {
		for a := range k {
			for b := range k {
				p := w.redraw * answer(t, b, w.right+better)
				if a == b {
					p += 1 - w.redraw
				}
				q[(t*k+a)*k+b] = prior * answer(t, a, w.right) * p
			}
		}
	}
	return q
}

// pairsOf returns n examples drawn by shares.
func (w world) pairsOf(p *Pairs, shares []float64, n int, src rand.Source) {
	e := (&Pairs{levels: w.levels(), cells: make(cells, len(shares))}).evidence()
	for i, q := range shares {
		e.cells[i].n = q * float64(n)
	}
	drawn := make([]evidenceCell, len(e.cells))
	e.draw(drawn, e.cells, src)
	for i, c := range drawn {
		n := int64(math.Round(c.n)) // shares sum to 1 nearly
		p.cells[i].merge(ones(n))
		p.n += n
	}
}

// newPairs returns an empty state.
func (w world) newPairs(t testing.TB) *Pairs {
	t.Helper()
	p, err := NewPairs(w.levels(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// solve returns the shares for which b gains so much by the measure.
func (w world) solve(t testing.TB, m aMeasure, gain float64) []float64 {
	t.Helper()
	value := func(better float64) float64 {
		e := w.newPairs(t).evidence()
		for i, q := range w.shares(better) {
			e.cells[i].n = q
		}
		a, b := e.tables()
		return b.value(m) - a.value(m)
	}
	low, high := -w.right, 1-w.right
	if value(low) > gain || value(high) < gain {
		t.Fatalf("world %s cannot gain %v", w.name, gain)
	}
	for range 60 {
		if mid := (low + high) / 2; value(mid) < gain {
			low = mid
		} else {
			high = mid
		}
	}
	return w.shares((low + high) / 2)
}

// rates simulates gates that look up to so many times, each after step more
// examples, and returns how often they pass and fail.
func (w world) rates(t testing.TB, g *Gate, shares []float64, looks, step, n int, seed uint64) (pass, fail float64) {
	t.Helper()
	for i := range n {
		src, p := rand.NewPCG(seed, uint64(i)), w.newPairs(t)
		for range looks {
			w.pairsOf(p, shares, step, src)
			v, err := g.Judge(Look{Evidence: p})
			if err != nil {
				t.Fatal(err)
			}
			if v.Outcome == Pass {
				pass++
			} else if v.Outcome == Fail {
				fail++
			}
			if v.Outcome != Inconclusive {
				break
			}
		}
	}
	return pass / float64(n), fail / float64(n)
}

// atMost is the most that a share of at most p may come to in n tries, but for
// one in a thousand.
func atMost(p float64, n int) float64 { return p + 3.1*math.Sqrt(p*(1-p)/float64(n)) }

// TestGateErrorRates simulates gates of one check each. A new version that is
// as good passes a gate for a better one, or fails one for one as good, in at
// most 5%; one worse by the margin passes in at most 5%; at the number that
// SamplesNeeded recommends, one better by three margins passes in at least 90%.
func TestGateErrorRates(t *testing.T) {
	for _, once := range []bool{false, true} {
		looks := 20
		if once {
			looks = 1
		}
		for _, w := range worlds {
			highest := w.levels()[len(w.priors)-1]
			for _, c := range []Check{
				{MetricAccuracy, "", 0.02}, {MetricMacroF1, "", 0.02}, {MetricRecall, highest, 0.05}, {MetricMCC, "", 0.03},
				{MetricPrecision, highest, 0.05}, {MetricF1, highest, 0.05}, {MetricQuadraticKappa, "", 0.03},
			} {
				t.Run(fmt.Sprintf("%d looks/%s/%s", looks, w.name, c.name()), func(t *testing.T) {
					m, err := newMeasure(w.levels(), c.Metric, c.Level, nil)
					if err != nil {
						t.Fatal(err)
					}
					reachable := min(c.Margin, 0.3*w.gain(t, m)) // a margin of which b can gain three
					gate := func(margin float64) *Gate {
						c := c
						c.Margin = margin
						g, err := NewGate(w.levels(), &GateOptions{Checks: []Check{c}, Once: once})
						if err != nil {
							t.Fatal(err)
						}
						return g
					}
					n := tries(50)
					step := max(200, int(20/w.priors[len(w.priors)-1])) * 20 / looks
					equal, worse := w.solve(t, m, 0), w.solve(t, m, -c.Margin)
					pass0, fail0 := w.rates(t, gate(0), equal, looks, step, n, 1)
					_, fail := w.rates(t, gate(c.Margin), equal, looks, step, n, 2)
					pass, failW := w.rates(t, gate(c.Margin), worse, looks, step, n, 3)
					pilot := w.newPairs(t)
					w.pairsOf(pilot, worse, 2000, rand.NewPCG(4, 4))
					needed, err := gate(reachable).SamplesNeeded(pilot, 3*reachable, 0.9)
					if err != nil {
						t.Fatal(err)
					}
					power, _ := w.rates(t, gate(reachable), w.solve(t, m, 3*reachable), 1, int(needed), n, 5)
					t.Logf("%-8d %-7s %-22s %5.3f %5.3f %5.3f   %5.3f %5.3f   %6d %.3f", looks, w.name, c.name(), pass0, fail0, fail, pass, failW, needed, power)
					if bound := atMost(0.05, n); pass0 > bound || fail > bound || pass > bound {
						t.Errorf("false verdicts in more than 5%% (%.3f with chance)", bound)
					}
					if power < 1-atMost(0.1, n) {
						t.Errorf("passes in less than 90%%")
					}
				})
			}
		}
	}
}

// gain returns the most that b can gain.
func (w world) gain(t testing.TB, m aMeasure) float64 {
	t.Helper()
	e := w.newPairs(t).evidence()
	for i, q := range w.shares(1 - w.right) {
		e.cells[i].n = q
	}
	a, b := e.tables()
	return b.value(m) - a.value(m)
}

// TestGateOfManyChecks has a gate with its default checks, and one for Arms. At
// the number that SamplesNeeded recommends, a version as good passes in at least
// 90%.
func TestGateOfManyChecks(t *testing.T) {
	n := tries(60)
	for _, w := range worlds {
		g, err := NewGate(w.levels(), nil)
		if err != nil {
			t.Fatal(err)
		}
		macro := g.measures[0]
		step := max(200, int(20/w.priors[len(w.priors)-1]))
		_, fail := w.rates(t, g, w.shares(0), 20, step, n, 11)
		pass, _ := w.rates(t, g, w.solve(t, macro, -0.02), 20, step, n, 12)
		armsPass, armsFail := 0.0, 0.0
		worse := w.solve(t, aMeasure{metric: MetricAccuracy}, -0.03)
		gate, err := NewGate(w.levels(), &GateOptions{Checks: []Check{{MetricAccuracy, "", 0.03}}, Share: 0.5})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			equal, bad := w.armsOf(t, gate, w.shares(0), step, rand.NewPCG(13, uint64(i))), w.armsOf(t, gate, worse, step, rand.NewPCG(14, uint64(i)))
			armsFail += indicator(equal == Fail) / float64(n)
			armsPass += indicator(bad == Pass) / float64(n)
		}
		pilot := w.newPairs(t)
		w.pairsOf(pilot, w.shares(0), 2000, rand.NewPCG(15, 15))
		needed, err := g.SamplesNeeded(pilot, 0, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		power, _ := w.rates(t, g, w.shares(0), 1, int(needed), n, 16)
		if power < 1-atMost(0.1, n) {
			t.Errorf("world %s: one as good passes in %.3f with %d examples", w.name, power, needed)
		}
		t.Logf("%-7s pairs: equal fails %.3f, worse by the margin passes %.3f; equal passes %.3f with %d examples; arms: equal fails %.3f, worse passes %.3f",
			w.name, fail, pass, power, needed, armsFail, armsPass)
		if bound := atMost(0.05, n); max(fail, pass, armsFail, armsPass) > bound {
			t.Errorf("world %s: false verdicts in more than 5%% (%.3f with chance)", w.name, bound)
		}
	}
}

// armsOf has a gate look twenty times at examples of which every second is a's
// and every other b's.
func (w world) armsOf(t testing.TB, g *Gate, shares []float64, step int, src rand.Source) Outcome {
	t.Helper()
	s, err := NewArms(w.levels())
	if err != nil {
		t.Fatal(err)
	}
	k := len(w.priors)
	for range 20 {
		ofA, ofB := w.newPairs(t), w.newPairs(t)
		w.pairsOf(ofA, shares, step, src)
		w.pairsOf(ofB, shares, step, src)
		for i := range ofA.cells {
			truth, a, b := ofA.outcome(i)
			s.arms[ArmA].cells[truth*k+a].merge(ofA.cells[i])
			s.arms[ArmB].cells[truth*k+b].merge(ofB.cells[i])
		}
		s.arms[ArmA].n += ofA.n
		s.arms[ArmB].n += ofB.n
		v, err := g.Judge(Look{Evidence: s, OldN: s.arms[ArmA].n, NewN: s.arms[ArmB].n})
		if err != nil {
			t.Fatal(err)
		}
		if v.Outcome != Inconclusive {
			return v.Outcome
		}
	}
	return Inconclusive
}

// TestGateNeedsSequences shows what looking twenty times at a gate that was made
// to be looked at once does: the reason for sequences.
func TestGateNeedsSequences(t *testing.T) {
	w, n := worlds[0], tries(400)
	g, err := NewGate(w.levels(), &GateOptions{Checks: []Check{{Metric: MetricAccuracy}}, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	pass, fail := w.rates(t, g, w.shares(0), 20, 500, n, 21)
	t.Logf("looked at twenty times, a gate for one look passes %.3f and fails %.3f of versions that are as good", pass, fail)
	if pass < 0.13 {
		t.Errorf("passes %.3f, the doc of Once says one in five", pass)
	}
}

// TestLossesOfGate has checks of log loss and Brier score, of examples whose
// losses differ by skewed amounts.
func TestLossesOfGate(t *testing.T) {
	n := tries(100)
	levels := []string{"low", "high"}
	for _, once := range []bool{false, true} {
		looks := 20
		if once {
			looks = 1
		}
		for _, metric := range []Metric{MetricLogLoss, MetricBrier} {
			const truth, distance = 0.3, 0.1 // of the probability of high, and of b's answer from it
			var margin float64               // what b is worse by in the mean
			switch metric {
			case MetricLogLoss:
				margin = truth*math.Log(truth/(truth+distance)) + (1-truth)*math.Log((1-truth)/(1-truth-distance))
			case MetricBrier:
				margin = distance * distance
			}
			g, err := NewGate(levels, &GateOptions{Checks: []Check{{metric, "", margin}}, Once: once})
			if err != nil {
				t.Fatal(err)
			}
			pass, fail := 0.0, 0.0
			for i := range n {
				rng := rand.New(rand.NewPCG(31, uint64(i)))
				p, err := NewPairs(levels, nil)
				if err != nil {
					t.Fatal(err)
				}
				v := Verdict{Outcome: Inconclusive}
				for look := 0; look < looks && v.Outcome == Inconclusive; look++ {
					for range 4000 / looks {
						level := int(indicator(rng.Float64() < truth))
						if err := p.Add("", level, 0, 0, []float64{1 - truth, truth}, []float64{1 - truth - distance, truth + distance}); err != nil {
							t.Fatal(err)
						}
					}
					if v, err = g.Judge(Look{Evidence: p}); err != nil {
						t.Fatal(err)
					}
				}
				pass += indicator(v.Outcome == Pass) / float64(n)
				fail += indicator(v.Outcome == Fail) / float64(n)
			}
			t.Logf("%d looks, %s: worse by the margin passes %.3f, fails %.3f", looks, metric, pass, fail)
			if bound := atMost(0.05, n); pass > bound {
				t.Errorf("%d looks, %s: worse by the margin passes in %.3f (%.3f with chance)", looks, metric, pass, bound)
			}
		}
	}
}

// TestGuardErrorRates looks at counts after each of a thousand answers.
func TestGuardErrorRates(t *testing.T) {
	n := tries(40)
	for _, c := range []struct {
		rate, share, ratio, times float64
		fails                     bool
	}{
		{0.01, 0.5, 1, 1, false}, {0.3, 0.5, 1, 1, false}, {0.02, 0.05, 1, 1, false}, {0.02, 0.2, 2, 2, false}, {0.1, 0.9, 1.5, 1.5, false},
		{0.02, 0.5, 1, 4, true}, {0.02, 0.2, 2, 10, true}, {0, 0.5, 1, math.Inf(1), true},
	} {
		stopped, answers := 0.0, 0.0
		for i := range n {
			rng, counts := rand.New(rand.NewPCG(41, uint64(i))), GuardCounts{}
			for j := range 2000 {
				rate := c.rate
				if c.times > 100 {
					rate = 0.05 // of the new version, where the old one makes no errors
				} else {
					rate *= c.times
				}
				if rng.Float64() < c.share {
					counts.NewN++
					counts.NewBad += int64(indicator(rng.Float64() < rate))
				} else {
					counts.OldN++
					counts.OldBad += int64(indicator(rng.Float64() < c.rate))
				}
				if counts.excess(c.ratio) >= 20 {
					stopped += 1 / float64(n)
					answers += float64(j) / float64(n)
					break
				}
			}
		}
		t.Logf("%v, %v times as often at a share of %v, allowed %v times: stopped %.3f, after %.0f answers", c.rate, c.times, c.share, c.ratio, stopped, answers/stopped)
		switch {
		case !c.fails && stopped > atMost(0.05, n):
			t.Errorf("%+v is stopped in %.3f", c, stopped)
		case c.fails && stopped < 0.9:
			t.Errorf("%+v is stopped in %.3f only", c, stopped)
		}
	}
}
