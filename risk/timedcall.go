package risk

import (
	"sync"
	"sync/atomic"
	"time"
)

// timedCall is a call that one goroutine makes and another waits for until its
// time is over, one call after the other. It says which of the two may use what
// belongs to the call when it is over.
//
// To set a timer for each call would cost more than many a call. So the timer is
// left as it is by calls that end in time. When it fires it looks whether the
// call that is then on its way is late, and else sets itself for when it will
// be.
type timedCall struct {
	done  chan struct{} // has one value for a call that is finished or late
	state atomic.Uint64 // the number of the call, and in the lowest bits what it is
	began time.Time

	mu    sync.Mutex    // guards what follows
	due   time.Duration // when the call is late, since began
	armed time.Duration // when the timer fires, since began; 0 where it does not
	timer *time.Timer
}

// What a call is. Only one that is running or late changes by itself.
const (
	running  uint64 = iota
	finished        // in time
	late            // still running, its time over
	left            // still running, and nobody waits for it any more
	over            // finished late
	bits     = 3
	mask     = 1<<bits - 1
)

func newTimedCall(began time.Time) *timedCall {
	c := &timedCall{done: make(chan struct{}, 1), began: began}
	c.timer = time.AfterFunc(time.Hour, c.ring)
	c.timer.Stop()
	return c
}

// change makes the call that is in state from one that is in state to, and
// says whether it was in from.
func (c *timedCall) change(from, to uint64) bool {
	s := c.state.Load()
	return s&mask == from && c.state.CompareAndSwap(s, s&^mask|to)
}

// begin is the start of the next call, by who will wait.
func (c *timedCall) begin(wait time.Duration) {
	now := time.Since(c.began)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = now + wait
	c.state.Store(c.state.Load()&^mask + mask + 1 + running)
	if c.armed == 0 || c.due < c.armed {
		c.armed = c.due
		c.timer.Reset(wait)
	}
}

// finish is the end of the work, by who did it. It says whether nobody waits,
// so that what belongs to the call is left to the worker.
func (c *timedCall) finish() (alone bool) {
	if c.change(running, finished) {
		c.done <- struct{}{}
		return false
	}
	return !c.change(late, over)
}

// leave gives the call up, by who waits, unless there is a value in done or
// soon will be; it says whether it did.
func (c *timedCall) leave() bool { return c.change(running, left) }

// end is the end of waiting, after a value of done. It returns finished, left
// or over; what belongs to a call that is left is the worker's.
func (c *timedCall) end() uint64 {
	if c.state.Load()&mask == finished {
		return finished
	}
	if c.change(late, left) {
		return left
	}
	return over
}

// ring is what the timer does.
func (c *timedCall) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = 0
	if c.state.Load()&mask != running {
		return
	}
	if rest := c.due - time.Since(c.began); rest > 0 {
		c.armed = c.due
		c.timer.Reset(rest)
		return
	}
	if c.change(running, late) {
		c.done <- struct{}{}
	}
}

func (c *timedCall) stop() { c.timer.Stop() }
