package riskotel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskotel"
)

// start returns Metrics of a provider that a reader reads.
func start(t testing.TB, reader sdk.Reader) *riskotel.Metrics {
	t.Helper()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	m, err := riskotel.NewMetrics(&riskotel.Options{MeterProvider: provider})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), provider.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return m
}

// read returns what is not 0, as name{attributes} and value; of histograms the
// count and the sum.
func read(t testing.TB, reader *sdk.ManualReader) map[string]string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	note := func(name string, set attribute.Set, value string) {
		if value != "0" {
			all[name+"{"+set.Encoded(attribute.DefaultEncoder())+"}"] = value
		}
	}
	for _, s := range rm.ScopeMetrics {
		if s.Scope.Name != "github.com/riskkit/riskkit/risk/riskotel" {
			t.Errorf("scope %q", s.Scope.Name)
		}
		for _, m := range s.Metrics {
			if m.Description == "" {
				t.Errorf("%s has no description", m.Name)
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					note(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					note(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					note(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					note(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					note(m.Name, p.Attributes, fmt.Sprintf("%d, %.6g", p.Count, p.Sum))
				}
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
		}
	}
	return all
}

// answer is one that took d.
func answer(method risk.Method, score float64, d time.Duration) *risk.Scored {
	return &risk.Scored{Assessment: risk.Assessment{Method: method, Score: score, Level: "low"}, Duration: d}
}

// TestMetrics reads what one of everything gives. The numbers are those of the
// events.
func TestMetrics(t *testing.T) {
	reader := sdk.NewManualReader()
	m := start(t, reader)
	if got := read(t, reader); len(got) > 0 {
		t.Errorf("before anything happened: %v", got)
	}
	ctx := t.Context()
	m.Scored(ctx, answer(risk.MethodML, 0.5, 12*time.Microsecond))
	fallback := answer(risk.MethodHeuristic, 0, -time.Second)
	fallback.Assessment.FallbackReason = risk.ReasonTimeout
	m.Scored(ctx, fallback)
	escalated := answer(risk.MethodEscalation, 0.25, time.Millisecond)
	escalated.Assessment.Escalation = risk.EscalationChanged
	m.Scored(ctx, escalated)
	m.Scored(ctx, answer("host", math.NaN(), 0))
	m.Shadowed(ctx, &risk.Shadowed{Production: risk.Assessment{Level: "low"}, Candidate: risk.Assessment{Level: "high"}})
	m.Shadowed(ctx, &risk.Shadowed{Production: risk.Assessment{Level: "low"}, Candidate: risk.Assessment{Level: "low"}})
	m.Shadowed(ctx, &risk.Shadowed{Dropped: true})
	m.Shadowed(ctx, &risk.Shadowed{Err: errors.New("no answer")})
	m.Feedback(ctx, &risk.Feedback{ID: "1", Level: "high", Assessed: "low"})
	m.Failed(risk.StageAudit, errors.New("disk full"))
	m.Failed("elsewhere", errors.New("?"))
	m.BreakerChanged(risk.StageModel, risk.BreakerOpen)
	m.BreakerChanged("elsewhere", risk.BreakerOpen)
	m.ModelChanged(&risk.ServiceStatus{Version: "6", Digest: "d6"})
	m.ModelChanged(&risk.ServiceStatus{Version: "7", Digest: "d7", Rollout: &risk.RolloutStatus{Version: "8", Digest: "d8", Share: 0.1}})
	want := map[string]string{
		"risk.requests{method=ml}":                             "1",
		"risk.requests{method=heuristic}":                      "1",
		"risk.requests{method=escalation}":                     "1",
		"risk.requests{method=other}":                          "1",
		"risk.score.value{method=ml}":                          "1, 0.5",
		"risk.score.value{method=heuristic}":                   "1, 0",
		"risk.score.value{method=escalation}":                  "1, 0.25",
		"risk.score.duration{}":                                "4, 0.001012",
		"risk.fallbacks{reason=timeout}":                       "1",
		"risk.escalations{result=changed}":                     "1",
		"risk.shadow.answers{}":                                "2",
		"risk.shadow.disagreements{}":                          "1",
		"risk.shadow.dropped{}":                                "1",
		"risk.feedback{agreement=raises}":                      "1",
		"risk.errors{stage=audit}":                             "1",
		"risk.errors{stage=other}":                             "1",
		"risk.audit.write_errors{}":                            "1",
		"risk.breaker.state{stage=model}":                      "2",
		"risk.canary{}":                                        "0.1",
		"risk.model.info{digest=d7,role=production,version=7}": "1",
		"risk.model.info{digest=d8,role=candidate,version=8}":  "1",
	}
	if diff := cmp.Diff(want, read(t, reader)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	s, err := psi.NewScheduler(&scripted{{Status: psi.StatusMonitor, Features: []psi.FeatureReport{{Name: "digits", PSI: 0.2}}}},
		&psi.SchedulerOptions{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SweepNow(ctx); err != nil {
		t.Fatal(err)
	}
	m.WatchDrift(s)
	maps.Copy(want, map[string]string{
		"risk.data_drift.psi{feature=digits}":                   "0.2",
		"risk.data_drift.last_run.timestamp{}":                  "1.8e+09",
		"risk.data_drift.status{}":                              "1",
		"risk.data_drift.status_is{status=monitor}":             "1",
		"risk.data_drift.standing{}":                            "-1",
		"risk.data_drift.standing_is{status=insufficient_data}": "1",
		"risk.data_drift.sweeps{}":                              "1",
	})
	if diff := cmp.Diff(want, read(t, reader)); diff != "" {
		t.Errorf("with drift, -want +got:\n%s", diff)
	}
}

// scripted is a DriftMonitor whose sweeps are written down.
type scripted []psi.Report

func (*scripted) Observe(string) {}

func (s *scripted) Sweep(context.Context) (psi.Report, error) {
	if len(*s) == 0 {
		return psi.Report{}, errors.New("away")
	}
	r := (*s)[0]
	*s = (*s)[1:]
	return r, nil
}

// TestNames has OpenTelemetry's exporter give the metrics to Prometheus, and
// wants the names, the labels and the buckets that docs/metrics.md has, and a
// series for each value of a closed set.
func TestNames(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	exporter, err := otelprom.New(otelprom.WithRegisterer(reg), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, exporter)
	m.Scored(t.Context(), answer(risk.MethodML, 0.5, time.Millisecond))
	m.ModelChanged(&risk.ServiceStatus{Version: "1"})
	s, err := psi.NewScheduler(&scripted{{Status: psi.StatusStable, Features: []psi.FeatureReport{{Name: "digits"}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SweepNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.WatchDrift(s)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	zero := map[string]int{ // how many series are there from the beginning, one of them other
		"risk_requests_total": 4, "risk_fallbacks_total": len(risk.FallbackReasons()) + 1, "risk_errors_total": len(risk.Stages()) + 1,
		"risk_escalations_total": len(risk.EscalationResults()) + 1, "risk_feedback_total": len(risk.Agreements()) + 1, "risk_breaker_state": len(risk.Stages()),
	}
	for _, f := range families {
		name := f.GetName()
		if n, ok := zero[name]; ok && n != len(f.GetMetric()) {
			t.Errorf("%s has %d series, want %d", name, len(f.GetMetric()), n)
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if labels != nil {
			name += "{" + strings.Join(labels, ",") + "}"
		}
		got = append(got, name)
		if h := f.GetMetric()[0].GetHistogram(); h != nil {
			var bounds []string
			for _, b := range h.GetBucket() {
				bounds = append(bounds, fmt.Sprint(b.GetUpperBound()))
			}
			buckets := map[string]string{
				"risk_score_value":            "0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8 0.85 0.9 0.95 1",
				"risk_score_duration_seconds": "1e-06 2e-06 5e-06 1e-05 2e-05 5e-05 0.0001 0.0002 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1",
			}
			if s := strings.Join(bounds, " "); s != buckets[f.GetName()] {
				t.Errorf("%s has buckets %s", f.GetName(), s)
			}
		}
	}
	data, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(risk_[a-z_]+)(?:\\{([a-z,]+)\\})?`").FindAllStringSubmatch(string(data), -1) {
		name := row[1]
		if row[2] != "" {
			labels := strings.Split(row[2], ",")
			slices.Sort(labels)
			name += "{" + strings.Join(labels, ",") + "}"
		}
		want = append(want, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-docs +exported:\n%s", diff)
	}
}

// broken is a MeterProvider whose instruments cannot be made.
type broken struct{ metric.MeterProvider }

func (b broken) Meter(name string, o ...metric.MeterOption) metric.Meter {
	return brokenMeter{b.MeterProvider.Meter(name, o...)}
}

type brokenMeter struct{ metric.Meter }

var errBroken = errors.New("broken")

func (brokenMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errBroken
}

func TestErrors(t *testing.T) {
	if _, err := riskotel.NewMetrics(&riskotel.Options{MeterProvider: broken{sdk.NewMeterProvider()}}); !errors.Is(err, riskotel.ErrMetrics) || !errors.Is(err, errBroken) {
		t.Errorf("instruments that cannot be made: %v", err)
	}
	if _, err := riskotel.NewMetrics(&riskotel.Options{Scale: risk.Scale{"one"}}); !errors.Is(err, riskotel.ErrMetrics) || !errors.Is(err, risk.ErrScale) {
		t.Errorf("bad scale: %v", err)
	}
	m, err := riskotel.NewMetrics(nil) // the global provider, which does nothing
	if err != nil {
		t.Fatal(err)
	}
	m.Scored(t.Context(), answer(risk.MethodML, 0.5, time.Millisecond))
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestAllocations wants none with the SDK.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values at random under the race detector")
	}
	m := start(t, sdk.NewManualReader())
	ctx := context.Background()
	s := answer(risk.MethodML, 0.5, time.Microsecond)
	s.Assessment.FallbackReason, s.Assessment.Escalation = risk.ReasonOverload, risk.EscalationBudget
	if n := testing.AllocsPerRun(1000, func() {
		m.Scored(ctx, s)
		m.Failed(risk.StageAudit, nil)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkScored(b *testing.B) {
	m := start(b, sdk.NewManualReader())
	s := answer(risk.MethodML, 0.5, 12*time.Microsecond)
	b.ReportAllocs()
	for b.Loop() {
		m.Scored(context.Background(), s)
	}
}

// panicky is a Drift that panics.
type panicky struct{}

func (panicky) Gauges() []psi.Gauge { panic("no gauges") }

// TestDriftPanics wants an error of the reading, with the counters there.
func TestDriftPanics(t *testing.T) {
	reader := sdk.NewManualReader()
	m := start(t, reader)
	m.WatchDrift(panicky{})
	var all metricdata.ResourceMetrics
	err := reader.Collect(t.Context(), &all)
	if err == nil || !strings.Contains(err.Error(), "no gauges") || len(all.ScopeMetrics) == 0 {
		t.Errorf("%d scopes, error %v", len(all.ScopeMetrics), err)
	}
}
