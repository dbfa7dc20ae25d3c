package eval_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
)

// BenchmarkConfusion has a million levels and what classification_report says of
// them.
func BenchmarkConfusion(b *testing.B) {
	const n = 1_000_000
	rng := rand.New(rand.NewPCG(1, 1))
	truth, predicted := make([]int, n), make([]int, n)
	for i := range n {
		truth[i], predicted[i], _ = drawn(rng)
	}
	b.ResetTimer()
	for b.Loop() {
		m, err := eval.Confusion(truth, predicted, nil, 3)
		if err != nil {
			b.Fatal(err)
		}
		for c := range m {
			m.Level(c)
		}
		m.Macro()
		m.Weighted()
	}
}

// TestConfusion counts the same with and without probabilities, weighted and
// not.
func TestConfusion(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	e, f := newEvaluation(t, levels), newEvaluation(t, levels)
	var truth, predicted []int
	var weights []float64
	for range 300 {
		y, p, proba := drawn(rng)
		w := float64(rng.IntN(4))
		truth, predicted, weights = append(truth, y), append(predicted, p), append(weights, w)
		if err := errors.Join(e.Add(y, p, proba), f.AddWeighted(y, p, proba, w)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		weights []float64
		want    eval.Matrix
	}{{nil, e.Matrix()}, {weights, f.Matrix()}} {
		got, err := eval.Confusion(truth, predicted, c.weights, len(levels))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("(-Evaluation +Confusion)\n%s", diff)
		}
	}
	for _, err := range []error{
		second(eval.Confusion([]int{0, 3}, []int{0, 0}, nil, 3)), second(eval.Confusion([]int{0}, nil, nil, 3)),
		second(eval.Confusion([]int{0}, []int{-1}, nil, 3)), second(eval.Confusion(nil, nil, nil, 0)),
		second(eval.Confusion([]int{0}, []int{0}, []float64{math.NaN()}, 3)),
	} {
		if !errors.Is(err, eval.ErrInput) {
			t.Errorf("error %v", err)
		}
	}
}

// TestMatrixOfAnySize has metrics that do not depend on the unit of weights.
func TestMatrixOfAnySize(t *testing.T) {
	metrics := func(scale float64) []float64 {
		m := eval.Matrix{{5 * scale, scale, 0}, {2 * scale, 7 * scale, scale}, {0, scale, 3 * scale}}
		return []float64{m.Accuracy(), m.BalancedAccuracy(), m.MCC(), m.Kappa(), m.QuadraticKappa(), m.Macro().F1, m.Weighted().F1, m.Micro(0, 2).F1}
	}
	for _, scale := range []float64{1e-200, 1e-100, 3, 1e100, 1e200} {
		if diff := cmp.Diff(metrics(1), metrics(scale), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("in units of %v:\n%s", scale, diff)
		}
	}
}
