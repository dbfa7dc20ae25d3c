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

// maxTexts is the greatest number of texts, or of other values, that is counted
// together: what numbers in JSON hold exactly.
const maxTexts = 1 << 53

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
	psi, _, _ := interval(baseline, n, recent, m, 0)
	return psi, nil
}

// halved is the share c of n, of half an observation where there is none.
func halved(c, n int64) float64 { return max(float64(c), 0.5) / float64(n) }

// PSIFilled is PSI where a bin that is empty on one side has the share fill
// there, whatever the sample sizes, and the other shares stay as they are. It
// is for figures that other tools computed: 0.0001 is a common share. The error
// wraps ErrInput as that of PSI, and where fill is not in (0,1).
func PSIFilled(baseline, recent []int64, fill float64) (float64, error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, err
	}
	if !(fill > 0 && fill < 1) {
		return 0, fmt.Errorf("%w: fill share is %v, want one in (0,1)", ErrInput, fill)
	}
	share := func(c, n int64) float64 {
		if c == 0 {
			return fill
		}
		return float64(c) / float64(n)
	}
	psi := 0.0
	for i, c := range baseline {
		if c > 0 || recent[i] > 0 {
			b, r := share(c, n), share(recent[i], m)
			psi += (r - b) * math.Log(r/b)
		}
	}
	return psi, nil
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
	return float64(bins-1) * noise(n, m)
}

// noise is what PSI is measured in: 1/n + 1/m.
func noise(n, m int64) float64 { return 1/float64(n) + 1/float64(m) }

// Critical returns the PSI that chance alone exceeds with probability alpha
// over so many bins, between samples of n and m: (1/n + 1/m) times the quantile
// of the χ² distribution with bins-1 degrees of freedom. It holds for bins of
// five expected observations or more; with fewer, chance exceeds it less often.
// It is 0 for fewer than two bins, infinite where n or m is 0, and NaN where
// alpha is not in (0,1).
func Critical(bins int, n, m int64, alpha float64) float64 {
	switch {
	case !(alpha > 0 && alpha < 1):
		return math.NaN()
	case bins < 2:
		return 0
	}
	return noise(n, m) * quantile(bins, alpha)
}

// quantile is what a χ² of so many bins exceeds with probability alpha.
func quantile(bins int, alpha float64) float64 {
	return distuv.ChiSquared{K: float64(bins - 1)}.Quantile(1 - alpha)
}

// Interval returns where the PSI of the populations lies, of which the counts
// are samples, with a confidence in (0,1), such as 0.95. It is the PSI less
// what chance adds to it, so low may be 0 and high below the PSI of the counts.
// It follows from the delta method for the square root of PSI, whose error
// hardly depends on its value. Errors are as for PSI.
func Interval(baseline, recent []int64, confidence float64) (low, high float64, err error) {
	n, m, err := totals(baseline, recent)
	if err != nil {
		return 0, 0, err
	}
	if !(confidence > 0 && confidence < 1) {
		return 0, 0, fmt.Errorf("%w: confidence is %v, want one in (0,1)", ErrInput, confidence)
	}
	_, low, high = interval(baseline, n, recent, m, distuv.UnitNormal.Quantile(0.5+confidence/2))
	return low, high, nil
}

// interval is PSI and Interval of counts that sum to n and m, z being the normal
// quantile.
func interval(baseline []int64, n int64, recent []int64, m int64, z float64) (psi, low, high float64) {
	bins := 0
	var gb, gr, hb, hr float64 // first and second moments of the derivatives
	for i, c := range baseline {
		if c == 0 && recent[i] == 0 {
			continue
		}
		bins++
		b, r := halved(c, n), halved(recent[i], m)
		l := math.Log(r / b)
		psi += (r - b) * l
		db, dr := 1-r/b-l, 1-b/r+l
		b, r = float64(c)/float64(n), float64(recent[i])/float64(m)
		gb, hb = gb+b*db, hb+b*db*db
		gr, hr = gr+r*dr, hr+r*dr*dr
	}
	root, sd := math.Sqrt(psi), math.Sqrt(noise(n, m))
	if psi > 0 {
		sd = max(sd, math.Sqrt(max(0, hb-gb*gb)/float64(n)+max(0, hr-gr*gr)/float64(m))/(2*root))
	}
	chance := Expected(bins, n, m)
	square := func(v float64) float64 { return max(0, max(0, v)*max(0, v)-chance) }
	if bins < 2 {
		return psi, 0, 0
	}
	return psi, square(root - z*sd), square(root + z*sd)
}
