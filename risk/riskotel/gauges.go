package riskotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// A Drift knows numbers of drift. *psi.Scheduler is one. Gauges is called when
// metrics are read and takes little time; one that panics is an error of the
// reading.
type Drift interface {
	Gauges() []psi.Gauge
}

// WatchDrift has d read with the other gauges. It takes the place of the one
// before. nil means none.
func (m *Metrics) WatchDrift(d Drift) { m.drift.Store(&d) }

// gauges are instruments that are asked for their values, so that those of
// versions and features that are gone are gone too.
type gauges struct {
	info, breaker metric.Int64ObservableGauge
	canary        metric.Float64ObservableGauge
	breakers      [][]metric.ObserveOption // by stage
	drift         map[string]metric.Float64Observable
}

// gauges makes them.
func (b *builder) gauges() gauges {
	i64 := func(name, help string) metric.Int64ObservableGauge {
		x, err := b.meter.Int64ObservableGauge(name, metric.WithDescription(help))
		return observed(b, x, err)
	}
	f64 := func(name, unit, help string) metric.Float64ObservableGauge {
		x, err := b.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
		return observed(b, x, err)
	}
	total := func(name, help string) metric.Float64ObservableCounter {
		x, err := b.meter.Float64ObservableCounter(name, metric.WithUnit("{sweep}"), metric.WithDescription(help))
		return observed(b, x, err)
	}
	const codes = "0 stable, 1 monitor, 2 alert, -1 insufficient_data."
	g := gauges{
		info:    i64("risk.model.info", "1 for each version that answers: the one in production, and the candidate of a rollout."),
		breaker: i64("risk.breaker.state", "State of the breaker of a stage: 0 closed, 1 half open, 2 open."),
		canary:  f64("risk.canary", "1", "Share of the documents that the candidate of a rollout answers."),
		drift: map[string]metric.Float64Observable{ // by the names of psi.Gauge
			"last_data_drift_psi":                     f64("risk.data_drift.psi", "", "PSI of features in the last sweep that could judge."),
			"last_data_drift_sweep_timestamp_seconds": f64("risk.data_drift.last_run.timestamp", "s", "Time when the last sweep began that did not fail, in Unix seconds."),
			"last_data_drift_status":                  f64("risk.data_drift.status", "", "Status of the last sweep that did not fail: "+codes),
			"last_data_drift_status_is":               f64("risk.data_drift.status_is", "", "Status of the last sweep that did not fail: 1 for it, 0 for the others."),
			"last_data_drift_standing":                f64("risk.data_drift.standing", "", "Standing status: "+codes),
			"last_data_drift_standing_is":             f64("risk.data_drift.standing_is", "", "Standing status: 1 for it, 0 for the others."),
			"data_drift_sweeps_total":                 total("risk.data_drift.sweeps", "Sweeps that ended."),
			"data_drift_sweep_failures_total":         total("risk.data_drift.sweep_failures", "Sweeps that failed."),
			"data_drift_sweeps_skipped_total":         total("risk.data_drift.sweeps_skipped", "Sweeps that were due and that a later one made up for."),
		},
	}
	for _, s := range risk.Stages() {
		g.breakers = append(g.breakers, []metric.ObserveOption{with("stage", string(s))})
	}
	return g
}

// observed keeps an error, or what the callback is for.
func observed[T metric.Observable](b *builder, x T, err error) T {
	if err != nil {
		b.err = errors.Join(b.err, err)
	} else {
		b.observed = append(b.observed, x)
	}
	return x
}

// versions is what depends on the versions that answer.
type versions struct {
	share float64
	infos []metric.ObserveOption
}

// ModelChanged sets which versions answer, and the candidate's share. A
// candidate that could not be loaded has none.
func (m *Metrics) ModelChanged(st *risk.ServiceStatus) {
	now := new(versions)
	info := func(role risk.Arm, version, digest string) {
		if version != "" {
			now.infos = append(now.infos, metric.WithAttributeSet(attribute.NewSet(
				attribute.String("role", string(role)), text("version", version), text("digest", digest))))
		}
	}
	info(risk.ArmProduction, st.Version, st.Digest)
	if r := st.Rollout; r != nil && r.Error == "" {
		now.share = r.Share
		info(risk.ArmCandidate, r.Version, r.Digest)
	}
	m.model.Store(now)
}

// observe tells the values of a moment. A reader calls it on a goroutine of its
// own, where a panic would end the process.
func (m *Metrics) observe(_ context.Context, o metric.Observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("riskotel: gauges panicked: %v", p)
		}
	}()
	g, now := &m.gauges, m.model.Load()
	o.ObserveFloat64(g.canary, now.share)
	for _, info := range now.infos {
		o.ObserveInt64(g.info, 1, info)
	}
	for i := range m.breakers {
		o.ObserveInt64(g.breaker, m.breakers[i].Load(), g.breakers[i]...)
	}
	d := m.drift.Load()
	if d == nil || *d == nil {
		return nil
	}
	for _, x := range (*d).Gauges() {
		instrument, ok := g.drift[x.Name]
		if !ok {
			continue // that of a single feature, which psi has as an attribute
		}
		attributes := make([]attribute.KeyValue, 0, len(x.Labels))
		for k, v := range x.Labels {
			attributes = append(attributes, text(k, v))
		}
		o.ObserveFloat64(instrument, x.Value, metric.WithAttributes(attributes...))
	}
	return nil
}
