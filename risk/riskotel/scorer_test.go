package riskotel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskotel"
)

// fixed is a Scorer that always answers the same.
type fixed struct {
	a   risk.Assessment
	err error
	got trace.SpanContext // of the call
}

func (f *fixed) Score(ctx context.Context, _ risk.Document) (risk.Assessment, error) {
	f.got = trace.SpanContextFromContext(ctx)
	return f.a, f.err
}

func attributes(kv []attribute.KeyValue) map[string]string {
	all := map[string]string{}
	for _, x := range kv {
		all[string(x.Key)] = x.Value.String()
	}
	return all
}

// TestScorer wants the spans of each kind of call.
func TestScorer(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	f := &fixed{a: risk.Assessment{
		ID: "INC-1", Score: 0.75, Level: "high", Method: risk.MethodHeuristic, ModelVersion: "lexicon-1", Threshold: 0.5,
		ModelDigest: "d", FallbackReason: risk.ReasonBreaker, Escalated: true, Escalation: risk.EscalationConfirmed,
		Rollout: "r1", Arm: risk.ArmCandidate, Truncated: true,
	}}
	s := riskotel.NewScorer(f, &riskotel.Options{TracerProvider: provider})
	doc := risk.Document{ID: "INC-1", Text: "a text that no span may have"}
	if a, err := s.Score(t.Context(), doc); err != nil || a.Score != 0.75 {
		t.Fatal(a, err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "risk.score" || !f.got.Equal(got[0].SpanContext) {
		t.Fatalf("spans %v, and that of the call %v", got, f.got)
	}
	if diff := cmp.Diff(map[string]string{
		"id": "INC-1", "risk_score": "0.75", "risk_label": "high", "risk_score_method": "heuristic", "risk_model_version": "lexicon-1",
		"risk_threshold": "0.5", "risk_model_digest": "d", "fallback_reason": "breaker", "escalated": "true", "escalation": "confirmed",
		"rollout": "r1", "arm": "candidate", "truncated": "true",
	}, attributes(got[0].Attributes)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e := got[0].Events; len(e) != 1 || e[0].Name != "feature_flag.evaluation" {
		t.Errorf("events %v", e)
	} else if diff := cmp.Diff(map[string]string{
		"feature_flag.key": "r1", "feature_flag.result.variant": "candidate", "feature_flag.context.id": "INC-1",
	}, attributes(e[0].Attributes)); diff != "" {
		t.Errorf("event, -want +got:\n%s", diff)
	}

	spans.Reset()
	f.a = risk.Assessment{Level: "low"}
	if _, err := s.Explain(t.Context(), doc, 3); err != nil {
		t.Fatal(err)
	}
	if all, err := s.ScoreBatch(t.Context(), nil, []risk.Document{doc, doc}); err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	f.err = errors.New("out of order")
	if _, err := s.Score(t.Context(), doc); !errors.Is(err, f.err) {
		t.Fatal(err)
	}
	if _, err := s.ScoreBatch(t.Context(), nil, []risk.Document{doc}); !errors.Is(err, f.err) {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range spans.GetSpans() {
		a := attributes(x.Attributes)
		lines = append(lines, fmt.Sprint(x.Name, " ", a["risk_label"], a["risk_documents"], " ", x.Status.Code, " ", len(x.Events)))
	}
	if diff := cmp.Diff([]string{
		"risk.explain low Unset 0", "risk.score_batch 2 Unset 0", fmt.Sprint("risk.score  ", codes.Error, " 1"), "risk.score_batch 1 Error 1",
	}, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestScorerPanics wants a span to end, and the panic to go on.
func TestScorerPanics(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	s := riskotel.NewScorer(panicking{}, &riskotel.Options{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(spans))})
	defer func() {
		if p := recover(); p != "broken" || len(spans.GetSpans()) != 1 {
			t.Errorf("panic %v, spans %v", p, spans.GetSpans())
		}
	}()
	_, _ = s.Score(t.Context(), risk.Document{})
}

type panicking struct{}

func (panicking) Score(context.Context, risk.Document) (risk.Assessment, error) { panic("broken") }

func BenchmarkScorer(b *testing.B) {
	for _, x := range []struct {
		name    string
		sampler sdk.Sampler
	}{{"sampled", sdk.AlwaysSample()}, {"dropped", sdk.NeverSample()}} {
		b.Run(x.name, func(b *testing.B) {
			s := riskotel.NewScorer(&fixed{}, &riskotel.Options{TracerProvider: sdk.NewTracerProvider(sdk.WithSampler(x.sampler))})
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Score(context.Background(), risk.Document{})
			}
		})
	}
}
