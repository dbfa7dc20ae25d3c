package risk

import (
	"context"
	"fmt"
	"iter"
)

// answer is what a Scorer says of an example, by a scale.
type answer struct {
	level int
	proba []float64
}

// eachAnswer has scorers score each example and calls do with what they say, one
// answer each, which is good until it returns.
func eachAnswer(ctx context.Context, examples iter.Seq2[Example, error], scale Scale, do func(x *Example, said []answer) error, scorers ...Scorer) error {
	said := make([]answer, len(scorers))
	for i := range said {
		said[i].proba = make([]float64, len(scale), 2*len(scale)) // with room for Estimator.add
	}
	n := 0
	for x, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n++
		for i, s := range scorers {
			a, err := s.Score(ctx, x.Document)
			if err != nil {
				return err
			}
			if err := a.check(scale); err != nil {
				return fmt.Errorf("%w: example %d, id %q, by %s %s: %w", ErrInvalid, n, x.ID, a.Method, a.ModelVersion, err)
			}
			said[i].level = scale.Index(a.Level)
			for k, level := range scale {
				said[i].proba[k] = a.Probabilities.Of(level)
			}
		}
		if err := do(&x, said); err != nil {
			return err
		}
	}
	return nil
}

// invalid wraps what is wrong with an answer.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// labelled yields examples up to the first whose label is not on the scale, which
// is an error that wraps ErrLabel.
func labelled(examples iter.Seq2[Example, error], scale Scale) iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		n := 0
		for x, err := range examples {
			n++
			if err == nil && scale.Index(x.Label) < 0 {
				err = fmt.Errorf("%w: example %d, id %q, has label %q, want one of %q", ErrLabel, n, x.ID, x.Label, []string(scale))
			}
			if !yield(x, err) {
				return
			}
		}
	}
}
