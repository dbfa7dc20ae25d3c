package risk

import (
	"context"

	"github.com/riskkit/riskkit/psi"
)

// The features of answers that are watched for drift beside those of texts.
const (
	outputScore     = "score"
	outputLevel     = "level"
	outputMethod    = "method"
	outputEscalated = "escalated"
)

// countOutputs counts the answer of a model at training time.
func countOutputs(b *psi.Builder, score float64, level string) {
	b.Numeric(outputScore, score)
	b.Categorical(outputLevel, level)
	b.Categorical(outputMethod, string(MethodML))
	b.Categorical(outputEscalated, "false")
}

// outputs count answers in a monitor; those that its baseline does not have are
// nil.
type outputs struct {
	score                    *psi.Numeric
	level, method, escalated *psi.Categorical
}

func newOutputs(m *psi.Monitor) (o outputs) {
	// Versions of before there were such features have none of them.
	o.score, _ = m.Numeric(outputScore)
	o.level, _ = m.Categorical(outputLevel)
	o.method, _ = m.Categorical(outputMethod)
	o.escalated, _ = m.Categorical(outputEscalated)
	return o
}

func (o *outputs) observe(a *Assessment) {
	if o.score == nil || o.level == nil || o.method == nil || o.escalated == nil {
		return
	}
	o.score.Observe(a.Score)
	o.level.Observe(a.Level)
	o.method.Observe(string(a.Method))
	if a.Escalated {
		o.escalated.Observe("true")
	} else {
		o.escalated.Observe("false")
	}
}

// observed is a Scorer whose answers are counted.
type observed struct {
	Scorer
	outputs outputs
}

func (o *observed) Score(ctx context.Context, doc Document) (Assessment, error) {
	return o.Explain(ctx, doc, 0)
}

func (o *observed) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	a, err := Explain(ctx, o.Scorer, doc, n)
	if err == nil {
		o.outputs.observe(&a)
	}
	return a, err
}
