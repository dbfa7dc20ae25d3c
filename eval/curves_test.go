package eval_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/eval"
)

// TestCurvesNameTheFirstPlace gives what is wrong in the second example.
func TestCurvesNameTheFirstPlace(t *testing.T) {
	good := []float64{0.5, 0.5}
	for name, c := range map[string]struct {
		truth   []int
		proba   [][]float64
		weights []float64
		want    string
	}{
		"lengths":         {[]int{0}, [][]float64{good, good}, nil, "1 true levels with 2"},
		"level":           {[]int{0, 2}, [][]float64{good, good}, nil, "example 1 "},
		"scale":           {[]int{0, 1}, [][]float64{good, {1}}, nil, "example 1 "},
		"NaN":             {[]int{0, 1}, [][]float64{good, {math.NaN(), 0.5}}, nil, "level 0: eval: invalid input: example 1 "},
		"infinite":        {[]int{0, 1}, [][]float64{good, {0.5, math.Inf(1)}}, nil, "level 1: eval: invalid input: example 1 "},
		"weights":         {[]int{0, 1}, [][]float64{good, good}, []float64{1}, "1 weights"},
		"weight":          {[]int{0, 1}, [][]float64{good, good}, []float64{1, -1}, "example 1 has weight -1"},
		"infinite weight": {[]int{0, 1}, [][]float64{good, good}, []float64{1, math.Inf(1)}, "example 1 has weight"},
	} {
		for _, f := range []func([]int, [][]float64, []float64) (eval.Areas, error){eval.ROCAUC, eval.AveragePrecision} {
			if _, err := f(c.truth, c.proba, c.weights); !errors.Is(err, eval.ErrInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error is %v", name, err)
			}
		}
	}
	if _, err := eval.ROCAUC(nil, nil, nil); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("nothing: error is %v", err)
	}
	scores, is := []float64{0.1, 0.9}, []bool{false, true}
	for name, err := range map[string]error{
		"no bins":   second(eval.Reliability(scores, is, nil, 0, false)),
		"lengths":   second(eval.Reliability(scores, is[:1], nil, 5, true)),
		"share":     second(eval.Lift(scores, is, nil, 0)),
		"NaN share": second(eval.Lift(scores, is, nil, math.NaN())),
	} {
		if !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := eval.Lift(scores, []bool{false, false}, nil, 0.5); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("lift without a positive: error is %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestBinnedBoundsHold compares the binned metrics with the exact ones on random
// examples, with ties and weights.
func TestBinnedBoundsHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	off, widest := 0.0, 0.0
	for round := range 60 {
		n := 5 + rng.IntN(400)
		truth, proba, weights := make([]int, n), make([][]float64, n), make([]float64, n)
		e := newEvaluation(t, levels)
		for i := range n {
			var predicted int
			truth[i], predicted, proba[i] = drawn(rng)
			if round%2 == 0 {
				proba[i] = []float64{math.Round(8*proba[i][0]) / 16, 0.25, 0.75 - math.Round(8*proba[i][0])/16}
			}
			weights[i] = rng.ExpFloat64()
			if err := e.AddWeighted(truth[i], predicted, proba[i], weights[i]); err != nil {
				t.Fatal(err)
			}
		}
		r, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range map[string]func([]int, [][]float64, []float64) (eval.Areas, error){"ROC AUC": eval.ROCAUC, "AP": eval.AveragePrecision} {
			exact, err := f(truth, proba, weights)
			if err != nil {
				t.Fatal(err)
			}
			for k, want := range exact.Levels {
				b := r.Levels[k].ROCAUC
				if name == "AP" {
					b = r.Levels[k].AveragePrecision
				}
				if (b == nil) != math.IsNaN(want) || b != nil && (want < b.Low-1e-12 || want > b.High+1e-12 || b.Value < b.Low || b.Value > b.High) {
					t.Errorf("%s of level %d is %v, binned %+v", name, k, want, b)
				}
				if b != nil && round%2 == 1 && n > 200 {
					off, widest = max(off, math.Abs(b.Value-want)), max(widest, b.High-b.Low)
				}
			}
		}
	}
	t.Logf("of more than 200 different examples, at most %.4f off, bounds at most %.4f apart", off, widest)
}

// TestWeightsCount gives whole weights, which count as so many examples.
func TestWeightsCount(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	weighted, repeated := newEvaluation(t, levels), newEvaluation(t, levels)
	for range 200 {
		truth, predicted, proba := drawn(rng)
		w := rng.IntN(4)
		if err := weighted.AddWeighted(truth, predicted, proba, float64(w)); err != nil {
			t.Fatal(err)
		}
		for range w {
			if err := repeated.Add(truth, predicted, proba); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, err := weighted.Report()
	if err != nil {
		t.Fatal(err)
	}
	b, err := repeated.Report()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string][2]float64{
		"macro-F1": {a.MacroF1, b.MacroF1}, "log loss": {a.LogLoss, b.LogLoss}, "Brier": {a.Brier, b.Brier}, "ECE": {a.ECE, b.ECE},
		"MCE": {a.MCE, b.MCE}, "resolution": {a.Murphy.Resolution, b.Murphy.Resolution}, "AUC": {a.Levels[1].ROCAUC.Value, b.Levels[1].ROCAUC.Value},
	} {
		if !near(v[0], v[1]) {
			t.Errorf("%s is %v weighted, %v repeated", name, v[0], v[1])
		}
	}
	// Repetition is no evidence: the intervals of weighted examples are wider.
	x, err := weighted.Intervals(nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := repeated.Intervals(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string][2]eval.Interval{
		"accuracy": {x.Accuracy, y.Accuracy}, "macro-F1": {x.MacroF1, y.MacroF1}, "log loss": {x.LogLoss, y.LogLoss}, "AUC": {x.Levels[0].ROCAUC, y.Levels[0].ROCAUC},
	} {
		if v[0].High-v[0].Low <= v[1].High-v[1].Low {
			t.Errorf("%s: %v weighted, %v repeated", name, v[0], v[1])
		}
	}
}

func TestIntervalErrors(t *testing.T) {
	e := newEvaluation(t, levels)
	if _, err := e.Intervals(nil); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("empty: error is %v", err)
	}
	if _, err := e.Bootstrap(eval.Matrix.MCC, nil); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("empty: error is %v", err)
	}
	if err := e.Add(0, 0, []float64{1, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []eval.IntervalOptions{{Confidence: 1}, {Confidence: -0.1}, {Resamples: 99}, {Resamples: 100_001}} {
		if _, err := e.Intervals(&o); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%+v: error is %v", o, err)
		}
	}
	if _, err := e.Intervals(nil); err != nil {
		t.Errorf("one example: %v", err)
	}
	if _, err := e.Lift(3, 0.5); !errors.Is(err, eval.ErrInput) {
		t.Errorf("lift: error is %v", err)
	}
	if _, err := e.Lift(2, 0.5); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("lift without examples: error is %v", err)
	}
	if _, err := e.Reliability(-1); !errors.Is(err, eval.ErrInput) {
		t.Errorf("reliability: error is %v", err)
	}
	if _, err := e.Matrix().MeanCost(eval.Cost{{0}}); !errors.Is(err, eval.ErrInput) {
		t.Errorf("cost: error is %v", err)
	}
	r := eval.Report{Confusion: [][]int64{{1, 2}, {3}}}
	if _, err := r.Matrix(); !errors.Is(err, eval.ErrInput) {
		t.Errorf("ragged matrix: error is %v", err)
	}
}

// TestStratified takes the numbers of each true level as given, which leaves
// nothing open where each level is always predicted.
func TestStratified(t *testing.T) {
	e := filled(t, 9, 300, one)
	cost := eval.Cost{{0, 1, 4}, {1, 0, 1}, {9, 3, 0}}
	metric := func(m eval.Matrix) float64 {
		c, err := m.MeanCost(cost)
		if err != nil {
			t.Error(err)
		}
		return c
	}
	plain, err := e.Bootstrap(metric, nil)
	if err != nil {
		t.Fatal(err)
	}
	stratified, err := e.Bootstrap(metric, &eval.IntervalOptions{Stratified: true})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := e.Matrix().MeanCost(cost)
	if err != nil || !plain.Contains(seen) || !stratified.Contains(seen) || stratified == plain {
		t.Errorf("cost %v, error %v, plain %v, stratified %v", seen, err, plain, stratified)
	}
	shares, err := e.Bootstrap(func(m eval.Matrix) float64 { return m[0][0] + m[0][1] + m[0][2] }, &eval.IntervalOptions{Stratified: true})
	if err != nil || shares.High-shares.Low > 1e-9 {
		t.Errorf("the share of a level is %v, error %v", shares, err)
	}
}
