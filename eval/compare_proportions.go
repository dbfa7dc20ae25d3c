package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A ProportionTest is what Proportions finds of two proportions, a and b.
type ProportionTest struct {
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference float64 `json:"difference"` // B - A
	Interval           // of the difference
	P          float64 `json:"p"` // of a difference at least that large if there is none
}

// Proportions compares two proportions of different examples, hits of n each.
// The interval of the difference is the hybrid score interval (Newcombe,
// Interval Estimation for the Difference between Independent Proportions, 1998,
// method 10), made of the two Wilson intervals; P is that of the two-sided score
// test with a pooled variance, Pearson's chi-squared of the 2x2 table without
// correction. confidence is in (0,1), mostly 0.95. An impossible count is an
// error that wraps ErrInput; without examples of one it is ErrEmpty.
func Proportions(hitsA, nA, hitsB, nB int64, confidence float64) (ProportionTest, error) {
	if nA == 0 || nB == 0 {
		return ProportionTest{}, ErrEmpty
	}
	return proportions(float64(hitsA)/float64(nA), float64(nA), float64(hitsB)/float64(nB), float64(nB), confidence)
}

// proportions is Proportions for shares of effective numbers of examples.
func proportions(a, nA, b, nB, confidence float64) (ProportionTest, error) {
	wilsonA, err := Wilson(a*nA, nA, confidence)
	if err != nil {
		return ProportionTest{}, fmt.Errorf("proportion a: %w", err)
	}
	wilsonB, err := Wilson(b*nB, nB, confidence)
	if err != nil {
		return ProportionTest{}, fmt.Errorf("proportion b: %w", err)
	}
	t := ProportionTest{A: a, B: b, Difference: b - a, P: 1}
	t.Low = t.Difference - math.Hypot(b-wilsonB.Low, wilsonA.High-a)
	t.High = t.Difference + math.Hypot(wilsonB.High-b, a-wilsonA.Low)
	pooled := (a*nA + b*nB) / (nA + nB)
	if variance := pooled * (1 - pooled) * (1/nA + 1/nB); variance > 0 {
		t.P = twoSided(t.Difference / math.Sqrt(variance))
	}
	return t, nil
}

// twoSided returns how probable it is that a standard normal number is at least
// as far from 0 as z.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// normalQuantile returns the standard normal quantile of p.
func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }
