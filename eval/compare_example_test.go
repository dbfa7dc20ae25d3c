package eval_test

import (
	"fmt"

	"github.com/riskkit/riskkit/eval"
)

func ExamplePairs() {
	p, err := eval.NewPairs([]string{"low", "medium", "high"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 200 {
		truth := i % 3
		a, b := truth, truth
		if i%5 == 0 {
			a = (truth + 1) % 3
		}
		if i%20 == 0 {
			b = (truth + 1) % 3
		}
		if err := p.Add(fmt.Sprintf("INC-%03d", i), truth, a, b, nil, nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	c, err := p.Compare(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := c.Differences[0]
	fmt.Printf("%s: %.2f and %.2f, a difference of %.2f in [%.3f, %.3f]\n", d.Metric, d.A, d.B, d.Difference, d.Low, d.High)
	fmt.Printf("only a right: %d, only b right: %d such as %s\n", c.Flips.Worse.N, c.Flips.Better.N, c.Flips.Better.Examples[0].ID)
	// Output:
	// accuracy: 0.80 and 0.95, a difference of 0.15 in [0.099, 0.204]
	// only a right: 0, only b right: 30 such as INC-005
}

func ExampleGate() {
	levels := []string{"low", "high"}
	g, err := eval.NewGate(levels, &eval.GateOptions{
		Checks: []eval.Check{{Metric: eval.MetricAccuracy, Margin: 0.02}, {Metric: eval.MetricRecall, Level: "high", Margin: 0.05}},
		Guards: []eval.Guard{{Name: "errors", Ratio: 1.5}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := eval.NewPairs(levels, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 300 { // days later there are more: judge again
		truth := i % 2
		old, now := truth, truth
		if i%10 < 2 {
			old = 1 - truth
		}
		if i%20 < 3 {
			now = 1 - truth
		}
		if err := p.Add("", truth, old, now, nil, nil); err != nil {
			fmt.Println(err)
			return
		}
	}
	v, err := g.Judge(eval.Look{
		Evidence: p,
		Guards:   map[string]eval.GuardCounts{"errors": {OldBad: 2, OldN: 5000, NewBad: 1, NewN: 5000}},
	})
	fmt.Println(v, err)
	// Output:
	// pass: the new version may take the place of the old one, by 300 labelled examples
	//   pass: errors: 1 of 5000, 2 of 5000 before; no evidence of more than 1.5 times as many
	//   pass: accuracy: 0.8500, 0.8000 before; the gain is +0.0500, at least -0.0179 and at most +0.1265; it may be at most 0.02 worse
	//   pass: recall of high: 0.9000, 0.8000 before; the gain is +0.1000, at least +0.0230 and at most +0.1867; it may be at most 0.05 worse <nil>
}

func ExampleProportions() {
	t, err := eval.Proportions(48, 80, 56, 70, 0.95)
	fmt.Printf("%.2f in [%.4f, %.4f], p = %.4f, %v\n", t.Difference, t.Low, t.High, t.P, err)
	// Output: 0.20 in [0.0524, 0.3339], p = 0.0080, <nil>
}
