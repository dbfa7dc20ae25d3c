package riskotel

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/riskkit/riskkit/risk"
)

// A Scorer is a risk.Scorer around another that has a span for each call, with
// what came of it. It is a risk.Explainer and a risk.BatchScorer too, as far as
// the other is. It is made by NewScorer and as safe for concurrent use as the
// other.
type Scorer struct {
	scorer risk.Scorer
	tracer trace.Tracer
}

// NewScorer returns a Scorer around s. nil opts means the defaults.
func NewScorer(s risk.Scorer, opts *Options) *Scorer {
	o := opts.withDefaults()
	return &Scorer{s, o.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(version()))}
}

// Score answers as the other does, within a span.
func (s *Scorer) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	ctx, span := s.tracer.Start(ctx, "risk.score")
	defer span.End()
	a, err := s.scorer.Score(ctx, doc)
	tell(span, &doc, &a, err)
	return a, err
}

// Explain answers as risk.Explain does, within a span.
func (s *Scorer) Explain(ctx context.Context, doc risk.Document, n int) (risk.Assessment, error) {
	ctx, span := s.tracer.Start(ctx, "risk.explain")
	defer span.End()
	a, err := risk.Explain(ctx, s.scorer, doc, n)
	tell(span, &doc, &a, err)
	return a, err
}

// ScoreBatch answers as risk.ScoreBatch does, within one span, which has the
// number of documents as risk_documents and nothing of each.
func (s *Scorer) ScoreBatch(ctx context.Context, dst []risk.Assessment, docs []risk.Document) ([]risk.Assessment, error) {
	ctx, span := s.tracer.Start(ctx, "risk.score_batch")
	defer span.End()
	dst, err := risk.ScoreBatch(ctx, s.scorer, dst, docs)
	if span.IsRecording() {
		span.SetAttributes(attribute.Int("risk_documents", len(docs)))
		fail(span, err)
	}
	return dst, err
}

// tell has a span say what came of a call, if anybody listens.
func tell(span trace.Span, doc *risk.Document, a *risk.Assessment, err error) {
	if !span.IsRecording() {
		return
	}
	if err != nil {
		span.SetAttributes(text("id", doc.ID))
		fail(span, err)
		return
	}
	kv := append(make([]attribute.KeyValue, 0, 13),
		text("id", doc.ID),
		attribute.Float64("risk_score", a.Score),
		text("risk_label", a.Level),
		text("risk_score_method", string(a.Method)),
		text("risk_model_version", a.ModelVersion),
		attribute.Float64("risk_threshold", a.Threshold),
		attribute.Bool("escalated", a.Escalated),
	)
	for _, x := range [...][2]string{
		{"risk_model_digest", a.ModelDigest},
		{"fallback_reason", string(a.FallbackReason)},
		{"escalation", string(a.Escalation)},
		{"rollout", a.Rollout},
		{"arm", string(a.Arm)},
	} {
		if x[1] != "" {
			kv = append(kv, text(x[0], x[1]))
		}
	}
	if a.Truncated {
		kv = append(kv, attribute.Bool("truncated", true))
	}
	span.SetAttributes(kv...)
	if a.Rollout != "" {
		span.AddEvent("feature_flag.evaluation", trace.WithAttributes(
			text("feature_flag.key", a.Rollout),
			text("feature_flag.result.variant", string(a.Arm)),
			text("feature_flag.context.id", doc.ID),
		))
	}
}

// fail has a span say how a call failed, if it did.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	if s := err.Error(); !utf8.ValidString(s) {
		err = errors.New(strings.ToValidUTF8(s, "\ufffd"))
	}
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}
