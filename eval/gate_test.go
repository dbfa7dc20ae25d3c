package eval

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addCounts fills a state with counts of truth, a and b.
func addCounts(t testing.TB, p *Pairs, n, truth, a, b int) {
	t.Helper()
	for range n {
		if err := p.Add("", truth, a, b, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// alikePairs are 1200 examples, 400 of a level, of two versions that are right
// in nine of ten; better of each level only b has right, worse only a.
func alikePairs(t testing.TB, better, worse int) *Pairs {
	t.Helper()
	p, err := NewPairs(threeLevels, nil)
	if err != nil {
		t.Fatal(err)
	}
	for level := range threeLevels {
		wrong := (level + 1) % 3
		addCounts(t, p, 360-better, level, level, level)
		addCounts(t, p, 40-worse, level, wrong, wrong)
		addCounts(t, p, better, level, wrong, level)
		addCounts(t, p, worse, level, level, wrong)
	}
	return p
}

// TestGateVerdicts has one look for each way in which a gate can decide.
func TestGateVerdicts(t *testing.T) {
	few, err := NewPairs(threeLevels, nil)
	if err != nil {
		t.Fatal(err)
	}
	addCounts(t, few, 150, 0, 0, 0)
	rare := alikePairs(t, 0, 0)
	rare.cells[len(rare.cells)-1], rare.n = cell{}, rare.n-360 // 40 of the highest level
	fine := map[string]GuardCounts{"errors": {1, 1000, 1, 1000}}
	for _, c := range []struct {
		name string
		o    GateOptions
		look Look
		want Outcome
		text string // of a reason
	}{
		{"alike", GateOptions{}, Look{Evidence: alikePairs(t, 0, 0)}, Pass, "macro-F1: 0.9000, 0.9000 before"},
		{"better", GateOptions{}, Look{Evidence: alikePairs(t, 30, 0)}, Pass, "recall of high"},
		{"worse", GateOptions{}, Look{Evidence: alikePairs(t, 0, 40)}, Fail, "it may be at most 0.02 worse"},
		{"a little worse", GateOptions{}, Look{Evidence: alikePairs(t, 10, 15)}, Inconclusive, "macro-F1"},
		{"alike, to be better", GateOptions{Checks: []Check{{Metric: MetricAccuracy}}}, Look{Evidence: alikePairs(t, 9, 9)}, Inconclusive, "it must be better"},
		{"better, to be", GateOptions{Checks: []Check{{Metric: MetricAccuracy}}}, Look{Evidence: alikePairs(t, 30, 0)}, Pass, "it must be better"},
		{"better, to be more so", GateOptions{Checks: []Check{{Metric: MetricAccuracy, Margin: -0.2}}}, Look{Evidence: alikePairs(t, 30, 0)}, Fail, "more than 0.2 better"},
		{"less cost", GateOptions{Checks: []Check{{Metric: MetricCost}}, Cost: Cost{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}}, Look{Evidence: alikePairs(t, 30, 0)}, Pass, "cost"},
		{"nothing", GateOptions{}, Look{}, Inconclusive, "there are no labelled examples"},
		{"few", GateOptions{}, Look{Evidence: few}, Inconclusive, "150 labelled examples, at least 200"},
		{"few of a level", GateOptions{MinPerLevel: 50}, Look{Evidence: rare}, Inconclusive, "40 labelled examples of level high, at least 50"},
		{"no probabilities", GateOptions{Checks: []Check{{Metric: MetricLogLoss, Margin: 1}}}, Look{Evidence: alikePairs(t, 0, 0)}, Inconclusive, "0 examples to measure it on"},
		{"no errors", GateOptions{Guards: []Guard{{Name: "errors"}}}, Look{Evidence: alikePairs(t, 0, 0), Guards: fine}, Pass, "1 of 1000, 1 of 1000 before"},
		{"errors unknown", GateOptions{Guards: []Guard{{Name: "errors"}}}, Look{Evidence: alikePairs(t, 0, 0)}, Inconclusive, "errors: nothing is known yet"},
		{"errors, few examples", GateOptions{Guards: []Guard{{Name: "errors", Ratio: 2}}}, Look{Evidence: few, Guards: map[string]GuardCounts{"errors": {0, 50, 20, 50}}}, Fail,
			"20 of 50, 0 of 50 before; surely more than 2 times as many"},
		{"errors, no examples", GateOptions{Guards: []Guard{{Name: "errors", Ratio: 2}}}, Look{Guards: map[string]GuardCounts{"errors": {0, 50, 20, 50}}}, Fail, "errors"},
		{"slow", GateOptions{Limits: []Limit{{"latency in ms", 50}}}, Look{Evidence: alikePairs(t, 0, 0), Limits: map[string]float64{"latency in ms": 51}}, Fail, "51, at most 50 is allowed"},
		{"fast", GateOptions{Limits: []Limit{{"latency in ms", 50}}}, Look{Evidence: alikePairs(t, 0, 0), Limits: map[string]float64{"latency in ms": 50}}, Pass, "latency in ms"},
		{"latency unknown", GateOptions{Limits: []Limit{{"latency in ms", 50}}}, Look{Evidence: alikePairs(t, 0, 0)}, Inconclusive, "latency in ms"},
		{"mismatch", GateOptions{Share: 0.5}, Look{Evidence: alikePairs(t, 30, 0), OldN: 1000, NewN: 800}, Inconclusive, "chance would not do that"},
		{"mismatch, though worse", GateOptions{Share: 0.5}, Look{Evidence: alikePairs(t, 0, 40), OldN: 1000, NewN: 800}, Inconclusive, "share of requests"},
		{"no requests", GateOptions{Share: 0.5}, Look{Evidence: alikePairs(t, 30, 0)}, Inconclusive, "no requests are counted"},
		{"no mismatch", GateOptions{Share: 0.5}, Look{Evidence: alikePairs(t, 30, 0), OldN: 1000, NewN: 980}, Pass, "0.4949 of 1980, 0.5 is planned"},
		{"no checks", GateOptions{Checks: []Check{}}, Look{Evidence: alikePairs(t, 0, 40)}, Pass, ""},
	} {
		g, err := NewGate(threeLevels, &c.o)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		v, err := g.Judge(c.look)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if v.Outcome != c.want || !strings.Contains(v.String(), c.text) || !strings.HasPrefix(v.String(), string(c.want)+": ") {
			t.Errorf("%s: want %s with %q, got\n%s", c.name, c.want, c.text, v)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back Verdict
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, back); diff != "" || len(data) > 1500 {
			t.Errorf("%s: %d bytes of JSON, read back (-want +got):\n%s", c.name, len(data), diff)
		}
	}
}

func TestGateRefuses(t *testing.T) {
	for name, o := range map[string]*GateOptions{
		"metric":      {Checks: []Check{{Metric: "charm"}}},
		"no level":    {Checks: []Check{{Metric: MetricRecall}}},
		"other level": {Checks: []Check{{Metric: MetricRecall, Level: "huge"}}},
		"a level":     {Checks: []Check{{Metric: MetricAccuracy, Level: "high"}}},
		"no cost":     {Checks: []Check{{Metric: MetricCost}}},
		"margin":      {Checks: []Check{{Metric: MetricAccuracy, Margin: math.NaN()}}},
		"alpha":       {Alpha: 0.5},
		"planned":     {Planned: -1},
		"share":       {Share: 1},
		"same names":  {Guards: []Guard{{Name: "a"}}, Limits: []Limit{{Name: "a"}}},
		"taken name":  {Guards: []Guard{{Name: "samples"}}},
		"no name":     {Limits: []Limit{{Max: 1}}},
		"ratio":       {Guards: []Guard{{Name: "a", Ratio: -1}}},
		"max":         {Limits: []Limit{{"a", math.Inf(1)}}},
	} {
		if _, err := NewGate(threeLevels, o); !errors.Is(err, ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := NewGate([]string{"one"}, nil); !errors.Is(err, ErrInput) {
		t.Errorf("one level: error is %v", err)
	}
	g, err := NewGate([]string{"low", "high"}, &GateOptions{Guards: []Guard{{Name: "errors"}}, Limits: []Limit{{"drift", 1}}, Share: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]Look{
		"levels":        {Evidence: alikePairs(t, 0, 0)},
		"unknown guard": {Guards: map[string]GuardCounts{"x": {}}},
		"unknown limit": {Limits: map[string]float64{"x": 1}},
		"counts":        {Guards: map[string]GuardCounts{"errors": {2, 1, 0, 0}}},
		"negative":      {Guards: map[string]GuardCounts{"errors": {-1, 1, 0, 0}}},
		"NaN":           {Limits: map[string]float64{"drift": math.NaN()}},
		"requests":      {OldN: -1},
	} {
		if _, err := g.Judge(look); !errors.Is(err, ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestSequentialZ holds the boundary above the normal quantile, narrowest near
// the planned number, wider for smaller alpha, and with a mixture whose expected
// value at the boundary is 1/alpha at least.
func TestSequentialZ(t *testing.T) {
	for _, alpha := range []float64{0.001, 0.025, 0.05, 0.2} {
		least, at := math.Inf(1), 0.0
		for n := 1.0; n < 1e9; n *= 1.5 {
			z := sequentialZ(n, 1000, alpha)
			if z < normalQuantile(1-alpha) || n > 100 && alpha < 0.1 && z < sequentialZ(n, 1000, 2*alpha) {
				t.Errorf("alpha %v, n %v: z is %v", alpha, n, z)
			}
			if z < least {
				least, at = z, n
			}
			// The half-normal mixture of S ~ N(0, n), whose expected value is 1.
			l := -2 * math.Log(2*alpha)
			v := n + 1000/(l+math.Log(1+l))
			s := z * math.Sqrt(n/v)
			if mixture := 2 * math.Sqrt(1-n/v) * math.Exp(s*s/2) * 0.5 * math.Erfc(-s/math.Sqrt2); mixture < 1/alpha {
				t.Errorf("alpha %v, n %v: the mixture is %v at the boundary", alpha, n, mixture)
			}
		}
		if at < 300 || at > 4000 {
			t.Errorf("alpha %v: narrowest at %v", alpha, at)
		}
	}
}

func TestSamplesNeeded(t *testing.T) {
	pilot := alikePairs(t, 30, 30)
	needed := func(o *GateOptions, gain, power float64) int64 {
		t.Helper()
		g, err := NewGate(threeLevels, o)
		if err != nil {
			t.Fatal(err)
		}
		n, err := g.SamplesNeeded(pilot, gain, power)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	accuracy := []Check{{Metric: MetricAccuracy, Margin: 0.02}}
	usual := needed(&GateOptions{Checks: accuracy}, 0, 0.9)
	for name, more := range map[string]int64{
		"less gain":      needed(&GateOptions{Checks: accuracy}, -0.01, 0.9),
		"more power":     needed(&GateOptions{Checks: accuracy}, 0, 0.99),
		"smaller alpha":  needed(&GateOptions{Checks: accuracy, Alpha: 0.01}, 0, 0.9),
		"smaller margin": needed(&GateOptions{Checks: []Check{{Metric: MetricAccuracy, Margin: 0.01}}}, 0, 0.9),
		"a level more":   needed(&GateOptions{Checks: append(accuracy, Check{MetricRecall, "high", 0.02})}, 0, 0.9),
	} {
		if more <= usual {
			t.Errorf("%s needs %d, the usual %d", name, more, usual)
		}
	}
	if once := needed(&GateOptions{Checks: accuracy, Once: true}, 0, 0.9); once >= usual {
		t.Errorf("one look needs %d, many %d", once, usual)
	}
	// (z(0.95) + z(1-0.1/4))² * p/0.02², p the share of 0.15 that only one has
	// right; skewness and adjustment are small.
	if once := needed(&GateOptions{Checks: accuracy, Once: true}, 0, 0.9); math.Abs(float64(once)/4873-1) > 0.03 {
		t.Errorf("one look needs %d, want about 4873", once)
	}
	if least := needed(&GateOptions{Checks: accuracy, MinSamples: 50_000}, 0.3, 0.9); least != 50_000 {
		t.Errorf("the minimum needs %d", least)
	}
	g, err := NewGate(threeLevels, &GateOptions{Checks: accuracy})
	if err != nil {
		t.Fatal(err)
	}
	noLoss, err := NewGate(threeLevels, &GateOptions{Checks: []Check{{Metric: MetricBrier, Margin: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := NewPairs(threeLevels, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewPairs([]string{"low", "high"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	addCounts(t, two, 1, 0, 0, 0)
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"never":            {second(g.SamplesNeeded(pilot, -0.02, 0.9)), ErrInput},
		"too many":         {second(g.SamplesNeeded(pilot, -0.02+1e-7, 0.9)), ErrInput},
		"power":            {second(g.SamplesNeeded(pilot, 0, 1)), ErrInput},
		"NaN":              {second(g.SamplesNeeded(pilot, math.NaN(), 0.9)), ErrInput},
		"levels":           {second(g.SamplesNeeded(two, 0, 0.9)), ErrInput},
		"no probabilities": {second(noLoss.SamplesNeeded(pilot, 0, 0.9)), ErrInput},
		"nil":              {second(g.SamplesNeeded(nil, 0, 0.9)), ErrEmpty},
		"empty":            {second(g.SamplesNeeded(empty, 0, 0.9)), ErrEmpty},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, c.err, c.want)
		}
	}
}

// TestGuardExcess has counts in which the evidence must grow or fall.
func TestGuardExcess(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 51))
	for range 1000 {
		c := GuardCounts{OldN: 1 + rng.Int64N(10_000), NewN: 1 + rng.Int64N(10_000)}
		c.OldBad, c.NewBad = rng.Int64N(c.OldN), rng.Int64N(c.NewN)
		more, old := c, c
		more.NewBad++
		old.OldBad++
		e := c.excess(1)
		if !(e >= 0) || more.excess(1) < e*(1-1e-9) || old.excess(1) > e*(1+1e-9) && !math.IsInf(e, 1) || c.excess(2) > max(1, e*(1+1e-9)) {
			t.Errorf("%+v: evidence %v, with one more %v, with an old one more %v, of twice as many %v", c, e, more.excess(1), old.excess(1), c.excess(2))
		}
	}
}
