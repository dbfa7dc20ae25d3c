package risk

import (
	"sync"
	"sync/atomic"
	"time"
)

// circuit is the state of a breaker. The zero value is closed.
//
// All that a call needs to know while all is well is in word: twice the number
// of changes of the state so far, plus 1 unless it is closed and the last call
// succeeded. So word is even where there is nothing to do, and a call that ends
// under another number than it began under tells nothing of the new state.
type circuit struct {
	word  atomic.Uint64
	state atomic.Int32 // a BreakerState; written under mu

	mu       sync.Mutex
	failures int       // in a row, while closed
	since    time.Time // when it was opened
	probing  bool      // a call is on its way, while half-open
}

// outcome is how a call ended.
type outcome int

const (
	success outcome = iota
	failure
	neither
)

// State returns the state.
func (c *circuit) State() BreakerState { return BreakerState(c.state.Load()) }

// enter says whether a call may go through. If so it must leave with the turn
// that enter returns.
func (c *circuit) enter(o *BreakerOptions) (turn uint64, ok bool) {
	if w := c.word.Load(); w&1 == 0 {
		return w >> 1, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.State() == BreakerOpen {
		now := o.now()
		if now.Before(c.since) {
			c.since = now // the clock was set back
		}
		if now.Sub(c.since) < o.pause() {
			return 0, false
		}
		c.set(o, BreakerHalfOpen)
	}
	if c.State() == BreakerHalfOpen {
		if c.probing {
			return 0, false
		}
		c.probing = true
	}
	return c.word.Load() >> 1, true
}

// leave tells how a call ended.
func (c *circuit) leave(o *BreakerOptions, turn uint64, out outcome) {
	if out == success && c.word.Load() == turn<<1 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.word.Load()>>1 != turn {
		return // the state has changed since
	}
	switch half := c.State() == BreakerHalfOpen; {
	case out == neither:
		c.probing = false // the next call tries
	case out == success && half:
		c.set(o, BreakerClosed)
	case out == success:
		c.failures = 0
		c.word.Store(turn << 1)
	case half:
		c.open(o)
	default:
		c.word.Store(turn<<1 | 1)
		if c.failures++; c.failures >= o.limit() {
			c.open(o)
		}
	}
}

func (c *circuit) open(o *BreakerOptions) {
	c.since = o.now()
	c.set(o, BreakerOpen)
}

// set changes the state; mu is held.
func (c *circuit) set(o *BreakerOptions, s BreakerState) {
	c.failures, c.probing = 0, false
	c.state.Store(int32(s))
	w := (c.word.Load()>>1 + 1) << 1
	if s != BreakerClosed {
		w |= 1
	}
	c.word.Store(w)
	if o.OnChange != nil {
		_ = guard("OnChange", func() { o.OnChange(s) })
	}
}

func (o *BreakerOptions) limit() int { return orDefault(max(0, o.Failures), 5) }

func (o *BreakerOptions) pause() time.Duration {
	if o.Pause <= 0 {
		return 10 * time.Second
	}
	return o.Pause
}

func (o *BreakerOptions) now() time.Time { return clock(o.Now) }
