package psi

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// The errors of this package.
var (
	ErrInput    = errors.New("psi: invalid input")
	ErrFeatures = errors.New("psi: features differ")
)

// PSI returns the population stability index between the counts of the same
// bins in a baseline and in recent data. It is at least 0, and 0 where the
// shares are equal. Bins that are empty on both sides do not count; one that is
// empty on one side counts there as half an observation, so that the index
// stays finite and near its law. Where the lengths differ, a count is negative
// or a side has nothing in it, the error wraps ErrInput.
func PSI(baseline, recent []int64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	psi := 0.0
	for i := range baseline {
		psi += term(baseline[i], n, recent[i], m)
	}
	return psi, nil
}

// term is what one bin adds to the index.
func term(baseline, n, recent, m int64) float64 {
	if baseline == 0 && recent == 0 {
		return 0
	}
	b := max(float64(baseline), 0.5) / float64(n)
	r := max(float64(recent), 0.5) / float64(m)
	return (r - b) * math.Log(r/b)
}

// totals checks two samples and returns their sizes.
func totals(baseline, recent []int64) (n, m int64, err error) {
	if len(baseline) != len(recent) {
		return 0, 0, fmt.Errorf("%w: %d bins in the baseline, %d in recent data", ErrInput, len(baseline), len(recent))
	}
	if n, err = total(baseline); err == nil {
		m, err = total(recent)
	}
	return n, m, err
}

func total(counts []int64) (int64, error) {
	sum := int64(0)
	for i, c := range counts {
		if c < 0 {
			return 0, fmt.Errorf("%w: count of bin %d is %d", ErrInput, i, c)
		}
		if sum += c; sum < 0 {
			return 0, fmt.Errorf("%w: the counts overflow", ErrInput)
		}
	}
	if sum == 0 {
		return 0, fmt.Errorf("%w: no observations", ErrInput)
	}
	return sum, nil
}

// Expected returns the PSI that chance alone gives on average over so many
// bins, between samples of n and m: (bins-1)(1/n + 1/m). It is 0 for fewer than
// two bins, and infinite for two or more where n or m is 0.
func Expected(bins int, n, m int64) float64 {
	if bins < 2 {
		return 0
	}
	return float64(bins-1) * (1/float64(n) + 1/float64(m))
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
	return homogeneity(baseline, n, recent, m), nil
}

// homogeneity is Homogeneity of counts that sum to n and m.
func homogeneity(baseline []int64, n int64, recent []int64, m int64) float64 {
	bins, statistic := 0, 0.0
	for i := range baseline {
		if both := float64(baseline[i] + recent[i]); both > 0 {
			bins++
			d := float64(baseline[i])/float64(n) - float64(recent[i])/float64(m)
			statistic += d * d / both
		}
	}
	if bins < 2 {
		return 1
	}
	return distuv.ChiSquared{K: float64(bins - 1)}.Survival(statistic * float64(n) * float64(m))
}
