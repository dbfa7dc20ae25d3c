package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// IntervalOptions says how intervals are made. Nil and the zero value mean the
// defaults.
type IntervalOptions struct {
	// Confidence is that of each interval, in (0,1); 0 means 0.95. That all of
	// k intervals hold at once is as sure as 1-k(1-Confidence) at least.
	Confidence float64
	// Resamples is how often the bootstrap draws, from 100 to 100,000; 0 means
	// 2000.
	Resamples int
	// Seed makes other draws: equal seeds give equal intervals.
	Seed uint64
	// Stratified takes how many examples there are of each true level as given,
	// not as chance: for examples that were picked level by level.
	Stratified bool
}

func (o *IntervalOptions) withDefaults() (IntervalOptions, error) {
	d := IntervalOptions{}
	if o != nil {
		d = *o
	}
	if d.Confidence == 0 {
		d.Confidence = 0.95
	}
	if d.Resamples == 0 {
		d.Resamples = 2000
	}
	if !(d.Confidence > 0 && d.Confidence < 1) || d.Resamples < 100 || d.Resamples > 100_000 {
		return d, fmt.Errorf("%w: confidence %v with %d resamples", ErrInput, d.Confidence, d.Resamples)
	}
	return d, nil
}

// Intervals hold the metrics of a Report, each with the confidence asked for.
type Intervals struct {
	Confidence       float64  `json:"confidence"`
	MacroF1          Interval `json:"macro_f1"`
	Accuracy         Interval `json:"accuracy"`
	BalancedAccuracy Interval `json:"balanced_accuracy"`
	MCC              Interval `json:"mcc"`
	Kappa            Interval `json:"kappa"`
	QuadraticKappa   Interval `json:"quadratic_kappa"`
	LogLoss          Interval `json:"log_loss"`
	Brier            Interval `json:"brier"`
	ECE              Interval `json:"ece"`
	// Levels has each level's own, the lowest first.
	Levels   []LevelIntervals `json:"levels"`
	Macro    AverageIntervals `json:"macro"`
	Weighted AverageIntervals `json:"weighted"`
}

// AverageIntervals hold the metrics of an Average.
type AverageIntervals struct {
	Precision Interval `json:"precision"`
	Recall    Interval `json:"recall"`
	F1        Interval `json:"f1"`
}

// LevelIntervals hold the metrics of a LevelReport.
type LevelIntervals struct {
	Level string `json:"level"`
	AverageIntervals
	ROCAUC           Interval `json:"roc_auc"`
	AveragePrecision Interval `json:"average_precision"`
}

// Intervals returns an interval for each metric of e's Report:
//
//   - accuracy and each level's precision and recall are proportions: Wilson;
//   - log loss and Brier score are means: Student's t from their variance;
//   - ROC AUC by the score interval of Newcombe (Confidence Intervals for an
//     Effect Size Measure Based on the Mann-Whitney Statistic, Part 2, 2006,
//     method 5);
//   - average precision as a proportion of the examples of the level (Boyd et
//     al., Area under the Precision-Recall Curve, 2013), by Wilson;
//   - the calibration error by the greatest bias and variance that chance can
//     give it, which holds it more often than asked for;
//   - all others by Bootstrap.
//
// An interval of what is not defined is [0,1]. Weighted examples count as their
// effective number (Kish, 1965). The time does not depend on the number of
// examples. The error wraps ErrInput, or is ErrEmpty.
func (e *Evaluation) Intervals(opts *IntervalOptions) (Intervals, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return Intervals{}, err
	}
	n, weight := e.all()
	if n == 0 {
		return Intervals{}, ErrEmpty
	}
	k := len(e.levels)
	proportion := func(share, n float64) Interval {
		i, _ := Wilson(min(n, max(0, share*n)), n, o.Confidence) // in range by the lines above
		return i
	}
	b := Intervals{Confidence: o.Confidence, Levels: make([]LevelIntervals, k)}
	metrics := []func(Matrix) float64{Matrix.BalancedAccuracy, Matrix.MCC, Matrix.Kappa, Matrix.QuadraticKappa}
	to := []*Interval{&b.BalancedAccuracy, &b.MCC, &b.Kappa, &b.QuadraticKappa}
	average := func(a *AverageIntervals, of func(Matrix) Average) {
		metrics = append(metrics, func(m Matrix) float64 { return of(m).Precision },
			func(m Matrix) float64 { return of(m).Recall }, func(m Matrix) float64 { return of(m).F1 })
		to = append(to, &a.Precision, &a.Recall, &a.F1)
	}
	average(&b.Macro, Matrix.Macro)
	average(&b.Weighted, Matrix.Weighted)
	m := e.Matrix()
	for c := range k {
		l := &b.Levels[c]
		l.Level = e.levels[c]
		support, predicted := effective(e.sums(c*k, 1, k)), effective(e.sums(c, k, k))
		a := m.Level(c)
		l.Precision, l.Recall = proportion(a.Precision, predicted), proportion(a.Recall, support)
		metrics = append(metrics, func(m Matrix) float64 { return m.Level(c).F1 })
		to = append(to, &l.F1)
		l.ROCAUC, l.AveragePrecision = Interval{0, 1}, Interval{0, 1}
		if a := e.rocAUC(c); a != nil {
			w, squares := e.sums(c*k, 1, k)
			all, allSquares := e.sums(0, 1, k*k)
			l.ROCAUC = aucInterval(a.Value, support, effective(all-w, allSquares-squares), o.Confidence)
		}
		if a := e.averagePrecision(c); a != nil {
			l.AveragePrecision = proportion(a.Value, support)
		}
	}
	for i, x := range e.bootstrap(o, metrics, m) {
		*to[i] = x
	}
	b.MacroF1 = b.Macro.F1
	b.Accuracy = proportion(m.Accuracy(), n)
	b.LogLoss = e.logLoss.interval(weight, n, o.Confidence)
	b.Brier = e.brier.interval(weight, n, o.Confidence)
	if k == 2 {
		b.Brier = Interval{b.Brier.Low / 2, b.Brier.High / 2}
	}
	b.Brier.High = min(b.Brier.High, 2)
	b.ECE = e.calibrationInterval(o.Confidence)
	return b, nil
}

// Bootstrap returns the interval of any metric of the confusion matrix, by the
// Bayesian bootstrap (Rubin, The Bayesian Bootstrap, 1981): each resample gives
// the examples random weights, which sum over a cell to a draw from a gamma
// distribution with the number of its examples, so that it takes time
// levels² * Resamples whatever the number of examples, so little that it needs
// one goroutine only. So that what was not seen is not taken to be impossible,
// each level has three quarters of an example besides, half of it predicted
// right; what was seen is always in the interval. metric must not keep or change
// the Matrix; its cells are shares. The error wraps ErrInput, or is ErrEmpty.
func (e *Evaluation) Bootstrap(metric func(Matrix) float64, opts *IntervalOptions) (Interval, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return Interval{}, err
	}
	if n, _ := e.all(); n == 0 {
		return Interval{}, ErrEmpty
	}
	return e.bootstrap(o, []func(Matrix) float64{metric}, e.Matrix().Shares())[0], nil
}

// prior is how many examples of each level are taken to have been seen before:
// half of them predicted right. Of 0.5, 0.75, 1 and the same spread evenly over
// the cells, TestBootstrapCovers has the intervals closest to 95% with this.
const prior = 0.75

// bootstrap returns the intervals of metrics, which of m are what was seen.
func (e *Evaluation) bootstrap(o IntervalOptions, metrics []func(Matrix) float64, m Matrix) []Interval {
	intervals := make([]Interval, len(metrics))
	for j, v := range e.draws(o, metrics) {
		intervals[j] = percentiles(v, metrics[j](m), o.Confidence)
	}
	return intervals
}

// percentiles sorts v and returns the interval of its middle, and of what was
// seen: no resample reaches a metric that is as good as can be.
func percentiles(v []float64, seen, confidence float64) Interval {
	slices.Sort(v)
	i := Interval{quantile(v, (1-confidence)/2), quantile(v, (1+confidence)/2)}
	if seen < i.Low {
		i.Low = seen
	}
	if seen > i.High {
		i.High = seen
	}
	return i
}

// draws returns what the metrics are in each resample.
func (e *Evaluation) draws(o IntervalOptions, metrics []func(Matrix) float64) [][]float64 {
	k := len(e.levels)
	n, weight := e.all()
	rng := rand.New(rand.NewPCG(o.Seed, 0x626f6f74))
	m := e.Matrix()
	shape := make([]float64, k*k)
	for i, x := range e.cells {
		shape[i] = x.weight / weight * n
		if i/k == i%k {
			shape[i] += prior / 2
		} else {
			shape[i] += prior / 2 / float64(k-1)
		}
	}
	rows := make([]float64, k)
	for c := range rows {
		rows[c] = m.row(c) / weight
	}
	values := make([][]float64, len(metrics))
	for j := range values {
		values[j] = make([]float64, o.Resamples)
	}
	for s := range o.Resamples {
		for i, a := range shape {
			m[i/k][i%k] = gamma(rng, a)
		}
		n := m.Total()
		for c, row := range m {
			scale := 1 / n
			if o.Stratified {
				scale = ratio(rows[c], m.row(c))
			}
			for d := range row {
				row[d] *= scale
			}
		}
		for j, f := range metrics {
			values[j][s] = f(m)
		}
	}
	return values
}

// gamma draws from the gamma distribution of a shape and the scale 1 (Marsaglia
// and Tsang, A Simple Method for Generating Gamma Variables, 2000). Of a shape
// that is not a number above 0 it is 0.
func gamma(rng *rand.Rand, shape float64) float64 {
	if !(shape > 0 && shape <= math.MaxFloat64) {
		return 0
	}
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-rng.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

// interval returns that of the mean loss, by Student's t and the variance of a
// weighted mean.
func (l *loss) interval(weight, n, confidence float64) Interval {
	if n <= 1 {
		return Interval{0, math.MaxFloat64}
	}
	mean, variance := l.mean(weight, n)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+confidence/2) * math.Sqrt(variance)
	return Interval{max(0, mean-half), mean + half}
}

// aucInterval returns the values of the area under a ROC curve that lie no
// further from a than the normal quantile times their own standard error.
func aucInterval(a, positive, negative, confidence float64) Interval {
	z := distuv.UnitNormal.Quantile(0.5 + confidence/2)
	extra := max(0, (positive+negative)/2-1)
	within := func(t float64) bool {
		v := t * (1 - t) / (positive * negative) * (1 + extra*(1-t)/(2-t) + extra*t/(1+t))
		return math.Abs(a-t) <= z*math.Sqrt(v)
	}
	end := func(out float64) float64 {
		if !(positive > 0 && negative > 0) {
			return out
		}
		in := a
		if within(out) {
			return out
		}
		for range 60 {
			if mid := in + (out-in)/2; within(mid) {
				in = mid
			} else {
				out = mid
			}
		}
		return in
	}
	return Interval{end(0), end(1)}
}

// calibrationInterval returns an interval of the expected calibration error that
// is wider than it need be. What is seen is the mean over bins of |gap + noise|,
// which is above that of |gap| by at most what noise alone would show, sqrt(2/π)
// standard errors of each bin, and spreads by at most the noise of all.
func (e *Evaluation) calibrationInterval(confidence float64) Interval {
	n, weight := e.all()
	seen, chance, variance := 0.0, 0.0, 0.0
	for _, b := range e.tops {
		if b.weight == 0 {
			continue
		}
		share := b.weight / weight
		hit := (b.hits/weight*n + 1) / (share*n + 2) // never sure
		v := hit * (1 - hit) / (share * n)
		seen += math.Abs(b.confidence-b.hits) / weight
		chance += share * math.Sqrt(2/math.Pi*v)
		variance += share * share * v
	}
	half := distuv.UnitNormal.Quantile(0.5+confidence/2) * math.Sqrt(variance)
	return Interval{max(0, seen-chance-half), min(1, seen+half)}
}
