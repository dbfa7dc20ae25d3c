package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Comparison says by how much two versions, a and b, differ.
type Comparison struct {
	// NA and NB count the examples that each version answered.
	NA int64 `json:"n_a"`
	NB int64 `json:"n_b"`
	// P is how probable a difference in accuracy at least that large is if there
	// is none: by McNemar's test of Pairs, which counts examples whatever they
	// weigh, by that of Proportions of Arms.
	P float64 `json:"p"`
	// Paired is McNemar's test; nil of Arms.
	Paired *Paired `json:"paired,omitempty"`
	// Confidence is that of the intervals.
	Confidence float64 `json:"confidence"`
	// Differences are those of all metrics: of all examples, then level by level,
	// the lowest first.
	Differences []Difference `json:"differences"`
	// Flips are the examples to which the versions gave different answers; nil of
	// Arms.
	Flips *Flips `json:"flips,omitempty"`
}

// A Difference is a metric of two versions and the difference, B - A, with its
// interval.
type Difference struct {
	Metric     Metric  `json:"metric"`
	Level      string  `json:"level,omitempty"` // of precision, recall and F1
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference float64 `json:"difference"`
	Interval
}

// Better says in which direction the interval lies: 1 if b is better by all of
// it, -1 if it is worse by all of it, else 0. Of many differences some lie so by
// chance; a Gate corrects for this.
func (d Difference) Better() int {
	sign := 0
	switch {
	case d.Low > 0:
		sign = 1
	case d.High < 0:
		sign = -1
	}
	if d.Metric.LessIsBetter() {
		return -sign
	}
	return sign
}

// Flips are the examples to which two versions gave different answers.
type Flips struct {
	Better FlipList `json:"better"` // b alone is right
	Worse  FlipList `json:"worse"`  // a alone is right
	Other  FlipList `json:"other"`  // both are wrong, differently
}

// A FlipList counts examples and names some: those whose answers lie the most
// levels apart, then the first by id.
type FlipList struct {
	N        int64  `json:"n"`
	Examples []Flip `json:"examples"`
}

// A Flip is an example with its true level and those that were predicted.
type Flip struct {
	ID    string `json:"id"`
	Truth string `json:"truth"`
	A     string `json:"a"`
	B     string `json:"b"`
}

// CompareOptions changes how a comparison is made.
type CompareOptions struct {
	Confidence float64 // of the intervals, in (0,1); 0 means 0.95
	Resamples  int     // of the bootstrap; 0 means 1000
	Seed       uint64  // of the bootstrap
	Cost       Cost    // adds the expected cost by this matrix; nil adds none
}

// Compare measures what was added so far.
//
// The intervals of all but log loss and Brier score are those of a paired
// bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
// chapter 13): whole examples are drawn again with both answers, which is one
// multinomial number for each truth and pair of answers, so that the time does
// not depend on the number of examples. What is drawn from has, of each level,
// one example more that a alone has right and one that b alone has right, as
// Bonett and Price (2012) have it; else two versions that chance has not yet let
// differ would seem equal for certain. The interval is made of the percentiles,
// linearly interpolated, of how far resamples lie from what they are drawn from.
// The weighted examples of an outcome are drawn as so many of equal weight as
// have the same sum and variance.
// Of a few examples, or where the versions rarely differ, it is wider than need
// be; of a level that does not occur it is [-1,1]. Resamples are shared among
// all cores and are the same on any number of them. The intervals of log loss
// and Brier score are the normal ones of the paired differences.
//
// o may be nil. Without examples the error is ErrEmpty; impossible options are
// one that wraps ErrInput.
func (p *Pairs) Compare(o *CompareOptions) (Comparison, error) {
	e := p.evidence()
	c, err := e.compare(o)
	if err != nil {
		return Comparison{}, err
	}
	test := mcNemar(p.onlyOne())
	c.NA, c.NB, c.P, c.Paired, c.Flips = p.n, p.n, test.P, &test, p.listFlips()
	return c, nil
}

// listFlips names the flips.
func (p *Pairs) listFlips() *Flips {
	var lists [3]FlipList
	for i, c := range p.cells {
		if truth, a, b := p.outcome(i); a != b {
			lists[flip{Truth: truth, A: a, B: b}.kind()].N += c.n
		}
	}
	for kind, kept := range p.flips {
		lists[kind].Examples = []Flip{}
		for _, f := range kept {
			lists[kind].Examples = append(lists[kind].Examples, Flip{f.ID, p.levels[f.Truth], p.levels[f.A], p.levels[f.B]})
		}
	}
	return &Flips{lists[flipBetter], lists[flipWorse], lists[flipOther]}
}

// Compare measures what was added so far, as Pairs do; the examples of each
// version are drawn by themselves. The intervals of accuracy and of recall are
// Newcombe's, see Proportions, and those of log loss and Brier score normal ones
// of two samples. Where one version has no examples the error is ErrEmpty.
func (s *Arms) Compare(o *CompareOptions) (Comparison, error) {
	nA, nB := s.N()
	if nA == 0 || nB == 0 {
		return Comparison{}, ErrEmpty
	}
	e := s.evidence()
	c, err := e.compare(o)
	if err != nil {
		return Comparison{}, err
	}
	c.NA, c.NB = nA, nB
	allA, levelsA := e.seen(true)
	allB, levelsB := e.seen(false)
	for i := range c.Differences {
		d, n, m := &c.Differences[i], allA, allB
		switch d.Metric {
		case MetricAccuracy:
		case MetricRecall:
			level := slices.Index(s.levels, d.Level)
			n, m = levelsA[level], levelsB[level]
		default:
			continue
		}
		if n == 0 || m == 0 {
			continue
		}
		t, err := proportions(min(1, d.A), n, min(1, d.B), m, c.Confidence) // weights may sum to a little more
		if err != nil {
			return Comparison{}, err
		}
		d.Interval = t.Interval
		if d.Metric == MetricAccuracy {
			c.P = t.P
		}
	}
	return c, nil
}

// measures returns all metrics of the evidence but those of losses.
func (e *evidence) measures(cost Cost) []aMeasure {
	var all []aMeasure
	for _, m := range metricsOfAll() {
		all = append(all, aMeasure{metric: m})
	}
	if cost != nil {
		all = append(all, aMeasure{metric: MetricCost, cost: cost})
	}
	for level := range e.levels {
		for _, m := range metricsOfLevel() {
			all = append(all, aMeasure{metric: m, level: level})
		}
	}
	return all
}

// compare measures the differences and their intervals.
func (e *evidence) compare(o *CompareOptions) (Comparison, error) {
	if o == nil {
		o = &CompareOptions{}
	}
	confidence, resamples := o.Confidence, o.Resamples
	if confidence == 0 {
		confidence = 0.95
	}
	if resamples == 0 {
		resamples = 1000
	}
	if !(confidence > 0 && confidence < 1) || resamples < 0 || resamples > 1<<20 {
		return Comparison{}, fmt.Errorf("%w: confidence %v and %d resamples", ErrInput, confidence, resamples)
	}
	if o.Cost != nil {
		if err := o.Cost.Check(len(e.levels)); err != nil {
			return Comparison{}, err
		}
	}
	if e.size() == 0 {
		return Comparison{}, ErrEmpty
	}
	measures := e.measures(o.Cost)
	drawn := e.bootstrap(measures, resamples, o.Seed)
	a, b := e.tables()
	all := make([]Difference, 0, len(measures)+2)
	for i, m := range measures {
		d := Difference{Metric: m.metric, A: a.value(m), B: b.value(m)}
		d.Difference = d.B - d.A
		if m.metric.ofLevel() {
			d.Level = e.levels[m.level]
		}
		slices.Sort(drawn[i])
		d.Interval = Interval{d.Difference + sortedQuantile(drawn[i], (1-confidence)/2), d.Difference + sortedQuantile(drawn[i], (1+confidence)/2)}
		if m.metric.ofLevel() && min(a.rows[m.level], b.rows[m.level]) == 0 {
			d.Interval = Interval{-1, 1} // nothing is known of a level that does not occur
		}
		all = append(all, d)
	}
	var losses []Difference
	for i, m := range []Metric{MetricLogLoss, MetricBrier} {
		if l := e.losses[i]; l.n > 1 {
			half := normalQuantile((1+confidence)/2) * l.stdErr
			losses = append(losses, Difference{Metric: m, A: l.a, B: l.b, Difference: l.b - l.a, Interval: Interval{l.b - l.a - half, l.b - l.a + half}})
		}
	}
	ofAll := len(all) - len(e.levels)*len(metricsOfLevel())
	return Comparison{Confidence: confidence, Differences: slices.Insert(all, ofAll, losses...)}, nil
}

// bootstrap returns the differences of each measure in each resample, less that
// of what is resampled from. Resample i depends on seed and i alone.
func (e *evidence) bootstrap(measures []aMeasure, resamples int, seed uint64) [][]float64 {
	a, b := e.tables()
	from := e.adjusted(a, b)
	from.fill(a, b)
	centre, drawn := make([]float64, len(measures)), make([][]float64, len(measures))
	for i, m := range measures {
		centre[i] = b.value(m) - a.value(m)
		drawn[i] = make([]float64, resamples)
	}
	workers := min(runtime.GOMAXPROCS(0), max(1, resamples/50))
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			s := *e
			s.cells = slices.Clone(e.cells)
			a, b := newConfusionTable(len(e.levels)), newConfusionTable(len(e.levels))
			for r := w; r < resamples; r += workers {
				e.draw(s.cells, from.cells, rand.NewPCG(seed, uint64(r)))
				s.fill(a, b)
				for i, m := range measures {
					drawn[i][r] = b.value(m) - a.value(m) - centre[i]
				}
			}
		})
	}
	wait.Wait()
	return drawn
}

// draw sets the counts of cells to what as many examples as e has, drawn with
// replacement from those that from counts, would count: multinomial numbers,
// drawn as one binomial number after the other.
func (e *evidence) draw(cells, from []evidenceCell, src rand.Source) {
	start := 0
	for _, end := range e.parts {
		left, toDraw := 0.0, 0.0 // of the cells to come
		for i := start; i < end; i++ {
			left += from[i].n
			toDraw += e.cells[i].n
		}
		toDraw = math.Round(toDraw)
		for i := start; i < end; i++ {
			n := from[i].n
			cells[i].n = 0
			switch {
			case n == 0 || toDraw == 0:
			case n >= left*(1-1e-12): // rounding may leave a little of the cells before
				cells[i].n = toDraw
			default:
				cells[i].n = distuv.Binomial{N: toDraw, P: n / left, Src: src}.Rand()
			}
			toDraw -= cells[i].n
			left -= n
		}
		start = end
	}
}

// sortedQuantile returns the quantile of sorted numbers by linear interpolation,
// the seventh definition of Hyndman and Fan (Sample Quantiles in Statistical
// Packages, 1996).
func sortedQuantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
