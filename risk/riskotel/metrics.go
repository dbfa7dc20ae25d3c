package riskotel

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/riskkit/riskkit/risk"
)

// scope is what OpenTelemetry calls the origin of metrics and spans.
const scope = "github.com/riskkit/riskkit/risk/riskotel"

// ErrMetrics says that metrics cannot be made.
var ErrMetrics = errors.New("riskotel: metrics cannot be made")

// Options configure Metrics and a Scorer. The zero value means the defaults.
type Options struct {
	// MeterProvider and TracerProvider are where metrics and spans go. nil means
	// the global ones of OpenTelemetry.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
	// Scale says which verdicts of operators are higher than others. nil means
	// risk.DefaultScale.
	Scale risk.Scale
}

// withDefaults returns o with the defaults.
func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.MeterProvider == nil {
		d.MeterProvider = otel.GetMeterProvider()
	}
	if d.TracerProvider == nil {
		d.TracerProvider = otel.GetTracerProvider()
	}
	if d.Scale == nil {
		d.Scale = risk.DefaultScale()
	}
	return d
}

// version returns that of this module, as the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == scope {
				return m.Version
			}
		}
	}
	return ""
}

// Metrics is a risk.Observer that counts what happens for OpenTelemetry. It is
// made by NewMetrics and safe for concurrent use; it starts no goroutines.
type Metrics struct {
	scale       risk.Scale
	instruments instruments
	gauges      gauges
	callback    metric.Registration

	model    atomic.Pointer[versions]
	breakers []atomic.Int64 // by stage, as risk.Stages
	drift    atomic.Pointer[Drift]
}

// NewMetrics returns Metrics, the counters at 0. Make one for each
// MeterProvider: two would count in the same instruments. The error wraps
// ErrMetrics and what the MeterProvider says. nil opts means the defaults.
func NewMetrics(opts *Options) (*Metrics, error) {
	o := opts.withDefaults()
	if err := o.Scale.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	m := &Metrics{scale: o.Scale, breakers: make([]atomic.Int64, len(risk.Stages()))}
	b := builder{meter: o.MeterProvider.Meter(scope, metric.WithInstrumentationVersion(version()))}
	m.instruments, m.gauges = b.instruments(), b.gauges()
	if b.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, b.err)
	}
	m.ModelChanged(&risk.ServiceStatus{})
	var err error
	if m.callback, err = b.meter.RegisterCallback(m.observe, b.observed...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetrics, err)
	}
	return m, nil
}

// Close has the gauges observed no more. The counters keep their values.
func (m *Metrics) Close() error { return m.callback.Unregister() }

// Scored counts an answer. A score outside [0,1] counts as a request alone, and
// a duration below 0, where a clock was set back, as 0.
func (m *Metrics) Scored(ctx context.Context, s *risk.Scored) {
	a, i := &s.Assessment, &m.instruments
	method := i.requests.index(string(a.Method))
	i.requests.add(ctx, method)
	if a.Score >= 0 && a.Score <= 1 {
		i.scores.Record(ctx, a.Score, i.methods[method]...)
	}
	i.durations.Record(ctx, max(0, s.Duration).Seconds())
	if a.FallbackReason != "" {
		i.fallbacks.count(ctx, string(a.FallbackReason))
	}
	if a.Escalation != "" {
		i.escalations.count(ctx, string(a.Escalation))
	}
}

// Shadowed counts what a candidate answered beside. Where it failed, Failed is
// what counts.
func (m *Metrics) Shadowed(ctx context.Context, s *risk.Shadowed) {
	i := &m.instruments
	switch {
	case s.Dropped:
		i.dropped.Add(ctx, 1)
	case s.Err == nil:
		i.shadowed.Add(ctx, 1)
		if s.Disagree() {
			i.disagreements.Add(ctx, 1)
		}
	}
}

// Feedback counts a verdict.
func (m *Metrics) Feedback(ctx context.Context, f *risk.Feedback) {
	m.instruments.feedback.count(ctx, string(f.Agreement(m.scale)))
}

// Failed counts an error.
func (m *Metrics) Failed(stage risk.Stage, _ error) {
	ctx := context.Background()
	m.instruments.errors.count(ctx, string(stage))
	if stage == risk.StageAudit {
		m.instruments.audit.Add(ctx, 1)
	}
}

// BreakerChanged sets the state of a stage's breaker.
func (m *Metrics) BreakerChanged(stage risk.Stage, state risk.BreakerState) {
	for i, s := range risk.Stages() {
		if s == stage {
			m.breakers[i].Store(int64(state))
		}
	}
}
