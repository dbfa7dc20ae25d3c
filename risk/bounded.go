package risk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errCallersTime is the ErrTimeout where the time was the caller's own.
var errCallersTime = fmt.Errorf("%w: the caller's deadline came first", ErrTimeout)

// reserve is how much of the caller's time is kept for whoever answers after a
// timeout, at most; it is never more than a quarter of it.
const reserve = 20 * time.Millisecond

// bounded calls a function that may take too long. Since Go cannot end a
// computation, each call is on a goroutine of its own, a worker's, which is left
// behind at a timeout and is used again once the call returns. There are never
// more than max workers, so never more calls that run.
//
// Idle workers wait in lanes, and a caller takes one from the lane of its core
// and brings it back, so calls on different cores share nothing.
type bounded[In, Out any] struct {
	f       func(context.Context, In) (Out, error)
	timeout time.Duration // of each call
	began   time.Time     // what the time of calls counts from
	local   bool          // f never looks at its context
	max     int

	lanes lanes
	idle  []lane[In, Out]

	mu      sync.Mutex // guards what follows
	workers int        // idle or not
	closed  bool
	gone    chan struct{} // closed when closed and there are no workers
}

// worker is a goroutine with the call that it is at.
type worker[In, Out any] struct {
	ctx   context.Context
	in    In
	out   Out
	err   error
	start chan struct{} // one to a call; closed to end the worker
	call  *timedCall
	next  *worker[In, Out]
}

type lane[In, Out any] struct {
	mu     sync.Mutex
	first  *worker[In, Out]
	closed bool
	_      pad
}

func newBounded[In, Out any](timeout time.Duration, maximum int, f func(context.Context, In) (Out, error)) *bounded[In, Out] {
	return &bounded[In, Out]{
		f: f, timeout: timeout, began: time.Now(), max: maximum,
		idle: make([]lane[In, Out], laneCount()), gone: make(chan struct{}),
	}
}

// do calls f and returns what it does, or an error that wraps ErrPanic,
// ErrTimeout, ErrOverload, ErrClosed or context.Canceled.
func (b *bounded[In, Out]) do(ctx context.Context, in In) (out Out, err error) {
	if err := ctx.Err(); err != nil {
		return out, callersErr(err)
	}
	wait, tooLate := b.timeout, ErrTimeout
	if at, ok := ctx.Deadline(); ok {
		rest := time.Until(at)
		if rest -= min(reserve, rest/4); rest < wait {
			wait, tooLate = rest, errCallersTime
		}
		if wait <= 0 {
			return out, tooLate
		}
	}
	w, err := b.take()
	if err != nil {
		return out, err
	}
	own := ctx
	if !b.local {
		var cancel context.CancelFunc
		own, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	w.ctx, w.in = own, in
	w.call.begin(wait)
	w.start <- struct{}{}
	if ended := ctx.Done(); ended == nil {
		<-w.call.done
	} else {
		select {
		case <-w.call.done:
		case <-ended:
			if w.call.leave() {
				return out, callersErr(ctx.Err())
			}
			<-w.call.done // it came just now
		}
	}
	switch w.call.end() {
	case finished:
		out, err = w.out, w.err
		if err != nil && own.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
			err = tooLate // f saw it before we did
		}
	case left:
		return out, tooLate
	case over:
		err = tooLate
	}
	b.put(w)
	return out, err
}

func callersErr(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errCallersTime
	}
	return err
}

// take returns a worker that waits for a call.
func (b *bounded[In, Out]) take() (*worker[In, Out], error) {
	own := b.lanes.pick(len(b.idle))
	if w := b.idle[own].pop(); w != nil {
		return w, nil
	}
	b.mu.Lock()
	closed, more := b.closed, b.workers < b.max
	if more && !closed {
		b.workers++
	}
	b.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case more:
		w := &worker[In, Out]{start: make(chan struct{}, 1), call: newTimedCall(b.began)}
		go b.work(w)
		return w, nil
	}
	for i := range b.idle {
		if w := b.idle[i].pop(); w != nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%w: %d", ErrOverload, b.max)
}

// put brings back a worker whose call is over, which drops what it holds.
func (b *bounded[In, Out]) put(w *worker[In, Out]) {
	var in In
	var out Out
	w.ctx, w.in, w.out, w.err = nil, in, out, nil
	l := &b.idle[b.lanes.pick(len(b.idle))]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		close(w.start)
		return
	}
	w.next, l.first = l.first, w
}

func (l *lane[In, Out]) pop() *worker[In, Out] {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.first
	if w != nil {
		l.first, w.next = w.next, nil
	}
	return w
}

func (b *bounded[In, Out]) work(w *worker[In, Out]) {
	for range w.start {
		w.err = b.run(w)
		if w.call.finish() {
			b.put(w)
		}
	}
	w.call.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.workers--; b.closed && b.workers == 0 {
		close(b.gone)
	}
}

// run is a call of f. A panic, which would end the process, is an error that
// wraps ErrPanic.
func (b *bounded[In, Out]) run(w *worker[In, Out]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrPanic, p)
		}
	}()
	w.out, err = b.f(w.ctx, w.in)
	return err
}

// close ends the workers. It waits for those that are at a call until ctx is
// done; then the error says how many are left, and they end when their calls
// do.
func (b *bounded[In, Out]) close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		if b.closed = true; b.workers == 0 {
			close(b.gone)
		}
	}
	b.mu.Unlock()
	for i := range b.idle {
		l := &b.idle[i]
		l.mu.Lock()
		for l.closed = true; l.first != nil; l.first = l.first.next {
			close(l.first.start)
		}
		l.mu.Unlock()
	}
	select {
	case <-b.gone:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.workers == 0 {
		return nil
	}
	return fmt.Errorf("risk: %d calls are still running: %w", b.workers, ctx.Err())
}
