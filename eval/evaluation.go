package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The errors of this package.
var (
	ErrInput = errors.New("eval: invalid input")
	ErrEmpty = errors.New("eval: no examples")
)

// calibrationBins is the number of equal-width bins of the expected calibration
// error.
const calibrationBins = 15

// An Evaluation is the state of an evaluation in progress: a few counts and
// sums, whatever the number of examples. It is made by New and must not be used
// from several goroutines at once; Merge joins the states of several.
type Evaluation struct {
	levels    []string
	confusion []int64 // of truth*len(levels) + predicted
	n         int64
	logLoss   float64
	brier     float64
	bins      [calibrationBins]calibrationBin
}

// calibrationBin sums over the examples whose greatest probability fell into
// it.
type calibrationBin struct {
	confidence float64
	hits       int64
}

// New returns an empty Evaluation over the named levels, the lowest first.
// There must be at least two, all different; otherwise the error wraps
// ErrInput.
func New(levels []string) (*Evaluation, error) {
	if len(levels) < 2 {
		return nil, fmt.Errorf("%w: %d levels, want at least 2", ErrInput, len(levels))
	}
	for i, l := range levels {
		if slices.Index(levels, l) < i {
			return nil, fmt.Errorf("%w: level %q stands twice", ErrInput, l)
		}
	}
	return &Evaluation{levels: slices.Clone(levels), confusion: make([]int64, len(levels)*len(levels))}, nil
}

// Add counts one example: its true level, the level predicted for it and the
// probability of each level, which must be in [0,1] and sum to 1 within 1e-6.
// An error wraps ErrInput, says what is wrong, and leaves e unchanged. Add does
// not allocate and does not keep proba.
func (e *Evaluation) Add(truth, predicted int, proba []float64) error {
	k := len(e.levels)
	switch {
	case truth < 0 || truth >= k:
		return fmt.Errorf("%w: example %d has true level %d of %d", ErrInput, e.n, truth, k)
	case predicted < 0 || predicted >= k:
		return fmt.Errorf("%w: example %d has predicted level %d of %d", ErrInput, e.n, predicted, k)
	case len(proba) != k:
		return fmt.Errorf("%w: example %d has %d probabilities for %d levels", ErrInput, e.n, len(proba), k)
	}
	sum, squares, top := 0.0, 0.0, 0
	for c, p := range proba {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%w: example %d gives level %q the probability %v", ErrInput, e.n, e.levels[c], p)
		}
		sum += p
		d := p
		if c == truth {
			d--
		}
		squares += d * d
		if p > proba[top] {
			top = c
		}
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("%w: probabilities of example %d sum to %v", ErrInput, e.n, sum)
	}
	e.n++
	e.confusion[truth*k+predicted]++
	const epsilon = 0x1p-52 // scikit-learn's clip: the spacing of float64 at 1
	e.logLoss -= math.Log(min(1-epsilon, max(epsilon, proba[truth])))
	e.brier += squares
	b := &e.bins[min(calibrationBins-1, max(0, int(math.Ceil(proba[top]*calibrationBins))-1))]
	b.confidence += proba[top]
	if top == truth {
		b.hits++
	}
	return nil
}

// Merge adds what o counted to e. Both must be over the same levels; otherwise
// the error wraps ErrInput. The counts come out the same in any order, the sums
// to rounding.
func (e *Evaluation) Merge(o *Evaluation) error {
	if !slices.Equal(e.levels, o.levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, e.levels)
	}
	e.n += o.n
	e.logLoss += o.logLoss
	e.brier += o.brier
	for i, c := range o.confusion {
		e.confusion[i] += c
	}
	for i, b := range o.bins {
		e.bins[i].confidence += b.confidence
		e.bins[i].hits += b.hits
	}
	return nil
}

// Report computes the metrics of what was added so far. Without examples the
// error is ErrEmpty.
func (e *Evaluation) Report() (Report, error) {
	if e.n == 0 {
		return Report{}, ErrEmpty
	}
	k, n := len(e.levels), float64(e.n)
	r := Report{N: e.n, LogLoss: e.logLoss / n, Brier: e.brier / n, Levels: make(LevelReports, k), Confusion: make([][]int64, k)}
	if k == 2 {
		r.Brier /= 2
	}
	for _, b := range e.bins {
		r.ECE += math.Abs(b.confidence-float64(b.hits)) / n
	}
	for c := range k {
		r.Confusion[c] = slices.Clone(e.confusion[c*k : (c+1)*k])
		var support, predicted int64
		for d := range k {
			support += e.confusion[c*k+d]
			predicted += e.confusion[d*k+c]
		}
		hits := e.confusion[c*k+c]
		l := LevelReport{Level: e.levels[c], Support: support, Average: Average{
			Precision: ratio(hits, predicted), Recall: ratio(hits, support), F1: ratio(2*hits, predicted+support),
		}}
		r.Levels[c] = l
		r.Accuracy += float64(hits) / n
		r.Macro.add(l.Average, 1/float64(k))
		r.Weighted.add(l.Average, float64(support)/n)
	}
	r.MacroF1 = r.Macro.F1
	return r, nil
}

// ratio returns a/b, and 0 where b is 0.
func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
