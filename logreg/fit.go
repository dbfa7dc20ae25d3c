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
	// C is the inverse strength of the L2 penalty. 0 means 1.
	C float64
	// ClassWeights multiply the loss of each class's examples. nil means 1
	// each.
	ClassWeights []float64
	// Balanced multiplies the loss of each class's examples by n / (classes *
	// examples of the class), on top of ClassWeights.
	Balanced bool
	// Tolerance is how far above the optimum the objective may be at the end,
	// as a share of it. The solver itself proves that it is not further; see
	// Result.Gap. The weights are then within the square root of twice the gap
	// of their optimum, as a vector. 0 means 1e-6.
	Tolerance float64
	// MaxIterations bounds the Newton steps. 0 means 100.
	MaxIterations int
}

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
	Iterations int // Newton steps
	Products   int // passes over the data for products with the Hessian
	// Objective is C * sum of weighted cross-entropies + half the squared
	// weights, intercepts free.
	Objective float64
	// Gap bounds from above how far Objective is over its optimum.
	Gap float64
}

// The errors of Fit.
var (
	ErrOptions = errors.New("logreg: invalid options")
	ErrClasses = errors.New("logreg: invalid classes")
)

// Fit fits a multinomial logistic regression with an L2 penalty and free
// intercepts: it minimises
//
//	C * sum_i weight(y_i) * -ln P(y_i | x_i) + 1/2 * sum of squared weights
//
// over a row of x for each of y, whose classes count from 0 to classes-1 and
// each occur at least once. With two classes one row of weights is fitted, as
// scikit-learn does. nil opts means the defaults.
//
// Stopping at a limit is data, in Result.Status, not an error. The errors wrap
// ErrOptions, ErrClasses, ErrRow or ctx's. The same input gives the same model,
// to the last bit on the same architecture. Fit uses one goroutine and, beside
// x, memory for some ten vectors of classes times features and rows.
func Fit(ctx context.Context, x mat.Matrix, y []int, classes int, opts *Options) (*Model, Result, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rows, err := rowsOf(x)
	if err != nil {
		return nil, Result{}, err
	}
	weights, err := o.weights(rows, y, classes)
	if err != nil {
		return nil, Result{}, err
	}
	s := newSolver(rows, y, weights, classes)
	result, err := s.run(ctx, o.Tolerance, o.MaxIterations)
	if err != nil {
		return nil, result, err
	}
	return s.model(), result, nil
}

// weights fills in the defaults of o, checks the input, and returns C times the
// weight of each class.
func (o *Options) weights(x *Rows, y []int, classes int) ([]float64, error) {
	if o.C == 0 {
		o.C = 1
	}
	if o.Tolerance == 0 {
		o.Tolerance = 1e-6
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = 100
	}
	switch {
	case !(o.C > 0) || math.IsInf(o.C, 0):
		return nil, fmt.Errorf("%w: C is %v, want a positive number", ErrOptions, o.C)
	case !(o.Tolerance > 0):
		return nil, fmt.Errorf("%w: Tolerance is %v, want a positive number", ErrOptions, o.Tolerance)
	case o.MaxIterations < 0:
		return nil, fmt.Errorf("%w: MaxIterations is %d", ErrOptions, o.MaxIterations)
	case o.ClassWeights != nil && len(o.ClassWeights) != classes:
		return nil, fmt.Errorf("%w: %d ClassWeights for %d classes", ErrOptions, len(o.ClassWeights), classes)
	case classes < 2:
		return nil, fmt.Errorf("%w: %d, want at least 2", ErrClasses, classes)
	case len(y) != x.Len():
		return nil, fmt.Errorf("%w: %d rows with %d classes", ErrClasses, x.Len(), len(y))
	}
	count := make([]int, classes)
	for i, c := range y {
		if c < 0 || c >= classes {
			return nil, fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, classes)
		}
		count[c]++
	}
	weights := make([]float64, classes)
	for c := range weights {
		if count[c] == 0 {
			return nil, fmt.Errorf("%w: no row has class %d", ErrClasses, c)
		}
		weights[c] = o.C
		if o.ClassWeights != nil {
			weights[c] *= o.ClassWeights[c]
		}
		if o.Balanced {
			weights[c] *= float64(len(y)) / float64(classes*count[c])
		}
		if !(weights[c] > 0) || math.IsInf(weights[c], 0) {
			return nil, fmt.Errorf("%w: weight of class %d is %v, want a positive number", ErrOptions, c, weights[c])
		}
	}
	return weights, nil
}
