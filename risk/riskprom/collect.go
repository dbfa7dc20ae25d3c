package riskprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/risk"
)

// collector is Metrics as a Registerer sees them.
type collector Metrics

// Describe sends what the metrics are called.
func (m *collector) Describe(ch chan<- *prometheus.Desc) {
	f := &m.families
	for _, c := range f.counters() {
		ch <- c.desc
	}
	for _, h := range f.histograms() {
		ch <- h.desc
	}
	for _, d := range []*prometheus.Desc{f.audit, f.info, f.canary, f.breaker} {
		ch <- d
	}
}

// Collect sends what was counted until now.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	f, total := &m.families, m.shards.sum()
	for _, c := range f.counters() {
		for i, value := range c.values {
			ch <- metric(c.desc, prometheus.CounterValue, float64(total.counts[c.first+i]), labels(value)...)
		}
	}
	ch <- metric(f.audit, prometheus.CounterValue, float64(total.counts[f.errors.at(string(risk.StageAudit))]))
	for _, h := range f.histograms() {
		h.collect(ch, total)
	}
	for i, stage := range f.stages {
		ch <- metric(f.breaker, prometheus.GaugeValue, float64(m.breakers[i].Load()), stage)
	}
	for _, x := range *m.model.Load() {
		ch <- x
	}
}

// collect sends the histogram of each value.
func (h *histogram) collect(ch chan<- prometheus.Metric, total *shard) {
	for i, value := range h.values {
		counts := total.counts[h.first+i*(len(h.bounds)+1):]
		upTo, n := make(map[float64]uint64, len(h.bounds)), uint64(0)
		for j, bound := range h.bounds {
			n += counts[j]
			upTo[bound] = n
		}
		n += counts[len(h.bounds)]
		x, err := prometheus.NewConstHistogram(h.desc, n, total.sums[h.sums+i], upTo, labels(value)...)
		if err != nil {
			x = prometheus.NewInvalidMetric(h.desc, err)
		}
		ch <- x
	}
}

// labels returns the values of the labels of what has one, unless it is empty.
func labels(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// metric returns a number, or what a scrape reports as an error.
func metric(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) prometheus.Metric {
	m, err := prometheus.NewConstMetric(d, t, v, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return m
}
