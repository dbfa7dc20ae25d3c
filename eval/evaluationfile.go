package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/riskkit/riskkit/internal/binfile"
)

const evaluationFormat = "riskkit-evaluation/1"

// maxFileLevels bounds the levels of an Evaluation that is read.
const maxFileLevels = 1000

// evaluationJSON is an Evaluation as JSON.
type evaluationJSON struct {
	Format  string       `json:"format"`
	Levels  []string     `json:"levels"`
	Counts  []int64      `json:"counts"`            // of truth*levels + predicted
	Weights []float64    `json:"weights,omitempty"` // absent where all are 1
	Squares []float64    `json:"squares,omitempty"` // of the weights
	LogLoss [3]float64   `json:"log_loss"`
	Brier   [3]float64   `json:"brier"`
	Tops    [][3]float64 `json:"tops"`   // weight, confidence and hits of each bin
	Scores  [][4]float64 `json:"scores"` // number, positive, negative and sum of the bins that are not empty
}

// MarshalJSON writes e for people, and for ParseEvaluation. Equal states give
// equal bytes.
func (e *Evaluation) MarshalJSON() ([]byte, error) {
	j := evaluationJSON{Format: evaluationFormat, Levels: e.levels, LogLoss: e.logLoss.numbers(), Brier: e.brier.numbers(), Scores: [][4]float64{}}
	j.Counts, j.Weights, j.Squares = e.cells.columns()
	for _, b := range e.tops {
		j.Tops = append(j.Tops, [3]float64{b.weight, b.confidence, b.hits})
	}
	for i, b := range e.scores {
		if b != (scoreBin{}) {
			j.Scores = append(j.Scores, [4]float64{float64(i), b.weight[1], b.weight[0], b.sum})
		}
	}
	return json.Marshal(j)
}

func (l loss) numbers() [3]float64 { return [3]float64{l.sum, l.first, l.second} }

func lossOf(v [3]float64) loss { return loss{v[0], v[1], v[2]} }

// The binary form of an Evaluation, a file of internal/binfile: the levels, the
// counts, and all sums in the order of the fields.
const (
	evaluationMagic   = "RKEV"
	evaluationVersion = 1
)

// MarshalBinary writes e for ParseEvaluation, with a checksum: about 5 kB for
// three levels. Equal states give equal bytes.
func (e *Evaluation) MarshalBinary() ([]byte, error) {
	return binfile.Append(nil, evaluationMagic, evaluationVersion, func(dst []byte) []byte {
		counts := make([]uint64, len(e.cells))
		for i, c := range e.cells {
			counts[i] = uint64(c.n)
		}
		sums := make([]float64, 0, e.numSums())
		for i := range cap(sums) {
			sums = append(sums, *e.sumAt(i))
		}
		return binfile.AppendFloats(binfile.AppendWords(binfile.AppendStrings(dst, e.levels), counts), sums)
	}), nil
}

// numSums returns the number of sums of e, besides its counts.
func (e *Evaluation) numSums() int { return 2*len(e.cells) + 6 + 3*len(e.tops) + 3*len(e.scores) }

// sumAt returns the i-th of them.
func (e *Evaluation) sumAt(i int) *float64 {
	if i < 2*len(e.cells) {
		c := &e.cells[i/2]
		return []*float64{&c.weight, &c.squares}[i%2]
	}
	if i -= 2 * len(e.cells); i < 6 {
		l := []*loss{&e.logLoss, &e.brier}[i/3]
		return []*float64{&l.sum, &l.first, &l.second}[i%3]
	}
	if i -= 6; i < 3*len(e.tops) {
		b := &e.tops[i/3]
		return []*float64{&b.weight, &b.confidence, &b.hits}[i%3]
	}
	i -= 3 * len(e.tops)
	b := &e.scores[i/3]
	return []*float64{&b.weight[1], &b.weight[0], &b.sum}[i%3]
}

// ParseEvaluation reads what MarshalJSON or MarshalBinary wrote. The error
// wraps ErrInput. It takes memory in proportion to data.
func ParseEvaluation(data []byte) (*Evaluation, error) {
	parse := parseBinary
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		parse = parseJSON
	}
	e, err := parse(data)
	if err != nil {
		return nil, err
	}
	return e, e.checkSums()
}

// newFrom is New for levels and counts that were read.
func newFrom(levels []string, counts int) (*Evaluation, error) {
	if len(levels) > maxFileLevels || counts != len(levels)*len(levels) {
		return nil, fmt.Errorf("%w: evaluation has %d levels, %d counts", ErrInput, len(levels), counts)
	}
	return New(levels)
}

func parseJSON(data []byte) (*Evaluation, error) {
	var j evaluationJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("%w: evaluation: %w", ErrInput, err)
	}
	if j.Format != evaluationFormat {
		return nil, fmt.Errorf("%w: format of the evaluation is %.40q, want %q", ErrInput, j.Format, evaluationFormat)
	}
	e, err := newFrom(j.Levels, len(j.Counts))
	if err != nil {
		return nil, err
	}
	if err := e.cells.fill(j.Counts, j.Weights, j.Squares); err != nil {
		return nil, fmt.Errorf("evaluation: %w", err)
	}
	if len(j.Tops) != len(e.tops) {
		return nil, fmt.Errorf("%w: evaluation has %d bins, want %d", ErrInput, len(j.Tops), len(e.tops))
	}
	e.logLoss, e.brier = lossOf(j.LogLoss), lossOf(j.Brier)
	for i, b := range j.Tops {
		e.tops[i] = topBin{b[0], b[1], b[2]}
	}
	last := -1.0
	for _, b := range j.Scores {
		if !(b[0] > last && b[0] < float64(len(e.scores)) && b[0] == math.Trunc(b[0])) {
			return nil, fmt.Errorf("%w: bin %v of %d of the scores after bin %v", ErrInput, b[0], len(e.scores), last)
		}
		last = b[0]
		e.scores[int(b[0])] = scoreBin{[2]float64{b[2], b[1]}, b[3]}
	}
	return e, nil
}

func parseBinary(data []byte) (*Evaluation, error) {
	_, r, err := binfile.Open(data, evaluationMagic, evaluationVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: evaluation: %w", ErrInput, err)
	}
	levels, counts, sums := r.Strings(), binfile.Words[uint64](r), r.Floats()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: evaluation: %w", ErrInput, err)
	}
	e, err := newFrom(levels, len(counts))
	if err != nil {
		return nil, err
	}
	if len(sums) != e.numSums() {
		return nil, fmt.Errorf("%w: evaluation has %d sums, want %d", ErrInput, len(sums), e.numSums())
	}
	for i, n := range counts {
		e.cells[i].n = int64(n)
	}
	for i, v := range sums {
		*e.sumAt(i) = v
	}
	return e, nil
}

// checkSums returns an error where the state cannot be one of examples, and
// sets n. What it lets through gives finite metrics.
func (e *Evaluation) checkSums() error {
	const slack = 1 + 1e-9
	for i := range e.numSums() {
		if v := *e.sumAt(i); !(v >= 0 && v <= maxSum) {
			return fmt.Errorf("%w: sum %d of the evaluation is %v", ErrInput, i, v)
		}
	}
	if err := e.cells.check(); err != nil {
		return fmt.Errorf("evaluation: %w", err)
	}
	all := e.cells.sum()
	weight, squares := all.weight, all.squares
	e.n = all.n
	for _, l := range []struct {
		loss
		most float64
	}{{e.logLoss, 37}, {e.brier, 2.1}} { // -ln of the least probability, and the square of a diagonal
		if l.sum > l.most*weight || l.first > l.most*squares || l.second > l.most*l.most*squares {
			return fmt.Errorf("%w: losses of the evaluation sum to %v over a weight of %v", ErrInput, l.numbers(), weight)
		}
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(a, b) }
	tops := 0.0
	for i, b := range e.tops {
		if tops += b.weight; b.hits > b.weight*slack || b.confidence > b.weight*slack {
			return fmt.Errorf("%w: bin %d of the evaluation has %v hits of weight %v", ErrInput, i, b.hits, b.weight)
		}
	}
	if !near(tops, weight) {
		return fmt.Errorf("%w: bins of the evaluation weigh %v, its examples %v", ErrInput, tops, weight)
	}
	m := e.Matrix()
	for c, name := range e.levels {
		bins, positive, negative := e.level(c)
		if truth := m.row(c); !near(positive, truth) || !near(positive+negative, weight) {
			return fmt.Errorf("%w: scores of level %q weigh %v and %v, its examples %v of %v", ErrInput, name, positive, negative, truth, weight)
		}
		for i, b := range bins {
			if b.sum > (b.weight[1]+b.weight[0])*slack {
				return fmt.Errorf("%w: bin %d of level %q sums to %v over %v", ErrInput, i, name, b.sum, b.weight[1]+b.weight[0])
			}
		}
	}
	return nil
}
