package eval

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// maxSamplesNeeded is the most that SamplesNeeded recommends.
const maxSamplesNeeded = 1_000_000_000

// SamplesNeeded returns about how many labelled examples the gate needs to pass,
// with the probability power, a new version that is better by gain in every
// check, in the metric's own unit; 0 means one that is exactly as good. How much
// the answers of the versions vary, how often they differ and how rare the
// levels are is taken from pilot, some hundred examples of the kind to come,
// such as those that the version was evaluated on; of Arms, the number is that
// of both together, parted as there, and examples to come weigh as those do.
//
// Each check must pass with a probability so great that, at worst, all do with
// the one that is asked for; the estimates are taken to be normal. Of repeated
// looks this is the number at which the gate passes at the latest, mostly it
// does so earlier.
//
// power is in (0,1), mostly 0.9. Errors wrap ErrInput, also where no number up to
// 10⁹ suffices because gain is not above what a check asks for, or are ErrEmpty
// where pilot has no examples.
func (g *Gate) SamplesNeeded(pilot Evidence, gain, power float64) (int64, error) {
	if !(power > 0 && power < 1) || !isFinite(gain) {
		return 0, fmt.Errorf("%w: samples for a gain of %v with a power of %v", ErrInput, gain, power)
	}
	if pilot == nil {
		return 0, ErrEmpty
	}
	e := pilot.evidence()
	switch {
	case e.size() == 0:
		return 0, ErrEmpty
	case !slices.Equal(e.levels, g.levels):
		return 0, fmt.Errorf("%w: evidence over levels %q for a gate over %q", ErrInput, e.levels, g.levels)
	}
	for i, c := range g.o.Checks {
		if gain <= -c.Margin {
			return 0, fmt.Errorf("%w: no number of samples shows that %s, better by %v, is better by more than %v", ErrInput, c.name(), gain, -c.Margin)
		}
		if l, ok := e.loss(g.measures[i]); ok && l.n < 2 {
			return 0, fmt.Errorf("%w: the pilot has no probabilities to measure %s by", ErrInput, c.name())
		}
	}
	miss := normalQuantile(1 - (1-power)/float64(max(1, len(g.o.Checks)+len(g.levels))))
	enough := func(n int) bool { return n > 0 && g.enough(e.scaled(float64(n)/float64(e.n)), gain, miss) }
	n := sort.Search(maxSamplesNeeded, enough)
	if n == maxSamplesNeeded {
		return 0, fmt.Errorf("%w: more than %d samples would be needed for a gain of %v", ErrInput, maxSamplesNeeded, gain)
	}
	return int64(n), nil
}

// enough reports whether all checks hold on evidence of this size though the
// estimates fall short of the truth by miss standard errors.
func (g *Gate) enough(e evidence, gain, miss float64) bool {
	total, byLevel := e.least()
	if total < float64(g.o.MinSamples) {
		return false
	}
	for _, n := range byLevel { // so many will come but for a Poisson number's variation
		if n-miss*math.Sqrt(n) < float64(g.o.MinPerLevel) {
			return false
		}
	}
	alpha, _ := g.alphas()
	for i, c := range g.o.Checks {
		d := e.difference(g.measures[i])
		skewness := -math.Abs(d.skewness) // it need not be that of the version to come
		if d.n < max(2, float64(g.o.MinSamples)) || gain+c.Margin <= (g.z(d.n, alpha, skewness)+miss)*d.stdErr {
			return false
		}
	}
	return true
}
