package riskprom

import (
	"sort"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/risk"
)

// families are the metrics of this package but those of drift.
type families struct {
	requests, fallbacks, errors, escalations, feedback counter
	shadowed, disagreements, dropped                   counter
	scores, durations                                  histogram

	audit, info, canary, breaker *prometheus.Desc

	stages []string

	counts, sums int // how many a shard has
}

// other is what a label says in the place of a value outside its closed set,
// such as the Method of a host's own Scorer.
const other = "other"

// A counter counts for each value of a label, or, if its only value is empty,
// without a label. Its counts are those of a shard from first on, in the order
// of values; the last is other.
type counter struct {
	desc   *prometheus.Desc
	values []string
	first  int
}

// index returns the place of a value.
func (c *counter) index(value string) int {
	last := len(c.values) - 1
	for i, v := range c.values[:last] {
		if v == value {
			return i
		}
	}
	return last
}

// at returns where in a shard a value is counted.
func (c *counter) at(value string) int { return c.first + c.index(value) }

// A histogram has buckets for each value of a label, as a counter has counts,
// and a sum. Buckets go up to and with a bound, and one is beyond the last.
type histogram struct {
	desc        *prometheus.Desc
	values      []string
	bounds      []float64
	first, sums int
}

// bucket returns which bucket v is in.
func (h *histogram) bucket(v float64) int { return sort.SearchFloat64s(h.bounds, v) }

// observe counts v, which is in that bucket, for the value of a label.
func (h *histogram) observe(s *shard, value, bucket int, v float64) {
	s.counts[h.first+value*(len(h.bounds)+1)+bucket]++
	s.sums[h.sums+value] += v
}

// newFamilies returns what the metrics are called and where they are counted.
func newFamilies() families {
	var counts, sums int
	desc := func(name, help string, label ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, label, nil)
	}
	count := func(name, help, label string, values []string) counter {
		c := counter{desc: desc(name, help, label), values: values, first: counts}
		counts += len(values)
		return c
	}
	alone := func(name, help string) counter {
		c := counter{desc: desc(name, help), values: []string{""}, first: counts}
		counts++
		return c
	}
	distribution := func(name, help string, bounds []float64, label []string, values []string) histogram {
		h := histogram{desc: desc(name, help, label...), values: values, bounds: bounds, first: counts, sums: sums}
		counts += len(values) * (len(bounds) + 1)
		sums += len(values)
		return h
	}
	methods := set([]risk.Method{risk.MethodHeuristic, risk.MethodML, risk.MethodEscalation})
	stages := set(risk.Stages())
	f := families{
		requests:    count("risk_requests_total", "Documents assessed, by what decided.", "method", methods),
		fallbacks:   count("risk_fallbacks_total", "Answers that another than the first choice gave, by why.", "reason", set(risk.FallbackReasons())),
		errors:      count("risk_errors_total", "Errors that no caller saw, by where.", "stage", stages),
		escalations: count("risk_escalations_total", "Answers passed on for a second opinion, by how that ended.", "result", set(risk.EscalationResults())),
		feedback:    count("risk_feedback_total", "Verdicts of operators, by how they stand to the answer.", "agreement", set(risk.Agreements())),

		shadowed:      alone("risk_shadow_answers_total", "Answers that a candidate gave beside the one that went out."),
		disagreements: alone("risk_shadow_disagreements_total", "Answers that a candidate gave beside and that say another level."),
		dropped:       alone("risk_shadow_dropped_total", "Documents that a candidate was not asked about, because too many were waiting."),

		scores:    distribution("risk_score_value", "Scores, from 0 for surely the lowest level to 1 for surely the highest.", scoreBounds(), []string{"method"}, methods),
		durations: distribution("risk_score_duration_seconds", "Time that answers took.", durationBounds(), nil, []string{""}),

		audit:   desc("risk_audit_write_errors_total", "Errors of writing the audit log."),
		info:    desc("risk_model_info", "1 for each version that answers: the one in production, and the candidate of a rollout.", "role", "version", "digest"),
		canary:  desc("risk_canary_ratio", "Share of the documents that the candidate of a rollout answers."),
		breaker: desc("risk_breaker_state", "State of the breaker of a stage: 0 closed, 1 half open, 2 open.", "stage"),

		stages: stages[:len(stages)-1],
	}
	f.counts, f.sums = counts, sums
	return f
}

// counters returns all of them.
func (f *families) counters() []*counter {
	return []*counter{&f.requests, &f.fallbacks, &f.errors, &f.escalations, &f.feedback, &f.shadowed, &f.disagreements, &f.dropped}
}

// histograms returns all of them.
func (f *families) histograms() []*histogram { return []*histogram{&f.scores, &f.durations} }

// set returns the strings of a closed set, and other.
func set[S ~string](values []S) []string {
	all := make([]string, 0, len(values)+1)
	for _, v := range values {
		all = append(all, string(v))
	}
	return append(all, other)
}

// scoreBounds returns 0.05, 0.1, … 1.
func scoreBounds() []float64 {
	b := make([]float64, 20)
	for i := range b {
		b[i] = float64(i+1) / 20
	}
	return b
}

// durationBounds returns 1, 2 and 5 µs and so on up to 1 s.
func durationBounds() []float64 {
	var b []float64
	for ns := 1e3; ns < 1e9; ns *= 10 {
		b = append(b, ns/1e9, 2*ns/1e9, 5*ns/1e9)
	}
	return append(b, 1)
}
