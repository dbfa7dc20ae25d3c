package risk

import (
	"context"
	"fmt"
	"iter"

	"github.com/riskkit/riskkit/eval"
)

// Evaluate has s score labelled examples and measures its levels and
// probabilities against their labels. scale is that of both; nil means
// DefaultScale. Errors wrap ErrLabel, ErrInvalid where an answer is not on the
// scale or has no probabilities, eval.ErrEmpty where there are no examples, or
// are those of s, of the examples, or ctx's.
func Evaluate(ctx context.Context, s Scorer, examples iter.Seq2[Example, error], scale Scale) (eval.Report, error) {
	if scale == nil {
		scale = DefaultScale()
	}
	e, err := eval.New(scale)
	if err != nil {
		return eval.Report{}, err
	}
	p := make([]float64, len(scale))
	n := 0
	for x, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return eval.Report{}, err
		}
		n++
		truth := scale.Index(x.Label)
		if truth < 0 {
			return eval.Report{}, fmt.Errorf("%w: example %d, id %q, has label %q, want one of %q", ErrLabel, n, x.ID, x.Label, []string(scale))
		}
		a, err := s.Score(ctx, x.Document)
		if err != nil {
			return eval.Report{}, err
		}
		if err := a.check(scale); err != nil {
			return eval.Report{}, fmt.Errorf("%w: example %d, id %q: %w", ErrInvalid, n, x.ID, err)
		}
		for k, level := range scale {
			p[k] = a.Probabilities.Of(level)
		}
		if err := e.Add(truth, scale.Index(a.Level), p); err != nil {
			return eval.Report{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return e.Report()
}
