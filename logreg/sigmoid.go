package logreg

import (
	"fmt"
	"math"
)

// A Sigmoid turns the score f of a classifier into a probability,
//
//	1 / (1 + exp(A*f + B)),
//
// which rises with the score where A is below 0 (Platt, Probabilistic Outputs
// for Support Vector Machines, 1999). A and B are the a_ and b_ of
// scikit-learn. The zero value says 1/2 to all.
type Sigmoid struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

// Predict returns the probability, from 0 to 1, for a score. NaN gives NaN.
func (s Sigmoid) Predict(score float64) float64 { return 1 / (1 + math.Exp(s.A*score+s.B)) }

// Validate returns an error that wraps ErrFormat unless A and B are finite.
func (s Sigmoid) Validate() error {
	if !finite(s.A) || !finite(s.B) {
		return fmt.Errorf("%w: sigmoid with A = %v and B = %v, want finite numbers", ErrFormat, s.A, s.B)
	}
	return nil
}

// FitSigmoid fits a Sigmoid to scores of which it is known whether they are of
// positive examples. It minimises the weighted cross-entropy to Platt's
// targets: not 1 and 0 but (n+1)/(n+2) for the positive, with n the sum of
// their weights, and 1/(n+2) for the others, with n the sum of theirs. These
// keep A and B finite even where a score parts the two, or where all are of one
// kind. weights has one for each score, not negative; nil means 1 each. Where
// all scores are the same, A is 0. The errors wrap ErrRow, or ErrOptions for
// weights.
//
// The optimum is the one that scikit-learn's CalibratedClassifierCV looks for
// with method "sigmoid", found by Newton's method with a line search (Lin, Lin
// and Weng, A Note on Platt's Probabilistic Outputs for Support Vector
// Machines, 2007) to some ten digits, where scikit-learn stops a little
// earlier.
func FitSigmoid(scores []float64, positive []bool, weights []float64) (Sigmoid, error) {
	if len(scores) == 0 || len(scores) != len(positive) {
		return Sigmoid{}, fmt.Errorf("%w: %d scores of %d examples", ErrRow, len(scores), len(positive))
	}
	lo, hi := scores[0], scores[0]
	for i, f := range scores {
		if !finite(f) {
			return Sigmoid{}, fmt.Errorf("%w %d: score is %v", ErrRow, i, f)
		}
		lo, hi = min(lo, f), max(hi, f)
	}
	if err := checkWeights(weights, len(scores)); err != nil {
		return Sigmoid{}, err
	}
	// Scores are brought to -1 to 1, and weights to at most 1: neither moves
	// the optimum, but both keep Newton's equations well conditioned.
	centre, half := lo/2+hi/2, hi/2-lo/2
	q := platt{score: make([]float64, len(scores)), weight: make([]float64, len(scores)), positive: positive}
	var top, prior, priorNot float64
	for i := range scores {
		w := weightOf(weights, i)
		top = max(top, w)
		if positive[i] {
			prior += w
		} else {
			priorNot += w
		}
	}
	for i, f := range scores {
		if half > 0 {
			q.score[i] = (f - centre) / half
		}
		q.weight[i] = weightOf(weights, i) / top
	}
	q.target, q.targetNot = (prior+1)/(prior+2), 1/(priorNot+2)
	slope, intercept := q.minimise(math.Log((prior + 1) / (priorNot + 1)))
	if half > 0 {
		slope /= half
	}
	s := Sigmoid{A: -slope, B: slope*centre - intercept}
	if s.Validate() != nil {
		return Sigmoid{}, fmt.Errorf("%w: scores from %v to %v are too close to each other to be told apart", ErrRow, lo, hi)
	}
	return s, nil
}

// platt is the problem of FitSigmoid with scores from -1 to 1: a logistic
// regression on one feature with targets between 0 and 1.
type platt struct {
	score, weight     []float64
	positive          []bool
	target, targetNot float64 // of the positive and of the others
}

// of returns the target of example i.
func (q *platt) of(i int) float64 {
	if q.positive[i] {
		return q.target
	}
	return q.targetNot
}

// loss returns the cross-entropy of the log-odds slope*score + intercept.
func (q *platt) loss(slope, intercept float64) (sum float64) {
	for i, u := range q.score {
		z := slope*u + intercept
		sum += q.weight[i] * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - q.of(i)*z)
	}
	return sum
}

// newton returns the Newton step at slope and intercept, and the derivative of
// the loss along it.
func (q *platt) newton(slope, intercept float64) (ds, di, along float64) {
	var gs, gi, hss, hsi, hii float64
	for i, u := range q.score {
		p := 1 / (1 + math.Exp(-slope*u-intercept))
		g, h := q.weight[i]*(p-q.of(i)), q.weight[i]*p*(1-p)
		gs += g * u
		gi += g
		hss += h * u * u
		hsi += h * u
		hii += h
	}
	hss += 1e-14 * hii // keeps the determinant above 0 where all scores are the same
	det := hss*hii - hsi*hsi
	ds, di = (hsi*gi-hii*gs)/det, (hsi*gs-hss*gi)/det
	return ds, di, gs*ds + gi*di
}

// minimise returns where the loss is least, starting from slope 0.
func (q *platt) minimise(intercept float64) (float64, float64) {
	slope, loss := 0.0, q.loss(0, intercept)
	for range 200 {
		ds, di, along := q.newton(slope, intercept)
		if !finite(ds) || !finite(di) || !(along < 0) {
			break
		}
		t, next := 1.0, 0.0
		for ; t > 1e-10; t /= 2 {
			// What rounding hides of the loss is not a reason to step back.
			if next = q.loss(slope+t*ds, intercept+t*di); next <= loss+1e-4*t*along+1e-14*loss {
				break
			}
		}
		if t <= 1e-10 {
			break
		}
		slope, intercept, loss = slope+t*ds, intercept+t*di, next
		if t == 1 && math.Abs(ds) <= 1e-9*(1+math.Abs(slope)) && math.Abs(di) <= 1e-9*(1+math.Abs(intercept)) {
			break // the error is now the square of that
		}
	}
	return slope, intercept
}
