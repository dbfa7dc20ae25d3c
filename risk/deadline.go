package risk

import (
	"context"
	"time"
)

// DeadlineOptions configure a Deadline.
type DeadlineOptions struct {
	// Timeout is how long a call may take. 0 means 100 ms.
	Timeout time.Duration
	// MaxRunning is how many calls may run at a time, those included that
	// nobody waits for any more. 0 means 64.
	MaxRunning int
	// Local says that the scorer only computes, as a Model does, and does not
	// look at its context. It is then given the caller's, which saves four
	// allocations a call; without Local it gets one that ends at the timeout.
	Local bool
}

// A Deadline is a Scorer that answers in time: what another scorer says, or an
// error. A call that takes too long goes on, since Go cannot end it, but nobody
// waits for it, its answer is dropped, and it counts against MaxRunning until
// it returns. Of the time that the caller's own context leaves, a quarter, at
// most 20 ms, is kept for whoever answers instead.
//
// It is made by NewDeadline and calls the other scorer on goroutines that it
// starts when they are needed and uses again, at most MaxRunning; Close ends
// them.
type Deadline struct {
	calls *bounded[question, Assessment]
}

// question is what a Scorer is asked.
type question struct {
	doc Document
	n   int // terms to explain by
}

// NewDeadline returns a Deadline around s. nil opts means the defaults.
func NewDeadline(s Scorer, opts *DeadlineOptions) *Deadline {
	var o DeadlineOptions
	if opts != nil {
		o = *opts
	}
	if o.Timeout <= 0 {
		o.Timeout = 100 * time.Millisecond
	}
	if o.MaxRunning <= 0 {
		o.MaxRunning = 64
	}
	d := &Deadline{newBounded(o.Timeout, o.MaxRunning, func(ctx context.Context, q question) (Assessment, error) {
		return Explain(ctx, s, q.doc, q.n)
	})}
	d.calls.local = o.Local
	return d
}

// Score answers as the other scorer does. The error is that scorer's, or wraps
// ErrTimeout where it took too long, ErrOverload where MaxRunning calls are
// running, ErrPanic where it panicked, ErrClosed after Close, or is ctx.Err()
// where the caller gave up.
func (d *Deadline) Score(ctx context.Context, doc Document) (Assessment, error) {
	return d.calls.do(ctx, question{doc, 0})
}

// Explain answers as Score does and has the other scorer explain it.
func (d *Deadline) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	return d.calls.do(ctx, question{doc, n})
}

// Close ends the goroutines of d and waits for those that are at a call until
// ctx is done; then the error wraps ctx.Err(), and they end when their calls
// return.
func (d *Deadline) Close(ctx context.Context) error { return d.calls.close(ctx) }
