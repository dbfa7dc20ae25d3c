package risk

import (
	"context"
	"fmt"
	"iter"

	"github.com/riskkit/riskkit/eval"
)

// Compare has two Scorers, a and b, score the same labelled examples and counts
// what each answered, for the result to be compared and judged by an eval.Gate.
// By convention a is the old version, b the new one. scale is that of all; nil
// means DefaultScale. o, which may be nil, says how many ids of examples are
// kept to which they give different answers. Errors are those of Evaluate, but
// no examples are none.
func Compare(ctx context.Context, a, b Scorer, examples iter.Seq2[Example, error], scale Scale, o *eval.PairsOptions) (*eval.Pairs, error) {
	if scale == nil {
		scale = DefaultScale()
	}
	p, err := eval.NewPairs(scale, o)
	if err != nil {
		return nil, err
	}
	scorers := [2]Scorer{a, b}
	var predicted [2]int
	var proba [2][]float64
	for i := range proba {
		proba[i] = make([]float64, len(scale))
	}
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
		for i, s := range scorers {
			answer, err := s.Score(ctx, x.Document)
			if err != nil {
				return nil, err
			}
			if err := answer.check(scale); err != nil {
				return nil, fmt.Errorf("%w: example %d, id %q, by %s %s: %w", ErrInvalid, n, x.ID, answer.Method, answer.ModelVersion, err)
			}
			predicted[i] = scale.Index(answer.Level)
			for k, level := range scale {
				proba[i][k] = answer.Probabilities.Of(level)
			}
		}
		if err := p.Add(x.ID, truth, predicted[0], predicted[1], proba[0], proba[1]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return p, nil
}
