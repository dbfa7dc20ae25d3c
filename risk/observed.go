package risk

import (
	"context"
	"sync"
	"time"
)

// An Observed is a Scorer that tells Observer of each answer of Scorer: metrics,
// logs and an audit log are observers. That Observer panics changes nothing. An
// error is not told, for the caller has it. All fields but Now are needed; none
// may change once it is in use.
type Observed struct {
	Scorer   Scorer
	Observer Observer
	// Now tells the time. nil means time.Now, as does a panic.
	Now func() time.Time

	pool sync.Pool // of *telling
}

// telling is what is told, and to whom.
type telling struct {
	scored Scored
	to     Observers
}

// Score answers as Scorer does.
func (o *Observed) Score(ctx context.Context, doc Document) (Assessment, error) {
	return o.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has Scorer explain it.
func (o *Observed) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	start := clock(o.Now)
	a, err := Explain(ctx, o.Scorer, doc, n)
	if err == nil {
		o.tell(ctx, &doc, &a, start)
	}
	return a, err
}

// tell tells of an answer to a document that came in at start.
func (o *Observed) tell(ctx context.Context, doc *Document, a *Assessment, start time.Time) {
	t, ok := o.pool.Get().(*telling)
	if !ok {
		t = &telling{to: isolated(o.Observer)}
	}
	t.scored = Scored{Document: *doc, Assessment: *a, Time: start, Duration: max(0, clock(o.Now).Sub(start))}
	t.to.Scored(ctx, &t.scored)
	t.scored = Scored{} // keep no text
	o.pool.Put(t)
}
