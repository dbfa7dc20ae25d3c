package risk

import (
	"context"
	"errors"
	"fmt"
)

// A FallbackReason is the kind of trouble that made a second scorer decide. The
// set is closed, so that it can label a metric.
type FallbackReason string

// The reasons.
const (
	ReasonUnavailable FallbackReason = "unavailable" // there is no model, or it could not be loaded
	ReasonError       FallbackReason = "error"       // the scorer returned an error
	ReasonPanic       FallbackReason = "panic"       // the scorer panicked
	ReasonInvalid     FallbackReason = "invalid"     // the scorer's answer makes no sense
	ReasonTimeout     FallbackReason = "timeout"     // the scorer took too long
	ReasonOverload    FallbackReason = "overload"    // too many calls of the scorer are still running
	ReasonBreaker     FallbackReason = "breaker"     // the scorer failed so often that it is left alone for a while
	ReasonCanceled    FallbackReason = "canceled"    // the caller gave up, so nobody waits for the answer
)

// FallbackReasons returns all of them.
func FallbackReasons() []FallbackReason {
	return []FallbackReason{
		ReasonUnavailable, ReasonError, ReasonPanic, ReasonInvalid, ReasonTimeout, ReasonOverload, ReasonBreaker,
		ReasonCanceled,
	}
}

// The errors that a Fallback makes of what is not an error yet.
var (
	ErrPanic   = errors.New("risk: the scorer panicked")
	ErrInvalid = errors.New("risk: invalid assessment")
	// ErrTimeout, ErrOverload and ErrBreaker are those of Deadline and Breaker.
	ErrTimeout  = errors.New("risk: the scorer took too long")
	ErrOverload = errors.New("risk: too many calls are still running")
	ErrBreaker  = errors.New("risk: the breaker is open")
	// ErrClosed is that of a Scorer that was closed.
	ErrClosed = errors.New("risk: it is closed")
	// ErrInput is what a Scorer wraps where the Document is at fault, not the
	// Scorer; a Breaker does not count it.
	ErrInput = errors.New("risk: the document cannot be scored")
)

// reasonOf returns which reason an error of a scorer is.
func reasonOf(err error) FallbackReason {
	switch {
	case errors.Is(err, ErrPanic):
		return ReasonPanic
	case errors.Is(err, ErrInvalid):
		return ReasonInvalid
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	case errors.Is(err, ErrOverload):
		return ReasonOverload
	case errors.Is(err, ErrBreaker):
		return ReasonBreaker
	case errors.Is(err, ErrClosed):
		return ReasonUnavailable
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	}
	return ReasonError
}

// A Fallback is a Scorer that asks First and, whatever goes wrong there,
// answers as Second does, with the reason in FallbackReason. All fields but
// OnFallback are needed; none may change once it is in use.
type Fallback struct {
	First, Second Scorer
	// Scale is what First's levels must be on.
	Scale Scale
	// OnFallback, if not nil, is told of each fallback, on the goroutine of the
	// call. err wraps ErrPanic or ErrInvalid or is First's. That it panics changes
	// nothing.
	OnFallback func(reason FallbackReason, err error)
}

// Score answers as First does, or else as Second. The error is Second's.
func (f *Fallback) Score(ctx context.Context, doc Document) (Assessment, error) {
	return f.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has the answering scorer explain it.
func (f *Fallback) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	a, err := askValid(ctx, f.First, doc, n, f.Scale)
	if err == nil {
		return a, nil
	}
	reason := reasonOf(err)
	if f.OnFallback != nil {
		_ = guard("OnFallback", func() { f.OnFallback(reason, err) })
	}
	a, err = Explain(ctx, f.Second, doc, n)
	a.FallbackReason = reason
	return a, err
}

// ask has s score doc, and explain it by n terms where n is at least 1. A panic
// of s is an error that wraps ErrPanic.
func ask(ctx context.Context, s Scorer, doc Document, n int) (a Assessment, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, p)
		}
	}()
	if n > 0 {
		return Explain(ctx, s, doc, n)
	}
	return s.Score(ctx, doc)
}

// askValid is ask where an answer that is not on scale, or makes no sense, is an
// error that wraps ErrInvalid.
func askValid(ctx context.Context, s Scorer, doc Document, n int, scale Scale) (Assessment, error) {
	a, err := ask(ctx, s, doc, n)
	if err != nil {
		return a, err
	}
	if err := a.check(scale); err != nil {
		return a, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return a, nil
}
