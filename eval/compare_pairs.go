package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Pairs is the state of a comparison of two versions, a and b, that answered
// the same labelled examples: how often each truth met each pair of answers,
// sums of the losses and a few ids, whatever the number of examples. It is made
// by NewPairs, adds, merges, and is kept as JSON. It must not be used from
// several goroutines at once.
type Pairs struct {
	levels []string
	counts []int64 // of (truth*levels + a)*levels + b
	n      int64
	losses pairedLosses
	keep   int
	flips  [3][]flip // by kind of flip, the largest first
}

// pairedLosses sums log losses and Brier scores.
type pairedLosses struct {
	N       int64      `json:"n"`
	A       [2]float64 `json:"a"`
	B       [2]float64 `json:"b"`
	Squares [2]float64 `json:"squares"` // of b's loss less a's
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
	return &Pairs{levels: slices.Clone(levels), counts: make([]int64, k*k*k), keep: max(0, cmp.Or(o.Flips, 20))}, nil
}

// Add counts one example: its id, which may be empty, its true level and what
// each version predicted. Probabilities, in [0,1] and with a sum of 1 within
// 1e-6, are for log loss and Brier score; without those of both versions the
// example is left out of these. An error wraps ErrInput, says what is wrong,
// and leaves p unchanged. Add keeps no probabilities, and allocates only while
// fewer flips are kept than may be.
func (p *Pairs) Add(id string, truth, a, b int, probaA, probaB []float64) error {
	k := len(p.levels)
	if truth < 0 || truth >= k || a < 0 || a >= k || b < 0 || b >= k {
		return fmt.Errorf("%w: example %d, id %q, has true level %d and predicted levels %d and %d of %d", ErrInput, p.n, id, truth, a, b, k)
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
		p.losses.N++
		for i := range lossA {
			d := lossB[i] - lossA[i]
			p.losses.A[i] += lossA[i]
			p.losses.B[i] += lossB[i]
			p.losses.Squares[i] += d * d
		}
	}
	p.n++
	p.counts[(truth*k+a)*k+b]++
	if a != b && id != "" {
		p.flip(flip{id, truth, a, b})
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
	for i, c := range o.counts {
		p.counts[i] += c
	}
	p.losses.N += o.losses.N
	for i := range p.losses.A {
		p.losses.A[i] += o.losses.A[i]
		p.losses.B[i] += o.losses.B[i]
		p.losses.Squares[i] += o.losses.Squares[i]
	}
	for _, kept := range o.flips {
		for _, f := range slices.Clone(kept) { // o may be p
			p.flip(f)
		}
	}
	return nil
}

// onlyOne counts the examples that one of the versions alone has right.
func (p *Pairs) onlyOne() (a, b int64) {
	for i, n := range p.counts {
		switch truth, predictedA, predictedB := p.outcome(i); {
		case predictedA == truth && predictedB != truth:
			a += n
		case predictedB == truth && predictedA != truth:
			b += n
		}
	}
	return a, b
}

// outcome returns what counts[i] counts.
func (p *Pairs) outcome(i int) (truth, a, b int) {
	k := len(p.levels)
	return i / (k * k), i / k % k, i % k
}

// evidence implements Evidence.
func (p *Pairs) evidence() evidence {
	k := len(p.levels)
	e := evidence{levels: p.levels, cells: make([]evidenceCell, len(p.counts)), parts: []int{len(p.counts)}}
	for i, n := range p.counts {
		truth, a, b := p.outcome(i)
		e.cells[i] = evidenceCell{float64(n), truth*k + a, truth*k + b}
	}
	n := float64(p.losses.N)
	for i := range e.losses {
		l := lossDifference{n: n}
		if n > 0 {
			l.a, l.b = p.losses.A[i]/n, p.losses.B[i]/n
		}
		if n > 1 {
			d := l.b - l.a
			l.stdErr = math.Sqrt(max(0, p.losses.Squares[i]/n-d*d) / (n - 1))
		}
		e.losses[i] = l
	}
	return e
}

// pairsJSON is Pairs as JSON.
type pairsJSON struct {
	Levels []string     `json:"levels"`
	Counts []int64      `json:"counts"`
	Losses pairedLosses `json:"losses"`
	Keep   int          `json:"keep"`
	Flips  [3][]flip    `json:"flips"`
}

// MarshalJSON writes the state: some hundred bytes and the kept flips.
func (p *Pairs) MarshalJSON() ([]byte, error) {
	return json.Marshal(pairsJSON{p.levels, p.counts, p.losses, p.keep, p.flips})
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
	if j.Keep < 0 || len(j.Counts) != len(q.counts) {
		return fmt.Errorf("%w: pairs: %d counts for %d levels, %d flips to keep", ErrInput, len(j.Counts), len(j.Levels), j.Keep)
	}
	q.counts, q.losses = j.Counts, j.Losses
	if q.n, err = sumOfCounts(q.counts); err != nil {
		return fmt.Errorf("%w: pairs: %w", ErrInput, err)
	}
	sums := slices.Concat(j.Losses.A[:], j.Losses.B[:], j.Losses.Squares[:])
	if n := j.Losses.N; n < 0 || n > q.n || slices.ContainsFunc(sums, func(v float64) bool { return !(v >= 0 && v <= maxLoss*float64(n)) }) {
		return fmt.Errorf("%w: pairs: losses %+v of %d examples", ErrInput, j.Losses, q.n)
	}
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

// sumOfCounts returns the sum of counts, none of which may be negative.
func sumOfCounts(counts []int64) (sum int64, err error) {
	for i, n := range counts {
		if n < 0 || n > maxCompared-sum {
			return 0, fmt.Errorf("count %d is %d", i, n)
		}
		sum += n
	}
	return sum, nil
}
