package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// An Estimate is the state of an estimate, in progress, of how good predictions
// are whose true levels are not known yet: confidence-based performance
// estimation (CBPE). Where probabilities are calibrated, an example that has
// level i with probability p adds p to the row of i of the confusion matrix, and
// all metrics follow from the expected matrix. It is a number of sums, levels³
// of them, whatever the number of examples. It is made by NewEstimate and must
// not be used from several goroutines at once; Merge joins the states of
// several.
//
// It cannot see concept drift: where the same texts have other levels than they
// had when the probabilities were calibrated, it goes on as if they had not.
type Estimate struct {
	levels    []string
	n         int64
	confusion []float64 // expected, of truth*len(levels) + predicted
	// pairs sums p[i]p[l] of the examples predicted as j, at (j*k + i)*k + l, of
	// k levels; with confusion that gives the covariance of the counts.
	pairs    []float64
	loss     [2]float64 // log loss and Brier score, expected
	variance [2]float64 // of their sums
}

// NewEstimate returns an empty Estimate over the named levels, the lowest
// first. There must be at least two, all different; otherwise the error wraps
// ErrInput.
func NewEstimate(levels []string) (*Estimate, error) {
	if err := checkLevels(levels); err != nil {
		return nil, err
	}
	k := len(levels)
	return &Estimate{levels: slices.Clone(levels), confusion: make([]float64, k*k), pairs: make([]float64, k*k*k)}, nil
}

// N returns the number of examples.
func (e *Estimate) N() int64 { return e.n }

// Add counts one example: the level predicted for it, the probabilities proba
// that were answered, and what they are when calibrated on labelled examples,
// which may be the same. Both must have a number in [0,1] for each level that
// sum to 1 within 1e-6. What is estimated of proba is its log loss and Brier
// score; all else rests on predicted and calibrated. An error wraps ErrInput,
// says what is wrong, and leaves e unchanged. Add does not allocate, keeps
// neither slice, and takes time levels².
func (e *Estimate) Add(predicted int, proba, calibrated []float64) error {
	k := len(e.levels)
	if predicted < 0 || predicted >= k {
		return fmt.Errorf("%w: example %d has predicted level %d of %d", ErrInput, e.n, predicted, k)
	}
	if err := e.check("probabilities", proba); err != nil {
		return err
	}
	if err := e.check("calibrated probabilities", calibrated); err != nil {
		return err
	}
	squares := 0.0
	for _, q := range proba {
		squares += q * q
	}
	var mean, meanSquare [2]float64
	pairs := e.pairs[predicted*k*k:]
	for i, p := range calibrated {
		e.confusion[i*k+predicted] += p
		for l, q := range calibrated {
			pairs[i*k+l] += p * q
		}
		const epsilon = 0x1p-52 // as Evaluation has it
		q := proba[i]
		for m, loss := range [2]float64{-math.Log(min(1-epsilon, max(epsilon, q))), squares - 2*q + 1} {
			mean[m] += p * loss
			meanSquare[m] += p * loss * loss
		}
	}
	for m := range mean {
		e.loss[m] += mean[m]
		e.variance[m] += max(0, meanSquare[m]-mean[m]*mean[m])
	}
	e.n++
	return nil
}

// check returns an error unless p is a distribution over the levels.
func (e *Estimate) check(what string, p []float64) error {
	if len(p) != len(e.levels) {
		return fmt.Errorf("%w: example %d has %d %s for %d levels", ErrInput, e.n, len(p), what, len(e.levels))
	}
	sum := 0.0
	for c, v := range p {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("%w: %s of example %d give level %q %v", ErrInput, what, e.n, e.levels[c], v)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("%w: %s of example %d sum to %v", ErrInput, what, e.n, sum)
	}
	return nil
}

// Merge adds what o counted to e. Both must be over the same levels; otherwise
// the error wraps ErrInput. The number comes out the same in any order, the sums
// to rounding.
func (e *Estimate) Merge(o *Estimate) error {
	if !slices.Equal(e.levels, o.levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, e.levels)
	}
	e.n += o.n
	for i, v := range o.confusion {
		e.confusion[i] += v
	}
	for i, v := range o.pairs {
		e.pairs[i] += v
	}
	for m := range e.loss {
		e.loss[m] += o.loss[m]
		e.variance[m] += o.variance[m]
	}
	return nil
}

// estimateState is the form of an Estimate as JSON.
type estimateState struct {
	Levels    []string   `json:"levels"`
	N         int64      `json:"n"`
	Confusion []float64  `json:"confusion"`
	Pairs     []float64  `json:"pairs"`
	Loss      [2]float64 `json:"loss"`
	Variance  [2]float64 `json:"variance"`
}

// MarshalJSON writes the sums, from which UnmarshalJSON goes on.
func (e *Estimate) MarshalJSON() ([]byte, error) {
	return json.Marshal(estimateState{e.levels, e.n, e.confusion, e.pairs, e.loss, e.variance})
}

// UnmarshalJSON reads what MarshalJSON wrote. Sums that no examples can have
// give an error that wraps ErrInput and leaves e as it was.
func (e *Estimate) UnmarshalJSON(data []byte) error {
	var s estimateState
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%w: estimate: %w", ErrInput, err)
	}
	k := len(s.Levels)
	if s.N < 0 || len(s.Confusion) != k*k || len(s.Pairs) != k*k*k {
		return fmt.Errorf("%w: estimate of %d examples over %d levels has %d and %d sums", ErrInput, s.N, k, len(s.Confusion), len(s.Pairs))
	}
	n, sum := float64(s.N), 0.0
	for _, v := range s.Confusion {
		if !(v >= 0) {
			return fmt.Errorf("%w: estimate expects %v examples", ErrInput, v)
		}
		sum += v
	}
	if !(math.Abs(sum-n) <= 1e-5*n) {
		return fmt.Errorf("%w: estimate of %d examples expects %v", ErrInput, s.N, sum)
	}
	for _, v := range slices.Concat(s.Pairs, s.Loss[:], s.Variance[:]) {
		if !(v >= 0) {
			return fmt.Errorf("%w: estimate has the sum %v", ErrInput, v)
		}
	}
	fresh, err := NewEstimate(s.Levels)
	if err != nil {
		return err
	}
	fresh.n, fresh.confusion, fresh.pairs, fresh.loss, fresh.variance = s.N, s.Confusion, s.Pairs, s.Loss, s.Variance
	*e = *fresh
	return nil
}
