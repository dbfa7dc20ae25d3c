package logreg

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// FitLabels fits one logistic regression for each of n labels, of which a row
// may have any number: labels holds those of each row of x, in ascending order.
// Each label must be on some rows and not on others. The Model has a class for
// each label, and AppendLogistic is how likely each is, whatever the others. nil
// opts means the defaults; ClassWeights, Start and OneVsRest do not count.
// Results are those of the labels. The errors are those of Fit.
func FitLabels(ctx context.Context, x mat.Matrix, labels [][]int, n int, opts *Options) (*Model, []Result, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.ClassWeights, o.Start, o.OneVsRest = nil, nil, false
	rows, err := rowsOf(x)
	if err != nil {
		return nil, nil, err
	}
	if n < 1 {
		return nil, nil, fmt.Errorf("%w: %d labels, want at least 1", ErrClasses, n)
	}
	for i, has := range labels {
		for k, l := range has {
			if l < 0 || l >= n || k > 0 && has[k-1] >= l {
				return nil, nil, fmt.Errorf("%w: row %d has labels %v of %d, want them ascending", ErrClasses, i, has, n)
			}
		}
	}
	y := make([]int, len(labels))
	if err := o.check(rows, y, 2); err != nil {
		return nil, nil, err
	}
	m := &Model{classes: n, features: rows.features, ovr: true, coef: make([]float64, rows.features*n), intercept: make([]float64, n)}
	results := make([]Result, n)
	next := make([]int, len(labels)) // how many labels of each row are done
	for l := range n {
		for i, has := range labels {
			y[i] = 0
			if next[i] < len(has) && has[next[i]] == l {
				y[i] = 1
				next[i]++
			}
		}
		weight, err := o.weights(y, 2)
		if err != nil {
			return nil, nil, fmt.Errorf("label %d: %w", l, err)
		}
		one, res, err := o.solve(ctx, rows, y, weight, 2, nil)
		if err != nil {
			return nil, nil, fmt.Errorf("label %d: %w", l, err)
		}
		for j := range rows.features {
			m.coef[j*n+l] = one.coef[2*j+1]
		}
		m.intercept[l], results[l] = one.intercept[1], res
	}
	return m, results, nil
}

// AppendLogistic appends to dst the logistic function of each class's logit: how
// likely each is against all others, where classes do not exclude each other.
func (m *Model) AppendLogistic(dst []float64, ind []int32, val []float64) []float64 {
	first := len(dst)
	dst = m.AppendLogits(dst, ind, val)
	for k, z := range dst[first:] {
		dst[first+k] = Logistic(z)
	}
	return dst
}

// Rescaled returns the Model of rows whose column j is smaller by the factor
// scale[j] than in the rows that m was fitted on: its weights are those of m,
// times scale. The error wraps ErrRow where there is not one factor a feature.
func (m *Model) Rescaled(scale []float64) (*Model, error) {
	if len(scale) != m.features {
		return nil, fmt.Errorf("%w: %d factors for %d features", ErrRow, len(scale), m.features)
	}
	n := &Model{classes: m.classes, features: m.features, ovr: m.ovr, coef: make([]float64, len(m.coef)), intercept: m.intercept}
	for j, f := range scale {
		for k := range m.classes {
			n.coef[j*m.classes+k] = m.coef[j*m.classes+k] * f
		}
	}
	return n, nil
}

// Size returns about how many bytes m has in memory.
func (m *Model) Size() int { return 8 * (len(m.coef) + len(m.intercept)) }
