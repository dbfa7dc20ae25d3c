package eval

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// sequentialZ returns by how many standard errors an estimate from n examples
// may be above the true value, at every look from the first on, but with
// probability alpha, in (0,0.5). It plays the part of the normal quantile where
// a test is looked at again and again: it is the mSPRT of Johari et al. (Always
// Valid Inference, 2022) read as a confidence sequence, with the one-sided
// normal mixture of Howard et al. (Time-uniform, Nonparametric, Nonasymptotic
// Confidence Sequences, 2021, equation 14) in the asymptotic form of
// Waudby-Smith et al. (Time-uniform Central Limit Theory and Asymptotic
// Confidence Sequences, 2024), which takes an estimated standard error. The
// mixture is tuned to be the narrowest near the planned number of examples, as
// the last two advise; it is valid at any other.
func sequentialZ(n, planned, alpha float64) float64 {
	l := -2 * math.Log(2*alpha)
	r := planned / (l + math.Log(1+l))
	return math.Sqrt(2 * (n + r) / n * math.Log1p(math.Sqrt((n+r)/r)/(2*alpha)))
}

// GuardCounts are what a Guard looks at: how many answers of each version there
// were, and how many of them were bad.
type GuardCounts struct {
	OldBad int64 `json:"old_bad"`
	OldN   int64 `json:"old_n"`
	NewBad int64 `json:"new_bad"`
	NewN   int64 `json:"new_n"`
}

// valid reports whether there can be such counts.
func (c GuardCounts) valid() bool {
	return 0 <= c.OldBad && c.OldBad <= c.OldN && 0 <= c.NewBad && c.NewBad <= c.NewN && max(c.OldN, c.NewN) <= maxCompared
}

// excess returns how strong the evidence is that bad answers of the new version
// are more than ratio times as frequent as those of the old one: 1/alpha or more
// is ever reached with probability alpha at most if they are not, however often
// one looks, and from the first answer on.
//
// Of the bad answers those of the new version are then at most the share that
// follows from the numbers of answers. The evidence is the likelihood of larger
// shares, mixed by a beta distribution above that share, over the likelihood of
// the share itself, the test of Lindon and Malek (Anytime-Valid Inference for
// Multinomial Count Data, 2022, arXiv 2011.03567) made one-sided. The mixture
// spreads over the ratios of rates about evenly on a logarithmic scale. It needs
// only the four counts and does not mind rates that change with the hour, but
// the versions' shares of the answers must stay as they are; where a rollout
// goes from one share to the next, counting starts again.
func (c GuardCounts) excess(ratio float64) float64 {
	bad := float64(c.OldBad + c.NewBad)
	if bad == 0 || c.OldN == 0 || c.NewN == 0 {
		return 1
	}
	odds := ratio * float64(c.NewN) / float64(c.OldN)
	share := odds / (1 + odds)
	a, b := 2*share, 2*(1-share) // a mixture of mean share
	x, y := float64(c.NewBad), float64(c.OldBad)
	above := mathext.RegIncBeta(b+y, a+x, 1-share) / mathext.RegIncBeta(b, a, 1-share)
	logRatio := mathext.Lbeta(a+x, b+y) - mathext.Lbeta(a, b) - x*math.Log(share) - y*math.Log1p(-share)
	evidence := math.Exp(logRatio + math.Log(above))
	if x <= share*(x+y) { // no larger share is more likely; the tail may be too small for a float64
		return min(1, evidence)
	}
	return evidence
}
