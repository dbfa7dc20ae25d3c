package logreg

import (
	"fmt"
	"math"
)

// A Temperature is a calibration map: it divides the logits of a classifier
// before the softmax, above 1 to make it less sure, below 1 to make it surer
// (Guo et al., On Calibration of Modern Neural Networks, 2017). It never
// changes which class is the most probable. The zero value, and 1, change
// nothing; one below 0 makes no sense.
type Temperature float64

// smallest stands for a probability of 0 where a logarithm is taken.
const smallest = 1e-300

// Apply replaces the probabilities p, one a class, by calibrated ones.
func (t Temperature) Apply(p []float64) {
	if t == 0 || t == 1 {
		return
	}
	for k, v := range p {
		p[k] = math.Log(max(v, smallest)) / float64(t)
	}
	Softmax(p)
}

// FitTemperature returns the temperature, from 0.02 to 50, that gives the
// classes y the least log loss, where p holds a row of probabilities, one a
// class, for each of y. The rows should be out-of-fold predictions: a
// classifier's own training examples flatter it. The errors wrap ErrClasses or
// ErrRow.
//
// The log loss is convex in the inverse temperature, which is found by golden
// section to 1e-6.
func FitTemperature(p []float64, y []int, classes int) (Temperature, error) {
	if classes < 2 || len(y) == 0 || len(p) != len(y)*classes {
		return 0, fmt.Errorf("%w: %d probabilities for %d rows of %d classes", ErrClasses, len(p), len(y), classes)
	}
	logits := make([]float64, len(p))
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return 0, fmt.Errorf("%w %d: probability of class %d is %v", ErrRow, i/classes, i%classes, v)
		}
		logits[i] = math.Log(max(v, smallest))
	}
	for i, c := range y {
		if c < 0 || c >= classes {
			return 0, fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, classes)
		}
	}
	z := make([]float64, classes)
	loss := func(logBeta float64) float64 {
		beta, sum := math.Exp(logBeta), 0.0
		for i, c := range y {
			for k := range z {
				z[k] = beta * logits[i*classes+k]
			}
			picked := z[c]
			sum += Softmax(z) - picked
		}
		return sum
	}
	return Temperature(math.Exp(-goldenSection(loss, -math.Log(50), math.Log(50), 1e-6))), nil
}

// goldenSection returns where the unimodal f is least in [a, b], to within
// tolerance.
func goldenSection(f func(float64) float64, a, b, tolerance float64) float64 {
	const ratio = 1 / math.Phi
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	fc, fd := f(c), f(d)
	for b-a > tolerance {
		if fc <= fd {
			b, d, fd = d, c, fc
			c = b - ratio*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + ratio*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}
