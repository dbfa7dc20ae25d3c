package eval_test

import (
	"fmt"

	"github.com/riskkit/riskkit/eval"
)

func ExampleEvaluation() {
	e, err := eval.New([]string{"low", "medium", "high"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range []struct {
		truth, predicted int
		proba            []float64
	}{
		{0, 0, []float64{0.8, 0.1, 0.1}},
		{1, 1, []float64{0.2, 0.7, 0.1}},
		{2, 1, []float64{0.1, 0.5, 0.4}},
		{2, 2, []float64{0.0, 0.1, 0.9}},
	} {
		if err := e.Add(x.truth, x.predicted, x.proba); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := e.Report()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("macro-F1 %.3f, log loss %.3f, recall of high %.2f\n", r.MacroF1, r.LogLoss, r.Levels[2].Recall)
	// Output: macro-F1 0.778, log loss 0.400, recall of high 0.50
}

func ExampleThresholds() {
	scores := []float64{0.05, 0.20, 0.35, 0.50, 0.55, 0.80, 0.90}
	levels := []int{0, 0, 1, 1, 2, 2, 2}
	thresholds, err := eval.Thresholds(scores, levels, 3, eval.MacroF1{})
	fmt.Printf("%.3f %v\n", thresholds, err)
	// Output: [0.275 0.525] <nil>
}

func ExampleMcNemar() {
	truth := []int{0, 1, 2, 2, 1, 0, 2, 1}
	a := []int{0, 1, 1, 2, 1, 1, 1, 0}
	b := []int{0, 1, 2, 2, 1, 0, 2, 1}
	p, err := eval.McNemar(truth, a, b)
	fmt.Printf("only a right: %d, only b right: %d, p = %.3f, %v\n", p.OnlyA, p.OnlyB, p.P, err)
	// Output: only a right: 0, only b right: 4, p = 0.125, <nil>
}
