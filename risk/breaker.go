package risk

import (
	"context"
	"errors"
	"time"
)

// A Breaker is a Scorer that leaves Scorer alone for a while once it has failed
// several times in a row: then it is open and answers ErrBreaker at once. After
// Pause it is half-open and lets one call through; if that succeeds it is closed
// again, else open for another Pause.
//
// Not counted, neither as failure nor as success, are calls whose caller gave up
// or ran out of time, errors that wrap ErrInput, and ErrOverload, which says
// nothing of the Scorer. A panic is a failure. A Scorer that may hang belongs
// into a Deadline inside the Breaker.
//
// All fields but Scorer may be zero; none may change once it is in use. A call
// that succeeds while all is well writes no memory that others read.
type Breaker struct {
	Scorer Scorer
	BreakerOptions
	circuit circuit
}

// BreakerOptions say when a breaker opens and for how long.
type BreakerOptions struct {
	// Failures is how many in a row open it. 0 means 5.
	Failures int
	// Pause is how long it stays open. 0 means 10 s.
	Pause time.Duration
	// Now tells the time. nil means time.Now, as does a panic.
	Now func() time.Time
	// OnChange, if not nil, is told of each new state, in order, on the
	// goroutine of a call. It may not call the breaker, but for State. That it
	// panics changes nothing.
	OnChange func(BreakerState)
}

// Score answers as Scorer does, or with an error that wraps ErrBreaker or
// ErrPanic.
func (b *Breaker) Score(ctx context.Context, doc Document) (Assessment, error) {
	return b.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has Scorer explain it.
func (b *Breaker) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	turn, ok := b.circuit.enter(&b.BreakerOptions)
	if !ok {
		return Assessment{}, ErrBreaker
	}
	a, err := ask(ctx, b.Scorer, doc, n)
	b.circuit.leave(&b.BreakerOptions, turn, outcomeOf(ctx, err))
	return a, err
}

// State returns what b does with calls.
func (b *Breaker) State() BreakerState { return b.circuit.State() }

// outcomeOf says what an answer to a caller's call tells of who answered.
func outcomeOf(ctx context.Context, err error) outcome {
	switch {
	case err == nil:
		return success
	case ctx.Err() != nil, errors.Is(err, errCallersTime), errors.Is(err, ErrInput), errors.Is(err, ErrOverload):
		return neither
	}
	return failure
}
