package eval

import (
	"fmt"
	"math"
)

// Evidence is what two versions, a and b, answered to labelled examples: Pairs
// where both saw the same ones, Arms where each saw its own. By convention a is
// the old version, b the new one.
type Evidence interface {
	evidence() evidence
}

// evidence is what Pairs and Arms have in common: cells of a table of counts,
// each of which counts for the confusion matrix of a, of b, or of both, and the
// losses.
type evidence struct {
	levels []string
	n      int64 // examples, however they weigh
	cells  []evidenceCell
	parts  []int // where the cells of each sample end: one of pairs, two of arms
	losses [2]lossDifference
}

// evidenceCell counts the examples with one outcome: those n of equal weight that
// have the same sum of weights and of their squares, and so vary as much. Without
// weights it is their number, and the weight 1.
type evidenceCell struct {
	n, weight float64
	a, b      int // truth*k + predicted of each version, -1 where it did not see them
}

// add appends cells; outcome returns what the i-th counts for. Those of no
// examples have the weight that an example has at large, for adjusted.
func (e *evidence) add(from cells, outcome func(i int) (a, b int)) {
	all, usual := from.sum(), 1.0
	if all.weight > 0 {
		usual = all.squares / all.weight
	}
	for i, c := range from {
		a, b := outcome(i)
		x := evidenceCell{0, usual, a, b}
		if c.weight > 0 {
			x.n, x.weight = effective(c.weight, c.squares), c.squares/c.weight
		}
		e.cells = append(e.cells, x)
	}
}

// lossDifference holds the mean losses of both versions and the standard error
// of their difference, from n examples.
type lossDifference struct {
	n, a, b, stdErr float64
}

// maxCompareLevels bounds the levels of a comparison, whose state grows with
// their cube.
const maxCompareLevels = 32

// maxCompared bounds the examples, so that counts are exact as float64.
const maxCompared = 1 << 53

// checkCompared returns an error where levels cannot be compared.
func checkCompared(levels []string) error {
	if len(levels) > maxCompareLevels {
		return fmt.Errorf("%w: %d levels, want at most %d to compare two versions", ErrInput, len(levels), maxCompareLevels)
	}
	return checkLevels(levels)
}

// lossesOf returns the log loss and the Brier score of one example as Report
// defines them.
func lossesOf(truth int, proba []float64, levels []string) (losses [2]float64, err error) {
	if len(proba) != len(levels) {
		return losses, fmt.Errorf("%d probabilities for %d levels", len(proba), len(levels))
	}
	sum, squares := 0.0, 0.0
	for c, p := range proba {
		if !(p >= 0 && p <= 1) {
			return losses, fmt.Errorf("the probability %v of level %q", p, levels[c])
		}
		sum += p
		d := p
		if c == truth {
			d--
		}
		squares += d * d
	}
	if math.Abs(sum-1) > 1e-6 {
		return losses, fmt.Errorf("probabilities that sum to %v", sum)
	}
	if len(levels) == 2 {
		squares /= 2
	}
	const epsilon = 0x1p-52
	return [2]float64{-ln(min(1-epsilon, max(epsilon, proba[truth]))), squares}, nil
}

// tables returns the confusion matrices of both versions.
func (e *evidence) tables() (a, b *confusionTable) {
	a, b = newConfusionTable(len(e.levels)), newConfusionTable(len(e.levels))
	e.fill(a, b)
	return a, b
}

// fill sets a and b to the confusion matrices.
func (e *evidence) fill(a, b *confusionTable) {
	clear(a.cell)
	clear(b.cell)
	for _, c := range e.cells {
		if c.a >= 0 {
			a.cell[c.a] += c.n * c.weight
		}
		if c.b >= 0 {
			b.cell[c.b] += c.n * c.weight
		}
	}
	a.sum()
	b.sum()
}

// size returns the effective number of examples; those that both saw count once.
func (e *evidence) size() float64 {
	weight, squares := 0.0, 0.0
	for _, c := range e.cells {
		weight += c.n * c.weight
		squares += c.n * c.weight * c.weight
	}
	return effective(weight, squares)
}

// seen returns the effective number of examples that a version saw, of all and
// of each true level.
func (e *evidence) seen(byA bool) (total float64, byLevel []float64) {
	k := len(e.levels)
	weights, squares := make([]float64, k+1), make([]float64, k+1)
	for _, c := range e.cells {
		at := c.b
		if byA {
			at = c.a
		}
		if at < 0 {
			continue
		}
		for _, i := range [2]int{at / k, k} {
			weights[i] += c.n * c.weight
			squares[i] += c.n * c.weight * c.weight
		}
	}
	for i, w := range weights {
		weights[i] = effective(w, squares[i])
	}
	return weights[k], weights[:k]
}

// loss returns the losses of a measure, if it is one of a loss.
func (e *evidence) loss(m aMeasure) (lossDifference, bool) {
	switch m.metric {
	case MetricLogLoss:
		return e.losses[0], true
	case MetricBrier:
		return e.losses[1], true
	}
	return lossDifference{}, false
}

// difference is a measure of both versions with the standard error and the
// skewness of b-a.
type difference struct {
	n, a, b, stdErr, skewness float64
}

// difference measures both versions. The standard error is that of the delta
// method with one example more, of each level that occurs, which only a has
// right, and one which only b has right, wrong in every way alike (of arms: one
// right and one wrong for each). This is the adjustment of Bonett and Price
// (Adjusted Wald Confidence Interval for a Difference of Binomial Proportions
// Based on Paired Data, 2012), and of Agresti and Caffo (2000) for arms; without
// it two versions that differ by chance in none of 20 examples would be taken
// for equal.
func (e *evidence) difference(m aMeasure) difference {
	if l, ok := e.loss(m); ok {
		return difference{n: l.n, a: l.a, b: l.b, stdErr: l.stdErr}
	}
	a, b := e.tables()
	d := difference{n: e.size(), a: a.value(m), b: b.value(m)}
	s := e.adjusted(a, b)
	s.fill(a, b)
	k2 := len(e.levels) * len(e.levels)
	infA, infB := make([]float64, k2), make([]float64, k2)
	a.influence(infA, m)
	b.influence(infB, m)
	variance, third := 0.0, 0.0
	for _, c := range s.cells {
		x := 0.0
		if c.a >= 0 {
			x -= infA[c.a]
		}
		if c.b >= 0 {
			x += infB[c.b]
		}
		x *= c.weight
		variance += c.n * x * x
		third += c.n * x * x * x
	}
	d.stdErr = math.Sqrt(variance)
	if variance > 0 {
		d.skewness = third / (variance * d.stdErr)
	}
	return d
}

// adjusted returns e with the examples that difference adds.
func (e *evidence) adjusted(a, b *confusionTable) evidence {
	k := len(e.levels)
	s := *e
	s.cells = make([]evidenceCell, len(e.cells))
	for i, c := range e.cells {
		level := max(c.a, c.b) / k
		rightA, rightB := c.a == level*k+level, c.b == level*k+level
		switch {
		case c.a >= 0 && a.rows[level] == 0 || c.b >= 0 && b.rows[level] == 0:
		case c.a >= 0 && c.b >= 0 && rightA == rightB:
		case c.a >= 0 && c.b >= 0 || !rightA && !rightB:
			c.n += 1 / float64(k-1)
		default:
			c.n++
		}
		s.cells[i] = c
	}
	return s
}

// scaled returns e with as many times the examples.
func (e *evidence) scaled(by float64) evidence {
	s := *e
	s.cells = make([]evidenceCell, len(e.cells))
	for i, c := range e.cells {
		c.n *= by
		s.cells[i] = c
	}
	for i := range s.losses {
		s.losses[i].n *= by
		s.losses[i].stdErr /= math.Sqrt(by)
	}
	return s
}
