package risk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
)

// EnvML is the environment variable that switches the model on where it is
// true, as strconv.ParseBool reads it.
const EnvML = "RISK_ML_ENABLED"

// ServiceOptions configure a Service. The zero value is a heuristic without a
// model.
type ServiceOptions struct {
	// Registry and Model say where the model is, Ref which of its versions:
	// "production", which is what "" means, another stage, or a pinned number.
	Registry   registry.Registry
	Model, Ref string
	// ML switches the model on. It is off unless ML is true or the
	// environment's RISK_ML_ENABLED is.
	ML bool
	// Scale is what answers are on; a model on another scale is refused. nil
	// means that of the heuristic, if it has a Scale method, or DefaultScale.
	Scale Scale
	// Heuristic answers where there is no model. nil means NewHeuristic(nil).
	Heuristic Scorer
	// Drift says how sweeps judge. nil means the defaults.
	Drift *psi.CompareOptions
	// Observers are told what happens.
	Observers Observers
	// Feedback keeps what operators say. nil means that only Observers are
	// told of it.
	Feedback FeedbackSink
	// Now tells the time. nil means time.Now.
	Now func() time.Time
	// Getenv reads the environment. nil means os.Getenv.
	Getenv func(string) string
	// Open loads a version. nil means OpenModel; a host with models of its own
	// has its own.
	Open func(ctx context.Context, r registry.Registry, v registry.Version) (Scorer, error)
	// RetryAfter is how long a version that could not be loaded is left alone.
	// 0 means a minute.
	RetryAfter time.Duration
}

// A Service is the Scorer that a host puts in its path: the version of a model
// that the registry says is in production, and the heuristic wherever that
// fails. It never returns an error unless the host's own heuristic does. It
// also counts the texts it scores, so that they can be swept for drift. It is
// made by NewService and safe for concurrent use; it starts no goroutines. The
// zero value cannot be used.
type Service struct {
	o    ServiceOptions
	live atomic.Pointer[live]

	reload    sync.Mutex // held while a model is loaded
	fallbacks atomic.Int64
	last      atomic.Pointer[error] // of the last fallback
}

// live is what answers at the moment.
type live struct {
	scorer  Scorer
	version registry.Version
	monitor *psi.Monitor // nil without a model or its baseline
	err     error        // why there is no model, or why it is not the newest
}

// ServiceStatus tells what a Service answers with, and why.
type ServiceStatus struct {
	// ML says whether the model is switched on, Method what answers.
	ML     bool   `json:"ml_enabled"`
	Method Method `json:"risk_score_method"`
	// Model, Version and Digest are those of the model in use, if any.
	Model   string `json:"model,omitempty"`
	Version string `json:"risk_model_version,omitempty"`
	Digest  string `json:"risk_model_digest,omitempty"`
	// Rollout is what is being rolled out, nil for nothing.
	Rollout *RolloutStatus `json:"rollout,omitempty"`
	// Breaker is the state of the model's breaker.
	Breaker string `json:"breaker"`
	// Error says why there is no model, or why another than the one in use
	// could not be loaded. Empty means that all is well.
	Error string `json:"error,omitempty"`
	// Fallbacks counts the answers that the heuristic gave because the model
	// failed at them; LastFallback says how the last of them failed.
	Fallbacks    int64  `json:"fallbacks"`
	LastFallback string `json:"last_fallback,omitempty"`
}

// RolloutStatus tells of the candidate of a rollout.
type RolloutStatus struct {
	ID      string `json:"id"`
	Version string `json:"risk_model_version"`
	Digest  string `json:"risk_model_digest"`
	// Share of the documents that the candidate answers, in [0,1]; 0 while the
	// rollout is paused or only shadows.
	Share  float64 `json:"share"`
	Paused bool    `json:"paused,omitempty"`
	Shadow bool    `json:"shadow,omitempty"`
	// Error says why the candidate could not be loaded; then production
	// answers in its place.
	Error string `json:"error,omitempty"`
}

// ErrService says that ServiceOptions make no sense.
var ErrService = errors.New("risk: invalid service options")

// NewService returns a Service, its model loaded if ML is switched on. Trouble
// with the model is not an error: the heuristic answers, Status says why, and
// Reload tries again. The error wraps ErrService where Scale or Drift make no
// sense. nil opts means the defaults.
func NewService(ctx context.Context, opts *ServiceOptions) (*Service, error) {
	s := new(Service)
	if opts != nil {
		s.o = *opts
	}
	o := &s.o
	if o.Heuristic == nil {
		h, err := NewHeuristic(nil)
		if err != nil {
			return nil, err
		}
		o.Heuristic = h
	}
	own := o.Scale
	if h, ok := o.Heuristic.(interface{ Scale() Scale }); ok {
		own = h.Scale()
	}
	switch {
	case o.Scale == nil && own == nil:
		o.Scale = DefaultScale()
	case o.Scale == nil:
		o.Scale = own
	case !slices.Equal(o.Scale, own):
		return nil, fmt.Errorf("%w: Scale is %q, the heuristic answers on %q", ErrService, []string(o.Scale), []string(own))
	}
	if err := o.Scale.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	if err := o.Drift.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrService, err)
	}
	if o.Ref == "" {
		o.Ref = string(registry.Production)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	first := &live{scorer: o.Heuristic}
	if v := o.Getenv(EnvML); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			first.err = fmt.Errorf("%w: %s is %q, want true or false; it counts as false", ErrService, EnvML, v)
		}
		o.ML = o.ML || on
	}
	s.live.Store(first)
	if o.ML {
		_ = s.Reload(ctx) // Status has the error, and the heuristic answers
	}
	return s, nil
}

// Reload looks up the version to use and, if it is another than the one in use,
// loads it, verifies it and puts it in its place without disturbing a call.
// Where that fails, what answered before goes on answering, and Status has the
// error too. Without ML it does nothing.
func (s *Service) Reload(ctx context.Context) error {
	if !s.o.ML {
		return nil
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	now := s.live.Load()
	next, err := s.load(ctx, now)
	if err != nil {
		kept := *now
		kept.err = err
		if kept.version.Number == 0 {
			kept.scorer = s.without()
		}
		next = &kept
	}
	s.live.Store(next)
	return err
}

// Watch reloads whenever something happens to the model in the registry, which
// must be a registry.Watcher, until ctx is done; then it returns nil. A registry
// that is away is tried again; the error of one that cannot be watched any more
// is returned. Without ML it returns at once. It is meant to run in a goroutine
// of the host.
func (s *Service) Watch(ctx context.Context) error {
	if !s.o.ML {
		return nil
	}
	w, ok := s.o.Registry.(registry.Watcher)
	if !ok {
		return fmt.Errorf("%w: a %T cannot be watched; call Reload now and then", ErrService, s.o.Registry)
	}
	after := int64(0)
	if state, err := registry.StateOf(ctx, s.o.Registry, s.o.Model); err == nil {
		after = state.Seq // what happened before then is one Reload
	}
	_ = s.Reload(ctx) // Status has the error
	var last error
	for _, last = range w.Watch(ctx, s.o.Model, after) {
		_ = s.Reload(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return last
}

// without is what answers when there is to be a model but is none.
func (s *Service) without() Scorer { return reasoned{s.o.Heuristic, ReasonUnavailable} }

// load returns what is to answer in place of now. A registry that panics is one
// that fails.
func (s *Service) load(ctx context.Context, now *live) (next *live, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w while loading: %v", ErrPanic, p)
		}
	}()
	if s.o.Registry == nil {
		return nil, fmt.Errorf("%w: ML is on, but there is no Registry", ErrService)
	}
	v, err := s.o.Registry.Resolve(ctx, s.o.Model, s.o.Ref)
	if err != nil {
		return nil, err
	}
	if v.Number == now.version.Number && v.Digest == now.version.Digest {
		same := *now
		same.err = nil
		return &same, nil
	}
	m, err := OpenModel(ctx, s.o.Registry, v)
	if err != nil {
		return nil, fmt.Errorf("version %d of model %q: %w", v.Number, s.o.Model, err)
	}
	if !slices.Equal(m.c.Scale, s.o.Scale) {
		return nil, fmt.Errorf("%w: version %d of model %q is on %q, the service on %q", ErrScale, v.Number, s.o.Model, []string(m.c.Scale), []string(s.o.Scale))
	}
	next = &live{version: v, scorer: &Fallback{First: m, Second: s.o.Heuristic, Scale: s.o.Scale, OnFallback: s.note}}
	if m.c.Drift != nil {
		if next.monitor, err = m.NewMonitor(s.o.Drift); err != nil {
			return nil, err
		}
		next.scorer = &Fallback{First: newWatched(m, next.monitor), Second: s.o.Heuristic, Scale: s.o.Scale, OnFallback: s.note}
		next.scorer = &observed{next.scorer, newOutputs(next.monitor)}
	}
	return next, nil
}

// note counts a fallback.
func (s *Service) note(_ FallbackReason, err error) {
	s.fallbacks.Add(1)
	s.last.Store(&err)
}

// Score assesses doc. The error is always nil unless the host's own Heuristic
// fails.
func (s *Service) Score(ctx context.Context, doc Document) (Assessment, error) {
	return s.live.Load().scorer.Score(ctx, doc)
}

// Explain assesses doc as Score does and explains the answer by at most n
// terms. It does not count the text, unless n is below 1: then it is Score.
func (s *Service) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return Explain(ctx, s.live.Load().scorer, doc, n)
}

// Feedback takes an operator's verdict: it is checked, kept by
// ServiceOptions.Feedback, and told to the observers. A zero Time becomes now.
// The error wraps ErrFeedback or is that of the sink; then it is not kept.
func (s *Service) Feedback(ctx context.Context, f Feedback) (Agreement, error) {
	if err := f.Check(s.o.Scale); err != nil {
		return "", err
	}
	if f.Time.IsZero() {
		f.Time = s.o.Now()
	}
	if s.o.Feedback != nil {
		if err := s.o.Feedback.PutFeedback(ctx, f); err != nil {
			return "", fmt.Errorf("risk: feedback is not kept: %w", err)
		}
	}
	s.o.Observers.Feedback(ctx, &f)
	return f.Agreement(s.o.Scale), nil
}

// Drift returns the monitor of the texts scored by the version in use, which
// stands until another is. Without a model or its baseline, sweeps fail with
// ErrNoDrift.
func (s *Service) Drift() psi.DriftMonitor {
	if m := s.live.Load().monitor; m != nil {
		return m
	}
	return noDrift{}
}

// Observe counts a text for drift without scoring it. With Sweep it makes a
// Service a psi.DriftMonitor that follows the version in use, as a psi.Scheduler
// takes one.
func (s *Service) Observe(text string) { s.Drift().Observe(text) }

// Sweep sweeps the texts scored by the version in use. Without a model or its
// baseline the error is ErrNoDrift.
func (s *Service) Sweep(ctx context.Context) (psi.Report, error) { return s.Drift().Sweep(ctx) }

// noDrift is the DriftMonitor where there is nothing to compare with.
type noDrift struct{}

func (noDrift) Observe(string) {}

func (noDrift) Sweep(context.Context) (psi.Report, error) { return psi.Report{}, ErrNoDrift }

// Status tells what s answers with, and why.
func (s *Service) Status() ServiceStatus {
	l := s.live.Load()
	st := ServiceStatus{ML: s.o.ML, Method: MethodHeuristic, Fallbacks: s.fallbacks.Load()}
	if l.version.Number > 0 {
		st.Method, st.Model, st.Version, st.Digest = MethodML, l.version.Model, strconv.Itoa(l.version.Number), l.version.Digest.String()
	}
	if l.err != nil {
		st.Error = l.err.Error()
	}
	if err := s.last.Load(); err != nil {
		st.LastFallback = (*err).Error()
	}
	return st
}

// reasoned is a Scorer that answers in the place of another for a reason.
type reasoned struct {
	Scorer
	reason FallbackReason
}

func (r reasoned) Score(ctx context.Context, doc Document) (Assessment, error) {
	a, err := r.Scorer.Score(ctx, doc)
	a.FallbackReason = r.reason
	return a, err
}

func (r reasoned) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	a, err := Explain(ctx, r.Scorer, doc, n)
	a.FallbackReason = r.reason
	return a, err
}
