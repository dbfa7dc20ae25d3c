package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Estimated is a metric that was estimated, and the interval that holds what
// labels would say of the same examples.
type Estimated struct {
	Value float64 `json:"value"`
	Interval
}

// An EstimateReport holds the metrics that an Estimate expects, each as Report
// defines it, with intervals.
type EstimateReport struct {
	N          int64   `json:"n"`
	Confidence float64 `json:"confidence"`
	// Reference is the number of labelled examples that the intervals take the
	// error of calibration from, 0 where they know none.
	Reference int64            `json:"reference"`
	Accuracy  Estimated        `json:"accuracy"`
	MacroF1   Estimated        `json:"macro_f1"`
	LogLoss   Estimated        `json:"log_loss"`
	Brier     Estimated        `json:"brier"`
	Levels    []EstimatedLevel `json:"levels"`
	// Confusion is how many examples of each true level (row) are expected among
	// those for which each level (column) was predicted.
	Confusion [][]float64 `json:"confusion"`
	// CannotSee is the constant of that name.
	CannotSee string `json:"cannot_see"`
}

// An EstimatedLevel holds one level's metrics. Support is the expected number of
// its examples, Predicted how many were predicted.
type EstimatedLevel struct {
	Level     string    `json:"level"`
	Precision Estimated `json:"precision"`
	Recall    Estimated `json:"recall"`
	F1        Estimated `json:"f1"`
	Support   float64   `json:"support"`
	Predicted float64   `json:"predicted"`
}

// Report computes the expected metrics with intervals of the given confidence,
// mostly 0.95. r says how wrong such estimates were on labelled examples;
// without one, nil, probabilities are taken to be calibrated to perfection, and
// intervals are too narrow by what they are not. Without examples the error is
// ErrEmpty; others wrap ErrInput.
//
// The variance of what labels would say about an estimate is
//
//	V = s² + δ²,  δ² = max(R² - S², S²/B),
//
// s² being that of the labels of these examples under their probabilities, by
// the delta method: levels differ from one example to the next as their
// probabilities say, independently. δ² is what calibration gets wrong in
// addition, between one time and another: over the B blocks of r, each estimated
// from the others, R² is the mean squared difference between estimate and truth
// and S² the mean of s² (a random effect by the method of moments, DerSimonian
// and Laird, Meta-Analysis in Clinical Trials, 1986); it is never less than what
// so many labels leave open where all times are alike, S²/B. The interval is
// Student's, with B (V / R²)² degrees of freedom (Satterthwaite, An Approximate
// Distribution of Estimates of Variance Components, 1946), no less than B - 1,
// cut to what the metric can be. A share of nothing, such as the
// precision of a level that was not predicted, is 0 with the interval [0,1].
func (e *Estimate) Report(r *Reference, confidence float64) (EstimateReport, error) {
	k := len(e.levels)
	switch {
	case e.n == 0:
		return EstimateReport{}, ErrEmpty
	case !(confidence > 0 && confidence < 1):
		return EstimateReport{}, fmt.Errorf("%w: confidence %v", ErrInput, confidence)
	}
	figures := e.figures()
	report := EstimateReport{N: e.n, Confidence: confidence, Confusion: make([][]float64, k), CannotSee: CannotSee}
	if r != nil {
		if err := r.Validate(e.levels); err != nil {
			return EstimateReport{}, err
		}
		report.Reference = r.N
	}
	at := func(i int) Estimated { return figures[i].estimated(i, r, confidence, k) }
	report.Accuracy, report.MacroF1, report.LogLoss, report.Brier = at(0), at(1), at(2), at(3)
	for c, level := range e.levels {
		report.Confusion[c] = append([]float64(nil), e.confusion[c*k:(c+1)*k]...)
		l := EstimatedLevel{Level: level, Precision: at(4 + 3*c), Recall: at(5 + 3*c), F1: at(6 + 3*c)}
		for d := range k {
			l.Support += e.confusion[c*k+d]
			l.Predicted += e.confusion[d*k+c]
		}
		report.Levels = append(report.Levels, l)
	}
	return report, nil
}

// figure is a metric with the variance that labels have about it; NaN where it
// is a share of nothing.
type figure struct{ value, variance float64 }

// The places of the figures: these, then precision, recall and F1 of each level.
const (
	figureAccuracy = iota
	figureMacroF1
	figureLogLoss
	figureBrier
	figureLevels
)

// figures computes all metrics. Those of the confusion matrix have the gradient
// g, by the true level i among those predicted as j, and with it the variance
// Σ_j (Σ_i g_ij² C_ij - Σ_il g_ij g_lj Σ p_i p_l): within those predicted as j
// the counts of true levels are sums of independent draws.
func (e *Estimate) figures() []figure {
	k, n := len(e.levels), float64(e.n)
	f := make([]figure, figureLevels, figureLevels+3*k)
	g, macro := make([]float64, k*k), make([]float64, k*k)
	for c := range k {
		g[c*k+c] = 1 / n
		f[figureAccuracy].value += e.confusion[c*k+c] / n
	}
	f[figureAccuracy].variance = e.varianceOf(g)
	for c := range k {
		row, column, hits := 0.0, 0.0, e.confusion[c*k+c]
		for d := range k {
			row += e.confusion[c*k+d]
			column += e.confusion[d*k+c]
		}
		// Each is w hits / (u row + v column), where the column is known.
		for i, m := range [3]struct{ w, u, v float64 }{{1, 0, 1}, {1, 1, 0}, {2, 1, 1}} {
			clear(g)
			whole := m.u*row + m.v*column
			if whole == 0 {
				f = append(f, figure{0, math.NaN()})
				continue
			}
			value := m.w * hits / whole
			for d := range k {
				g[c*k+d] = -value * m.u / whole
			}
			g[c*k+c] += m.w / whole
			f = append(f, figure{value, e.varianceOf(g)})
			if i == 2 {
				f[figureMacroF1].value += value / float64(k)
				for j := range g {
					macro[j] += g[j] / float64(k)
				}
			}
		}
	}
	f[figureMacroF1].variance = e.varianceOf(macro)
	f[figureLogLoss] = figure{e.loss[0] / n, e.variance[0] / n / n}
	f[figureBrier] = figure{e.loss[1] / n, e.variance[1] / n / n}
	if k == 2 { // as Report has it
		f[figureBrier] = figure{f[figureBrier].value / 2, f[figureBrier].variance / 4}
	}
	return f
}

// varianceOf returns the variance of a metric with gradient g.
func (e *Estimate) varianceOf(g []float64) float64 {
	k, v := len(e.levels), 0.0
	for j := range k {
		for i := range k {
			gi := g[i*k+j]
			if gi == 0 {
				continue
			}
			v += gi * gi * e.confusion[i*k+j]
			for l := range k {
				v -= gi * g[l*k+j] * e.pairs[(j*k+i)*k+l]
			}
		}
	}
	return max(0, v)
}

// estimated returns metric i with its interval.
func (f figure) estimated(i int, r *Reference, confidence float64, levels int) Estimated {
	most := 1.0
	switch {
	case i == figureLogLoss:
		most = math.Inf(1)
	case i == figureBrier && levels > 2:
		most = 2
	}
	if math.IsNaN(f.variance) {
		return Estimated{f.value, Interval{0, most}}
	}
	variance, quantile := f.variance, distuv.UnitNormal.Quantile(0.5+confidence/2)
	if r != nil {
		b := r.Errors[i]
		blocks := float64(r.Blocks)
		if variance += max(b.Squared-b.Sampling, b.Sampling/blocks); b.Squared > 0 {
			freedom := blocks * (variance / b.Squared) * (variance / b.Squared)
			quantile = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(blocks-1, freedom)}.Quantile(0.5 + confidence/2)
		}
	}
	half := quantile * math.Sqrt(variance)
	return Estimated{f.value, Interval{max(0, f.value-half), min(most, f.value+half)}}
}
