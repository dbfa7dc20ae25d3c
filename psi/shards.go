package psi

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// shards are counters of the features of one Baseline that only grow. Each
// goroutine that counts has one of them for the while, mostly the one that its
// processor had before, so that they do not share memory. Windows are
// differences between their sums at two times, so none need ever be emptied.
type shards struct {
	baseline *Baseline
	pool     sync.Pool          // of *lease
	words    func() *wordCounts // makes those of a shard; nil for none

	mu   sync.Mutex
	all  []*shard
	free []*shard // those without a lease
	next int      // of all, to be shared where none is free
}

// lease lends a shard. The pool forgets leases of processors that have not
// counted for a while; when one is collected its shard is free again.
type lease struct{ *shard }

// shard is one of the counters. Features of texts are counted under mu, the
// host's own by atomic operations, each by its own bins alone.
type shard struct {
	mu      sync.Mutex
	profile Profile
	ind     []int32
	val     []float64
	words   *wordCounts // of the window, nil where they are not counted
	_       [64]byte    // keeps others off its cache lines
}

// observe counts a text by an extractor, which may panic.
func (c *shard) observe(f FeatureExtractor, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ind, c.val = f.AppendFeatures(c.ind[:0], c.val[:0], text)
	return c.profile.Add(c.ind, c.val)
}

// cacheLine is what may be fetched at once, in counts: two lines of 64 bytes.
const cacheLine = 16

func (s *shards) get() *lease {
	if l, ok := s.pool.Get().(*lease); ok {
		return l
	}
	return s.another()
}

func (s *shards) put(l *lease) { s.pool.Put(l) }

// another lends a shard that is free, or a new one, or, when there are enough of
// them, one that somebody else has too.
func (s *shards) another() *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		if enough := max(8, 4*runtime.GOMAXPROCS(0)); len(s.all) >= enough {
			s.next++
			return &lease{s.all[s.next%len(s.all)]}
		}
		s.free = append(s.free, s.grow())
	}
	last := len(s.free) - 1
	l := &lease{s.free[last]}
	s.free = s.free[:last]
	runtime.AddCleanup(l, s.release, l.shard)
	return l
}

// release makes a shard free.
func (s *shards) release(c *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, c)
}

// grow makes one more shard.
func (s *shards) grow() *shard {
	alone := func(n int) []int64 { return make([]int64, n+2*cacheLine)[cacheLine : cacheLine+n] }
	c := &shard{profile: Profile{baseline: s.baseline, counts: alone(s.baseline.bins), nonzero: alone(s.baseline.own)}}
	if s.words != nil {
		c.words = s.words()
	}
	s.all = append(s.all, c)
	return c
}

// sum returns what all shards have counted.
func (s *shards) sum() *Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := NewProfile(s.baseline)
	texts := len(p.counts) // where the host's own begin
	if s.baseline.own < len(s.baseline.features) {
		texts = s.baseline.offset[s.baseline.own]
	}
	for _, c := range s.all {
		c.mu.Lock()
		p.n += c.profile.n
		for j, n := range c.profile.nonzero {
			p.nonzero[j] += n
		}
		for i, n := range c.profile.counts[:texts] {
			p.counts[i] += n
		}
		c.mu.Unlock()
		for i := texts; i < len(p.counts); i++ {
			p.counts[i] += atomic.LoadInt64(&c.profile.counts[i])
		}
	}
	return p
}
