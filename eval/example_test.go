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

func ExampleEvaluation_Intervals() {
	e, err := eval.New([]string{"low", "medium", "high"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 200 {
		truth := i % 3
		predicted := truth
		if i%10 == 0 {
			predicted = 1
		}
		proba := []float64{0.1, 0.1, 0.1}
		proba[predicted] = 0.8
		if err := e.Add(truth, predicted, proba); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := e.Report()
	if err != nil {
		fmt.Println(err)
		return
	}
	i, err := e.Intervals(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("accuracy %.3f, with 95%% confidence from %.3f to %.3f\n", r.Accuracy, i.Accuracy.Low, i.Accuracy.High)
	fmt.Printf("macro-F1 %.2f, from %.2f to %.2f\n", r.MacroF1, i.MacroF1.Low, i.MacroF1.High)
	// Output:
	// accuracy 0.935, with 95% confidence from 0.892 to 0.962
	// macro-F1 0.94, from 0.89 to 0.96
}

func ExampleSlices() {
	s, err := eval.NewSlices([]string{"low", "high"}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 400 {
		tag, truth := "tag:web", i%2
		if i%4 == 0 {
			tag = "tag:db"
		}
		predicted := truth
		if tag == "tag:db" && i%3 == 0 || i%40 == 1 {
			predicted = 1 - truth
		}
		proba := []float64{0.2, 0.2}
		proba[predicted] = 0.8
		if err := s.Add([]string{tag}, truth, predicted, proba, 1); err != nil {
			fmt.Println(err)
			return
		}
	}
	reports, err := s.Compare(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := reports[0]
	fmt.Printf("%s: accuracy %.2f, the rest %.2f, worse: %t\n", r.Name, r.Accuracy, r.RestAccuracy, r.Worse(0.05))
	// Output: tag:db: accuracy 0.66, the rest 0.97, worse: true
}

func ExampleROCAUC() {
	truth := []int{0, 1, 1, 0}
	proba := [][]float64{{0.9, 0.1}, {0.2, 0.8}, {0.6, 0.4}, {0.5, 0.5}}
	a, err := eval.ROCAUC(truth, proba, nil)
	fmt.Println(a.Levels, err)
	// Output: [0.75 0.75] <nil>
}
