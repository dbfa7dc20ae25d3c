package riskprom

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskkit/riskkit/risk"
)

// ErrRegister says that metrics cannot be registered.
var ErrRegister = errors.New("riskprom: metrics cannot be registered")

// Options configure Metrics. The zero value means the defaults.
type Options struct {
	// Scale says which verdicts of operators are higher than others. nil means
	// risk.DefaultScale.
	Scale risk.Scale
}

// Metrics is a risk.Observer that counts what happens for Prometheus. It is
// made by New and safe for concurrent use; it starts no goroutines. Scored,
// Shadowed, Feedback and Failed allocate nothing and write no memory that
// another processor writes: each counts for itself, and a scrape adds them up.
type Metrics struct {
	scale    risk.Scale
	reg      prometheus.Registerer
	families families
	shards   shards

	model    atomic.Pointer[[]prometheus.Metric] // what depends on the versions that answer
	breakers []atomic.Int32                      // by stage, as in families.stages
	drift    driftCollector
}

// New returns Metrics that reg has, all at 0. Several in one process are told
// apart by a label of the host's:
//
//	riskprom.New(prometheus.WrapRegistererWith(prometheus.Labels{"model": "incident-risk"}, reg), nil)
//
// The error wraps ErrRegister and what reg says, such as a
// prometheus.AlreadyRegisteredError. nil opts means the defaults.
func New(reg prometheus.Registerer, opts *Options) (*Metrics, error) {
	if reg == nil {
		return nil, fmt.Errorf("%w: there is no Registerer; prometheus.NewRegistry returns one", ErrRegister)
	}
	m := &Metrics{reg: reg, families: newFamilies(), scale: risk.DefaultScale()}
	if opts != nil && opts.Scale != nil {
		if err := opts.Scale.Validate(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRegister, err)
		}
		m.scale = opts.Scale
	}
	m.shards.counts, m.shards.sums = m.families.counts, m.families.sums
	m.breakers = make([]atomic.Int32, len(m.families.stages))
	m.ModelChanged(&risk.ServiceStatus{})
	err := reg.Register((*collector)(m))
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		return nil, fmt.Errorf("%w: %w; use the Metrics that are there, or tell these apart by prometheus.WrapRegistererWith", ErrRegister, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegister, err)
	}
	if err := reg.Register(&m.drift); err != nil {
		reg.Unregister((*collector)(m))
		return nil, fmt.Errorf("%w: drift: %w", ErrRegister, err)
	}
	return m, nil
}

// Unregister takes m from what New registered it with, whose scrapes have it no
// more. What is counted afterwards is lost.
func (m *Metrics) Unregister() {
	m.WatchDrift(nil) // a Registry does not give up what has no names of its own
	m.reg.Unregister((*collector)(m))
}

// Scored counts an answer. A score outside [0,1] counts as a request alone, and
// a duration below 0, where a clock was set back, as 0.
func (m *Metrics) Scored(_ context.Context, s *risk.Scored) {
	a, f := &s.Assessment, &m.families
	method := f.requests.index(string(a.Method))
	bucket := -1
	if a.Score >= 0 && a.Score <= 1 {
		bucket = f.scores.bucket(a.Score)
	}
	seconds := max(0, s.Duration).Seconds()
	c := m.shards.get()
	c.mu.Lock()
	c.counts[f.requests.first+method]++
	if bucket >= 0 {
		f.scores.observe(c, method, bucket, a.Score)
	}
	f.durations.observe(c, 0, f.durations.bucket(seconds), seconds)
	if a.FallbackReason != "" {
		c.counts[f.fallbacks.at(string(a.FallbackReason))]++
	}
	if a.Escalation != "" {
		c.counts[f.escalations.at(string(a.Escalation))]++
	}
	c.mu.Unlock()
	m.shards.put(c)
}

// Shadowed counts what a candidate answered beside. Where it failed, Failed is
// what counts.
func (m *Metrics) Shadowed(_ context.Context, s *risk.Shadowed) {
	f := &m.families
	switch {
	case s.Dropped:
		m.count(f.dropped.first)
	case s.Err == nil:
		m.count(f.shadowed.first)
		if s.Disagree() {
			m.count(f.disagreements.first)
		}
	}
}

// Feedback counts a verdict.
func (m *Metrics) Feedback(_ context.Context, v *risk.Feedback) {
	m.count(m.families.feedback.at(string(v.Agreement(m.scale))))
}

// Failed counts an error.
func (m *Metrics) Failed(stage risk.Stage, _ error) { m.count(m.families.errors.at(string(stage))) }

// count adds one to a count.
func (m *Metrics) count(i int) {
	c := m.shards.get()
	c.mu.Lock()
	c.counts[i]++
	c.mu.Unlock()
	m.shards.put(c)
}

// BreakerChanged sets the state of a stage's breaker.
func (m *Metrics) BreakerChanged(stage risk.Stage, state risk.BreakerState) {
	for i, s := range m.families.stages {
		if s == string(stage) {
			m.breakers[i].Store(int32(state))
		}
	}
}

// ModelChanged sets which versions answer, and the candidate's share. A
// candidate that could not be loaded has none.
func (m *Metrics) ModelChanged(st *risk.ServiceStatus) {
	share := 0.0
	var now []prometheus.Metric
	info := func(role risk.Arm, version, digest string) {
		if version != "" {
			now = append(now, metric(m.families.info, prometheus.GaugeValue, 1,
				string(role), strings.ToValidUTF8(version, "\ufffd"), strings.ToValidUTF8(digest, "\ufffd")))
		}
	}
	info(risk.ArmProduction, st.Version, st.Digest)
	if r := st.Rollout; r != nil && r.Error == "" {
		share = r.Share
		info(risk.ArmCandidate, r.Version, r.Digest)
	}
	now = append(now, metric(m.families.canary, prometheus.GaugeValue, share))
	m.model.Store(&now)
}
