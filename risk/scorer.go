package risk

import "context"

// A Scorer answers an Assessment for a Document. Implementations are safe for
// concurrent use, do not keep the Document, and return memory that the caller
// may keep.
type Scorer interface {
	Score(ctx context.Context, doc Document) (Assessment, error)
}

// An Explainer is a Scorer that can also say which terms moved the score.
// Explain answers as Score does and fills Explanation with at most n terms, the
// strongest first; n is at least 1.
type Explainer interface {
	Scorer
	Explain(ctx context.Context, doc Document, n int) (Assessment, error)
}

// Explain scores doc and has s explain the answer by at most n terms. Where s
// is not an Explainer, or n is below 1, it answers as Score does.
func Explain(ctx context.Context, s Scorer, doc Document, n int) (Assessment, error) {
	if e, ok := s.(Explainer); ok && n > 0 {
		return e.Explain(ctx, doc, n)
	}
	return s.Score(ctx, doc)
}

// A BatchScorer is a Scorer that scores many documents for less than the sum of
// their costs. ScoreBatch appends one Assessment a document to dst, in order,
// or returns the first error with what stood before it.
type BatchScorer interface {
	Scorer
	ScoreBatch(ctx context.Context, dst []Assessment, docs []Document) ([]Assessment, error)
}

// ScoreBatch appends one Assessment for each of docs to dst, in order. Where s
// is not a BatchScorer it calls Score for each. On an error it returns the
// assessments before it too.
func ScoreBatch(ctx context.Context, s Scorer, dst []Assessment, docs []Document) ([]Assessment, error) {
	if b, ok := s.(BatchScorer); ok {
		return b.ScoreBatch(ctx, dst, docs)
	}
	for _, doc := range docs {
		a, err := s.Score(ctx, doc)
		if err != nil {
			return dst, err
		}
		dst = append(dst, a)
	}
	return dst, nil
}
