package eval

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Paired is what McNemar's test finds: how many examples only one of two
// models got right, and how probable a difference at least that large is if
// neither is better.
type Paired struct {
	OnlyA int     `json:"only_a"`
	OnlyB int     `json:"only_b"`
	P     float64 `json:"p"`
}

// McNemar compares the levels that two models, a and b, predicted for the same
// examples by the exact, two-sided test of McNemar (Note on the Sampling Error
// of the Difference between Correlated Proportions, 1947): the examples that
// only one got right are the tosses of a fair coin if both are equally good. It
// is exact for any number of them; the chi-squared approximation that is usual
// from 25 on is not needed. P is 1 where there are none. A difference in length
// or an impossible level is an error that wraps ErrInput.
func McNemar(truth, a, b []int) (Paired, error) {
	if len(a) != len(truth) || len(b) != len(truth) {
		return Paired{}, fmt.Errorf("%w: %d true levels, %d and %d predicted", ErrInput, len(truth), len(a), len(b))
	}
	onlyA, onlyB := int64(0), int64(0)
	for i, t := range truth {
		if t < 0 || a[i] < 0 || b[i] < 0 {
			return Paired{}, fmt.Errorf("%w: example %d has levels %d, %d and %d", ErrInput, i, t, a[i], b[i])
		}
		switch rightA, rightB := a[i] == t, b[i] == t; {
		case rightA && !rightB:
			onlyA++
		case rightB && !rightA:
			onlyB++
		}
	}
	return mcNemar(onlyA, onlyB), nil
}

// mcNemar is the test of the counts.
func mcNemar(onlyA, onlyB int64) Paired {
	fair := distuv.Binomial{N: float64(onlyA + onlyB), P: 0.5}
	return Paired{OnlyA: int(onlyA), OnlyB: int(onlyB), P: min(1, 2*fair.CDF(float64(min(onlyA, onlyB))))}
}
