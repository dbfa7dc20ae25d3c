package riskprom

import (
	"runtime"
	"sync"
)

// shards are counts and sums that only grow. Each goroutine that counts has one
// of them for the while, mostly the one that its processor had before, so that
// they do not share memory.
type shards struct {
	counts, sums int       // of each
	pool         sync.Pool // of *shard, all of which are in all

	mu   sync.Mutex
	all  []*shard
	next int
}

// shard is one of them. mu is held for the while of a few additions.
type shard struct {
	mu     sync.Mutex
	counts []uint64
	sums   []float64
	_      [128]byte // keeps others off its cache lines
}

func (s *shards) get() *shard {
	if c, ok := s.pool.Get().(*shard); ok {
		return c
	}
	return s.another()
}

func (s *shards) put(c *shard) { s.pool.Put(c) }

// another returns a new shard, or, when there are enough of them, one that is
// there.
func (s *shards) another() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if enough := max(8, 4*runtime.GOMAXPROCS(0)); len(s.all) >= enough {
		s.next++
		return s.all[s.next%len(s.all)]
	}
	const line = 16 // what may be fetched at once, in numbers: two lines of 64 bytes
	c := &shard{
		counts: make([]uint64, s.counts+2*line)[line : line+s.counts],
		sums:   make([]float64, s.sums+2*line)[line : line+s.sums],
	}
	s.all = append(s.all, c)
	return c
}

// sum returns what all shards have counted.
func (s *shards) sum() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := &shard{counts: make([]uint64, s.counts), sums: make([]float64, s.sums)}
	for _, c := range s.all {
		c.mu.Lock()
		for i, n := range c.counts {
			total.counts[i] += n
		}
		for i, v := range c.sums {
			total.sums[i] += v
		}
		c.mu.Unlock()
	}
	return total
}
