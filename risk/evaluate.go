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
	slices, err := EvaluateSlices(ctx, s, examples, scale, nil)
	if err != nil {
		return eval.Report{}, err
	}
	return slices.Whole().Report()
}

// EvaluateSlices is Evaluate, also of parts of the examples: parts names those
// that an example is in, such as "tag:db"; nil means none. What it returns
// gives intervals, merges with that of other examples, and tells which parts
// are worse than the rest. Without examples it is empty, not an error.
func EvaluateSlices(ctx context.Context, s Scorer, examples iter.Seq2[Example, error], scale Scale, parts func(Example) []string) (*eval.Slices, error) {
	if scale == nil {
		scale = DefaultScale()
	}
	slices, err := eval.NewSlices(scale, 0)
	if err != nil {
		return nil, err
	}
	p := make([]float64, len(scale))
	n := 0
	for x, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		n++
		truth := scale.Index(x.Label)
		if truth < 0 {
			return nil, fmt.Errorf("%w: example %d, id %q, has label %q, want one of %q", ErrLabel, n, x.ID, x.Label, []string(scale))
		}
		a, err := s.Score(ctx, x.Document)
		if err != nil {
			return nil, err
		}
		if err := a.check(scale); err != nil {
			return nil, fmt.Errorf("%w: example %d, id %q: %w", ErrInvalid, n, x.ID, err)
		}
		for k, level := range scale {
			p[k] = a.Probabilities.Of(level)
		}
		var names []string
		if parts != nil {
			names = parts(x)
		}
		if err := slices.Add(names, truth, scale.Index(a.Level), p, 1); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return slices, nil
}
