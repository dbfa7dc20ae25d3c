package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Interval holds the true value of a metric with the confidence that was
// asked for. Both ends belong to it.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Contains reports whether v is in i. NaN is in none.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

// Wilson returns the interval of a proportion of which hits in n trials were
// seen, both numbers or sums of weights, by the score test of Wilson (Probable
// Inference, the Law of Succession, and Statistical Inference, 1927).
// confidence is in (0,1), mostly 0.95. Without trials the interval is [0,1].
// The error wraps ErrInput.
func Wilson(hits, n, confidence float64) (Interval, error) {
	if !(n >= 0 && n <= math.MaxFloat64) || !(hits >= 0 && hits <= n) || !(confidence > 0 && confidence < 1) {
		return Interval{}, fmt.Errorf("%w: %v hits of %v with confidence %v", ErrInput, hits, n, confidence)
	}
	if n == 0 {
		return Interval{0, 1}, nil
	}
	z := distuv.UnitNormal.Quantile(0.5 + confidence/2)
	p, a := hits/n, z*z/n
	mid, half := (p+a/2)/(1+a), z/(1+a)*math.Sqrt(p*(1-p)/n+a/(4*n))
	i := Interval{max(0, mid-half), min(1, mid+half)}
	if hits == 0 {
		i.Low = 0
	}
	if hits == n {
		i.High = 1
	}
	return i, nil
}
