package risk

import (
	"context"
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
	err = eachAnswer(ctx, labelled(examples, scale), scale, func(x *Example, said []answer) error {
		var names []string
		if parts != nil {
			names = parts(*x)
		}
		return invalid(slices.Add(names, scale.Index(x.Label), said[0].level, said[0].proba, 1))
	}, s)
	if err != nil {
		return nil, err
	}
	return slices, nil
}
