package risk

import (
	"context"
	"time"
)

// An Observer is told what happens around scoring: metrics, logs and audit are
// observers. Its methods are called on the goroutine of what happened, from
// several at once, so they are safe for concurrent use and take little time. They
// may ask a Service for its Status, but not have it Reload, SetML or Close, which
// may be what they are told of. Embed NopObserver to implement only some of them.
type Observer interface {
	// Scored tells of one answer. s and what it points to stand until Scored
	// returns; strings and slices in it may be kept but not changed.
	Scored(ctx context.Context, s *Scored)
	// Shadowed tells of what the candidate of a rollout answered beside.
	Shadowed(ctx context.Context, s *Shadowed)
	// Feedback tells of an operator's verdict.
	Feedback(ctx context.Context, f *Feedback)
	// ModelChanged tells that other versions answer from now on, or that one
	// could not be loaded.
	ModelChanged(st *ServiceStatus)
	// BreakerChanged tells that the breaker of a stage is in another state.
	BreakerChanged(stage Stage, state BreakerState)
	// Failed tells of an error that no caller saw. That a breaker is open or a
	// budget spent is none; what came before was.
	Failed(stage Stage, err error)
}

// Scored is one answer.
type Scored struct {
	Document   Document
	Assessment Assessment
	// Time is when the Document came in, by the clock of the Service, Duration
	// how long the answer took.
	Time     time.Time
	Duration time.Duration
}

// Shadowed is one document that a candidate scored after the answer was out.
type Shadowed struct {
	Document   Document
	Time       time.Time // when the Document came in
	Rollout    string
	Production Assessment // the answer that the caller got
	Candidate  Assessment // what the candidate says
	Err        error      // why the candidate says nothing; nil where it does
	// Dropped says that the candidate was not asked, because too many
	// documents were waiting for it.
	Dropped bool
}

// Disagree reports whether the candidate answers and says another level.
func (s *Shadowed) Disagree() bool {
	return s.Err == nil && !s.Dropped && s.Candidate.Level != s.Production.Level
}

// A Stage is a part of scoring that can fail behind the caller's back. The set
// is closed, so that it can label a metric.
type Stage string

// The stages.
const (
	StageLoad       Stage = "load"       // finding and loading a version
	StageModel      Stage = "model"      // the model's answer
	StageCandidate  Stage = "candidate"  // the answer of a rollout's candidate
	StageEscalation Stage = "escalation" // asking for a second opinion
	StageDrift      Stage = "drift"      // a sweep for drift; the host that runs it tells
	StageObserver   Stage = "observer"   // another observer panicked, or a hook did
	StageAudit      Stage = "audit"      // writing the audit log
)

// Stages returns all of them.
func Stages() []Stage {
	return []Stage{StageLoad, StageModel, StageCandidate, StageEscalation, StageDrift, StageObserver, StageAudit}
}

// A BreakerState is what a Breaker does with calls.
type BreakerState int32

// The states.
const (
	BreakerClosed   BreakerState = iota // calls go through
	BreakerHalfOpen                     // one does, to see whether it succeeds
	BreakerOpen                         // none does
)

// String returns closed, half_open or open.
func (s BreakerState) String() string {
	switch s {
	case BreakerClosed:
		return "closed"
	case BreakerHalfOpen:
		return "half_open"
	case BreakerOpen:
		return "open"
	}
	return "unknown"
}

// NopObserver is the Observer that does nothing.
type NopObserver struct{}

// Scored does nothing.
func (NopObserver) Scored(context.Context, *Scored) {}

// Shadowed does nothing.
func (NopObserver) Shadowed(context.Context, *Shadowed) {}

// Feedback does nothing.
func (NopObserver) Feedback(context.Context, *Feedback) {}

// ModelChanged does nothing.
func (NopObserver) ModelChanged(*ServiceStatus) {}

// BreakerChanged does nothing.
func (NopObserver) BreakerChanged(Stage, BreakerState) {}

// Failed does nothing.
func (NopObserver) Failed(Stage, error) {}
