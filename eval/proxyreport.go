package eval

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A ProxyReport says what Proxies show, beside a baseline if there is one.
type ProxyReport struct {
	Answers    int64       `json:"answers"`
	Confidence float64     `json:"confidence"`
	Rates      []ProxyRate `json:"rates"`
	// Shifts are those of the distributions of levels, scores and confidences.
	// Without a baseline there are none.
	Shifts []ProxyShift `json:"shifts,omitempty"`
	// CannotSee is the constant of that name.
	CannotSee string `json:"cannot_see"`
}

// A ProxyRate is a rate with Wilson's interval.
type ProxyRate struct {
	Name string `json:"name"`
	Tally
	Estimated
	// Baseline is the rate that the baseline has, if it has one, and Moved says
	// that the two differ by more than chance, corrected for the number of
	// rates.
	Baseline *float64 `json:"baseline,omitempty"`
	Moved    bool     `json:"moved"`
}

// A ProxyShift says how far a distribution moved: the population stability index
// and Pearson's χ² of homogeneity over bins with five expected or more, with the
// probability of one at least that large by chance.
type ProxyShift struct {
	Name      string  `json:"name"`
	PSI       float64 `json:"psi"`
	ChiSquare float64 `json:"chi_square"`
	Freedom   int     `json:"freedom"`
	P         float64 `json:"p"`
}

// Tallies returns the rates of p by name, in the order of reports: "escalated",
// "level X" for each level, "unsure" (a greatest probability below 0.5),
// "heuristic disagrees", "shadow disagrees", "feedback" (answers that operators
// responded to), "agreed" (of these, those whose level they kept) and
// "overridden X" for each level (of the answers of level X that they responded
// to, those to which they gave another). Each can be watched by a Chart.
func (p *Proxies) Tallies() []NamedTally {
	t := []NamedTally{{"escalated", Tally{p.Escalated, p.Answers}}}
	for k, l := range p.Levels {
		t = append(t, NamedTally{"level " + l, Tally{p.Predicted[k], p.Answers}})
	}
	low, _ := sumOf(p.Confidences[:binOf(unsure)])
	t = append(t, NamedTally{"unsure", Tally{low, p.Answers}},
		NamedTally{"heuristic disagrees", p.Heuristic}, NamedTally{"shadow disagrees", p.Shadow})
	var given, kept int64
	var overridden []NamedTally
	for k, row := range p.Feedback {
		n, _ := sumOf(row)
		given += n
		kept += row[k]
		overridden = append(overridden, NamedTally{"overridden " + p.Levels[k], Tally{n - row[k], n}})
	}
	// Feedback of this window may be on answers of one before.
	t = append(t, NamedTally{"feedback", Tally{min(given, p.Answers), p.Answers}}, NamedTally{"agreed", Tally{kept, given}})
	return append(t, overridden...)
}

// A NamedTally is a Tally and what it counts.
type NamedTally struct {
	Name string
	Tally
}

// Report says what p shows, with intervals of the given confidence, mostly 0.95.
// baseline is what a good time looked like; it may be nil. A rate moved where
// Newcombe's interval of the difference (Interval Estimation for the Difference
// Between Independent Proportions, 1998, method 10), at a confidence that allows
// for all rates looked at, is without 0. Without answers the error is ErrEmpty;
// others wrap ErrInput.
func (p *Proxies) Report(baseline *Proxies, confidence float64) (ProxyReport, error) {
	if err := p.Validate(); err != nil {
		return ProxyReport{}, err
	}
	if p.Answers == 0 {
		return ProxyReport{}, ErrEmpty
	}
	r := ProxyReport{Answers: p.Answers, Confidence: confidence, CannotSee: CannotSee}
	tallies := p.Tallies()
	var was []NamedTally
	if baseline != nil {
		if err := baseline.Validate(); err != nil {
			return ProxyReport{}, fmt.Errorf("baseline: %w", err)
		}
		if !slices.Equal(p.Levels, baseline.Levels) {
			return ProxyReport{}, fmt.Errorf("%w: the baseline has levels %q, want %q", ErrInput, baseline.Levels, p.Levels)
		}
		was = baseline.Tallies()
	}
	for i, t := range tallies {
		interval, err := Wilson(float64(t.Hits), float64(t.N), confidence)
		if err != nil {
			return ProxyReport{}, err
		}
		rate := ProxyRate{Name: t.Name, Tally: t.Tally, Estimated: Estimated{t.Rate(), interval}}
		if was != nil && was[i].N > 0 && t.N > 0 {
			before := was[i].Rate()
			rate.Baseline = &before
			strict := 1 - (1-confidence)/float64(len(tallies))
			a, err := Wilson(float64(t.Hits), float64(t.N), strict)
			if err != nil {
				return ProxyReport{}, err
			}
			b, err := Wilson(float64(was[i].Hits), float64(was[i].N), strict)
			if err != nil {
				return ProxyReport{}, err
			}
			rate.Moved = !differenceOf(Estimated{rate.Value, a}, Estimated{before, b}).Contains(0)
		}
		r.Rates = append(r.Rates, rate)
	}
	if baseline != nil && baseline.Answers > 0 {
		r.Shifts = []ProxyShift{
			shiftOf("levels", baseline.Predicted, p.Predicted), shiftOf("scores", baseline.Scores, p.Scores),
			shiftOf("confidences", baseline.Confidences, p.Confidences),
		}
	}
	return r, nil
}

// differenceOf returns an interval of a-b from those of a and b, which are
// independent (MOVER: Zou and Donner, Construction of Confidence Limits About
// Effect Measures, 2008; with Wilson's intervals Newcombe's method 10).
func differenceOf(a, b Estimated) Interval {
	d := a.Value - b.Value
	return Interval{
		d - math.Hypot(a.Value-a.Low, b.High-b.Value),
		d + math.Hypot(a.High-a.Value, b.Value-b.Low),
	}
}

// shiftOf compares two lists of counts, bin by bin. A bin that is empty on one
// side counts half an observation in the PSI; for χ² neighbours are joined until
// five are expected in each.
func shiftOf(name string, baseline, recent []int64) ProxyShift {
	s := ProxyShift{Name: name, P: 1}
	nb, _ := sumOf(baseline)
	nr, _ := sumOf(recent)
	n, m := float64(nb), float64(nr)
	share := min(n, m) / (n + m)
	var open [2]float64 // the bin that is joined
	var bins [][2]float64
	for i := range baseline {
		b, r := float64(baseline[i]), float64(recent[i])
		if b+r > 0 {
			pb, pr := max(b, 0.5)/n, max(r, 0.5)/m
			s.PSI += (pr - pb) * math.Log(pr/pb)
		}
		open[0] += b
		open[1] += r
		if (open[0]+open[1])*share >= 5 {
			bins, open = append(bins, open), [2]float64{}
		}
	}
	if last := len(bins) - 1; last >= 0 {
		bins[last][0] += open[0]
		bins[last][1] += open[1]
	}
	for _, b := range bins {
		t := b[0] + b[1]
		for side, size := range [2]float64{n, m} {
			expected := t * size / (n + m)
			s.ChiSquare += (b[side] - expected) * (b[side] - expected) / expected
		}
	}
	if s.Freedom = max(0, len(bins)-1); s.Freedom > 0 {
		s.P = distuv.ChiSquared{K: float64(s.Freedom)}.Survival(s.ChiSquare)
	}
	return s
}
