package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// An Objective says what predictions are worth. The worth of all is the sum
// over the levels of what the examples predicted as that level are worth.
type Objective interface {
	// String says in words what is asked for.
	String() string
	// Check returns an error where the objective makes no sense for so many
	// levels.
	Check(levels int) error
	// Worth returns what it is worth to predict level for predicted[c] of the
	// support[c] examples of each true level c; -Inf forbids it.
	Worth(level int, predicted, support []int) float64
}

// A Limited is an Objective that also limits how many examples may be predicted
// as a level or a higher one, which Worth, seeing one level, cannot.
type Limited interface {
	Objective
	// Allows reports whether n of all examples may be predicted as level or a
	// higher one.
	Allows(level, n, all int) bool
}

// MacroF1 is the objective of the greatest mean F1 over the levels.
type MacroF1 struct{}

// String returns "macro-F1".
func (MacroF1) String() string { return "macro-F1" }

// Check returns nil.
func (MacroF1) Check(int) error { return nil }

// Worth returns the F1 of the level.
func (MacroF1) Worth(level int, predicted, support []int) float64 {
	n := support[level]
	for _, v := range predicted {
		n += v
	}
	return ratio(int64(2*predicted[level]), int64(n))
}

// Cost is the objective of the least cost: Cost[truth][predicted] is what an
// example of the one level costs when it is predicted as the other.
type Cost [][]float64

// String returns the matrix.
func (c Cost) String() string { return fmt.Sprintf("cost %v", [][]float64(c)) }

// Check returns an error unless c is a square of finite numbers.
func (c Cost) Check(levels int) error {
	if len(c) != levels {
		return fmt.Errorf("%w: cost matrix has %d rows for %d levels", ErrInput, len(c), levels)
	}
	for i, row := range c {
		if len(row) != levels {
			return fmt.Errorf("%w: row %d of the cost matrix has %d costs for %d levels", ErrInput, i, len(row), levels)
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%w: cost of level %d predicted as %d is %v", ErrInput, i, j, v)
			}
		}
	}
	return nil
}

// Worth returns minus the cost.
func (c Cost) Worth(level int, predicted, _ []int) float64 {
	worth := 0.0
	for truth, n := range predicted {
		worth -= c[truth][level] * float64(n)
	}
	return worth
}

// RecallFloor is the objective of the greatest mean F1 among the thresholds
// that find at least the share Recall of the examples of Level.
type RecallFloor struct {
	Level  int
	Recall float64
}

// String returns level and recall.
func (f RecallFloor) String() string {
	return fmt.Sprintf("macro-F1 with a recall of at least %g of level %d", f.Recall, f.Level)
}

// Check returns an error unless Level is a level and Recall in [0,1].
func (f RecallFloor) Check(levels int) error {
	if f.Level < 0 || f.Level >= levels || !(f.Recall >= 0 && f.Recall <= 1) {
		return fmt.Errorf("%w: a recall of at least %v of level %d of %d", ErrInput, f.Recall, f.Level, levels)
	}
	return nil
}

// Worth returns the F1 of the level, -Inf below the floor.
func (f RecallFloor) Worth(level int, predicted, support []int) float64 {
	if level == f.Level && support[level] > 0 && float64(predicted[level])/float64(support[level]) < f.Recall {
		return math.Inf(-1)
	}
	return MacroF1{}.Worth(level, predicted, support)
}

// maxCuts bounds the places where Thresholds tries to cut.
const maxCuts = 1000

// Thresholds returns the cuts on a score in [0,1] that are worth the most by
// the objective on examples with known levels: len(thresholds) is levels-1,
// they ascend, and level i is predicted from thresholds[i-1] on, which belongs
// to it. Between two equal thresholds lies a level that is never predicted.
//
// Scores and true levels are given by example; they should not stem from a
// model that was fitted on these examples. Cuts lie midway between two
// different scores; of more than 1000 such places every so many are tried.
// Among equals the lowest cuts win. It takes time n log n + levels² * 10⁶. The
// errors wrap ErrInput, also where no cuts do what the objective asks for, or
// are ErrEmpty.
func Thresholds(scores []float64, truth []int, levels int, o Objective) ([]float64, error) {
	if err := checkScores(scores, truth, levels); err != nil {
		return nil, err
	}
	if err := o.Check(levels); err != nil {
		return nil, err
	}
	thresholds, worth := newCuts(scores, truth, levels).best(levels, o)
	if math.IsInf(worth, -1) {
		return nil, fmt.Errorf("%w: no thresholds do what the objective asks for, %s", ErrInput, o)
	}
	return thresholds, nil
}

// checkScores returns an error unless there are scores in [0,1], each with a
// level.
func checkScores(scores []float64, truth []int, levels int) error {
	if len(scores) == 0 {
		return ErrEmpty
	}
	if levels < 2 || len(scores) != len(truth) {
		return fmt.Errorf("%w: %d scores with %d true levels of %d", ErrInput, len(scores), len(truth), levels)
	}
	for i, s := range scores {
		if !(s >= 0 && s <= 1) || truth[i] < 0 || truth[i] >= levels {
			return fmt.Errorf("%w: example %d has score %v and level %d of %d", ErrInput, i, s, truth[i], levels)
		}
	}
	return nil
}

// cuts are the places where the sorted examples can be parted.
type cuts struct {
	thresholds []float64 // from where on an example lies beyond the cut
	below      [][]int   // how many examples of each level lie before it
	support    []int     // how many there are
}

func newCuts(scores []float64, truth []int, levels int) *cuts {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	c := &cuts{thresholds: []float64{0}, below: [][]int{make([]int, levels)}}
	places := 0 // between two different scores, and behind the last
	for i, x := range order {
		if i+1 == len(order) || scores[x] < scores[order[i+1]] {
			places++
		}
	}
	step := (places + maxCuts - 1) / maxCuts
	seen := make([]int, levels)
	place := 0
	for i, x := range order {
		seen[truth[x]]++
		next := 1.0
		if i+1 < len(order) {
			next = scores[order[i+1]]
		}
		s := scores[x]
		if i+1 < len(order) && s == next {
			continue
		}
		if place++; s < next && (place%step == 0 || place == places) {
			c.thresholds = append(c.thresholds, max(s+(next-s)/2, math.Nextafter(s, 1)))
			c.below = append(c.below, slices.Clone(seen))
		}
	}
	c.support = seen
	return c
}

// best finds the cuts whose sum of worths is the greatest, one level after the
// other: the best way to spend the examples before a cut on the levels up to
// one is the best, over earlier cuts, to spend those before it on the levels
// below.
func (c *cuts) best(levels int, o Objective) (thresholds []float64, worth float64) {
	n := len(c.thresholds)
	predicted := make([]int, levels)
	limited, _ := o.(Limited)
	all := total(c.support)
	allowed := func(level, from int) bool { // to start at a cut
		return limited == nil || limited.Allows(level, all-total(c.below[from]), all)
	}
	value := func(level, from, to int) float64 { // of the examples between two cuts
		below := c.support
		if to < n {
			below = c.below[to]
		}
		for k := range predicted {
			predicted[k] = below[k] - c.below[from][k]
		}
		return o.Worth(level, predicted, c.support)
	}
	sum := make([]float64, n) // of the levels so far, up to each cut
	for to := range sum {
		sum[to] = value(0, 0, to)
	}
	starts := make([]bool, n)
	from := make([][]int, levels) // the best start of a level that ends at each cut
	for level := 1; level < levels; level++ {
		last := level == levels-1
		next := make([]float64, n)
		from[level] = make([]int, n+1)
		for i := range starts {
			starts[i] = allowed(level, i)
		}
		for to := range n + 1 {
			if last != (to == n) {
				continue // the last level, and no other, ends behind the last example
			}
			best, at := math.Inf(-1), 0
			for i := range min(to+1, n) {
				if !starts[i] {
					continue
				}
				if v := sum[i] + value(level, i, to); v > best {
					best, at = v, i
				}
			}
			from[level][to] = at
			if last {
				worth = best
			} else {
				next[to] = best
			}
		}
		sum = next
	}
	thresholds = make([]float64, levels-1)
	for level, to := levels-1, n; level > 0; level-- {
		to = from[level][to]
		thresholds[level-1] = c.thresholds[to]
	}
	return thresholds, worth
}

func total(counts []int) (n int) {
	for _, v := range counts {
		n += v
	}
	return n
}
