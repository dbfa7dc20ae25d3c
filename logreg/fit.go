package logreg

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Options say what Fit minimises and how exactly. The zero value means the
// defaults.
type Options struct {
	// C is the inverse strength of the penalty. 0 means 1, +Inf no penalty.
	C float64
	// L1Ratio is the share of the L1 norm in the penalty: 0 for L2, 1 for L1
	// alone, which makes most weights exactly 0, in between for the elastic
	// net.
	L1Ratio float64
	// OneVsRest fits one model of each class against all others, instead of one
	// of all classes; see Model.AppendProba. With two classes the two are one.
	OneVsRest bool
	// ClassWeights multiply the loss of each class's examples. nil means 1
	// each.
	ClassWeights []float64
	// Balanced multiplies the loss of each class's examples by n / (classes *
	// examples of the class), on top of ClassWeights. Examples count by their
	// SampleWeights. OneVsRest balances each class against the others.
	Balanced bool
	// SampleWeights multiply the loss of each example. nil means 1 each. An
	// example of weight 0 is as good as absent.
	SampleWeights []float64
	// Start is where the fit begins, for the same number of classes and
	// features; the nearer to the optimum, the sooner it ends. nil means
	// nowhere in particular. The result is the same within the tolerance.
	Start *Model
	// Tolerance is how far above the optimum the objective may be at the end,
	// as a share of it. The solver itself proves that it is not further; see
	// Result.Gap. With an L2 penalty of strength 1 the weights are then within
	// the square root of twice the gap of their optimum, as a vector. 0 means
	// 1e-6.
	Tolerance float64
	// MaxIterations bounds the passes that a solver makes over all rows. 0
	// means 1000.
	MaxIterations int
	// Seed draws the order in which rows are visited.
	Seed uint64
}

const (
	defaultTolerance  = 1e-6
	defaultIterations = 1000
)

// Status says how a fit ended.
type Status int

// The ways that a fit ends.
const (
	NotRun         Status = iota // the fit was not started
	Converged                    // the objective is proven to be within the tolerance
	IterationLimit               // MaxIterations was reached before that
	Stalled                      // no step lowers the objective in floating point any more
)

// String returns the name of s.
func (s Status) String() string {
	switch s {
	case NotRun:
		return "not run"
	case Converged:
		return "converged"
	case IterationLimit:
		return "iteration limit"
	case Stalled:
		return "stalled"
	}
	return fmt.Sprintf("Status(%d)", int(s))
}

// Early reports whether the fit ended before the tolerance was proven.
func (s Status) Early() bool { return s != Converged }

// Result tells how a fit went.
type Result struct {
	Status     Status
	Iterations int // passes over all rows, or steps, of the solver
	// Objective is C times the sum of the weighted cross-entropies, plus half
	// the squared weights or whatever the penalty is; intercepts are free. It
	// is the sum over the classes for OneVsRest.
	Objective float64
	// Gap bounds from above how far Objective is over its optimum. Without a
	// penalty, over what weights up to ten times as long could do.
	Gap float64
}

// The errors of Fit.
var (
	ErrOptions = errors.New("logreg: invalid options")
	ErrClasses = errors.New("logreg: invalid classes")
)

// Fit fits a multinomial logistic regression with free intercepts: it minimises
//
//	C * sum_i weight_i * -ln P(y_i | x_i) + (1-L1Ratio)/2 * |W|^2 + L1Ratio * |W|_1
//
// over a row of x for each of y, whose classes count from 0 to classes-1 and
// each occur at least once. With two classes one row of weights is fitted, as
// scikit-learn does. nil opts means the defaults.
//
// Stopping at a limit is data, in Result.Status, not an error. The errors wrap
// ErrOptions, ErrClasses, ErrRow or ctx's. The same input gives the same model,
// to the last bit on the same architecture. Fit uses one goroutine and, beside
// x, memory for a copy of it and a few vectors of classes times features and
// rows.
func Fit(ctx context.Context, x mat.Matrix, y []int, classes int, opts *Options) (*Model, Result, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rows, err := rowsOf(x)
	if err != nil {
		return nil, Result{}, err
	}
	if err := o.check(rows, y, classes); err != nil {
		return nil, Result{}, err
	}
	if o.OneVsRest && classes > 2 {
		return o.oneVsRest(ctx, rows, y, classes)
	}
	weight, err := o.weights(y, classes)
	if err != nil {
		return nil, Result{}, err
	}
	return o.solve(ctx, rows, y, weight, classes, o.Start)
}

// oneVsRest fits a model of each class against all others.
func (o *Options) oneVsRest(ctx context.Context, x *Rows, y []int, classes int) (*Model, Result, error) {
	m := &Model{
		classes: classes, features: x.features, ovr: true,
		coef: make([]float64, x.features*classes), intercept: make([]float64, classes),
	}
	var total Result
	mine := make([]int, len(y))
	for k := range classes {
		one := *o
		one.ClassWeights = nil
		for i, c := range y {
			mine[i] = 0
			if c == k {
				mine[i] = 1
			}
		}
		weight, err := one.weights(mine, 2)
		if err != nil {
			return nil, total, err
		}
		for i, c := range y {
			if o.ClassWeights == nil {
				break
			}
			if weight[i] *= o.ClassWeights[c]; !(weight[i] < heaviest) {
				return nil, total, fmt.Errorf("%w: C and the weights make row %d count %v times", ErrOptions, i, weight[i])
			}
		}
		b, res, err := o.solve(ctx, x, mine, weight, 2, o.Start.against(k))
		total.add(res)
		if err != nil {
			return nil, total, err
		}
		for j := range x.features {
			m.coef[j*classes+k] = b.coef[2*j+1]
		}
		m.intercept[k] = b.intercept[1]
	}
	return m, total, nil
}

// add sums what is known of several fits.
func (r *Result) add(o Result) {
	if r.Status == NotRun || r.Status == Converged {
		r.Status = o.Status
	}
	r.Iterations += o.Iterations
	r.Objective += o.Objective
	r.Gap += o.Gap
}

// solve picks the solver: dual coordinate ascent where there is an L2 penalty,
// and Newton steps for what it cannot finish or where there is none; proximal
// Newton steps where there is an L1 penalty.
func (o *Options) solve(ctx context.Context, x *Rows, y []int, weight []float64, classes int, start *Model) (*Model, Result, error) {
	q := &problem{x: x, y: y, weight: weight, classes: classes, r: classes, l1: o.L1Ratio, l2: 1 - o.L1Ratio}
	if classes == 2 {
		q.r, q.free = 1, 1
	}
	if math.IsInf(o.C, 1) {
		q.l1, q.l2 = 0, 0
	}
	params := make([]float64, (x.features+1)*q.r)
	if start != nil {
		q.begin(params, start)
		if !q.bounded(params) {
			clear(params)
			start = nil
		}
	}
	var res Result
	var err error
	switch {
	case q.l1 > 0:
		res, err = q.proximal(ctx, params, o.Tolerance, o.MaxIterations)
	case q.l2 > 0:
		res, err = q.dual(ctx, params, start != nil, o.Tolerance, o.MaxIterations, o.Seed)
		if err == nil && res.Status == Stalled {
			passes := res.Iterations
			res, err = q.newton(ctx, params, o.Tolerance, max(1, o.MaxIterations-passes))
			res.Iterations += passes
		}
	default:
		res, err = q.newton(ctx, params, o.Tolerance, o.MaxIterations)
	}
	if err != nil {
		return nil, res, err
	}
	return q.model(params), res, nil
}

// check fills in the defaults of o and checks them and the classes.
func (o *Options) check(x *Rows, y []int, classes int) error {
	if o.C == 0 {
		o.C = 1
	}
	if o.Tolerance == 0 {
		o.Tolerance = defaultTolerance
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = defaultIterations
	}
	switch {
	case !(o.C > 0):
		return fmt.Errorf("%w: C is %v, want a positive number or +Inf", ErrOptions, o.C)
	case !(o.L1Ratio >= 0 && o.L1Ratio <= 1):
		return fmt.Errorf("%w: L1Ratio is %v, want 0 to 1", ErrOptions, o.L1Ratio)
	case !(o.Tolerance > 0):
		return fmt.Errorf("%w: Tolerance is %v, want a positive number", ErrOptions, o.Tolerance)
	case o.MaxIterations < 0:
		return fmt.Errorf("%w: MaxIterations is %d", ErrOptions, o.MaxIterations)
	case o.ClassWeights != nil && len(o.ClassWeights) != classes:
		return fmt.Errorf("%w: %d ClassWeights for %d classes", ErrOptions, len(o.ClassWeights), classes)
	case o.SampleWeights != nil && len(o.SampleWeights) != len(y):
		return fmt.Errorf("%w: %d SampleWeights for %d rows", ErrOptions, len(o.SampleWeights), len(y))
	case classes < 2:
		return fmt.Errorf("%w: %d, want at least 2", ErrClasses, classes)
	case len(y) != x.Len():
		return fmt.Errorf("%w: %d rows with %d classes", ErrClasses, x.Len(), len(y))
	case classes > math.MaxInt32/(x.features+1):
		return fmt.Errorf("%w: %d classes of %d features are more weights than fit", ErrClasses, classes, x.features)
	}
	if m := o.Start; m != nil && (m.classes != classes || m.features != x.features) {
		return fmt.Errorf("%w: Start has %d classes and %d features, want %d and %d", ErrOptions, m.classes, m.features, classes, x.features)
	}
	for i, c := range y {
		if c < 0 || c >= classes {
			return fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, classes)
		}
	}
	for i, w := range o.SampleWeights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("%w: weight of row %d is %v, want a number from 0 on", ErrOptions, i, w)
		}
	}
	for c, w := range o.ClassWeights {
		if !(w > 0) || math.IsInf(w, 0) {
			return fmt.Errorf("%w: weight of class %d is %v, want a positive number", ErrOptions, c, w)
		}
	}
	return nil
}

// heaviest is more than C and the weights may make a row count: the squares of
// such weights must not overflow.
const heaviest = 1e100

// weights returns C times the weight of each row. Every class must have some.
func (o *Options) weights(y []int, classes int) ([]float64, error) {
	weight := make([]float64, len(y))
	total := make([]float64, classes)
	sum := 0.0
	for i, c := range y {
		weight[i] = 1
		if o.SampleWeights != nil {
			weight[i] = o.SampleWeights[i]
		}
		total[c] += weight[i]
		sum += weight[i]
	}
	factor := make([]float64, classes)
	for c, n := range total {
		if n == 0 {
			return nil, fmt.Errorf("%w: no row has class %d", ErrClasses, c)
		}
		factor[c] = 1
		if !math.IsInf(o.C, 1) {
			factor[c] = o.C
		}
		if o.ClassWeights != nil {
			factor[c] *= o.ClassWeights[c]
		}
		if o.Balanced {
			factor[c] *= sum / (float64(classes) * n)
		}
		if !(factor[c] > 0 && factor[c] < heaviest) {
			return nil, fmt.Errorf("%w: C and the weights make the examples of class %d count %v times", ErrOptions, c, factor[c])
		}
	}
	for i, c := range y {
		if weight[i] *= factor[c]; !(weight[i] < heaviest) {
			return nil, fmt.Errorf("%w: C and the weights make row %d count %v times", ErrOptions, i, weight[i])
		}
	}
	return weight, nil
}
