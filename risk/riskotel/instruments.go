package riskotel

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/riskkit/riskkit/risk"
)

// instruments are those that events add to.
type instruments struct {
	requests, fallbacks, errors, escalations, feedback counter
	shadowed, disagreements, dropped, audit            metric.Int64Counter

	scores    metric.Float64Histogram
	durations metric.Float64Histogram
	methods   [][]metric.RecordOption // of scores, as in requests
}

// other is what an attribute says in the place of a value outside its closed
// set, such as the Method of a host's own Scorer.
const other = "other"

// A counter counts for each value of an attribute, the last of which is other.
type counter struct {
	metric.Int64Counter
	values  []string
	options [][]metric.AddOption // one for each of values
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

func (c *counter) add(ctx context.Context, i int) { c.Add(ctx, 1, c.options[i]...) }

func (c *counter) count(ctx context.Context, value string) { c.add(ctx, c.index(value)) }

// builder makes instruments, and keeps what goes wrong.
type builder struct {
	meter    metric.Meter
	observed []metric.Observable
	err      error
}

// must keeps an error.
func must[T any](b *builder, x T, err error) T {
	b.err = errors.Join(b.err, err)
	return x
}

// set returns the strings of a closed set, and other.
func set[S ~string](values []S) []string {
	all := make([]string, 0, len(values)+1)
	for _, v := range values {
		all = append(all, string(v))
	}
	return append(all, other)
}

// text returns an attribute, with U+FFFD for what is not UTF-8: one that is not
// would lose all that is exported with it.
func text(key, value string) attribute.KeyValue {
	return attribute.String(key, strings.ToValidUTF8(value, "\ufffd"))
}

func with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

// counter returns one at 0 without an attribute.
func (b *builder) counter(name, unit, help string) metric.Int64Counter {
	c, err := b.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
	if b.err = errors.Join(b.err, err); err == nil {
		c.Add(context.Background(), 0)
	}
	return c
}

// counters returns one at 0 for each value of an attribute.
func (b *builder) counters(name, unit, help, key string, values []string) counter {
	c := counter{values: values}
	var err error
	c.Int64Counter, err = b.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
	b.err = errors.Join(b.err, err)
	for _, v := range values {
		c.options = append(c.options, []metric.AddOption{with(key, v)})
		if err == nil {
			c.Add(context.Background(), 0, with(key, v))
		}
	}
	return c
}

// instruments makes them.
func (b *builder) instruments() instruments {
	methods := set([]risk.Method{risk.MethodHeuristic, risk.MethodML, risk.MethodEscalation})
	i := instruments{
		requests:      b.counters("risk.requests", "{document}", "Documents assessed, by what decided.", "method", methods),
		fallbacks:     b.counters("risk.fallbacks", "{answer}", "Answers that another than the first choice gave, by why.", "reason", set(risk.FallbackReasons())),
		errors:        b.counters("risk.errors", "{error}", "Errors that no caller saw, by where.", "stage", set(risk.Stages())),
		escalations:   b.counters("risk.escalations", "{answer}", "Answers passed on for a second opinion, by how that ended.", "result", set(risk.EscalationResults())),
		feedback:      b.counters("risk.feedback", "{verdict}", "Verdicts of operators, by how they stand to the answer.", "agreement", set(risk.Agreements())),
		shadowed:      b.counter("risk.shadow.answers", "{answer}", "Answers that a candidate gave beside the one that went out."),
		disagreements: b.counter("risk.shadow.disagreements", "{answer}", "Answers that a candidate gave beside and that say another level."),
		dropped:       b.counter("risk.shadow.dropped", "{document}", "Documents that a candidate was not asked about, because too many were waiting."),
		audit:         b.counter("risk.audit.write_errors", "{error}", "Errors of writing the audit log."),
	}
	histogram := func(name, unit, help string, bounds []float64) metric.Float64Histogram {
		h, err := b.meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(bounds...))
		return must(b, h, err)
	}
	i.scores = histogram("risk.score.value", "1", "Scores, from 0 for surely the lowest level to 1 for surely the highest.", scoreBounds())
	i.durations = histogram("risk.score.duration", "s", "Time that answers took.", durationBounds())
	for _, v := range methods {
		i.methods = append(i.methods, []metric.RecordOption{with("method", v)})
	}
	return i
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
