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
)

// FallbackReasons returns all of them.
func FallbackReasons() []FallbackReason {
	return []FallbackReason{
		ReasonUnavailable, ReasonError, ReasonPanic, ReasonInvalid, ReasonTimeout, ReasonOverload, ReasonBreaker,
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
)

// reasonOf returns which reason an error of a scorer is.
func reasonOf(err error) FallbackReason {
	switch {
	case errors.Is(err, ErrPanic):
		return ReasonPanic
	case errors.Is(err, ErrInvalid):
		return ReasonInvalid
	case errors.Is(err, ErrTimeout):
		return ReasonTimeout
	case errors.Is(err, ErrOverload):
		return ReasonOverload
	case errors.Is(err, ErrBreaker):
		return ReasonBreaker
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
	// call. err wraps ErrPanic or ErrInvalid or is First's.
	OnFallback func(reason FallbackReason, err error)
}

// Score answers as First does, or else as Second. The error is Second's.
func (f *Fallback) Score(ctx context.Context, doc Document) (Assessment, error) {
	return f.answer(func(s Scorer) (Assessment, error) { return s.Score(ctx, doc) })
}

// Explain answers as Score does and has the answering scorer explain it.
func (f *Fallback) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return f.answer(func(s Scorer) (Assessment, error) { return Explain(ctx, s, doc, n) })
}

func (f *Fallback) answer(ask func(Scorer) (Assessment, error)) (Assessment, error) {
	a, reason, err := f.first(ask)
	if err == nil {
		return a, nil
	}
	if f.OnFallback != nil {
		f.OnFallback(reason, err)
	}
	a, err = ask(f.Second)
	a.FallbackReason = reason
	return a, err
}

// first asks First and says what is wrong with its answer.
func (f *Fallback) first(ask func(Scorer) (Assessment, error)) (a Assessment, reason FallbackReason, err error) {
	defer func() {
		if p := recover(); p != nil {
			reason, err = ReasonPanic, fmt.Errorf("%w: %v", ErrPanic, p)
		}
	}()
	if a, err = ask(f.First); err != nil {
		return a, reasonOf(err), err
	}
	if err = a.check(f.Scale); err != nil {
		return a, ReasonInvalid, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return a, "", nil
}
