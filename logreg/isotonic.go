package logreg

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// An Isotonic is a function that never falls: straight lines between the points
// (X[i], Y[i]), with X ascending and Y not descending, and constant outside of
// them. As a calibration map it turns a score into a probability (Zadrozny and
// Elkan, Transforming Classifier Scores into Accurate Multiclass Probability
// Estimates, 2002). X and Y are the X_thresholds_ and y_thresholds_ of
// scikit-learn. The zero value, with no points, returns what it is given.
type Isotonic struct {
	X []float64 `json:"x"`
	Y []float64 `json:"y"`
}

// near is how much two values of x differ at least, or they are taken for one.
// It is NumPy's resolution of a float64, as in scikit-learn.
const near = 1e-15

// Predict returns the value at x, which is between the first and the last of Y;
// infinities give these, NaN gives NaN. It does not allocate and is safe for
// concurrent use.
func (s Isotonic) Predict(x float64) float64 {
	last := min(len(s.X), len(s.Y)) - 1
	if last < 0 || math.IsNaN(x) {
		return x
	}
	i, _ := slices.BinarySearch(s.X[:last+1], x)
	switch {
	case i > last:
		return s.Y[last]
	case i == 0 || s.X[i] == x:
		return s.Y[i]
	}
	x0, x1, y0, y1 := s.X[i-1], s.X[i], s.Y[i-1], s.Y[i]
	y := (y1-y0)/(x1-x0)*(x-x0) + y0
	if !(y >= y0) {
		return y0 // also where differences overflow to NaN
	}
	return min(y, y1)
}

// Validate returns an error that wraps ErrFormat and says which point is wrong
// unless there is a point, all are finite, X ascends and Y does not descend.
func (s Isotonic) Validate() error {
	if len(s.X) == 0 || len(s.X) != len(s.Y) {
		return fmt.Errorf("%w: isotonic with %d X and %d Y", ErrFormat, len(s.X), len(s.Y))
	}
	for i, x := range s.X {
		switch {
		case !finite(x) || !finite(s.Y[i]):
			return fmt.Errorf("%w: isotonic: point %d is (%v, %v), want finite numbers", ErrFormat, i, x, s.Y[i])
		case i > 0 && !(s.X[i-1] < x):
			return fmt.Errorf("%w: isotonic: X %v of point %d after %v", ErrFormat, x, i, s.X[i-1])
		case i > 0 && s.Y[i-1] > s.Y[i]:
			return fmt.Errorf("%w: isotonic: Y %v of point %d after %v", ErrFormat, s.Y[i], i, s.Y[i-1])
		}
	}
	return nil
}

// FitIsotonic returns the function that never falls and comes closest to y at
// x, by weighted squares. weights has one for each of y, not negative; nil
// means 1 each. The order of the examples makes no difference but for rounding.
// Examples whose x differ by less than 1e-15 count as one with their mean y;
// those of weight 0 do not count. The errors, for lengths that differ, no
// examples, NaN, infinities and numbers so large that sums overflow, wrap
// ErrRow, or ErrOptions for weights.
//
// It is scikit-learn's IsotonicRegression(out_of_bounds="clip"): the pool
// adjacent violators algorithm (Best and Chakravarti, Active Set Algorithms for
// Isotonic Regression, 1990), and then only those points are kept that Predict
// needs. Time is that of sorting.
func FitIsotonic(x, y, weights []float64) (Isotonic, error) {
	if len(x) == 0 || len(x) != len(y) {
		return Isotonic{}, fmt.Errorf("%w: %d x with %d y", ErrRow, len(x), len(y))
	}
	if err := checkWeights(weights, len(x)); err != nil {
		return Isotonic{}, err
	}
	points := make([]point, 0, len(x))
	for i := range x {
		if !finite(x[i]) || !finite(y[i]) {
			return Isotonic{}, fmt.Errorf("%w %d: y is %v at x %v, want finite numbers", ErrRow, i, y[i], x[i])
		}
		if w := weightOf(weights, i); w > 0 {
			points = append(points, point{x[i], x[i], y[i], w})
		}
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var s Isotonic
	for _, b := range pool(distinct(points)) {
		s.X, s.Y = append(s.X, b.x), append(s.Y, b.y)
		if b.end != b.x {
			s.X, s.Y = append(s.X, b.end), append(s.Y, b.y)
		}
	}
	if err := s.Validate(); err != nil {
		return Isotonic{}, fmt.Errorf("%w: numbers are too large: %w", ErrRow, err)
	}
	return s, nil
}

// point is the mean y of the examples from x to end, and their weight.
type point struct{ x, end, y, weight float64 }

// distinct returns the sorted points with those of the same x made one.
func distinct(points []point) []point {
	out := points[:0]
	for i := 0; i < len(points); {
		p := point{x: points[i].x, end: points[i].x}
		sum := 0.0
		for ; i < len(points) && points[i].x-p.x < near; i++ {
			sum += points[i].y * points[i].weight
			p.weight += points[i].weight
		}
		p.y = sum / p.weight
		out = append(out, p)
	}
	return out
}

// pool makes one of neighbours as long as a y is not above the one before, so
// that y ascends. It takes up all that follows before it looks back, in the
// order of SciPy's sums.
func pool(points []point) []point {
	n := 0 // points[:n] ascend
	for i := 0; i < len(points); n++ {
		b := points[i]
		i++
		if n > 0 && points[n-1].y >= b.y {
			n--
			before := points[n]
			sum := before.weight*before.y + b.weight*b.y
			b.x, b.weight = before.x, b.weight+before.weight
			b.y = sum / b.weight
			for ; i < len(points) && b.y >= points[i].y; i++ {
				sum += points[i].weight * points[i].y
				b.weight += points[i].weight
				b.end, b.y = points[i].end, sum/b.weight
			}
			for ; n > 0 && points[n-1].y >= b.y; n-- {
				sum += points[n-1].weight * points[n-1].y
				b.weight += points[n-1].weight
				b.x, b.y = points[n-1].x, sum/b.weight
			}
		}
		points[n] = b
	}
	return points[:n]
}
