package risk

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ShadowOptions configure a Shadow.
type ShadowOptions struct {
	// Rollout is the id of the rollout.
	Rollout string
	// Scale is what the candidate's levels must be on. nil means DefaultScale.
	Scale Scale
	// Takes says which documents the candidate scores. nil means all. One that
	// panics says no.
	Takes func(Document) bool
	// Queue is how many documents may wait for the candidate. 0 means 1024.
	Queue int
	// Workers is how many documents the candidate scores at a time. 0 means 1.
	Workers int
	// Timeout is how long the candidate may take for one. 0 means 1 s.
	Timeout time.Duration
	// Observer, if not nil, is told of each document that the candidate was to
	// score. That it panics changes nothing.
	Observer Observer
	// Now tells the time. nil means time.Now, as does a panic.
	Now func() time.Time
}

// ShadowStats count what became of the documents that a candidate was to score.
type ShadowStats struct {
	Pairs         int64 `json:"pairs"`         // both have answered
	Disagreements int64 `json:"disagreements"` // pairs of different levels
	Errors        int64 `json:"errors"`        // the candidate has failed
	Dropped       int64 `json:"dropped"`       // too many were waiting, or it was closed
}

// A Shadow is a Scorer that answers as one scorer does, and then has a candidate
// score the same document to compare. Answers neither wait for the candidate nor
// change by it, whatever it does; documents that it has no time for are dropped
// and counted. It is made by NewShadow, which starts Workers goroutines; Close
// ends them.
type Shadow struct {
	production Scorer
	candidate  *Deadline
	o          ShadowOptions

	lanes   lanes
	queues  []shadowQueue
	workers sync.WaitGroup
	closing atomic.Bool
	hurry   atomic.Bool   // drop what still waits
	drained chan struct{} // closed when all goroutines have ended
	told    sync.Pool     // of *Shadowed

	pairs, disagreements, errors atomic.Int64
}

// NewShadow returns a Shadow that answers as production does. nil opts means the
// defaults.
func NewShadow(production, candidate Scorer, opts *ShadowOptions) *Shadow {
	s := &Shadow{production: production, drained: make(chan struct{})}
	if opts != nil {
		s.o = *opts
	}
	o := &s.o
	if o.Scale == nil {
		o.Scale = DefaultScale()
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	o.Now = steady(o.Now)
	if o.Observer != nil {
		o.Observer = isolated(o.Observer)
	}
	s.told.New = func() any { return new(Shadowed) }
	// A candidate that hangs holds a call, not a worker.
	s.candidate = NewDeadline(candidate, &DeadlineOptions{Timeout: o.Timeout, MaxRunning: 2 * o.Workers})
	s.queues = make([]shadowQueue, max(o.Workers, min(laneCount(), o.Queue)))
	wake := make([]chan struct{}, o.Workers)
	for i := range wake {
		wake[i] = make(chan struct{}, 1)
	}
	for i := range s.queues {
		q := &s.queues[i]
		q.ring = make([]waiting, max(1, o.Queue/len(s.queues)))
		q.wake = wake[i%o.Workers]
	}
	s.workers.Add(o.Workers)
	for i := range o.Workers {
		go s.work(i)
	}
	go func() {
		s.workers.Wait()
		_ = s.candidate.Close(context.Background()) // waits for what hangs
		close(s.drained)
	}()
	return s
}

// Score answers as the production scorer does.
func (s *Shadow) Score(ctx context.Context, doc Document) (Assessment, error) {
	a, err := s.production.Score(ctx, doc)
	if err == nil && (s.o.Takes == nil || takes(s.o.Takes, doc)) {
		s.offer(ctx, &doc, &a)
	}
	return a, err
}

// Explain answers as the production scorer does. The candidate is not asked.
func (s *Shadow) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	if n < 1 {
		return s.Score(ctx, doc)
	}
	return Explain(ctx, s.production, doc, n)
}

// Stats returns the counts so far.
func (s *Shadow) Stats() ShadowStats {
	st := ShadowStats{Pairs: s.pairs.Load(), Disagreements: s.disagreements.Load(), Errors: s.errors.Load()}
	for i := range s.queues {
		st.Dropped += s.queues[i].dropped.Load()
	}
	return st
}

// offer has a document wait for the candidate, or drops it.
func (s *Shadow) offer(ctx context.Context, doc *Document, a *Assessment) {
	now := s.o.Now()
	own := s.lanes.pick(len(s.queues))
	if !s.closing.Load() {
		for i := range s.queues {
			if s.queues[(own+i)%len(s.queues)].push(doc, a, now) {
				return
			}
		}
	}
	s.queues[own].dropped.Add(1)
	if s.o.Observer != nil {
		t := s.told.Get().(*Shadowed)
		*t = Shadowed{Document: *doc, Time: now, Rollout: s.o.Rollout, Production: *a, Dropped: true}
		s.o.Observer.Shadowed(ctx, t)
		*t = Shadowed{}
		s.told.Put(t)
	}
}

// linger is how long a worker that finds nothing sleeps before it waits to be
// woken. To wake it costs the caller more than all the rest, so in busy times
// nobody does.
const linger = time.Millisecond

// work has the candidate score what waits in every Workers-th queue from queue
// i on.
func (s *Shadow) work(i int) {
	defer s.workers.Done()
	var x Shadowed
	for rested := false; ; {
		found := false
		for k := i; k < len(s.queues); k += s.o.Workers {
			if s.queues[k].pop(&x) {
				found = true
				s.compare(&s.queues[k], &x)
			}
		}
		switch {
		case found:
			rested = false
		case s.closing.Load() && s.empty(i):
			return
		case !rested:
			time.Sleep(linger)
			rested = true
		default:
			<-s.queues[i].wake
			rested = false
		}
	}
}

// empty says whether nothing waits for worker i, and closes its queues if so.
func (s *Shadow) empty(i int) bool {
	for k := i; k < len(s.queues); k += s.o.Workers {
		if !s.queues[k].closeEmpty() {
			return false
		}
	}
	return true
}

// compare has the candidate score x and tells how that went.
func (s *Shadow) compare(q *shadowQueue, x *Shadowed) {
	ctx := context.Background()
	x.Rollout = s.o.Rollout
	if x.Dropped = s.hurry.Load(); !x.Dropped {
		x.Candidate, x.Err = askValid(ctx, s.candidate, x.Document, 0, s.o.Scale)
	}
	switch {
	case x.Dropped:
		q.dropped.Add(1)
	case x.Err != nil:
		s.errors.Add(1)
		x.Candidate = Assessment{}
	default:
		s.pairs.Add(1)
		if x.Disagree() {
			s.disagreements.Add(1)
		}
	}
	if s.o.Observer != nil {
		s.o.Observer.Shadowed(ctx, x)
	}
}

// Close has documents not wait any more, and waits for the candidate to score
// those that do, until ctx is done; then the rest is dropped, the error wraps
// ctx.Err(), and the goroutines end when the candidate's calls do. Score goes on
// answering.
func (s *Shadow) Close(ctx context.Context) error {
	s.closing.Store(true)
	for i := range s.queues {
		s.queues[i].nudge()
	}
	select {
	case <-s.drained:
		return nil
	case <-ctx.Done():
		s.hurry.Store(true)
		return fmt.Errorf("risk: the candidate is not done with what waits for it: %w", ctx.Err())
	}
}
