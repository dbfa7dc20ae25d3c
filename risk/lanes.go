package risk

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// lanes says which of several like things a goroutine should use so that
// goroutines on different cores use different ones, as far as can be. The zero
// value is ready.
type lanes struct {
	pool sync.Pool // of *int; it keeps them by core
	next atomic.Int64
}

// laneCount returns how many lanes are enough on this machine.
func laneCount() int { return max(1, runtime.GOMAXPROCS(0)) }

// pick returns the lane of the caller's core, one of n.
func (l *lanes) pick(n int) int {
	if n == 1 {
		return 0
	}
	lane, _ := l.pool.Get().(*int)
	if lane == nil {
		i := int(l.next.Add(1))
		lane = &i
	}
	i := *lane % n
	l.pool.Put(lane)
	return i
}

// pad keeps what stands before it and after it on cache lines of their own.
type pad [128]byte
