package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// The errors of this package.
var (
	ErrInput = errors.New("eval: invalid input")
	ErrEmpty = errors.New("eval: no examples")
)

// calibrationBins is the number of equal-width bins of the expected calibration
// error.
const calibrationBins = 15

// An Evaluation is the state of an evaluation in progress: counts and sums,
// about 600 numbers for three levels, whatever the number of examples. It is
// made by New and must not be used from several goroutines at once; Merge joins
// the states of several, MarshalJSON and MarshalBinary keep it for later.
type Evaluation struct {
	levels  []string
	n       int64
	cells   cells // of truth*len(levels) + predicted
	logLoss loss
	brier   loss
	tops    [calibrationBins]topBin
	bins    *binTable
	scores  []scoreBin // of level*scoreBins + bin of the level's probability
}

// topBin sums over the examples whose greatest probability fell into it.
type topBin struct{ weight, confidence, hits float64 }

// New returns an empty Evaluation over the named levels, the lowest first.
// There must be at least two, all different and
// UTF-8; otherwise the error wraps ErrInput.
func New(levels []string) (*Evaluation, error) {
	if err := checkLevels(levels); err != nil {
		return nil, err
	}
	return newEvaluation(slices.Clone(levels), newBinTable()), nil
}

// newEvaluation returns one that shares levels and bins with others.
func newEvaluation(levels []string, bins *binTable) *Evaluation {
	k := len(levels)
	return &Evaluation{levels: levels, bins: bins, cells: make(cells, k*k), scores: make([]scoreBin, k*scoreBins)}
}

// checkLevels returns an error unless there are two levels or more, all different
// and UTF-8, without which they could not be told apart once they are JSON.
func checkLevels(levels []string) error {
	if len(levels) < 2 {
		return fmt.Errorf("%w: %d levels, want at least 2", ErrInput, len(levels))
	}
	for i, l := range levels {
		if slices.Index(levels, l) < i {
			return fmt.Errorf("%w: level %q stands twice", ErrInput, l)
		}
		if !utf8.ValidString(l) {
			return fmt.Errorf("%w: level %d, %q, is not UTF-8", ErrInput, i, l)
		}
	}
	return nil
}

// Levels returns the names of the levels, the lowest first.
func (e *Evaluation) Levels() []string { return slices.Clone(e.levels) }

// N returns the number of examples added so far.
func (e *Evaluation) N() int64 { return e.n }

// Add counts one example with the weight 1; see AddWeighted.
func (e *Evaluation) Add(truth, predicted int, proba []float64) error {
	return e.AddWeighted(truth, predicted, proba, 1)
}

// AddWeighted counts one example: its true level, the level predicted for it,
// the probability of each level, which must be in [0,1] and sum to 1 within
// 1e-6, and its weight, 0 or from 1e-100 to 1e100. Weights make up for examples
// that were not all as likely to be labelled: each stands for so many. An error
// wraps ErrInput, says which example is wrong in what, counted from 0 in the
// order they were added, and leaves e unchanged. It does not allocate and does
// not keep proba.
func (e *Evaluation) AddWeighted(truth, predicted int, proba []float64, weight float64) error {
	k := len(e.levels)
	if uint(truth) >= uint(k) || uint(predicted) >= uint(k) || len(proba) != k || weight != 1 && badWeight(weight) {
		return e.refuse(truth, predicted, proba, weight)
	}
	const one = 0x3ff << 52 // the bits of 1; bits ascend as numbers from 0 on do
	sum, squares, top, most := 0.0, 0.0, 0, int64(0)
	for c, p := range proba {
		b := int64(math.Float64bits(p))
		if uint64(b) > one && p != 0 {
			return e.refuse(truth, predicted, proba, weight)
		}
		sum += p
		d := p - oneIf(c == truth)
		squares += d * d
		if b > most {
			top, most = c, b
		}
	}
	if math.Abs(sum-1) > 1e-6 {
		return e.refuse(truth, predicted, proba, weight)
	}
	e.n++
	e.cells[truth*k+predicted].add(weight)
	e.brier.add(weight, squares)
	confidence := math.Float64frombits(uint64(most))
	t := &e.tops[topBinOf(confidence)]
	t.weight += weight
	t.confidence += weight * confidence
	t.hits += weight * oneIf(top == truth)
	scores, bins := e.scores, e.bins
	for c, p := range proba {
		scores[c*scoreBins+bins.of(p)].add(weight, p, c == truth)
	}
	const epsilon = 0x1p-52 // scikit-learn's clip: the spacing of float64 at 1
	likely := proba[truth]
	if likely < epsilon {
		likely = epsilon
	} else if likely > 1-epsilon {
		likely = 1 - epsilon
	}
	e.logLoss.add(weight, -ln(likely))
	return nil
}

// topBinOf returns the calibration bin of the greatest probability: the upper
// end of a bin belongs to it.
func topBinOf(p float64) int {
	x := p * calibrationBins
	b := int(x)
	if float64(b) == x && b > 0 {
		b--
	}
	return b
}

// refuse says what is wrong with an example.
func (e *Evaluation) refuse(truth, predicted int, proba []float64, weight float64) error {
	k := len(e.levels)
	switch {
	case truth < 0 || truth >= k:
		return fmt.Errorf("%w: example %d has true level %d of %d", ErrInput, e.n, truth, k)
	case predicted < 0 || predicted >= k:
		return fmt.Errorf("%w: example %d has predicted level %d of %d", ErrInput, e.n, predicted, k)
	case len(proba) != k:
		return fmt.Errorf("%w: example %d has %d probabilities for %d levels", ErrInput, e.n, len(proba), k)
	case badWeight(weight):
		return fmt.Errorf("%w: example %d has weight %v, want 0 or one from %g to %g", ErrInput, e.n, weight, minWeight, maxWeight)
	}
	sum := 0.0
	for c, p := range proba {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("%w: example %d gives level %q the probability %v", ErrInput, e.n, e.levels[c], p)
		}
		sum += p
	}
	return fmt.Errorf("%w: probabilities of example %d sum to %v", ErrInput, e.n, sum)
}

// oneIf returns 1 or 0, without a branch that a processor could guess wrong.
func oneIf(b bool) float64 {
	i := 0
	if b {
		i = 1
	}
	return float64(i)
}

// Merge adds what o counted to e. Both must be over the same levels; otherwise
// the error wraps ErrInput. Counts come out the same in any order, sums of
// weights other than 1 and of losses to rounding.
func (e *Evaluation) Merge(o *Evaluation) error {
	if !slices.Equal(e.levels, o.levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, e.levels)
	}
	e.n += o.n
	e.cells.merge(o.cells)
	e.logLoss.merge(o.logLoss)
	e.brier.merge(o.brier)
	for i, b := range o.tops {
		e.tops[i].weight += b.weight
		e.tops[i].confidence += b.confidence
		e.tops[i].hits += b.hits
	}
	for i, b := range o.scores {
		e.scores[i].merge(b)
	}
	return nil
}

// Matrix returns the weight of the examples of each true level (row) for which
// each level (column) was predicted; without weights, their number.
func (e *Evaluation) Matrix() Matrix {
	m := newMatrix(len(e.levels))
	for i, c := range e.cells {
		m[i/len(m)][i%len(m)] = c.weight
	}
	return m
}

// sums returns the weights and their squares over so many cells from i on, in
// steps.
func (e *Evaluation) sums(i, step, cells int) (weight, squares float64) {
	for range cells {
		weight += e.cells[i].weight
		squares += e.cells[i].squares
		i += step
	}
	return weight, squares
}

// all returns the effective number and the weight of all examples.
func (e *Evaluation) all() (n, weight float64) {
	c := e.cells.sum()
	return effective(c.weight, c.squares), c.weight
}

// Report computes the metrics of what was added so far. Without examples, or
// only with such of the weight 0, the error is ErrEmpty.
func (e *Evaluation) Report() (Report, error) {
	_, n := e.all()
	if n == 0 {
		return Report{}, ErrEmpty
	}
	k := len(e.levels)
	m := e.Matrix()
	r := Report{N: e.n, LogLoss: e.logLoss.sum / n, Brier: e.brier.sum / n, Levels: make(LevelReports, k), Confusion: make([][]int64, k)}
	if k == 2 {
		r.Brier /= 2
	}
	for _, b := range e.tops {
		r.ECE += math.Abs(b.confidence-b.hits) / n
		if b.weight > 0 {
			r.MCE = max(r.MCE, math.Abs(b.confidence-b.hits)/b.weight)
		}
	}
	for c := range k {
		r.Confusion[c] = make([]int64, k)
		for d := range k {
			r.Confusion[c][d] = e.cells[c*k+d].n
		}
		l := LevelReport{Level: e.levels[c], Average: m.Level(c), ROCAUC: e.rocAUC(c), AveragePrecision: e.averagePrecision(c)}
		for _, v := range r.Confusion[c] {
			l.Support += v
		}
		r.Levels[c] = l
		r.Accuracy += m[c][c] / n
		r.Macro.add(l.Average, 1/float64(k))
		r.Weighted.add(l.Average, m.row(c)/n)
	}
	if e.cells.weighted() {
		r.Weights = m
	}
	r.MacroF1 = r.Macro.F1
	r.Murphy = e.murphy(r.Brier)
	return r, nil
}

// ratio returns a/b, and 0 where b is 0.
func ratio[T int64 | float64](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
