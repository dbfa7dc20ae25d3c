package eval

import (
	"fmt"
	"math"
	"slices"
)

// A Matrix is a confusion matrix: the number, weight or share of the examples
// of each true level (row) for which each level (column) was predicted. Its
// metrics are the same for all three. What would be a division by 0 is 0. It
// must be square; its methods take time levels² and do not change it.
type Matrix [][]float64

func newMatrix(levels int) Matrix {
	m := make(Matrix, levels)
	cells := make([]float64, levels*levels)
	for i := range m {
		m[i] = cells[i*levels : (i+1)*levels : (i+1)*levels]
	}
	return m
}

// Confusion returns the Matrix of so many levels of examples of which the true
// level and the predicted one are known, and no probabilities: all that is asked
// of it then takes no time. weights are by example; nil means 1 each. The error
// wraps ErrInput and names the first example that is wrong.
func Confusion(truth, predicted []int, weights []float64, levels int) (Matrix, error) {
	if levels < 1 || len(truth) != len(predicted) || weights != nil && len(weights) != len(truth) {
		return nil, fmt.Errorf("%w: %d true and %d predicted levels of %d, with %d weights", ErrInput, len(truth), len(predicted), levels, len(weights))
	}
	counts := make([]int64, levels*levels)
	m := newMatrix(levels)
	for i, t := range truth {
		p := predicted[i]
		if uint(t) >= uint(levels) || uint(p) >= uint(levels) {
			return nil, fmt.Errorf("%w: example %d has true level %d and predicted level %d of %d", ErrInput, i, t, p, levels)
		}
		if weights == nil {
			counts[t*levels+p]++
			continue
		}
		if w := weights[i]; badWeight(w) {
			return nil, fmt.Errorf("%w: example %d has weight %v, want 0 or one from %g to %g", ErrInput, i, w, minWeight, maxWeight)
		}
		m[t][p] += weights[i]
	}
	for i, n := range counts {
		m[i/levels][i%levels] += float64(n)
	}
	return m, nil
}

func (m Matrix) row(level int) (sum float64) {
	for _, v := range m[level] {
		sum += v
	}
	return sum
}

func (m Matrix) column(level int) (sum float64) {
	for _, row := range m {
		sum += row[level]
	}
	return sum
}

// Total returns the sum of all cells.
func (m Matrix) Total() (sum float64) {
	for c := range m {
		sum += m.row(c)
	}
	return sum
}

func averageOf(hits, support, predicted float64) Average {
	return Average{Precision: ratio(hits, predicted), Recall: ratio(hits, support), F1: ratio(2*hits, predicted+support)}
}

// Level returns precision, recall and F1 of one level of m.
func (m Matrix) Level(level int) Average {
	return averageOf(m[level][level], m.row(level), m.column(level))
}

// Macro returns the means of precision, recall and F1 over the levels.
func (m Matrix) Macro() (a Average) {
	for c := range m {
		a.add(m.Level(c), 1/float64(len(m)))
	}
	return a
}

// Weighted returns the means over the levels, weighted by how much of each
// there truly is.
func (m Matrix) Weighted() (a Average) {
	n := m.Total()
	for c := range m {
		a.add(m.Level(c), ratio(m.row(c), n))
	}
	return a
}

// Micro returns precision, recall and F1 of some levels counted together, as
// classification_report does where labels are some of all, such as all but the
// lowest. One that is no level of m has no examples. Without levels it is of all,
// where the three are the accuracy.
func (m Matrix) Micro(levels ...int) Average {
	hits, support, predicted := 0.0, 0.0, 0.0
	for c := range m {
		if len(levels) == 0 || slices.Contains(levels, c) {
			hits += m[c][c]
			support += m.row(c)
			predicted += m.column(c)
		}
	}
	return averageOf(hits, support, predicted)
}

// Accuracy returns the share of examples whose level was predicted.
func (m Matrix) Accuracy() float64 {
	hits := 0.0
	for c := range m {
		hits += m[c][c]
	}
	return ratio(hits, m.Total())
}

// BalancedAccuracy returns the mean recall over the levels that there are
// examples of (Brodersen et al., The Balanced Accuracy and Its Posterior
// Distribution, 2010). Always the same answer gives 1/levels.
func (m Matrix) BalancedAccuracy() float64 {
	sum, present := 0.0, 0.0
	for c := range m {
		if n := m.row(c); n > 0 {
			sum += m[c][c] / n
			present++
		}
	}
	return ratio(sum, present)
}

// MCC returns Matthews' correlation coefficient of truth and prediction, in
// [-1,1] and 0 for answers that know nothing, in the form for several levels of
// Gorodkin (Comparing Two K-Category Assignments by a K-Category Correlation
// Coefficient, 2004).
func (m Matrix) MCC() float64 {
	n := m.Total()
	_, exponent := math.Frexp(n)
	scale := math.Ldexp(1, -exponent) // exact, and no fourth power of n is too large or small
	n *= scale
	hits, both, truth, predicted := 0.0, 0.0, 0.0, 0.0
	for c := range m {
		t, p := m.row(c)*scale, m.column(c)*scale
		hits += m[c][c] * scale
		both += t * p
		truth += t * t
		predicted += p * p
	}
	return ratio(hits*n-both, math.Sqrt((n*n-truth)*(n*n-predicted)))
}

// Kappa returns Cohen's kappa (A Coefficient of Agreement for Nominal Scales,
// 1960): how much of the agreement that chance would leave open was reached; 1
// is full agreement, 0 that of chance.
func (m Matrix) Kappa() float64 {
	return m.kappa(func(d float64) float64 { return min(d, 1) })
}

// QuadraticKappa is Kappa with each disagreement counted by the square of the
// levels that lie between, as fits ordered levels (Cohen, Weighted Kappa,
// 1968).
func (m Matrix) QuadraticKappa() float64 {
	return m.kappa(func(d float64) float64 { return d * d })
}

// kappa counts a disagreement by so many levels by weight, which is 0 for 0.
func (m Matrix) kappa(weight func(distance float64) float64) float64 {
	n := m.Total()
	seen, chance := 0.0, 0.0
	for c := range m {
		t := m.row(c)
		for d := range m {
			w := weight(math.Abs(float64(c - d)))
			seen += w * m[c][d]
			chance += w * t * ratio(m.column(d), n)
		}
	}
	if chance == 0 {
		return 0
	}
	return 1 - seen/chance
}

// MeanCost returns what an example costs on average. The error wraps ErrInput
// where c is not a matrix for these levels.
func (m Matrix) MeanCost(c Cost) (float64, error) {
	if err := c.Check(len(m)); err != nil {
		return 0, err
	}
	return m.cost(c), nil
}

func (m Matrix) cost(c Cost) float64 {
	sum := 0.0
	for i, row := range m {
		for j, v := range row {
			sum += c[i][j] * v
		}
	}
	return ratio(sum, m.Total())
}

// ByTruth returns m with each row divided by its sum: the diagonal is recall.
func (m Matrix) ByTruth() Matrix {
	return m.divided(func(c, _ int) float64 { return m.row(c) })
}

// ByPredicted returns m with each column divided by its sum: the diagonal is
// precision.
func (m Matrix) ByPredicted() Matrix {
	return m.divided(func(_, d int) float64 { return m.column(d) })
}

// Shares returns m divided by its Total.
func (m Matrix) Shares() Matrix {
	n := m.Total()
	return m.divided(func(int, int) float64 { return n })
}

func (m Matrix) divided(by func(c, d int) float64) Matrix {
	out := newMatrix(len(m))
	for c, row := range m {
		for d, v := range row {
			out[c][d] = ratio(v, by(c, d))
		}
	}
	return out
}

// check returns an error unless m is a square of numbers of at least 0 that are
// sums of weights.
func (m Matrix) check() error {
	for c, row := range m {
		if len(row) != len(m) {
			return fmt.Errorf("%w: row %d of the confusion matrix has %d cells for %d levels", ErrInput, c, len(row), len(m))
		}
		for d, v := range row {
			if !(v >= 0 && v <= maxSum) {
				return fmt.Errorf("%w: %v examples of level %d predicted as %d", ErrInput, v, c, d)
			}
		}
	}
	return nil
}
