package eval_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
)

// TestReviewBudgetIsBest compares with trying all pairs of thresholds.
func TestReviewBudgetIsBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		n := 5 + rng.IntN(30)
		scores, truth := make([]float64, n), make([]int, n)
		for i := range scores {
			truth[i] = rng.IntN(3)
			scores[i] = math.Round(9*(0.6*rng.Float64()+0.4*float64(truth[i])/3)) / 10 // 0.9 at most
		}
		b := eval.ReviewBudget{Level: 1 + rng.IntN(2), Share: rng.Float64()}
		above := func(t float64) float64 {
			n := 0.0
			for _, s := range scores {
				if s >= t {
					n++
				}
			}
			return n / float64(len(scores))
		}
		best := math.Inf(-1)
		for i := range 11 {
			for j := i; j < 11; j++ {
				cuts := []float64{float64(i)/10 - 0.05, float64(j)/10 - 0.05}
				if above(cuts[b.Level-1]) <= b.Share {
					best = max(best, worth(scores, truth, 3, cuts, eval.MacroF1{}))
				}
			}
		}
		got, err := eval.Thresholds(scores, truth, 3, b)
		if err != nil {
			t.Fatal(err)
		}
		if share := above(got[b.Level-1]); share > b.Share {
			t.Errorf("%v: %.3f are above %v", b, share, got)
		}
		if w := worth(scores, truth, 3, got, b); math.Abs(w-best) > 1e-9 {
			t.Errorf("%v: thresholds %v are worth %v, the best %v", b, got, w, best)
		}
	}
}

func TestReviewBudgetRefuses(t *testing.T) {
	scores, truth := []float64{0.1, 0.5, 1}, []int{0, 1, 2}
	for _, b := range []eval.ReviewBudget{{Level: 0, Share: 0.5}, {Level: 3, Share: 0.5}, {Level: 1, Share: math.NaN()}, {Level: 1, Share: 1.1},
		{Level: 1, Share: 0.5, Objective: eval.Cost{}}} {
		if _, err := eval.Thresholds(scores, truth, 3, b); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	// A score of 1 is above whatever threshold there is.
	if _, err := eval.Thresholds(scores, truth, 3, eval.ReviewBudget{Level: 2, Share: 0}); !errors.Is(err, eval.ErrInput) {
		t.Errorf("no review of a score of 1: %v", err)
	}
	// Of two budgets both hold.
	both := eval.ReviewBudget{Level: 1, Share: 0.67, Objective: eval.ReviewBudget{Level: 2, Share: 0.34}}
	if got, err := eval.Thresholds(scores, truth, 3, both); err != nil || got[0] <= 0.1 || got[1] <= 0.5 {
		t.Errorf("two budgets: %v, %v", got, err)
	}
	if want := "macro-F1 with at most 0.34 of examples at level 2 or above with at most 0.67 of examples at level 1 or above"; both.String() != want {
		t.Errorf("objective is %q", both)
	}
}

func TestThresholdCurve(t *testing.T) {
	scores, truth := []float64{0.8, 0.2, 0.4, 0.4, 0.6}, []int{2, 0, 1, 0, 0}
	got, err := eval.ThresholdCurve(scores, truth, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []eval.CurvePoint{ // counted by hand
		{Threshold: 0, Precision: 2. / 5, Recall: 1, F1: 4. / 7, Share: 1},
		{Threshold: 0.3, Precision: 2. / 4, Recall: 1, F1: 4. / 6, Share: 0.8},
		{Threshold: 0.5, Precision: 1. / 2, Recall: 0.5, F1: 2. / 4, Share: 0.4},
		{Threshold: 0.7, Precision: 1, Recall: 0.5, F1: 2. / 3, Share: 0.2},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for level, want := range map[int]error{0: eval.ErrInput, 3: eval.ErrInput} {
		if _, err := eval.ThresholdCurve(scores, truth, 3, level); !errors.Is(err, want) {
			t.Errorf("level %d: %v", level, err)
		}
	}
	if _, err := eval.ThresholdCurve(nil, nil, 3, 1); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("no examples: %v", err)
	}
}

// TestChooseThresholds holds that on scores which tell nothing, where any gain
// is a gain from choosing, what is cross-fitted is what new examples give.
func TestChooseThresholds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	noise := func(n int) (scores []float64, truth []int) {
		for range n {
			scores, truth = append(scores, rng.Float64()), append(truth, rng.IntN(3))
		}
		return scores, truth
	}
	newScores, newTruth := noise(20_000)
	var apparent, fitted, real float64
	const times = 60
	for range times {
		scores, truth := noise(60)
		c, err := eval.ChooseThresholds(scores, truth, 3, eval.MacroF1{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := eval.ChooseThresholds(scores, truth, 3, eval.MacroF1{}, nil); err != nil || !cmp.Equal(c, again) {
			t.Errorf("twice the same gives %v, then %v, %v", c, again, err)
		}
		if w := worth(scores, truth, 3, c.Thresholds, eval.MacroF1{}); math.Abs(w-c.Apparent) > 1e-12 {
			t.Errorf("apparently worth %v, really %v", c.Apparent, w)
		}
		n := 0
		for _, row := range c.Confusion {
			for _, v := range row {
				n += v
			}
		}
		if n != len(scores) {
			t.Errorf("%d of %d are in the confusion matrix", n, len(scores))
		}
		apparent += c.Apparent / 3 / times
		fitted += c.CrossFitted / 3 / times
		real += worth(newScores, newTruth, 3, c.Thresholds, eval.MacroF1{}) / 3 / times
	}
	t.Logf("macro-F1 of noise: %.3f apparently, %.3f cross-fitted, %.3f on new examples", apparent, fitted, real)
	if apparent-real < 0.05 || math.Abs(fitted-real) > 0.03 {
		t.Errorf("macro-F1 of noise: %.3f apparently, %.3f cross-fitted, %.3f on new examples", apparent, fitted, real)
	}
	scores, truth := noise(100)
	for _, o := range []eval.Objective{eval.RecallFloor{Level: 2, Recall: 0.7}, eval.ReviewBudget{Level: 2, Share: 0.3}, eval.Cost{{0, 1, 2}, {1, 0, 1}, {2, 1, 0}}} {
		c, err := eval.ChooseThresholds(scores, truth, 3, o, &eval.ChooseOptions{Folds: 5, Seed: 3})
		if err != nil || math.IsInf(c.CrossFitted, 0) || c.Apparent < c.CrossFitted-0.2 {
			t.Errorf("%v: %+v, %v", o, c, err)
		}
	}
	for _, folds := range []int{1, 101} {
		if _, err := eval.ChooseThresholds(scores, truth, 3, eval.MacroF1{}, &eval.ChooseOptions{Folds: folds}); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%d folds: %v", folds, err)
		}
	}
	if _, err := eval.ChooseThresholds(scores, slices.Repeat([]int{3}, 100), 3, eval.MacroF1{}, nil); !errors.Is(err, eval.ErrInput) {
		t.Errorf("a level beyond: %v", err)
	}
}
