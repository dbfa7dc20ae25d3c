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
	pool     sync.Pool          // of *shard, all of which are in all
	words    func() *wordCounts // makes those of a shard; nil for none

	mu   sync.Mutex
	all  []*shard
	next atomic.Uint32
}

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

// cacheLine is what may be fetched at once, in counts: two lines of 64 bytes.
const cacheLine = 16

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
		return s.all[s.next.Add(1)%uint32(len(s.all))]
	}
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
