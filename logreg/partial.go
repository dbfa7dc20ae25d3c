package logreg

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/riskkit/riskkit/internal/binfile"
)

// An Online is a Model that goes on learning from single examples, or a few,
// between two fits of all: from feedback, say. It remembers the examples it was
// made of by how sure of each feature's weights they make it, and nothing else:
// the curvature of their loss (MacKay, The Evidence Framework Applied to
// Classification Networks, 1992; Chapelle, Manavoglu and Rosales, Simple and
// Scalable Response Prediction for Display Advertising, 2014).
//
// It is made by NewOnline or UnmarshalBinary and safe for concurrent use.
type Online struct {
	mu        sync.Mutex
	m         *Model
	c         float64
	precision []float64 // of each feature's weights, and of the intercepts
}

// NewOnline returns an Online that begins with m, which was fitted on the rows
// of x; nil means that nothing is known of them but that there was a penalty of
// strength 1. Of opts C, which is that of the fit and of all examples to come,
// and SampleWeights, of these rows, count. m is not changed. Errors wrap
// ErrOptions or ErrRow.
func NewOnline(m *Model, x mat.Matrix, opts *Options) (*Online, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.C == 0 {
		o.C = 1
	}
	if m == nil || m.classes < 2 || !(o.C > 0) || math.IsInf(o.C, 1) {
		return nil, fmt.Errorf("%w: an Online needs a Model and a C that is a positive number, not %v", ErrOptions, o.C)
	}
	online := &Online{m: m, c: o.C, precision: make([]float64, m.features+1)}
	for j := range online.precision {
		online.precision[j] = 1
	}
	if x == nil {
		return online, nil
	}
	rows, err := rowsOf(x)
	if err != nil {
		return nil, err
	}
	if err := online.check(rows, nil, o.SampleWeights); err != nil {
		return nil, err
	}
	online.remember(rows, o.SampleWeights)
	return online, nil
}

// Model returns the Model as it is now. It does not change.
func (o *Online) Model() *Model {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.m
}

func (o *Online) check(x *Rows, y []int, weights []float64) error {
	if x.features != o.m.features {
		return fmt.Errorf("%w: rows have %d features, the model %d", ErrRow, x.features, o.m.features)
	}
	if y != nil && len(y) != x.Len() {
		return fmt.Errorf("%w: %d rows with %d classes", ErrClasses, x.Len(), len(y))
	}
	for i, c := range y {
		if c < 0 || c >= o.m.classes {
			return fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, o.m.classes)
		}
	}
	if weights != nil && len(weights) != x.Len() {
		return fmt.Errorf("%w: %d SampleWeights for %d rows", ErrOptions, len(weights), x.Len())
	}
	for i, w := range weights {
		if !(w >= 0 && w*o.c <= math.MaxFloat32) {
			return fmt.Errorf("%w: weight of row %d is %v", ErrOptions, i, w)
		}
	}
	return nil
}

// remember adds the curvature of the rows' loss to the precision: p(1-p), the
// mean over the classes, times the squares of the values.
func (o *Online) remember(x *Rows, weights []float64) {
	var p []float64
	for i := range x.Len() {
		ind, val := x.Row(i)
		p = o.m.AppendProba(p[:0], ind, val)
		h := 0.0
		for _, v := range p {
			h += v * (1 - v) / float64(len(p))
		}
		h *= o.c
		if weights != nil {
			h *= weights[i]
		}
		for k, j := range ind {
			o.precision[j] += h * val[k] * val[k]
		}
		o.precision[o.m.features] += h
	}
}

// PartialFit learns from more examples: it takes the Model to the least of
//
//	C * sum_i weight_i * -ln P(y_i | x_i) + 1/2 * sum_j precision_j * |change of the weights of j|^2
//
// over the new rows, intercepts being weights too, and then remembers them. A
// class may be missing from y. It takes time in proportion to the new rows, and
// for a copy of the weights. What it leaves to be desired against a fit of all examples is
// what only the examples themselves could tell: see docs/ml.md for figures.
//
// weights are those of the rows; nil means 1 each. Errors wrap ErrRow,
// ErrClasses or ErrOptions, or are ctx's; the Online is then unchanged.
func (o *Online) PartialFit(ctx context.Context, x mat.Matrix, y []int, weights []float64) (Result, error) {
	rows, err := rowsOf(x)
	if err != nil {
		return Result{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if y == nil {
		y = []int{}
	}
	if err := o.check(rows, y, weights); err != nil {
		return Result{}, err
	}
	// A weight of some precision is one of precision 1 of a feature that is
	// smaller by its root. The intercept is a feature that all rows have. Of the
	// others only those of the rows take part.
	used := slices.Clone(rows.ind)
	slices.Sort(used)
	used = append(slices.Compact(used), int32(rows.features))
	scaled := NewRows(len(used))
	scaled.Grow(rows.Len(), len(rows.ind)+rows.Len())
	put := func(at int, v float64) {
		scaled.ind = append(scaled.ind, int32(at))
		scaled.val = append(scaled.val, v/math.Sqrt(o.precision[used[at]]))
	}
	weight := make([]float64, len(y))
	for i := range y {
		ind, val := rows.Row(i)
		for k, j := range ind {
			at, _ := slices.BinarySearch(used, j)
			put(at, val[k])
		}
		put(len(used)-1, 1)
		scaled.start = append(scaled.start, len(scaled.ind))
		weight[i] = o.c
		if weights != nil {
			weight[i] *= weights[i]
		}
	}
	m := o.m
	n := &Model{classes: m.classes, features: m.features, ovr: m.ovr}
	n.coef, n.intercept = append(n.coef, m.coef...), append(n.intercept, m.intercept...)
	q := &problem{x: scaled, y: y, weight: weight, classes: m.classes, r: m.classes, l2: 1}
	if m.classes == 2 {
		q.r, q.free = 1, 1
	}
	var total Result
	if !m.ovr {
		total, err = o.move(ctx, q, rows, used, m, func(class int, j int32, d float64) { n.add(class, int(j), d) })
	} else {
		q.classes, q.r, q.free, q.y = 2, 1, 1, make([]int, len(y))
		for k := 0; k < m.classes && err == nil; k++ {
			for i, c := range y {
				q.y[i] = 0
				if c == k {
					q.y[i] = 1
				}
			}
			var res Result
			res, err = o.move(ctx, q, rows, used, m.against(k), func(_ int, j int32, d float64) { n.add(k, int(j), d) })
			total.add(res)
		}
	}
	if err != nil {
		return total, err
	}
	o.m = n
	o.remember(rows, weights)
	return total, nil
}

// add adds d to a weight, or to an intercept behind the last feature.
func (m *Model) add(class, feature int, d float64) {
	if feature == m.features {
		m.intercept[class] += d
	} else {
		m.coef[feature*m.classes+class] += d
	}
}

// move fits the change of m's weights of the features used and hands them to
// add.
func (o *Online) move(ctx context.Context, q *problem, rows *Rows, used []int32, m *Model, add func(class int, feature int32, d float64)) (Result, error) {
	q.base = make([]float64, 0, len(q.y)*q.classes)
	for i := range q.y {
		ind, val := rows.Row(i)
		q.base = m.AppendLogits(q.base, ind, val)
	}
	params := make([]float64, (q.x.features+1)*q.r)
	res, err := q.dual(ctx, params, false, defaultTolerance, defaultIterations, 0)
	if err != nil {
		return res, err
	}
	for at, j := range used {
		for k := range q.r {
			add(q.free+k, j, params[at*q.r+k]/math.Sqrt(o.precision[j]))
		}
	}
	return res, nil
}

const (
	onlineMagic   = "RKLO"
	onlineVersion = 1
)

// MarshalBinary returns o in a format that UnmarshalBinary reads, now and in
// later versions.
func (o *Online) MarshalBinary() ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, err := o.m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return binfile.Append(nil, onlineMagic, onlineVersion, func(b []byte) []byte {
		b = binfile.AppendBytes(b, m)
		b = binfile.AppendFloats(b, []float64{o.c})
		return binfile.AppendFloats(b, o.precision)
	}), nil
}

// UnmarshalBinary makes o the Online that data holds. The error wraps ErrFormat
// and says what is wrong; o is then unchanged. It must not be called while o is
// in use.
func (o *Online) UnmarshalBinary(data []byte) error {
	_, r, err := binfile.Open(data, onlineMagic, onlineVersion)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	file, c, precision := r.Bytes(), r.Floats(), r.Floats()
	if err := r.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	m := new(Model)
	if err := m.UnmarshalBinary(file); err != nil {
		return err
	}
	if len(c) != 1 || !(c[0] > 0) || len(precision) != m.features+1 {
		return fmt.Errorf("%w: C is %v, with %d precisions for %d features", ErrFormat, c, len(precision), m.features)
	}
	for j, v := range precision {
		if !(v >= 1) {
			return fmt.Errorf("%w: precision of feature %d is %v, want at least 1", ErrFormat, j, v)
		}
	}
	o.m, o.c, o.precision = m, c[0], precision
	return nil
}
