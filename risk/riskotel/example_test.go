package riskotel_test

import (
	"context"
	"fmt"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskotel"
)

func ExampleNewMetrics() {
	ctx := context.Background()
	reader := sdk.NewManualReader() // in a service one that exports
	metrics, err := riskotel.NewMetrics(&riskotel.Options{MeterProvider: sdk.NewMeterProvider(sdk.WithReader(reader))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer metrics.Close()
	// A Service tells them what happens where they are among its Observers.
	metrics.Scored(ctx, &risk.Scored{Assessment: risk.Assessment{Method: risk.MethodML, Score: 0.7}})

	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "risk.requests" {
			for _, p := range sum.DataPoints {
				if method, _ := p.Attributes.Value("method"); p.Value > 0 {
					fmt.Println(m.Name, method.AsString(), p.Value)
				}
			}
		}
	}
	// Output: risk.requests ml 1
}

func ExampleNewScorer() {
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	spans := tracetest.NewInMemoryExporter() // in a service one that sends them on
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	scorer := riskotel.NewScorer(heuristic, &riskotel.Options{TracerProvider: provider})
	if _, err := scorer.Score(context.Background(), risk.Document{ID: "INC-7", Text: "Total outage of the shop, and possible data loss"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
		for _, a := range span.Attributes {
			if a.Key == "id" || a.Key == "risk_label" || a.Key == "risk_score_method" {
				fmt.Printf("  %s=%s\n", a.Key, a.Value.String())
			}
		}
	}
	// Output:
	// risk.score
	//   id=INC-7
	//   risk_label=high
	//   risk_score_method=heuristic
}
