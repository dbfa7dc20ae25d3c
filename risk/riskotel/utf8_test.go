package riskotel_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskotel"
)

// TestNotUTF8 wants spans and metrics that can be exported, whatever a caller
// calls a document and a registry a version: one string that is not UTF-8 would
// lose all that is exported with it.
func TestNotUTF8(t *testing.T) {
	const bad = "\xffx"
	spans := tracetest.NewInMemoryExporter()
	f := &fixed{a: risk.Assessment{
		Level: bad, Method: bad, ModelVersion: bad, ModelDigest: bad, FallbackReason: bad, Escalation: bad, Rollout: bad, Arm: bad,
	}}
	s := riskotel.NewScorer(f, &riskotel.Options{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(spans))})
	doc := risk.Document{ID: bad}
	_, _ = s.Score(t.Context(), doc)
	f.err = errors.New("there is no " + bad)
	_, _ = s.Score(t.Context(), doc)
	_, _ = s.ScoreBatch(t.Context(), nil, []risk.Document{doc})
	valid := func(where string, kv []attribute.KeyValue) {
		for _, x := range kv {
			if !utf8.ValidString(x.Value.String()) {
				t.Errorf("%s: %s is %q", where, x.Key, x.Value.String())
			}
		}
	}
	got := spans.GetSpans()
	if len(got) != 3 {
		t.Fatalf("%d spans", len(got))
	}
	for _, x := range got {
		valid(x.Name, x.Attributes)
		for _, e := range x.Events {
			valid(x.Name+" "+e.Name, e.Attributes)
		}
		if !utf8.ValidString(x.Status.Description) {
			t.Errorf("%s: status %q", x.Name, x.Status.Description)
		}
	}

	reg := prometheus.NewPedanticRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(reg))
	if err != nil {
		t.Fatal(err)
	}
	m, err := riskotel.NewMetrics(&riskotel.Options{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))})
	if err != nil {
		t.Fatal(err)
	}
	m.ModelChanged(&risk.ServiceStatus{Version: bad, Digest: bad})
	m.WatchDrift(gauge{Name: "last_data_drift_psi", Labels: map[string]string{"feature": bad}, Value: 1})
	all, err := reg.Gather()
	if err != nil {
		t.Error(err)
	}
	names := map[string]bool{}
	for _, f := range all {
		names[f.GetName()] = true
	}
	if !names["risk_model_info"] || !names["risk_data_drift_psi"] {
		t.Errorf("there are only %v", names)
	}
}

// gauge is a Drift of one number.
type gauge psi.Gauge

func (g gauge) Gauges() []psi.Gauge { return []psi.Gauge{psi.Gauge(g)} }
