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
	// Rollouts are followed where Ref is production.
	Registry   registry.Registry
	Model, Ref string
	// ML switches the model on. It is off unless ML is true or the
	// environment's RISK_ML_ENABLED is; Service.SetML switches later on.
	ML bool
	// Scale is what answers are on; a model on another scale is refused. nil
	// means that of the heuristic, if it has a Scale method, or DefaultScale.
	Scale Scale
	// Heuristic answers where there is no model. nil means NewHeuristic(nil).
	Heuristic Scorer
	// Open loads a version. nil means OpenModel; a host with models of its own
	// has its own.
	Open func(ctx context.Context, r registry.Registry, v registry.Version) (Scorer, error)
	// RetryAfter is how long a version that could not be loaded is left alone.
	// 0 means a minute.
	RetryAfter time.Duration
	// LoadTimeout is how long a Reload may take, of what heeds its context. 0
	// means a minute.
	LoadTimeout time.Duration

	// Limit bounds what of a document is looked at; its Scorer does not count.
	// The zero value means the defaults.
	Limit Limit
	// Deadline says how long a version's answer may take. nil means that a
	// *Model of this library's parts is asked on the goroutine of the caller, for
	// it takes microseconds a kilobyte, and what Open returns else has the default
	// Deadline. With a Deadline all are asked on another goroutine.
	Deadline *DeadlineOptions
	// Breaker says when a version that fails is left alone for a while. Its
	// OnChange does not count: Observers are told.
	Breaker BreakerOptions
	// Key returns what keeps documents on one side of a rollout, such as a
	// customer. nil means the Document's ID. A document without a key, or whose
	// Key panics, is answered by production.
	Key func(Document) string
	// Shadow says how candidates in shadow are asked; its Rollout, Scale, Takes,
	// Observer and Now do not count.
	Shadow ShadowOptions
	// Escalator gives second opinions where Escalation says that an answer is in
	// doubt; its Scale and Thresholds do not count. nil means nobody does.
	Escalator  Escalator
	Escalation EscalationOptions

	// Drift says how sweeps judge. nil means the defaults.
	Drift *psi.CompareOptions
	// Observers are told what happens.
	Observers Observers
	// Feedback keeps what operators say. nil means that only Observers are
	// told of it.
	Feedback FeedbackSink
	// Now tells the time. nil means time.Now, as does a panic.
	Now func() time.Time
	// Getenv reads the environment. nil means os.Getenv.
	Getenv func(string) string
}

// A Service is the Scorer that a host puts in its path: the version of a model
// that the registry says is in production, beside it the candidate of a rollout,
// and the heuristic wherever these fail. It never returns an error unless the
// host's own heuristic does, panics, or makes no sense. It also counts the texts
// it scores, so that they can be swept for drift.
//
// It is the usual stack of decorators: an Observed Limit around an Escalation
// around a Canary of a Shadow, each of two versions in a Fallback around a Breaker
// and, where need be, a Deadline.
//
// It is made by NewService and safe for concurrent use; the zero value cannot be
// used. Close ends what it started.
type Service struct {
	o          ServiceOptions
	live       atomic.Pointer[live]
	cuts       []float64   // the heuristic's thresholds; nil where they are not known
	escalation *Escalation // nil without an Escalator
	told       Observed    // what tells Observers

	reload   chan struct{} // has one while versions are loaded; guards what follows
	resident []*arm        // the versions that are loaded
	current  *arm          // the last that was in production
	previous *arm          // the one before, to return to
	refused  map[int]refusal

	mu sync.Mutex // held while live changes, for a moment
	ml bool       // whether the model is on; guarded by mu

	leaving leaving // what is out of use and closes

	fallbacks atomic.Int64
	last      atomic.Pointer[error] // of the last fallback
}

// live is what answers at the moment. It does not change.
type live struct {
	ml         bool
	scorer     Scorer // without escalation
	production *arm   // nil for none
	candidate  *arm   // nil for none
	rollout    *registry.Rollout
	shadow     *Shadow // nil for none
	err        error   // why there is no model, or why it is not the newest
	candErr    error   // why there is a rollout, but no candidate
}

// ErrService says that ServiceOptions make no sense.
var ErrService = errors.New("risk: invalid service options")

// NewService returns a Service, its model loaded if ML is switched on. Trouble
// with the model is not an error: the heuristic answers, Status says why, and
// Reload tries again. The error wraps ErrService where Scale, Drift or
// Escalation make no sense. nil opts means the defaults.
func NewService(ctx context.Context, opts *ServiceOptions) (*Service, error) {
	s := &Service{reload: make(chan struct{}, 1), refused: map[int]refusal{}}
	if opts != nil {
		s.o = *opts
	}
	if err := s.o.normalize(); err != nil {
		return nil, err
	}
	o := &s.o
	if h, ok := o.Heuristic.(interface{ Thresholds() []float64 }); ok {
		s.cuts = h.Thresholds()
	}
	o.Heuristic = baseline{o.Heuristic, o.Scale}
	s.told.Observer, s.told.Now = o.Observers, o.Now
	if o.Escalator != nil {
		e := o.Escalation
		e.Scale, e.Thresholds, e.Breaker.OnChange = o.Scale, s.thresholds, func(state BreakerState) {
			o.Observers.BreakerChanged(StageEscalation, state)
		}
		tell := e.OnEscalated
		e.OnEscalated = func(ctx context.Context, x *Escalated) {
			if x.Err != nil && x.Result != EscalationBreaker && x.Result != EscalationBudget { // which nobody was asked for
				o.Observers.Failed(StageEscalation, x.Err)
			}
			if tell == nil {
				return
			}
			if err := guard("OnEscalated", func() { tell(ctx, x) }); err != nil {
				o.Observers.Failed(StageObserver, err)
			}
		}
		if e.Breaker.Now == nil {
			e.Breaker.Now = o.Now
		}
		var err error
		if s.escalation, err = NewEscalation(current{s}, o.Escalator, &e); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrService, err)
		}
	}
	first := &live{scorer: o.Heuristic}
	s.ml = o.ML
	if v := o.Getenv(EnvML); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			first.err = fmt.Errorf("%w: %s is %q, want true or false; it counts as false", ErrService, EnvML, v)
		}
		s.ml = s.ml || on
	}
	s.live.Store(first)
	if s.ml {
		_ = s.Reload(ctx) // Status has the error, and the heuristic answers
	} else {
		st := s.Status()
		o.Observers.ModelChanged(&st)
	}
	return s, nil
}

// normalize fills in the defaults of o and checks it.
func (o *ServiceOptions) normalize() error {
	if o.Heuristic == nil {
		h, err := NewHeuristic(nil)
		if err != nil {
			return err
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
		return fmt.Errorf("%w: Scale is %q, the heuristic answers on %q", ErrService, []string(o.Scale), []string(own))
	}
	if err := o.Scale.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrService, err)
	}
	if err := o.Drift.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrService, err)
	}
	if o.Ref == "" {
		o.Ref = string(registry.Production)
	}
	if o.RetryAfter <= 0 {
		o.RetryAfter = time.Minute
	}
	if o.LoadTimeout <= 0 {
		o.LoadTimeout = time.Minute
	}
	if o.Open == nil {
		o.Open = func(ctx context.Context, r registry.Registry, v registry.Version) (Scorer, error) {
			return OpenModel(ctx, r, v)
		}
	}
	if o.Key == nil {
		o.Key = func(d Document) string { return d.ID }
	}
	o.Now = steady(o.Now)
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return nil
}

// Close ends the goroutines of s and waits for them until ctx is done; then the
// error wraps ctx.Err(). Without a Deadline, an Escalator and a rollout in
// shadow there are none. s goes on answering, by the heuristic.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.ml = false
	s.swap(new(live))
	s.mu.Unlock()
	s.leaving.do(func() {
		s.reload <- struct{}{} // once what is being loaded is
		for _, a := range s.resident {
			s.retire(a.close)
		}
		s.resident, s.current, s.previous = nil, nil, nil
		<-s.reload
	})
	if s.escalation != nil {
		s.retire(s.escalation.Close)
	}
	select {
	case <-s.leaving.left():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("risk: a version is still being loaded, or a scorer that was given up on still runs: %w", ctx.Err())
	}
}

// retire closes what is out of use, waiting for the calls that it is at.
func (s *Service) retire(closer func(context.Context) error) {
	s.leaving.do(func() { _ = closer(context.Background()) })
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
		var err error
		if panicked := guard("Feedback", func() { err = s.o.Feedback.PutFeedback(ctx, f) }); panicked != nil {
			err = panicked
		}
		if err != nil {
			return "", fmt.Errorf("risk: feedback is not kept: %w", err)
		}
	}
	s.o.Observers.Feedback(ctx, &f)
	return f.Agreement(s.o.Scale), nil
}

// Scale returns the levels that s answers with.
func (s *Service) Scale() Scale { return slices.Clone(s.o.Scale) }

// Drift returns the monitor of the texts scored by the version in use, which
// stands until another is. Without a model or its baseline, sweeps fail with
// ErrNoDrift.
func (s *Service) Drift() psi.DriftMonitor {
	if a := s.live.Load().production; a != nil && a.monitor != nil {
		return a.monitor
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
