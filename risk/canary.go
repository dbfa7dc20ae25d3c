package risk

import "context"

// A Canary is a Scorer that has Candidate answer for some documents and
// Production for the rest, and says in Rollout and Arm which it was. A document
// that Candidate fails at, by an error, a panic or an answer that makes no
// sense, is answered by Production, with the reason in FallbackReason. All
// fields but Rollout and Observer are needed; none may change once it is in use.
type Canary struct {
	Production, Candidate Scorer
	// Scale is what Candidate's levels must be on.
	Scale Scale
	// Rollout is the id of the rollout.
	Rollout string
	// Takes says whether Candidate answers for a document. It must say the same
	// for the same document, on all replicas. It is called for each document; one
	// that panics says no.
	Takes func(Document) bool
	// Observer, if not nil, is told what Candidate Failed at, but not where the
	// caller gave up or a Breaker is open.
	Observer Observer
}

// Score answers as Candidate or Production does. The error is Production's.
func (c *Canary) Score(ctx context.Context, doc Document) (Assessment, error) {
	return c.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has the answering scorer explain it.
func (c *Canary) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	var reason FallbackReason
	if takes(c.Takes, doc) {
		a, err := askValid(ctx, c.Candidate, doc, n, c.Scale)
		if err == nil {
			a.Rollout, a.Arm = c.Rollout, ArmCandidate
			return a, nil
		}
		reason = reasonOf(err)
		if c.Observer != nil && ctx.Err() == nil && reason != ReasonBreaker {
			isolated(c.Observer).Failed(StageCandidate, err)
		}
	}
	a, err := Explain(ctx, c.Production, doc, n)
	a.Rollout, a.Arm = c.Rollout, ArmProduction
	if a.FallbackReason == "" {
		a.FallbackReason = reason
	}
	return a, err
}
