package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Areas are the areas under a curve for each level against the rest.
type Areas struct {
	// Levels has one value a level, NaN where it is not defined.
	Levels []float64
	// Macro is the mean over the levels where it is defined, Weighted the mean
	// weighted by the examples of each; NaN where none is.
	Macro, Weighted float64
}

// ROCAUC returns the areas under the ROC curves of the probabilities of each
// level against the rest, exactly, with ties counted half. A level is not
// defined without examples of it or without others. Weights are nil or of each
// example, as in Evaluation.AddWeighted. It takes time levels * n log n; see
// Report.Levels for what an Evaluation knows of it without keeping examples.
// Errors wrap ErrInput and name the first example at fault, or are ErrEmpty.
func ROCAUC(truth []int, proba [][]float64, weights []float64) (Areas, error) {
	return areas(truth, proba, weights, func(steps []step, positive, negative float64) float64 {
		if positive == 0 || negative == 0 {
			return math.NaN()
		}
		area, above := 0.0, 0.0
		for _, s := range steps {
			area += s.negative * (above + s.positive/2)
			above += s.positive
		}
		return area / positive / negative
	})
}

// AveragePrecision returns the areas under the precision-recall curves of the
// probabilities of each level against the rest, exactly: the mean of the
// precision at each step, weighted by the recall that it adds. A level is not
// defined without examples of it; otherwise it is as ROCAUC.
func AveragePrecision(truth []int, proba [][]float64, weights []float64) (Areas, error) {
	return areas(truth, proba, weights, func(steps []step, positive, _ float64) float64 {
		if positive == 0 {
			return math.NaN()
		}
		area, found, seen := 0.0, 0.0, 0.0
		for _, s := range steps {
			found += s.positive
			seen += s.positive + s.negative
			area += s.positive * ratio(found, seen)
		}
		return area / positive
	})
}

// step is the weight of the examples with one score.
type step struct{ positive, negative float64 }

func areas(truth []int, proba [][]float64, weights []float64, area func(steps []step, positive, negative float64) float64) (Areas, error) {
	if len(proba) == 0 {
		return Areas{}, ErrEmpty
	}
	if len(truth) != len(proba) {
		return Areas{}, fmt.Errorf("%w: %d true levels with %d probabilities", ErrInput, len(truth), len(proba))
	}
	k := len(proba[0])
	for i, t := range truth {
		if t < 0 || t >= k || len(proba[i]) != k {
			return Areas{}, fmt.Errorf("%w: example %d has true level %d and %d probabilities, want %d", ErrInput, i, t, len(proba[i]), k)
		}
	}
	a := Areas{Levels: make([]float64, k)}
	scores, is := make([]float64, len(truth)), make([]bool, len(truth))
	levels, support := 0.0, 0.0
	for c := range k {
		for i, p := range proba {
			scores[i], is[i] = p[c], truth[i] == c
		}
		if err := checkCurve(scores, is, weights); err != nil {
			return Areas{}, fmt.Errorf("level %d: %w", c, err)
		}
		steps, positive, negative := descend(scores, is, weights)
		a.Levels[c] = area(steps, positive, negative)
		if !math.IsNaN(a.Levels[c]) {
			a.Macro += a.Levels[c]
			a.Weighted += a.Levels[c] * positive
			levels++
			support += positive
		}
	}
	a.Macro /= levels
	a.Weighted /= support
	return a, nil
}

// descend sums the examples by their scores, the highest first.
func descend(scores []float64, positive []bool, weights []float64) (steps []step, p, n float64) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), a-b) })
	for i, x := range order {
		if i == 0 || scores[x] != scores[order[i-1]] {
			steps = append(steps, step{})
		}
		w, s := weightOf(weights, x), &steps[len(steps)-1]
		if positive[x] {
			s.positive += w
			p += w
		} else {
			s.negative += w
			n += w
		}
	}
	return steps, p, n
}

func weightOf(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

// checkCurve returns an error unless scores are in [0,1] and lengths and
// weights are right.
func checkCurve(scores []float64, positive []bool, weights []float64) error {
	if len(scores) == 0 {
		return ErrEmpty
	}
	if len(positive) != len(scores) || weights != nil && len(weights) != len(scores) {
		return fmt.Errorf("%w: %d scores with %d answers and %d weights", ErrInput, len(scores), len(positive), len(weights))
	}
	for i, s := range scores {
		if !(s >= 0 && s <= 1) {
			return fmt.Errorf("%w: example %d has score %v, want one in [0,1]", ErrInput, i, s)
		}
		if w := weightOf(weights, i); badWeight(w) {
			return fmt.Errorf("%w: example %d has weight %v, want 0 or one from %g to %g", ErrInput, i, w, minWeight, maxWeight)
		}
	}
	return nil
}

// Lift returns how many times as many positive examples there are among the
// share of all with the highest scores as among all; of equal scores at the
// edge, their average is taken. The score of each example is in [0,1], share in
// (0,1]. Errors wrap ErrInput, or are ErrEmpty without a positive example.
func Lift(scores []float64, positive []bool, weights []float64, share float64) (float64, error) {
	if err := checkCurve(scores, positive, weights); err != nil {
		return 0, err
	}
	if !(share > 0 && share <= 1) {
		return 0, fmt.Errorf("%w: lift at share %v, want one in (0,1]", ErrInput, share)
	}
	steps, p, n := descend(scores, positive, weights)
	if p == 0 {
		return 0, ErrEmpty
	}
	left, found := share*(p+n), 0.0
	for _, s := range steps {
		part := min(1, ratio(left, s.positive+s.negative))
		found += part * s.positive
		if left -= s.positive + s.negative; left <= 0 {
			break
		}
	}
	return found / p / share, nil
}

// A ReliabilityBin is a point of a reliability curve: examples to which about
// the same probability was given.
type ReliabilityBin struct {
	// Weight is that of its examples, their number without weights.
	Weight float64 `json:"weight"`
	// Predicted is the mean of their probabilities, Observed the share of them
	// that is positive.
	Predicted float64 `json:"predicted"`
	Observed  float64 `json:"observed"`
}

// Reliability returns the reliability curve of scores in [0,1], the lowest bin
// first, without the empty ones: in bins of the same width, or, with
// equalCount, of about the same number of examples, cut at the quantiles of the
// scores (linear between two, as scikit-learn has it). Equal scores share a
// bin. Errors wrap ErrInput, also for less than one bin, or are ErrEmpty.
func Reliability(scores []float64, positive []bool, weights []float64, bins int, equalCount bool) ([]ReliabilityBin, error) {
	if err := checkCurve(scores, positive, weights); err != nil {
		return nil, err
	}
	if bins < 1 {
		return nil, fmt.Errorf("%w: %d bins", ErrInput, bins)
	}
	bins = min(bins, 1<<20)
	cuts := make([]float64, bins-1) // a score belongs to the bin above the cuts below it
	sorted := slices.Sorted(slices.Values(scores))
	for i := range cuts {
		cuts[i] = float64(i+1) * (1 / float64(bins)) // NumPy's way of rounding
		if equalCount {
			cuts[i] = quantile(sorted, cuts[i])
		}
	}
	sums := make([]scoreBin, bins)
	for i, s := range scores {
		sums[sort.SearchFloat64s(cuts, s)].add(weightOf(weights, i), s, positive[i])
	}
	var curve []ReliabilityBin
	for _, b := range sums {
		if w := b.weight[1] + b.weight[0]; w > 0 {
			curve = append(curve, ReliabilityBin{Weight: w, Predicted: b.sum / w, Observed: b.weight[1] / w})
		}
	}
	return curve, nil
}

// quantile returns the q-quantile of sorted values, linear between two of them
// (definition 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages,
// 1996).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	a, b, t := sorted[i], sorted[j], at-float64(i)
	if t >= 0.5 { // NumPy's way of rounding
		return b - (b-a)*(1-t)
	}
	return a + (b-a)*t
}

// CalibrationError returns the expected and the maximum calibration error of a
// reliability curve: the mean, by weight, and the greatest distance between
// what was predicted and observed. Both are 0 without bins.
func CalibrationError(curve []ReliabilityBin) (expected, maximum float64) {
	sum := 0.0
	for _, b := range curve {
		d := math.Abs(b.Predicted - b.Observed)
		expected += b.Weight * d
		maximum = max(maximum, d)
		sum += b.Weight
	}
	return ratio(expected, sum), maximum
}
