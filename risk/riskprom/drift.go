package riskprom

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/psi"
)

// A Drift knows numbers of drift. *psi.Scheduler is one. Gauges is called by
// scrapes and takes little time; one that panics is an error of the scrape.
type Drift interface {
	Gauges() []psi.Gauge
}

// WatchDrift has scrapes read d, which psi's own names become those of this
// package for; see the package comment. It takes the place of the one before.
// nil means none.
func (m *Metrics) WatchDrift(d Drift) { m.drift.watched.Store(&d) }

// driftCollector collects what has a name for each feature, and so describes
// nothing beforehand.
type driftCollector struct{ watched atomic.Pointer[Drift] }

// Describe sends nothing.
func (*driftCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the gauges of a moment.
func (c *driftCollector) Collect(ch chan<- prometheus.Metric) {
	d := c.watched.Load()
	if d == nil || *d == nil {
		return
	}
	// A Registry collects on goroutines of its own, where a panic would end the process.
	defer func() {
		if p := recover(); p != nil {
			err := fmt.Errorf("riskprom: %T panicked: %v", *d, p)
			ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		}
	}()
	for _, g := range (*d).Gauges() {
		t := prometheus.GaugeValue
		if g.Counter {
			t = prometheus.CounterValue
		}
		names := slices.Sorted(maps.Keys(g.Labels))
		values := make([]string, len(names))
		for i, name := range names {
			values[i] = g.Labels[name]
		}
		ch <- metric(prometheus.NewDesc(driftName(g.Name), g.Help, names, nil), t, g.Value, values...)
	}
}

// driftName returns what a gauge of package psi is called here: those of single
// features keep their names, the others begin as all metrics of this package.
func driftName(name string) string {
	switch rest, last := strings.CutPrefix(name, "last_"); {
	case name == "last_data_drift_sweep_timestamp_seconds":
		return "risk_data_drift_last_run_timestamp_seconds"
	case last && strings.HasPrefix(rest, "data_drift_psi_"):
		return name
	default:
		return "risk_" + rest
	}
}
