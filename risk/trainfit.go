package risk

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/tfidf"
)

// fitted is what the fit of all examples gives.
type fitted struct {
	weigher    *weigher
	rows       *logreg.Rows
	vectorizer *tfidf.Vectorizer
	classifier *logreg.Model
	// mean has the mean value of each feature over the examples.
	mean []float64
}

// fit fits features and classifier on all examples.
func (t *trainer) fit(ctx context.Context) (*fitted, error) {
	r := &t.report
	f := new(fitted)
	start := t.o.Now()
	lap := func() time.Duration {
		now := t.o.Now()
		d := now.Sub(start)
		start = now
		return d
	}
	var err error
	if f.weigher, err = t.newWeigher(r.Recipe, nil); err != nil {
		return nil, err
	}
	if f.vectorizer, err = f.weigher.selection.Vectorizer(); err != nil {
		return nil, err
	}
	var y []int
	if f.rows, y, err = t.rows(f.weigher, nil); err != nil {
		return nil, err
	}
	r.Vectorise = t.readTime + lap()
	m, result, err := logreg.Fit(ctx, f.rows, y, len(t.o.Scale), &logreg.Options{
		C: r.C, Balanced: t.o.Balanced, SampleWeights: t.weights(r.Recipe, nil), Tolerance: finalTolerance,
	})
	if err != nil {
		return nil, err
	}
	r.Fit = lap()
	f.mean = make([]float64, m.NumFeatures())
	for i := range f.rows.Len() {
		ind, val := f.rows.Row(i)
		for k, j := range ind {
			f.mean[j] += val[k] / float64(len(y))
		}
	}
	f.classifier = m
	if scale := f.weigher.scale; scale != nil {
		if f.classifier, err = m.Rescaled(scale); err != nil {
			return nil, err
		}
		for j, v := range scale {
			if v > 0 {
				f.mean[j] /= v
			}
		}
	}
	r.Options, r.Features = f.vectorizer.Options(), f.vectorizer.NumFeatures()
	r.Status, r.Objective, r.Gap = result.Status.String(), result.Objective, result.Gap
	return f, nil
}

// calibrate learns the calibration and the thresholds from the probabilities of
// held-out examples, and measures how good they then are.
func (t *trainer) calibrate(held []float64) (logreg.Calibrator, []float64, error) {
	k, r := len(t.o.Scale), &t.report
	kind := t.o.Calibration
	if kind == "" {
		var err error
		if kind, err = t.chooseCalibration(held); err != nil {
			return nil, nil, err
		}
	}
	c, err := logreg.FitCalibration(kind, held, t.y, k, t.weights(r.Recipe, nil))
	if err != nil {
		return nil, nil, err
	}
	scores := make([]float64, len(t.y))
	for i := range scores {
		p := held[i*k : (i+1)*k]
		c.Apply(p)
		scores[i] = t.o.Scale.Severity(p)
	}
	thresholds, err := eval.Thresholds(scores, t.y, k, t.o.Objective)
	if err != nil {
		return nil, nil, err
	}
	e, err := eval.New(t.o.Scale)
	if err != nil {
		return nil, nil, err
	}
	for i, y := range t.y {
		rank, _ := Cut(thresholds, scores[i])
		t.ranks = append(t.ranks, rank)
		if err := e.Add(y, rank, held[i*k:(i+1)*k]); err != nil {
			return nil, nil, err
		}
	}
	t.scores = scores
	r.Calibration, r.Thresholds, r.ThresholdsFor = kind, thresholds, t.o.Objective.String()
	r.Metrics, err = e.Report()
	return c, thresholds, err
}

// chooseCalibration returns the kind of calibration that serves the best on a
// fold when it is learned from the others: temperature, which has the least to
// learn, unless another has less log loss by more than the standard error of the
// difference.
func (t *trainer) chooseCalibration(held []float64) (logreg.Calibration, error) {
	k := len(t.o.Scale)
	var first []float64
	best, least := logreg.CalibrationTemperature, 0.0
	for _, kind := range []logreg.Calibration{logreg.CalibrationTemperature, logreg.CalibrationSigmoid, logreg.CalibrationIsotonic} {
		losses := make([]float64, t.o.Folds)
		for f := range losses {
			var p []float64
			var y []int
			others := func(i int) bool { return t.fold[i] != f }
			for i, level := range t.y {
				if others(i) {
					p, y = append(p, held[i*k:(i+1)*k]...), append(y, level)
				}
			}
			c, err := logreg.FitCalibration(kind, p, y, k, t.weights(t.report.Recipe, others))
			if err != nil {
				return "", err
			}
			n := 0.0
			row := make([]float64, k)
			for i, level := range t.y {
				if t.fold[i] == f {
					copy(row, held[i*k:(i+1)*k])
					c.Apply(row)
					losses[f] -= math.Log(max(row[level], 1e-15))
					n++
				}
			}
			losses[f] /= n
		}
		if first == nil {
			first = slices.Clone(losses)
		}
		for f := range losses {
			losses[f] -= first[f]
		}
		if better, stdErr := meanOf(losses); better < -stdErr && better < least {
			best, least = kind, better
		}
	}
	return best, nil
}
