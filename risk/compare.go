package risk

import (
	"context"
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
	err = eachAnswer(ctx, labelled(examples, scale), scale, func(x *Example, said []answer) error {
		return invalid(p.Add(x.ID, scale.Index(x.Label), said[0].level, said[1].level, said[0].proba, said[1].proba))
	}, a, b)
	if err != nil {
		return nil, err
	}
	return p, nil
}
