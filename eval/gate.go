package eval

import (
	"fmt"
	"slices"
)

// A Gate decides whether a new version may take the place of an old one: pass,
// fail, or inconclusive where there is too little evidence for either. It
// checks metrics of labelled examples, may be asked again and again as they come
// in, and has guards that end a rollout before. It is made by NewGate, holds no
// state, and is safe for concurrent use.
//
// The probability that the verdict ever is wrong is at most Alpha, see
// GateOptions: that it passes a version that falls short in one of the checks,
// or fails one that falls short in none. To pass, every check must hold, so that
// each may be tested at Alpha (Berger, Multiparameter Hypothesis Testing and
// Acceptance Sampling, 1982); to fail, one of the checks and guards is enough, so
// that each gets an equal part of Alpha.
type Gate struct {
	o        GateOptions
	levels   []string
	measures []aMeasure // of o.Checks
}

// GateOptions changes how a Gate decides.
type GateOptions struct {
	// Checks are what must hold of the metrics. Nil means that macro-F1 is at
	// most 0.02 worse, and the recall of the highest level at most 0.05.
	Checks []Check
	// Guards and Limits may fail a new version at any time, and cannot pass it.
	Guards []Guard
	Limits []Limit
	// MinSamples and MinPerLevel are how many labelled examples there must be, of
	// all and of each true level, before checks pass or fail; of Arms, for each
	// version; of weighted ones, their effective number (Kish, 1965). 0 means 200
	// and 20; below 0, none. Intervals rest on the central
	// limit theorem and are not to be trusted on fewer.
	MinSamples  int64
	MinPerLevel int64
	// Alpha bounds the probability of a wrong verdict, in (0,0.5). 0 means 0.05.
	Alpha float64
	// Once says that the gate judges once, on a number of examples fixed
	// before, such as a test set. Then it needs fewer; but looked at twenty times
	// it would pass one in five of those that just fall short.
	Once bool
	// Planned is about how many examples there will be: the intervals are
	// narrowest there. It must not be changed while a comparison runs. 0 means
	// five times MinSamples, at least 1000.
	Planned int64
	// Share is the planned share of requests that the new version answers, in
	// (0,1), where chance decides which one does. Then a different share of
	// those that were answered is inconclusive. 0 means that there is none.
	Share float64
	// Cost is needed to check MetricCost.
	Cost Cost
}

// A Check says what must hold of a metric.
type Check struct {
	Metric Metric `json:"metric"`
	Level  string `json:"level,omitempty"` // of precision, recall and F1
	// Margin is by how much the new version may be worse, in the metric's own
	// unit, to be taken as good enough: non-inferiority. 0 asks for a better one,
	// below 0 for one that is better by more than that: superiority.
	Margin float64 `json:"margin"`
}

// name returns the check in words.
func (c Check) name() string {
	if c.Level == "" {
		return c.Metric.words()
	}
	return c.Metric.words() + " of " + c.Level
}

// A Guard watches how frequent bad answers are, such as errors, those slower
// than a limit, or those that fell back to the heuristic. It fails a new version
// once they are surely more than Ratio times as frequent as those of the old
// one. It needs no labels and no minimum: it is exact from the first answer on.
type Guard struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"` // 0 means 1: any more
}

// A Limit watches a number, such as the 99th percentile of the latency or the
// population stability index of the scores of both versions. It fails a new
// version whose number is above Max. How much of it is chance is for whoever
// measured it to know, and for Max to leave room for.
type Limit struct {
	Name string  `json:"name"`
	Max  float64 `json:"max"`
}

// NewGate returns a gate over the named levels, the lowest first. o may be nil.
// Options that make no sense are an error that wraps ErrInput.
func NewGate(levels []string, o *GateOptions) (*Gate, error) {
	if o == nil {
		o = &GateOptions{}
	}
	if err := checkCompared(levels); err != nil {
		return nil, err
	}
	g := &Gate{o: *o, levels: slices.Clone(levels)}
	g.o.Checks, g.o.Guards, g.o.Limits = slices.Clone(o.Checks), slices.Clone(o.Guards), slices.Clone(o.Limits)
	if o.Checks == nil {
		g.o.Checks = []Check{{Metric: MetricMacroF1, Margin: 0.02}, {MetricRecall, levels[len(levels)-1], 0.05}}
	}
	setDefault(&g.o.MinSamples, 200)
	setDefault(&g.o.MinPerLevel, 20)
	setDefault(&g.o.Alpha, 0.05)
	setDefault(&g.o.Planned, max(1000, 5*g.o.MinSamples))
	if a := g.o.Alpha; !(a > 0 && a < 0.5) || g.o.Planned < 1 || !(o.Share >= 0 && o.Share < 1) {
		return nil, fmt.Errorf("%w: a gate with alpha %v, %d examples planned and a share of %v", ErrInput, a, g.o.Planned, o.Share)
	}
	for i, c := range g.o.Checks {
		m, err := newMeasure(g.levels, c.Metric, c.Level, o.Cost)
		if err != nil {
			return nil, fmt.Errorf("check %d: %w", i, err)
		}
		if !isFinite(c.Margin) {
			return nil, fmt.Errorf("%w: check %d of %s has margin %v", ErrInput, i, c.name(), c.Margin)
		}
		g.measures = append(g.measures, m)
	}
	names := map[string]bool{reasonSamples: true, reasonShare: true}
	for i := range g.o.Guards {
		guard := &g.o.Guards[i]
		setDefault(&guard.Ratio, 1)
		if names[guard.Name] || guard.Name == "" || !(guard.Ratio > 0) || !isFinite(guard.Ratio) {
			return nil, fmt.Errorf("%w: guard %d, %q, has ratio %v or a name that is empty or taken", ErrInput, i, guard.Name, guard.Ratio)
		}
		names[guard.Name] = true
	}
	for i, l := range g.o.Limits {
		if names[l.Name] || l.Name == "" || !isFinite(l.Max) {
			return nil, fmt.Errorf("%w: limit %d, %q, is %v or has a name that is empty or taken", ErrInput, i, l.Name, l.Max)
		}
		names[l.Name] = true
	}
	return g, nil
}

// setDefault sets v where it is 0.
func setDefault[T int64 | float64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// isFinite reports whether v is neither infinite nor NaN.
func isFinite(v float64) bool { return v-v == 0 }

// alphas returns what of Alpha is for each check to pass, and for each check or
// guard to fail.
func (g *Gate) alphas() (pass, fail float64) {
	return g.o.Alpha, g.o.Alpha / float64(max(1, len(g.o.Checks)+len(g.o.Guards)))
}

// z returns how many standard errors below an estimate of this skewness, from n
// examples, a bound lies. At one look the normal quantile is made larger where
// the estimate is skewed to the left, and so less variable where it is greater
// by chance, by the first term of the Edgeworth expansion of a studentised mean
// (Hall, The Bootstrap and Edgeworth Expansion, 1992, section 2.6). The bounds
// of repeated looks are wide enough without.
func (g *Gate) z(n, alpha, skewness float64) float64 {
	if g.o.Once {
		z := normalQuantile(1 - alpha)
		return z + max(0, -skewness)*(2*z*z+1)/6
	}
	return sequentialZ(n, float64(g.o.Planned), alpha)
}
