package eval

import (
	"fmt"
	"slices"
)

// A cell sums over examples that had the same outcome. As long as all weights
// are 1, its sums are whole numbers and exact.
type cell struct {
	n       int64
	weight  float64
	squares float64 // of the weights
}

// ones returns the cell of n examples of the weight 1.
func ones(n int64) cell { return cell{n, float64(n), float64(n)} }

func (c *cell) add(weight float64) {
	c.n++
	c.weight += weight
	c.squares += weight * weight
}

func (c *cell) merge(o cell) {
	c.n += o.n
	c.weight += o.weight
	c.squares += o.squares
}

// Weights other than 0 are in these bounds, so that their squares are numbers.
const minWeight, maxWeight = 1e-100, 1e100

func badWeight(w float64) bool { return w != 0 && !(w >= minWeight && w <= maxWeight) }

// maxSum is more than any sum of a state is: what is read is at most as large.
const maxSum = 1e250

// cells are those of the outcomes that there can be.
type cells []cell

func (c cells) merge(o cells) {
	for i, x := range o {
		c[i].merge(x)
	}
}

// sum returns all cells as one.
func (c cells) sum() (all cell) {
	for _, x := range c {
		all.merge(x)
	}
	return all
}

// weighted reports whether an example had another weight than 1.
func (c cells) weighted() bool {
	for _, x := range c {
		if x.weight != float64(x.n) || x.squares != x.weight {
			return true
		}
	}
	return false
}

// columns returns the cells as they are written; weights and their squares are
// nil where all weights are 1.
func (c cells) columns() (counts []int64, weights, squares []float64) {
	weighted := c.weighted()
	for _, x := range c {
		counts = append(counts, x.n)
		if weighted {
			weights, squares = append(weights, x.weight), append(squares, x.squares)
		}
	}
	return counts, weights, squares
}

// fill sets the cells to columns that were read.
func (c cells) fill(counts []int64, weights, squares []float64) error {
	if len(counts) != len(c) || weights != nil && (len(weights) != len(c) || len(squares) != len(c)) {
		return fmt.Errorf("%w: %d counts, %d weights and %d squares, want %d", ErrInput, len(counts), len(weights), len(squares), len(c))
	}
	for i, n := range counts {
		c[i] = ones(n)
		if weights != nil {
			c[i].weight, c[i].squares = weights[i], squares[i]
		}
	}
	return c.check()
}

// check returns an error where no examples have these sums.
func (c cells) check() error {
	const slack = 1 + 1e-9
	n := int64(0)
	for i, x := range c {
		n += x.n
		if x.n < 0 || n < 0 || !(x.weight == 0 || x.weight >= minWeight && x.weight <= maxSum) || !(x.squares >= 0 && x.squares <= maxSum) ||
			x.squares > x.weight*x.weight*slack || x.weight*x.weight > float64(x.n)*x.squares*slack {
			return fmt.Errorf("%w: cell %d has %d examples of weight %v, squares %v", ErrInput, i, x.n, x.weight, x.squares)
		}
	}
	return nil
}

// effective returns the number of equally weighted examples that say as much as
// those with these sums of weights and squares (Kish, Survey Sampling, 1965).
func effective(weight, squares float64) float64 {
	switch {
	case squares <= 0:
		return 0
	case weight == squares:
		return weight // exact where all weights are 1
	}
	return weight * weight / squares
}

// A loss sums over what examples lose: what the mean and its variance need.
type loss struct {
	sum    float64 // of weight * loss
	first  float64 // of weight² * loss
	second float64 // of weight² * loss²
}

func (l *loss) add(weight, v float64) {
	w2 := weight * weight * v
	l.sum += weight * v
	l.first += w2
	l.second += w2 * v
}

func (l *loss) merge(o loss) {
	l.sum += o.sum
	l.first += o.first
	l.second += o.second
}

// mean returns the weighted mean and its variance over n effective examples of
// this weight; 0 where there are too few.
func (l *loss) mean(weight, n float64) (mean, variance float64) {
	if n > 0 {
		mean = l.sum / weight
	}
	if n > 1 {
		squares := weight * weight / n
		variance = max(0, l.second-2*mean*l.first+mean*mean*squares) / weight / weight * n / (n - 1)
	}
	return mean, variance
}

// maxLoss is above the square of any loss of one example: -ln of 2^-52 is 36.05.
const maxLoss = 1300

// checkLosses returns an error where no examples with these weights, c, which
// are some of all, lose so much: sums are of weight * loss, squares of weight²
// times a loss or its square.
func (c cell) checkLosses(all cell, sums, squares []float64) error {
	if err := (cells{c}).check(); err != nil {
		return fmt.Errorf("losses: %w", err)
	}
	const slack = 1 + 1e-9
	bad := func(most float64) func(float64) bool {
		return func(v float64) bool { return !(v >= 0 && v <= most) }
	}
	if c.n > all.n || c.weight > all.weight*slack || slices.ContainsFunc(sums, bad(maxLoss*c.weight)) || slices.ContainsFunc(squares, bad(maxLoss*c.squares)) {
		return fmt.Errorf("%w: losses %v, and squared %v, of %d examples of weight %v", ErrInput, sums, squares, c.n, c.weight)
	}
	return nil
}
