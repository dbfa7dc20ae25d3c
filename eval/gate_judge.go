package eval

import (
	"fmt"
	"math"
	"slices"
)

// A Look is what is known when a Gate judges.
type Look struct {
	// Evidence are the labelled examples so far, Pairs or Arms; nil means none.
	Evidence Evidence
	// OldN and NewN count the requests that each version answered, labelled or
	// not, to be compared with the planned share; 0 where there is none.
	OldN, NewN int64
	// Guards and Limits have what there is to each by its name. One that is
	// missing keeps the gate from passing.
	Guards map[string]GuardCounts
	Limits map[string]float64
}

// Judge decides by what is known now. Guards and limits come first: one that
// fails fails the gate. Then a wrong share of requests, or too few labelled
// examples, is inconclusive, whatever the metrics say. Else the gate fails if a
// check fails, and passes if all pass. A verdict other than inconclusive is
// final: more looks would not make a wrong one less wrong. Errors wrap ErrInput.
func (g *Gate) Judge(l Look) (Verdict, error) {
	v := Verdict{Alpha: g.o.Alpha, Once: g.o.Once, Reasons: []Reason{}}
	if err := g.judgeGuards(&v, l); err != nil {
		return Verdict{}, err
	}
	stopped := slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Outcome == Fail })
	if err := g.judgeShare(&v, l); err != nil {
		return Verdict{}, err
	}
	if err := g.judgeEvidence(&v, l.Evidence); err != nil {
		return Verdict{}, err
	}
	v.Outcome = Pass
	for _, r := range v.Reasons {
		switch {
		case stopped:
			v.Outcome = Fail
		case r.Outcome == Inconclusive && (r.Name == reasonSamples || r.Name == reasonShare):
			v.Outcome = Inconclusive
			return v, nil
		case r.Outcome == Fail:
			v.Outcome = Fail
		case r.Outcome == Inconclusive && v.Outcome == Pass:
			v.Outcome = Inconclusive
		}
	}
	return v, nil
}

// The names of reasons that are no check, guard or limit.
const (
	reasonSamples = "samples"
	reasonShare   = "share of requests"
)

// judgeGuards adds what the guards and limits come to.
func (g *Gate) judgeGuards(v *Verdict, l Look) error {
	known := func(name string) bool {
		return slices.ContainsFunc(g.o.Guards, func(x Guard) bool { return x.Name == name })
	}
	for name := range l.Guards {
		if !known(name) {
			return fmt.Errorf("%w: the gate has no guard %q", ErrInput, name)
		}
	}
	for name := range l.Limits {
		if !slices.ContainsFunc(g.o.Limits, func(x Limit) bool { return x.Name == name }) {
			return fmt.Errorf("%w: the gate has no limit %q", ErrInput, name)
		}
	}
	_, alpha := g.alphas()
	for _, guard := range g.o.Guards {
		c := l.Guards[guard.Name]
		r := Reason{Name: guard.Name, Outcome: Pass, Want: guard.Ratio}
		switch {
		case !c.valid():
			return fmt.Errorf("%w: guard %q counts %+v", ErrInput, guard.Name, c)
		case c.OldN == 0 || c.NewN == 0:
			r.Outcome, r.Text = Inconclusive, "nothing is known yet"
		default:
			r.Old, r.New = float64(c.OldBad)/float64(c.OldN), float64(c.NewBad)/float64(c.NewN)
			r.Text = fmt.Sprintf("%d of %d, %d of %d before; no evidence of more than %g times as many", c.NewBad, c.NewN, c.OldBad, c.OldN, guard.Ratio)
			if c.excess(guard.Ratio) >= 1/alpha {
				r.Outcome = Fail
				r.Text = fmt.Sprintf("%d of %d, %d of %d before; surely more than %g times as many", c.NewBad, c.NewN, c.OldBad, c.OldN, guard.Ratio)
			}
		}
		v.Reasons = append(v.Reasons, r)
	}
	for _, limit := range g.o.Limits {
		r := Reason{Name: limit.Name, Outcome: Pass, Want: limit.Max}
		switch value, ok := l.Limits[limit.Name]; {
		case !ok:
			r.Outcome, r.Text = Inconclusive, "nothing is known yet"
		case !isFinite(value):
			return fmt.Errorf("%w: limit %q is given %v", ErrInput, limit.Name, value)
		default:
			r.New, r.Text = value, fmt.Sprintf("%.4g, at most %.4g is allowed", value, limit.Max)
			if value > limit.Max {
				r.Outcome = Fail
			}
		}
		v.Reasons = append(v.Reasons, r)
	}
	return nil
}

// judgeShare adds a sample-ratio mismatch: a share of requests that differs from
// the planned one by Pearson's chi-squared test at 0.001 (Fabijan et al.,
// Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, 2019). Then
// something other than chance decided which version answers, and no comparison
// can be trusted.
func (g *Gate) judgeShare(v *Verdict, l Look) error {
	if l.OldN < 0 || l.NewN < 0 || max(l.OldN, l.NewN) > maxCompared {
		return fmt.Errorf("%w: %d and %d requests", ErrInput, l.OldN, l.NewN)
	}
	n := float64(l.OldN) + float64(l.NewN)
	switch {
	case g.o.Share == 0:
		return nil
	case n == 0:
		v.Reasons = append(v.Reasons, Reason{Name: reasonShare, Outcome: Inconclusive, Want: g.o.Share, Text: "no requests are counted"})
		return nil
	}
	share := float64(l.NewN) / n
	p := twoSided((share - g.o.Share) / math.Sqrt(g.o.Share*(1-g.o.Share)/n))
	r := Reason{Name: reasonShare, Outcome: Pass, New: share, Want: g.o.Share, Text: fmt.Sprintf("%.4g of %.0f, %.4g is planned", share, n, g.o.Share)}
	if p < 0.001 {
		r.Outcome = Inconclusive
		r.Text += fmt.Sprintf("; chance would not do that (p = %.2g): find out what decides which version answers", p)
	}
	v.Reasons = append(v.Reasons, r)
	return nil
}

// judgeEvidence adds what minimum samples and checks come to.
func (g *Gate) judgeEvidence(v *Verdict, ev Evidence) error {
	if ev == nil {
		v.Reasons = append(v.Reasons, Reason{Name: reasonSamples, Outcome: Inconclusive, Text: "there are no labelled examples"})
		return nil
	}
	e := ev.evidence()
	if !slices.Equal(e.levels, g.levels) {
		return fmt.Errorf("%w: evidence over levels %q for a gate over %q", ErrInput, e.levels, g.levels)
	}
	v.N = e.n
	v.Reasons = append(v.Reasons, g.minimum(&e)...)
	for i := range g.o.Checks {
		v.Reasons = append(v.Reasons, g.check(&e, i))
	}
	return nil
}

// minimum returns which minima are not reached.
func (g *Gate) minimum(e *evidence) (all []Reason) {
	short := func(what string, n float64, want int64) {
		if n < float64(want) {
			all = append(all, Reason{Name: reasonSamples, Outcome: Inconclusive, New: n, Want: float64(want),
				Text: fmt.Sprintf("%.0f labelled examples%s, at least %d are asked for", n, what, want)})
		}
	}
	total, byLevel := e.least()
	short("", total, g.o.MinSamples)
	for level, n := range byLevel {
		short(" of level "+e.levels[level], n, g.o.MinPerLevel)
	}
	return all
}

// least returns how many examples there are, of all and of each true level, for
// the version that has fewer.
func (e *evidence) least() (total float64, byLevel []float64) {
	total, byLevel = e.seen(true)
	b, levelsB := e.seen(false)
	for i, n := range levelsB {
		byLevel[i] = min(byLevel[i], n)
	}
	return min(total, b), byLevel
}

// check returns what check i comes to.
func (g *Gate) check(e *evidence, i int) Reason {
	c, d := g.o.Checks[i], e.difference(g.measures[i])
	sign := 1.0
	if c.Metric.LessIsBetter() {
		sign = -1
	}
	r := Reason{Name: c.name(), Outcome: Inconclusive, Old: d.a, New: d.b, Gain: sign * (d.b - d.a), Want: -c.Margin}
	if d.n < max(2, float64(g.o.MinSamples)) {
		r.Text = fmt.Sprintf("%.0f examples to measure it on are too few", d.n)
		return r
	}
	pass, fail := g.alphas()
	r.Low = r.Gain - g.z(d.n, pass, sign*d.skewness)*d.stdErr
	r.High = r.Gain + g.z(d.n, fail, -sign*d.skewness)*d.stdErr
	asked := fmt.Sprintf("it may be at most %.4g worse", c.Margin)
	switch {
	case c.Margin == 0:
		asked = "it must be better"
	case c.Margin < 0:
		asked = fmt.Sprintf("it must be more than %.4g better", -c.Margin)
	}
	r.Text = fmt.Sprintf("%.4f, %.4f before; the gain is %+.4f, at least %+.4f and at most %+.4f; %s", d.b, d.a, r.Gain, r.Low, r.High, asked)
	switch {
	case r.Low > r.Want:
		r.Outcome = Pass
	case r.High < r.Want:
		r.Outcome = Fail
	}
	return r
}
