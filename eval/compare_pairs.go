package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Pairs is the state of a comparison of two versions, a and b, that answered
// the same labelled examples: how often each truth met each pair of answers,
// sums of the losses and a few ids, whatever the number of examples. It is made
// by NewPairs, adds, merges, and is kept as JSON. It must not be used from
// several goroutines at once.
type Pairs struct {
	levels []string
	cells  cells // of (truth*levels + a)*levels + b
	n      int64
	losses pairedLosses
	keep   int
	flips  [3][]flip // by kind of flip, the largest first
}

// pairedLosses sums log losses and Brier scores, with what is left out as it is
// written where all weights are 1.
type pairedLosses struct {
	N             int64      `json:"n"`
	Weight        float64    `json:"weight,omitzero"`
	WeightSquares float64    `json:"weight_squares,omitzero"`
	A             [2]float64 `json:"a"` // of weight * loss
	B             [2]float64 `json:"b"`
	FirstA        [2]float64 `json:"first_a,omitzero"` // of weight² * loss
	FirstB        [2]float64 `json:"first_b,omitzero"`
	Squares       [2]float64 `json:"squares"` // of weight² * (b's loss less a's)²
}

func (l *pairedLosses) add(a, b [2]float64, weight float64) {
	squares := weight * weight
	l.N++
	l.Weight += weight
	l.WeightSquares += squares
	for i := range a {
		d := b[i] - a[i]
		l.A[i] += weight * a[i]
		l.B[i] += weight * b[i]
		l.FirstA[i] += squares * a[i]
		l.FirstB[i] += squares * b[i]
		l.Squares[i] += squares * d * d
	}
}

func (l *pairedLosses) merge(o *pairedLosses) {
	l.N += o.N
	l.Weight += o.Weight
	l.WeightSquares += o.WeightSquares
	for i := range l.A {
		l.A[i] += o.A[i]
		l.B[i] += o.B[i]
		l.FirstA[i] += o.FirstA[i]
		l.FirstB[i] += o.FirstB[i]
		l.Squares[i] += o.Squares[i]
	}
}

// difference returns the mean losses and the standard error of their difference.
func (l *pairedLosses) difference(i int) lossDifference {
	d := lossDifference{n: effective(l.Weight, l.WeightSquares)}
	if d.n > 0 {
		d.a, d.b = l.A[i]/l.Weight, l.B[i]/l.Weight
		paired := loss{l.B[i] - l.A[i], l.FirstB[i] - l.FirstA[i], l.Squares[i]}
		_, variance := paired.mean(l.Weight, d.n)
		d.stdErr = math.Sqrt(variance)
	}
	return d
}

// The kinds of flips.
const (
	flipBetter = iota
	flipWorse
	flipOther
)

// flip is an example to which a and b gave different answers.
type flip struct {
	ID    string `json:"id"`
	Truth int    `json:"truth"`
	A     int    `json:"a"`
	B     int    `json:"b"`
}

// kind returns the kind of an answer that is none of "the same".
func (f flip) kind() int {
	switch f.Truth {
	case f.B:
		return flipBetter
	case f.A:
		return flipWorse
	}
	return flipOther
}

// far returns how many levels lie between the answers.
func (f flip) far() int { return max(f.A-f.B, f.B-f.A) }

// compare orders flips: those over the most levels first, then by id. The order
// is total, so that merging keeps the same ones in any order.
func (f flip) compare(o flip) int {
	if c := cmp.Compare(o.far(), f.far()); c != 0 {
		return c
	}
	if c := cmp.Compare(f.ID, o.ID); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(f.Truth, o.Truth), cmp.Compare(f.A, o.A), cmp.Compare(f.B, o.B))
}

// PairsOptions changes what NewPairs makes.
type PairsOptions struct {
	// Flips is how many ids are kept of the examples that b alone has right, as
	// many of those that a alone has right, and as many of those that both have
	// wrong in different ways: those whose answers lie the most levels apart,
	// then the first by id. 0 means 20; below 0, none.
	Flips int
}

// maxFlips bounds the flips that a state read from JSON may ask for.
const maxFlips = 1 << 20

// NewPairs returns an empty comparison over the named levels, the lowest first,
// at least 2 and at most 32, all different; otherwise the error wraps ErrInput.
// Its size grows with the cube of their number. o may be nil.
func NewPairs(levels []string, o *PairsOptions) (*Pairs, error) {
	if o == nil {
		o = &PairsOptions{}
	}
	if err := checkCompared(levels); err != nil {
		return nil, err
	}
	if o.Flips > maxFlips {
		return nil, fmt.Errorf("%w: %d flips to keep, want at most %d", ErrInput, o.Flips, maxFlips)
	}
	k := len(levels)
	return &Pairs{levels: slices.Clone(levels), cells: make(cells, k*k*k), keep: max(0, cmp.Or(o.Flips, 20))}, nil
}

// Add counts one example with the weight 1; see AddWeighted.
func (p *Pairs) Add(id string, truth, a, b int, probaA, probaB []float64) error {
	return p.AddWeighted(id, truth, a, b, probaA, probaB, 1)
}

// AddWeighted counts one example: its id, which may be empty, its true level and
// what each version predicted. Probabilities, in [0,1] and with a sum of 1 within
// 1e-6, are for log loss and Brier score; without those of both versions the
// example is left out of these. Its weight is 0 or from 1e-100 to 1e100, as in
// Evaluation.AddWeighted; McNemar's test and flips count examples whatever they
// weigh. An error wraps ErrInput, says what is wrong, and leaves p unchanged.
// It keeps no probabilities, and allocates only while fewer flips are kept than
// may be.
func (p *Pairs) AddWeighted(id string, truth, a, b int, probaA, probaB []float64, weight float64) error {
	k := len(p.levels)
	if truth < 0 || truth >= k || a < 0 || a >= k || b < 0 || b >= k {
		return fmt.Errorf("%w: example %d, id %q, has true level %d and predicted levels %d and %d of %d", ErrInput, p.n, id, truth, a, b, k)
	}
	if badWeight(weight) {
		return fmt.Errorf("%w: example %d, id %q, has weight %v, want 0 or one from %g to %g", ErrInput, p.n, id, weight, minWeight, maxWeight)
	}
	if p.n == maxCompared {
		return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
	}
	if probaA != nil && probaB != nil {
		lossA, err := lossesOf(truth, probaA, p.levels)
		if err != nil {
			return fmt.Errorf("%w: example %d, id %q, has %w by version a", ErrInput, p.n, id, err)
		}
		lossB, err := lossesOf(truth, probaB, p.levels)
		if err != nil {
			return fmt.Errorf("%w: example %d, id %q, has %w by version b", ErrInput, p.n, id, err)
		}
		p.losses.add(lossA, lossB, weight)
	}
	p.n++
	p.cells[(truth*k+a)*k+b].add(weight)
	if a != b && id != "" {
		p.flip(flip{strings.ToValidUTF8(id, "\uFFFD"), truth, a, b}) // as JSON has it
	}
	return nil
}

// flip keeps f if it is among the first.
func (p *Pairs) flip(f flip) {
	kept := &p.flips[f.kind()]
	if len(*kept) == p.keep && (p.keep == 0 || f.compare((*kept)[p.keep-1]) >= 0) {
		return
	}
	i, _ := slices.BinarySearchFunc(*kept, f, flip.compare)
	if len(*kept) == p.keep {
		*kept = (*kept)[:p.keep-1]
	}
	*kept = slices.Insert(*kept, i, f)
}

// N returns the number of examples.
func (p *Pairs) N() int64 { return p.n }

// Merge adds what o counted to p. Both must be over the same levels; otherwise
// the error wraps ErrInput. Counts and flips come out the same in any order,
// sums to rounding.
func (p *Pairs) Merge(o *Pairs) error {
	switch {
	case !slices.Equal(p.levels, o.levels):
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, p.levels)
	case o.n > maxCompared-p.n:
		return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
	}
	p.n += o.n
	p.cells.merge(o.cells)
	p.losses.merge(&o.losses)
	for _, kept := range o.flips {
		for _, f := range slices.Clone(kept) { // o may be p
			p.flip(f)
		}
	}
	return nil
}

// onlyOne counts the examples that one of the versions alone has right.
func (p *Pairs) onlyOne() (a, b int64) {
	for i, c := range p.cells {
		switch truth, predictedA, predictedB := p.outcome(i); {
		case predictedA == truth && predictedB != truth:
			a += c.n
		case predictedB == truth && predictedA != truth:
			b += c.n
		}
	}
	return a, b
}

// outcome returns what cells[i] counts.
func (p *Pairs) outcome(i int) (truth, a, b int) {
	k := len(p.levels)
	return i / (k * k), i / k % k, i % k
}

// evidence implements Evidence.
func (p *Pairs) evidence() evidence {
	k := len(p.levels)
	e := evidence{levels: p.levels, n: p.n, parts: []int{len(p.cells)}}
	e.add(p.cells, func(i int) (a, b int) {
		truth, answerA, answerB := p.outcome(i)
		return truth*k + answerA, truth*k + answerB
	})
	for i := range e.losses {
		e.losses[i] = p.losses.difference(i)
	}
	return e
}

// pairsJSON is Pairs as JSON.
type pairsJSON struct {
	Levels  []string     `json:"levels"`
	Counts  []int64      `json:"counts"`
	Weights []float64    `json:"weights,omitempty"` // absent where all are 1
	Squares []float64    `json:"squares,omitempty"` // of the weights
	Losses  pairedLosses `json:"losses"`
	Keep    int          `json:"keep"`
	Flips   [3][]flip    `json:"flips"`
}

// MarshalJSON writes the state: some hundred bytes and the kept flips.
func (p *Pairs) MarshalJSON() ([]byte, error) {
	j := pairsJSON{Levels: p.levels, Losses: p.losses, Keep: p.keep, Flips: p.flips}
	if j.Counts, j.Weights, j.Squares = p.cells.columns(); j.Weights == nil {
		l := p.losses
		j.Losses = pairedLosses{N: l.N, A: l.A, B: l.B, Squares: l.Squares}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the state and checks it; errors wrap ErrInput.
func (p *Pairs) UnmarshalJSON(data []byte) error {
	var j pairsJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: pairs: %w", ErrInput, err)
	}
	q, err := NewPairs(j.Levels, &PairsOptions{Flips: cmp.Or(j.Keep, -1)})
	if err != nil {
		return err
	}
	if j.Keep < 0 {
		return fmt.Errorf("%w: pairs: %d flips to keep", ErrInput, j.Keep)
	}
	if err := q.cells.fill(j.Counts, j.Weights, j.Squares); err != nil {
		return fmt.Errorf("pairs: %w", err)
	}
	all, l := q.cells.sum(), &j.Losses
	if q.n = all.n; q.n > maxCompared {
		return fmt.Errorf("%w: pairs of %d examples", ErrInput, q.n)
	}
	if j.Weights == nil {
		l.Weight, l.WeightSquares, l.FirstA, l.FirstB = float64(l.N), float64(l.N), l.A, l.B
	}
	part := cell{l.N, l.Weight, l.WeightSquares}
	if err := part.checkLosses(all, slices.Concat(l.A[:], l.B[:]), slices.Concat(l.FirstA[:], l.FirstB[:], l.Squares[:])); err != nil {
		return fmt.Errorf("pairs: %w", err)
	}
	q.losses = *l
	k := len(q.levels)
	for kind, flips := range j.Flips {
		for i, f := range flips {
			if min(f.Truth, f.A, f.B) < 0 || max(f.Truth, f.A, f.B) >= k || f.A == f.B || f.ID == "" || f.kind() != kind ||
				i >= j.Keep || i > 0 && flips[i-1].compare(f) > 0 {
				return fmt.Errorf("%w: pairs: flip %d of kind %d is %+v", ErrInput, i, kind, f)
			}
		}
		q.flips[kind] = flips
	}
	*p = *q
	return nil
}
