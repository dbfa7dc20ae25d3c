package risk

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
)

// An Estimator estimates how good a Scorer's answers are before their labels
// come, from its probabilities: calibrated once more on labelled examples that
// it did not learn from, with intervals from how wrong such estimates were
// there. It is made by FitEstimator, or decoded from JSON, without which it
// cannot be used, does not change afterwards, and is safe for concurrent use.
// See eval.Estimate for what it cannot see.
type Estimator struct {
	scale       Scale
	calibration logreg.Calibrator
	reference   *eval.Reference
	pool        sync.Pool // of *[]float64, two rows of probabilities
}

// EstimatorOptions say how an Estimator is fitted. The zero value means the
// defaults.
type EstimatorOptions struct {
	// Scale is that of answers and labels. nil means DefaultScale.
	Scale Scale
	// Calibration is the kind of map from the Scorer's probabilities to
	// calibrated ones. Empty means logreg.CalibrationIsotonic, which assumes the
	// least and wants some thousand examples; logreg.CalibrationTemperature does
	// with some hundred.
	Calibration logreg.Calibration
	// Blocks is the number of parts that are held out in turn. 0 means 10.
	Blocks int
}

// FitEstimator fits an Estimator of the answers of s on examples with labels, which
// s must not have learned from: best those of the last weeks that have labels.
// Where all have a CreatedAt they are taken in that order. It keeps their
// probabilities in memory. nil opts means the defaults. Errors are those of
// Evaluate, logreg.FitCalibration and eval.FitReference.
func FitEstimator(ctx context.Context, s Scorer, examples iter.Seq2[Example, error], opts *EstimatorOptions) (*Estimator, error) {
	var o EstimatorOptions
	if opts != nil {
		o = *opts
	}
	if o.Scale == nil {
		o.Scale = DefaultScale()
	}
	if err := o.Scale.Validate(); err != nil {
		return nil, err
	}
	if o.Calibration == "" {
		o.Calibration = logreg.CalibrationIsotonic
	}
	type labelledAnswer struct {
		at               time.Time
		truth, predicted int
		proba            []float64
	}
	var answers []labelledAnswer
	timed := true
	err := eachAnswer(ctx, labelled(examples, o.Scale), o.Scale, func(x *Example, said []answer) error {
		answers = append(answers, labelledAnswer{x.CreatedAt, o.Scale.Index(x.Label), said[0].level, slices.Clone(said[0].proba)})
		timed = timed && !x.CreatedAt.IsZero()
		return nil
	}, s)
	if err != nil {
		return nil, err
	}
	if timed {
		slices.SortStableFunc(answers, func(a, b labelledAnswer) int { return a.at.Compare(b.at) })
	}
	var proba []float64
	var truth, predicted []int
	for _, a := range answers {
		proba, truth, predicted = append(proba, a.proba...), append(truth, a.truth), append(predicted, a.predicted)
	}
	fit := func(p []float64, y []int) (eval.Calibrator, error) {
		return logreg.FitCalibration(o.Calibration, p, y, len(o.Scale), nil)
	}
	e := &Estimator{scale: slices.Clone(o.Scale)}
	if e.reference, err = eval.FitReference(e.scale, proba, truth, predicted, fit, &eval.ReferenceOptions{Blocks: o.Blocks}); err != nil {
		return nil, err
	}
	e.calibration, err = logreg.FitCalibration(o.Calibration, proba, truth, len(o.Scale), nil)
	return e, err
}

// Scale returns the levels that e estimates.
func (e *Estimator) Scale() Scale { return slices.Clone(e.scale) }

// Calibrate brings probabilities, one a level, to what labelled examples say of
// them.
func (e *Estimator) Calibrate(p []float64) { e.calibration.Apply(p) }

// NewEstimate returns an empty state that Add counts in, and Report reads.
func (e *Estimator) NewEstimate() (*eval.Estimate, error) { return eval.NewEstimate(e.scale) }

// Add counts an answer in a state of NewEstimate, without allocating. The error
// wraps ErrInvalid where the answer is not on the scale or has no probabilities.
func (e *Estimator) Add(to *eval.Estimate, a *Assessment) error {
	if err := a.check(e.scale); err != nil {
		return fmt.Errorf("%w: id %q: %w", ErrInvalid, a.ID, err)
	}
	room := e.room()
	defer e.pool.Put(room)
	p := (*room)[:0]
	for _, level := range e.scale {
		p = append(p, a.Probabilities.Of(level))
	}
	return e.add(to, e.scale.Index(a.Level), p)
}

// add counts an answer whose probabilities have room behind them for as many.
func (e *Estimator) add(to *eval.Estimate, predicted int, proba []float64) error {
	k := len(proba)
	calibrated := append(proba, proba...)[k:]
	e.calibration.Apply(calibrated)
	if err := to.Add(predicted, proba, calibrated); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// room returns memory for two rows of probabilities.
func (e *Estimator) room() *[]float64 {
	if room, ok := e.pool.Get().(*[]float64); ok {
		return room
	}
	room := make([]float64, 0, 2*len(e.scale))
	return &room
}

// Report computes the expected metrics of what was added to a state, with
// intervals of the given confidence; see eval.Estimate.Report.
func (e *Estimator) Report(of *eval.Estimate, confidence float64) (eval.EstimateReport, error) {
	return of.Report(e.reference, confidence)
}

// Estimate has s score examples, whose labels are not looked at, and estimates
// by e how good the answers are, with intervals of the given confidence. The
// errors are those of Evaluate.
func Estimate(ctx context.Context, s Scorer, examples iter.Seq2[Example, error], e *Estimator, confidence float64) (eval.EstimateReport, error) {
	state, err := e.NewEstimate()
	if err != nil {
		return eval.EstimateReport{}, err
	}
	err = eachAnswer(ctx, examples, e.scale, func(_ *Example, said []answer) error {
		return e.add(state, said[0].level, said[0].proba)
	}, s)
	if err != nil {
		return eval.EstimateReport{}, err
	}
	return e.Report(state, confidence)
}

// estimatorFile is the form of an Estimator as JSON.
type estimatorFile struct {
	Scale       Scale           `json:"scale"`
	Calibration json.RawMessage `json:"calibration"`
	Reference   *eval.Reference `json:"reference"`
}

// MarshalJSON writes e, from which UnmarshalJSON makes an equal one.
func (e *Estimator) MarshalJSON() ([]byte, error) {
	c, err := logreg.MarshalCalibration(e.calibration)
	if err != nil {
		return nil, err
	}
	return json.Marshal(estimatorFile{e.scale, c, e.reference})
}

// UnmarshalJSON reads what MarshalJSON wrote. Errors wrap ErrScale, ErrModel or
// those of logreg.UnmarshalCalibration and leave e as it was.
func (e *Estimator) UnmarshalJSON(data []byte) error {
	var f estimatorFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("%w: estimator: %w", ErrModel, err)
	}
	if err := f.Scale.Validate(); err != nil {
		return err
	}
	if f.Reference == nil {
		return fmt.Errorf("%w: the estimator has no reference", ErrModel)
	}
	if err := f.Reference.Validate(f.Scale); err != nil {
		return err
	}
	c, err := logreg.UnmarshalCalibration(f.Calibration)
	if err != nil {
		return err
	}
	if n, ok := c.(interface{ NumClasses() int }); ok && n.NumClasses() != len(f.Scale) {
		return fmt.Errorf("%w: the calibration is of %d classes, the levels are %q", ErrModel, n.NumClasses(), []string(f.Scale))
	}
	e.scale, e.calibration, e.reference = f.Scale, c, f.Reference
	e.pool = sync.Pool{} // its rows may be of another length
	return nil
}
