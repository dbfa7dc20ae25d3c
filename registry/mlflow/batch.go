package mlflow

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/riskkit/riskkit/registry"
)

// A Metric is a number of a run.
type Metric struct {
	Key   string
	Value float64
	Step  int64
	Time  time.Time // zero means now
}

// A Batch is what to log to a run: metrics are added, parameters are written
// once and for all, tags are overwritten.
type Batch struct {
	Metrics      []Metric
	Params, Tags map[string]string
}

// What MLflow takes, in characters and in one request.
const (
	maxKey        = 250
	maxParam      = 6000
	maxTag        = 8000
	maxVersionTag = 5000
	maxMetrics    = 1000
	maxPairs      = 100 // parameters or tags
	maxBytes      = 900_000
)

type metricWire struct {
	Key   string `json:"key"`
	Value float  `json:"value"`
	Time  number `json:"timestamp"`
	Step  number `json:"step"`
}

func (w metricWire) metric() Metric {
	return Metric{Key: w.Key, Value: float64(w.Value), Step: int64(w.Step), Time: w.Time.millis()}
}

// batchWire is one request, kept below MLflow's limits.
type batchWire struct {
	RunID   string       `json:"run_id"`
	Metrics []metricWire `json:"metrics,omitempty"`
	Params  []pair       `json:"params,omitempty"`
	Tags    []pair       `json:"tags,omitempty"`
	size    int
}

// LogBatch logs b to a run, in as many requests as that takes. What MLflow
// would not take as it is, such as a value that is too long, is an error that
// wraps ErrInput before anything is sent. An error later on may leave a part;
// logging the same again, with the same times, is no error, but for NaN on
// MLflow 2. A parameter that has
// another value already is an error that wraps ErrInput.
func (c *Client) LogBatch(ctx context.Context, runID string, b Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	for _, part := range b.split(runID, time.Now()) {
		if err := c.post(ctx, "runs/log-batch", part, nil); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error that wraps ErrInput where MLflow would not take b.
func (b *Batch) check() error {
	for _, m := range b.Metrics {
		if err := checkKey("metric", m.Key); err != nil {
			return err
		}
	}
	if err := checkPairs("parameter", b.Params, maxParam); err != nil {
		return err
	}
	return checkPairs("tag", b.Tags, maxTag)
}

func checkKey(what, key string) error {
	if n := utf8.RuneCountInString(key); n == 0 || n > maxKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: %s with the key %.40q of %d characters, want 1 to %d in UTF-8", registry.ErrInput, what, key, n, maxKey)
	}
	return nil
}

func checkPairs(what string, m map[string]string, limit int) error {
	for _, k := range sortedKeys(m) {
		if err := checkKey(what, k); err != nil {
			return err
		}
		if n := utf8.RuneCountInString(m[k]); n > limit || !utf8.ValidString(m[k]) {
			return fmt.Errorf("%w: %s %.40q has %d characters, MLflow keeps at most %d in UTF-8; shorten it or log it as an artifact", registry.ErrInput, what, k, n, limit)
		}
	}
	return nil
}

// split returns the requests that log b. What has no time is of now.
func (b *Batch) split(runID string, now time.Time) []*batchWire {
	var parts []*batchWire
	part := &batchWire{RunID: runID}
	// room makes room for something of a size in the part.
	room := func(size int) {
		full := len(part.Metrics) == maxMetrics || len(part.Params) == maxPairs || len(part.Tags) == maxPairs ||
			len(part.Metrics)+len(part.Params)+len(part.Tags) == maxMetrics
		if part.size > 0 && (full || part.size+size > maxBytes) {
			parts, part = append(parts, part), &batchWire{RunID: runID}
		}
		part.size += size
	}
	for _, m := range b.Metrics {
		if m.Time.IsZero() {
			m.Time = now
		}
		room(jsonSize(m.Key) + 120)
		part.Metrics = append(part.Metrics, metricWire{m.Key, float(m.Value), number(m.Time.UnixMilli()), number(m.Step)})
	}
	for _, p := range pairsOf(b.Params) {
		room(jsonSize(p.Key) + jsonSize(p.Value) + 30)
		part.Params = append(part.Params, p)
	}
	for _, p := range pairsOf(b.Tags) {
		room(jsonSize(p.Key) + jsonSize(p.Value) + 30)
		part.Tags = append(part.Tags, p)
	}
	if part.size > 0 {
		parts = append(parts, part)
	}
	return parts
}

// jsonSize bounds the length of s in JSON: a byte is at most \u0000.
func jsonSize(s string) int { return 6*len(s) + 2 }

// LogParam logs one parameter, which is atomic: of many that log the same key
// with different values at once, one gets nil and the others an error that
// wraps ErrInput.
func (c *Client) LogParam(ctx context.Context, runID, key, value string) error {
	if err := checkPairs("parameter", map[string]string{key: value}, maxParam); err != nil {
		return err
	}
	return c.post(ctx, "runs/log-parameter", map[string]string{"run_id": runID, "key": key, "value": value}, nil)
}

// SetTag sets one tag of a run.
func (c *Client) SetTag(ctx context.Context, runID, key, value string) error {
	if err := checkPairs("tag", map[string]string{key: value}, maxTag); err != nil {
		return err
	}
	return c.post(ctx, "runs/set-tag", map[string]string{"run_id": runID, "key": key, "value": value}, nil)
}

// MetricHistory yields all values that a metric of a run ever had.
func (c *Client) MetricHistory(ctx context.Context, runID, key string) iter.Seq2[Metric, error] {
	return pages(func(token string) ([]Metric, string, error) {
		var out struct {
			Metrics []metricWire `json:"metrics"`
			Next    string       `json:"next_page_token"`
		}
		query := url.Values{"run_id": {runID}, "metric_key": {key}, "max_results": {"1000"}}
		if token != "" {
			query.Set("page_token", token)
		}
		err := c.get(ctx, "metrics/get-history", query, &out)
		var all []Metric
		for _, w := range out.Metrics {
			all = append(all, w.metric())
		}
		return all, out.Next, err
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
