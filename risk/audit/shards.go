package audit

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// maxTexts bounds the texts that wait in one shard, in bytes.
const maxTexts = 4 << 20

// shards are where records wait for the writer. Each goroutine that adds has one
// of them for the while, mostly the one that its processor had before, so that
// they do not share memory.
type shards struct {
	room int // records in each
	pool sync.Pool

	mu     sync.Mutex
	all    []*shard
	next   atomic.Uint32
	closed bool
}

// shard is one of them.
type shard struct {
	mu      sync.Mutex
	waiting []entry
	spare   []entry // the other buffer, empty while the writer does not have it
	texts   int     // bytes of what is waiting
	missing int64   // records that there was no room for
	drained chan struct{}
	closed  bool
	_       [128]byte // keeps others off its cache lines
}

// entry is what a Record is made of.
type entry struct {
	kind   Kind
	time   int64 // nanoseconds since 1970
	scored risk.Scored
	rare   *rare      // of the other kinds
	ack    chan error // told when it is synced; nil where nobody waits

	body []byte    // the record, from its kind on, once it is encoded
	at   time.Time // the record's
}

// rare is an entry that is not of each answer.
type rare struct {
	shadowed   risk.Shadowed
	feedback   risk.Feedback
	model      risk.ServiceStatus
	checkpoint *Checkpoint // to be filled, of what is written until here
}

func (s *shards) get() *shard {
	if c, ok := s.pool.Get().(*shard); ok {
		return c
	}
	return s.another()
}

// another returns a new shard, or, when there are enough of them, one that is
// there.
func (s *shards) another() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if enough := max(8, 4*runtime.GOMAXPROCS(0)); len(s.all) >= enough {
		return s.all[s.next.Add(1)%uint32(len(s.all))]
	}
	c := &shard{closed: s.closed}
	s.all = append(s.all, c)
	return c
}

// list returns all shards.
func (s *shards) list(dst []*shard) []*shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(dst[:0], s.all...)
}

// close lets nothing in any more.
func (s *shards) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.all {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
	}
}

// slot returns room for an entry in s, which is locked then, or nil, with s not
// locked, where there is none. If wait is true it waits for room until ctx is
// done.
func (s *shard) slot(ctx context.Context, wait bool, room int, wake chan<- struct{}) (*entry, error) {
	s.mu.Lock()
	for len(s.waiting) >= room || s.texts > maxTexts {
		if s.closed {
			break
		}
		if !wait {
			s.missing++
			s.mu.Unlock()
			return nil, nil
		}
		if s.drained == nil {
			s.drained = make(chan struct{})
		}
		drained := s.drained
		s.mu.Unlock()
		rouse(wake)
		select {
		case <-drained:
			s.mu.Lock()
		case <-ctx.Done():
			s.mu.Lock()
			s.missing++
			s.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	n := len(s.waiting)
	if n < cap(s.waiting) {
		s.waiting = s.waiting[:n+1]
	} else {
		s.waiting = append(s.waiting, entry{})
	}
	return &s.waiting[n], nil
}

// rouse makes the writer look.
func rouse(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// take returns what waits and how many records there was no room for. What it
// returns must be given back.
func (s *shard) take() (entries []entry, missing int64) {
	s.mu.Lock()
	entries, missing = s.waiting, s.missing
	s.waiting, s.spare = s.spare[:0], nil
	s.texts, s.missing = 0, 0
	if s.drained != nil {
		close(s.drained)
		s.drained = nil
	}
	s.mu.Unlock()
	return entries, missing
}

// give gives back what take returned.
func (s *shard) give(entries []entry) {
	clear(entries)
	s.mu.Lock()
	s.spare = entries[:0]
	s.mu.Unlock()
}
