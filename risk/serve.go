package risk

import "context"

// Score assesses doc. The error is always nil unless the host's own Heuristic
// fails. It does not allocate in the long run unless there are categories to
// tell, what is asked allocates, or an observer does.
func (s *Service) Score(ctx context.Context, doc Document) (Assessment, error) {
	return s.answer(ctx, doc, 0)
}

// Explain assesses doc as Score does and explains the answer by at most n terms.
func (s *Service) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return s.answer(ctx, doc, n)
}

func (s *Service) answer(ctx context.Context, doc Document, n int) (Assessment, error) {
	start := s.o.Now()
	doc, truncated := s.o.Limit.Apply(doc)
	l := s.live.Load()
	var a Assessment
	var err error
	switch {
	case s.escalation != nil:
		a, err = Explain(ctx, s.escalation, doc, n)
	case n > 0:
		a, err = Explain(ctx, l.scorer, doc, n)
	default:
		a, err = l.scorer.Score(ctx, doc)
	}
	if err != nil {
		return a, err
	}
	a.ID = doc.ID // whoever answered
	a.Truncated = a.Truncated || truncated
	if arm := l.arm(&a); arm != nil {
		arm.outputs.observe(&a)
	}
	if len(s.o.Observers) > 0 {
		s.told.tell(ctx, &doc, &a, start)
	}
	return a, nil
}

// arm returns the arm that answered a.
func (l *live) arm(a *Assessment) *arm {
	if a.Arm == ArmCandidate {
		return l.candidate
	}
	return l.production
}

// current is the Scorer of what answers at the moment, without escalation.
type current struct{ s *Service }

func (c current) Score(ctx context.Context, doc Document) (Assessment, error) {
	return c.s.live.Load().scorer.Score(ctx, doc)
}

func (c current) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return Explain(ctx, c.s.live.Load().scorer, doc, n)
}
