package eval

import (
	"fmt"
	"math"
	"slices"
)

// A Calibrator replaces the probabilities p, one a level, by calibrated ones.
// Those of package logreg are some.
type Calibrator interface {
	Apply(p []float64)
}

// A Reference says how wrong estimates were on labelled examples; an Estimate
// takes from it how wide its intervals must be. It is made by FitReference, or
// decoded from JSON.
type Reference struct {
	Levels []string `json:"levels"`
	// N is the number of labelled examples, Blocks that of the parts that were
	// held out in turn.
	N      int64 `json:"n"`
	Blocks int   `json:"blocks"`
	// Errors are of accuracy, macro-F1, log loss and Brier score, then of
	// precision, recall and F1 of each level.
	Errors []ReferenceError `json:"errors"`
}

// A ReferenceError is how wrong the estimates of one metric were over the
// blocks: the mean Squared difference from the truth, and how much of it
// Sampling explains, were probabilities calibrated to perfection.
type ReferenceError struct {
	Squared  float64 `json:"squared"`
	Sampling float64 `json:"sampling"`
}

// ReferenceOptions say how FitReference goes about it. The zero value means the
// defaults.
type ReferenceOptions struct {
	// Blocks is the number of parts. 0 means 10. Few and large ones tell more of
	// slow changes, many of how much they vary.
	Blocks int
}

// minBlock is the least number of examples of a block.
const minBlock = 20

// FitReference holds each of several blocks of labelled examples out in turn,
// fits a calibration on the others, and compares what an Estimate says of the
// block with what its labels say. The error of calibration comes out as it is
// between times, also where an independent sample of the same time would agree:
// that is why examples should stand in order of time, which makes a block a
// stretch of it.
//
// proba has the probabilities of each example, row after row; the model must
// not have learned from these examples. truth and predicted are its levels. fit
// returns the calibration of some rows; nil means that proba is taken as it is.
// There must be 20 examples a block. nil opts means the defaults. Errors wrap
// ErrInput or are those of fit.
func FitReference(levels []string, proba []float64, truth, predicted []int, fit func(proba []float64, truth []int) (Calibrator, error), opts *ReferenceOptions) (*Reference, error) {
	blocks := 10
	if opts != nil && opts.Blocks != 0 {
		blocks = opts.Blocks
	}
	k, n := len(levels), len(truth)
	switch {
	case len(predicted) != n || k == 0 || len(proba) != n*k:
		return nil, fmt.Errorf("%w: %d true and %d predicted levels with %d probabilities of %d levels", ErrInput, n, len(predicted), len(proba), k)
	case blocks < 2 || n < minBlock*blocks:
		return nil, fmt.Errorf("%w: %d labelled examples for %d blocks, want 2 blocks or more of at least %d", ErrInput, n, blocks, minBlock)
	}
	r := &Reference{Levels: slices.Clone(levels), N: int64(n), Blocks: blocks, Errors: make([]ReferenceError, figureLevels+3*k)}
	row, certain := make([]float64, k), make([]float64, k)
	for b := range blocks {
		from, to := b*n/blocks, (b+1)*n/blocks
		var c Calibrator
		if fit != nil {
			var err error
			if c, err = fit(slices.Concat(proba[:from*k], proba[to*k:]), slices.Concat(truth[:from], truth[to:])); err != nil {
				return nil, fmt.Errorf("calibrating without block %d of %d: %w", b+1, blocks, err)
			}
		}
		estimate, err := NewEstimate(levels)
		if err != nil {
			return nil, err
		}
		known, _ := NewEstimate(levels) // of levels that are certain
		for i := from; i < to; i++ {
			answered := proba[i*k : (i+1)*k]
			copy(row, answered)
			if c != nil {
				c.Apply(row)
			}
			if truth[i] < 0 || truth[i] >= k {
				return nil, fmt.Errorf("%w: example %d has true level %d of %d", ErrInput, i, truth[i], k)
			}
			clear(certain)
			certain[truth[i]] = 1
			if err := estimate.Add(predicted[i], answered, row); err != nil {
				return nil, fmt.Errorf("labelled example %d: %w", i, err)
			}
			if err := known.Add(predicted[i], answered, certain); err != nil {
				return nil, fmt.Errorf("labelled example %d: %w", i, err)
			}
		}
		was := known.figures()
		for m, f := range estimate.figures() {
			d := f.value - was[m].value
			r.Errors[m].Squared += d * d / float64(blocks)
			if !math.IsNaN(f.variance) {
				r.Errors[m].Sampling += f.variance / float64(blocks)
			}
		}
	}
	return r, nil
}

// Validate returns an error that wraps ErrInput unless r is a Reference over
// levels.
func (r *Reference) Validate(levels []string) error {
	if !slices.Equal(r.Levels, levels) || len(r.Errors) != figureLevels+3*len(levels) || r.Blocks < 2 {
		return fmt.Errorf("%w: the reference is of levels %q with %d errors of %d blocks, the estimate of %q", ErrInput, r.Levels, len(r.Errors), r.Blocks, levels)
	}
	for i, e := range r.Errors {
		if !(e.Squared >= 0 && e.Squared <= math.MaxFloat64 && e.Sampling >= 0 && e.Sampling <= math.MaxFloat64) {
			return fmt.Errorf("%w: error %d of the reference is %+v", ErrInput, i, e)
		}
	}
	return nil
}
