package eval

import (
	"fmt"
	"math"
	"slices"
)

// A Metric names a number by which two versions are compared.
type Metric string

// The metrics of a comparison. Precision, recall and F1 are those of a level,
// the others of all examples. What would be a division by 0 is 0. Of log loss,
// Brier score and cost less is better, of the others more.
const (
	MetricAccuracy         Metric = "accuracy"
	MetricBalancedAccuracy Metric = "balanced_accuracy" // mean recall of the levels that occur
	MetricMacroF1          Metric = "macro_f1"
	MetricMCC              Metric = "mcc"             // Matthews's correlation coefficient, in [-1,1]
	MetricKappa            Metric = "kappa"           // Cohen's, in [-1,1]
	MetricQuadraticKappa   Metric = "quadratic_kappa" // the same, weighted by the squared distance of the levels
	MetricCost             Metric = "cost"            // mean cost of an example by a Cost matrix
	MetricLogLoss          Metric = "log_loss"
	MetricBrier            Metric = "brier"
	MetricPrecision        Metric = "precision"
	MetricRecall           Metric = "recall"
	MetricF1               Metric = "f1"
)

// metricsOfAll returns those of a confusion matrix as a whole, without cost.
func metricsOfAll() []Metric {
	return []Metric{MetricAccuracy, MetricBalancedAccuracy, MetricMacroF1, MetricMCC, MetricKappa, MetricQuadraticKappa}
}

// metricsOfLevel returns those of a level.
func metricsOfLevel() []Metric { return []Metric{MetricPrecision, MetricRecall, MetricF1} }

// LessIsBetter reports whether a smaller value is the better one.
func (m Metric) LessIsBetter() bool {
	return m == MetricLogLoss || m == MetricBrier || m == MetricCost
}

// ofLevel reports whether m is measured of one level.
func (m Metric) ofLevel() bool { return slices.Contains(metricsOfLevel(), m) }

// aMeasure is a metric, of a level where it has one, by a cost matrix where it
// needs one.
type aMeasure struct {
	metric Metric
	level  int
	cost   Cost
}

// newMeasure checks that metric and level make sense over the levels.
func newMeasure(levels []string, m Metric, level string, cost Cost) (aMeasure, error) {
	known := m == MetricCost || m == MetricLogLoss || m == MetricBrier || slices.Contains(metricsOfAll(), m)
	i := slices.Index(levels, level)
	switch {
	case !known && !m.ofLevel():
		return aMeasure{}, fmt.Errorf("%w: there is no metric %q", ErrInput, m)
	case m.ofLevel() && i < 0:
		return aMeasure{}, fmt.Errorf("%w: %s of level %q, want one of %q", ErrInput, m, level, levels)
	case !m.ofLevel() && level != "":
		return aMeasure{}, fmt.Errorf("%w: %s is not of a level such as %q", ErrInput, m, level)
	case m == MetricCost:
		if err := cost.Check(len(levels)); err != nil {
			return aMeasure{}, err
		}
	}
	return aMeasure{m, i, cost}, nil
}

// A confusionTable is a confusion matrix, of counts or of shares, with its
// margins.
type confusionTable struct {
	k          int
	n          float64
	cell       []float64 // of truth*k + predicted
	rows, cols []float64
}

func newConfusionTable(k int) *confusionTable {
	return &confusionTable{k: k, cell: make([]float64, k*k), rows: make([]float64, k), cols: make([]float64, k)}
}

// sum computes the margins from the cells.
func (t *confusionTable) sum() {
	t.n = 0
	clear(t.rows)
	clear(t.cols)
	for i := range t.k {
		for j := range t.k {
			c := t.cell[i*t.k+j]
			t.n += c
			t.rows[i] += c
			t.cols[j] += c
		}
	}
}

// value returns the measure m of the table.
func (t *confusionTable) value(m aMeasure) float64 { return t.measure(m, nil) }

// influence fills dst with the derivative of the measure m by the count of each
// cell: what one more example of truth i predicted as j would change it by, at
// dst[i*k+j]. All measures stay the same when all counts are doubled, so that
// the influences weighted by the counts sum to 0, and the sum of their squares,
// weighted so, is the variance of m by the delta method (Efron, The Jackknife,
// the Bootstrap and Other Resampling Plans, 1982, section 6.3, calls it the
// infinitesimal jackknife).
func (t *confusionTable) influence(dst []float64, m aMeasure) { t.measure(m, dst) }

// measure returns the value of m and, unless dst is nil, fills it with the
// influences.
func (t *confusionTable) measure(m aMeasure, dst []float64) float64 {
	clear(dst)
	switch m.metric {
	case MetricAccuracy:
		return t.mean(func(i, j int) float64 { return indicator(i == j) }, dst)
	case MetricCost:
		return t.mean(func(i, j int) float64 { return m.cost[i][j] }, dst)
	case MetricMCC:
		return t.mcc(dst)
	case MetricKappa:
		return t.kappa(func(i, j int) float64 { return indicator(i != j) }, dst)
	case MetricQuadraticKappa:
		return t.kappa(func(i, j int) float64 { return float64((i - j) * (i - j)) }, dst)
	case MetricPrecision:
		return t.ratio(m.level, 0, 1, 1, dst)
	case MetricRecall:
		return t.ratio(m.level, 1, 0, 1, dst)
	case MetricF1:
		return t.ratio(m.level, 0.5, 0.5, 1, dst)
	case MetricMacroF1:
		value := 0.0
		for c := range t.k {
			value += t.ratio(c, 0.5, 0.5, 1/float64(t.k), dst)
		}
		return value
	case MetricBalancedAccuracy:
		value, present := 0.0, 0.0
		for _, n := range t.rows {
			present += indicator(n > 0)
		}
		for c, n := range t.rows {
			if n > 0 {
				value += t.ratio(c, 1, 0, 1/present, dst)
			}
		}
		return value
	}
	return 0 // log loss and Brier score are not of a confusion matrix
}

// ratio returns weight * hits / (row*support + col*predicted) of level c, and
// adds its influences to dst.
func (t *confusionTable) ratio(c int, row, col, weight float64, dst []float64) float64 {
	of := row*t.rows[c] + col*t.cols[c]
	if of == 0 {
		return 0
	}
	value := t.cell[c*t.k+c] / of
	if dst != nil {
		for i := range t.k {
			dst[c*t.k+i] -= weight * value * row / of
			dst[i*t.k+c] -= weight * value * col / of
		}
		dst[c*t.k+c] += weight / of
	}
	return weight * value
}

// mean returns the mean of what an example of truth i predicted as j is worth.
func (t *confusionTable) mean(worth func(i, j int) float64, dst []float64) float64 {
	if t.n == 0 {
		return 0
	}
	value := 0.0
	for i := range t.k {
		for j := range t.k {
			value += worth(i, j) * t.cell[i*t.k+j] / t.n
		}
	}
	if dst != nil {
		for i := range t.k {
			for j := range t.k {
				dst[i*t.k+j] = (worth(i, j) - value) / t.n
			}
		}
	}
	return value
}

// mcc returns Matthews's correlation coefficient of many levels (Gorodkin,
// Comparing Two K-Category Assignments by a K-Category Correlation Coefficient,
// 2004).
func (t *confusionTable) mcc(dst []float64) float64 {
	both, truth, predicted, hits := 0.0, 1.0, 1.0, 0.0
	for c := range t.k {
		r, p := t.rows[c]/t.n, t.cols[c]/t.n
		hits += t.cell[c*t.k+c] / t.n
		both += r * p
		truth -= r * r
		predicted -= p * p
	}
	const least = 1e-15 // what rounding leaves of a variance of 0
	if !(truth > least && predicted > least) {
		return 0
	}
	root := math.Sqrt(truth * predicted)
	value := (hits - both) / root
	if dst != nil {
		for i := range t.k {
			for j := range t.k {
				r, p := t.rows, t.cols
				above := indicator(i == j) + hits - (p[i]+r[j])/t.n
				below := (1-r[i]/t.n)/truth + (1-p[j]/t.n)/predicted
				dst[i*t.k+j] = (above/root - value*below) / t.n
			}
		}
	}
	return value
}

// kappa returns Cohen's kappa, 1 less the observed disagreement over the
// expected one (Cohen, Weighted Kappa, 1968).
func (t *confusionTable) kappa(disagreement func(i, j int) float64, dst []float64) float64 {
	observed, expected := 0.0, 0.0
	byRow, byCol := make([]float64, t.k), make([]float64, t.k) // expected of a truth, of a prediction
	for i := range t.k {
		for j := range t.k {
			d := disagreement(i, j)
			observed += d * t.cell[i*t.k+j] / t.n
			byRow[i] += d * t.cols[j] / t.n
			byCol[j] += d * t.rows[i] / t.n
		}
	}
	for i, d := range byRow {
		expected += d * t.rows[i] / t.n
	}
	if !(expected > 0) {
		return 0
	}
	if dst != nil {
		for i := range t.k {
			for j := range t.k {
				dObserved := disagreement(i, j) - observed
				dExpected := byRow[i] + byCol[j] - 2*expected
				dst[i*t.k+j] = -(dObserved - dExpected*observed/expected) / (expected * t.n)
			}
		}
	}
	return 1 - observed/expected
}

// indicator returns 1 for true, 0 for false.
func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
