package eval_test

import (
	"fmt"
	"time"

	"github.com/riskkit/riskkit/eval"
)

// Three answers were expected to be right by 0.9, 0.8 and 0.4 before anybody
// labelled them.
func ExampleEstimate() {
	e, err := eval.NewEstimate([]string{"low", "high"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range []struct {
		predicted int
		proba     []float64
	}{{0, []float64{0.9, 0.1}}, {1, []float64{0.2, 0.8}}, {1, []float64{0.6, 0.4}}} {
		if err := e.Add(x.predicted, x.proba, x.proba); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := e.Report(nil, 0.95)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("accuracy %.2f, between %.2f and %.2f; %.1f of the %.0f called high are expected to be\n",
		r.Accuracy.Value, r.Accuracy.Low, r.Accuracy.High, r.Confusion[1][1], r.Levels[1].Predicted)
	// Output: accuracy 0.70, between 0.24 and 1.00; 1.2 of the 2 called high are expected to be
}

// Escalations were 5% in two good weeks.
func ExampleChart() {
	c, err := eval.NewChart([]eval.Tally{{Hits: 50, N: 1000}, {Hits: 49, N: 980}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, week := range []eval.Tally{{Hits: 47, N: 990}, {Hits: 95, N: 1010}} {
		s, err := c.Add(week)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v %q\n", s.Out, s.Reason)
	}
	// Output:
	// false ""
	// true "9.41%, out of 2.49% to 7.56%"
}

// Labels come by id, some late, and wait until all answers of a day had their
// time.
func ExampleJoiner() {
	day := 24 * time.Hour
	monday := time.Date(2024, 6, 3, 0, 0, 0, 0, time.UTC)
	j, err := eval.NewJoiner(func(l eval.Labelled) {
		fmt.Printf("%s was level %d, answered %d, and stands for %g\n", l.ID, l.Truth, l.Level, l.Weight())
	}, &eval.JoinerOptions{Horizon: 7 * day})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range []eval.Answered{
		{ID: "INC-1", At: monday, Level: 2},
		{ID: "INC-2", At: monday, Level: 0, Reviewed: 0.1},
		{ID: "INC-3", At: monday, Level: 0, Reviewed: 0.1},
	} {
		if err := j.Answer(a); err != nil {
			fmt.Println(err)
			return
		}
	}
	for id, truth := range map[string]int{"INC-1": 2, "INC-2": 1} {
		if err := j.Label(id, truth, monday.Add(day)); err != nil {
			fmt.Println(err)
			return
		}
	}
	j.Mature(monday.Add(8 * day))
	fmt.Println(j.Counts().Unlabelled, "has no label")
	// Output:
	// INC-1 was level 2, answered 2, and stands for 1
	// INC-2 was level 1, answered 0, and stands for 10
	// 1 has no label
}
