package psi

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// JensenShannon returns the Jensen-Shannon distance between the counts of the
// same bins in two samples: the root of the divergence, in base 2, from 0 for
// equal shares to 1 for none in common. Errors are as for PSI.
func JensenShannon(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	return jensenShannon(baseline, n, recent, m), nil
}

func jensenShannon(baseline []int64, n int64, recent []int64, m int64) float64 {
	d := 0.0
	for i := range baseline {
		b, r := float64(baseline[i])/float64(n), float64(recent[i])/float64(m)
		if b > 0 {
			d += b * math.Log(2*b/(b+r))
		}
		if r > 0 {
			d += r * math.Log(2*r/(b+r))
		}
	}
	return math.Sqrt(max(0, min(1, d/(2*math.Ln2))))
}

// Hellinger returns the Hellinger distance between the counts of the same bins
// in two samples, from 0 for equal shares to 1 for none in common. Errors are as
// for PSI.
func Hellinger(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	return hellinger(baseline, n, recent, m), nil
}

func hellinger(baseline []int64, n int64, recent []int64, m int64) float64 {
	sum := 0.0
	for i := range baseline {
		d := math.Sqrt(float64(baseline[i])/float64(n)) - math.Sqrt(float64(recent[i])/float64(m))
		sum += d * d
	}
	return math.Sqrt(min(1, sum/2))
}

// KolmogorovSmirnov returns the greatest difference between the cumulative
// shares of two samples at the ends of their bins, which must be in order. The
// statistic of the values themselves is at least that: within a bin they may
// differ more. Errors are as for PSI.
func KolmogorovSmirnov(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	return kolmogorovSmirnov(baseline, n, recent, m), nil
}

func kolmogorovSmirnov(baseline []int64, n int64, recent []int64, m int64) float64 {
	var b, r int64
	most := 0.0
	for i := range baseline {
		b, r = b+baseline[i], r+recent[i]
		most = max(most, math.Abs(float64(b)/float64(n)-float64(r)/float64(m)))
	}
	return most
}

// Wasserstein returns the first Wasserstein distance between two samples, in
// the unit of the values: how far an observation has to be moved on average to
// make one sample the other. edges are the inner ends of the bins, one fewer
// than there are. All of a bin counts as in its middle, and what is in the open
// bins at the ends as on their edges, so a shift beyond those is not seen, and
// the distance is 0 for fewer than three bins. Errors are as for PSI, and where
// edges do not fit or do not ascend.
func Wasserstein(edges []float64, baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	if len(edges) != len(baseline)-1 {
		return 0, fmt.Errorf("%w: %d edges for %d bins, want one fewer than bins", ErrInput, len(edges), len(baseline))
	}
	for i, e := range edges {
		if math.IsNaN(e) || math.IsInf(e, 0) || i > 0 && !(edges[i-1] < e) {
			return 0, fmt.Errorf("%w: edge %d is %v, want finite numbers that ascend", ErrInput, i, e)
		}
	}
	return wasserstein(edges, baseline, n, recent, m), nil
}

func wasserstein(edges []float64, baseline []int64, n int64, recent []int64, m int64) float64 {
	last := len(edges)
	middle := func(i int) float64 {
		switch i {
		case 0:
			return edges[0]
		case last:
			return edges[last-1]
		}
		return edges[i-1]/2 + edges[i]/2
	}
	var b, r int64
	sum := 0.0
	for i := range edges {
		b, r = b+baseline[i], r+recent[i]
		d := math.Abs(float64(b)/float64(n) - float64(r)/float64(m))
		sum += d*middle(i+1) - d*middle(i)
	}
	return min(sum, math.MaxFloat64)
}

// ChiSquare returns Pearson's χ² statistic of homogeneity between the counts of
// the same bins in two samples; Homogeneity is its p-value. Errors are as for
// PSI.
func ChiSquare(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	_, statistic := chiSquare(baseline, n, recent, m)
	return statistic, nil
}

// Homogeneity returns the probability that chance alone makes the counts of the
// same bins in two samples differ as much as they do: the p-value of Pearson's
// χ² test of homogeneity over the bins that are not empty on both sides. It is
// 1 with fewer than two of them. Errors are as for PSI.
func Homogeneity(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	return survival(chiSquare(baseline, n, recent, m)), nil
}

// chiSquare is ChiSquare of counts that sum to n and m, and how many bins it is
// over.
func chiSquare(baseline []int64, n int64, recent []int64, m int64) (bins int, statistic float64) {
	for i := range baseline {
		if both := float64(baseline[i]) + float64(recent[i]); both > 0 {
			bins++
			d := float64(baseline[i])/float64(n) - float64(recent[i])/float64(m)
			statistic += d * d / both
		}
	}
	return bins, statistic * float64(n) * float64(m)
}

// survival is the probability that a χ² of so many bins exceeds statistic.
func survival(bins int, statistic float64) float64 {
	switch bins {
	case 0, 1:
		return 1
	case 3:
		return math.Exp(-statistic / 2)
	}
	return distuv.ChiSquared{K: float64(bins - 1)}.Survival(statistic)
}
