package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// TestFaults lets one operation of the disk fail each time, in three ways: the
// disk is full, a write is short, an fsync fails. Then there is room again: the
// log goes on, what was acknowledged is there, and gaps count the rest.
func TestFaults(t *testing.T) {
	step := 3
	if *thorough {
		step = 1
	}
	for _, policy := range []SyncPolicy{SyncEach, SyncInterval, SyncNone} {
		for _, fault := range []error{syscall.ENOSPC, io.ErrShortWrite, syscall.EIO} {
			for at := 1; ; at += step {
				hit, err := faultAt(t, policy, fault, at)
				if err != nil {
					t.Fatalf("policy %d, %v at operation %d: %v", policy, fault, at, err)
				}
				if !hit {
					t.Logf("policy %d, %v: %d operations", policy, fault, at)
					break
				}
			}
		}
	}
}

// faultAt records while operation number at fails, and the two after it.
func faultAt(t *testing.T, policy SyncPolicy, fault error, at int) (hit bool, err error) {
	var ops atomic.Int64
	var ready atomic.Bool
	dir := faultyDir(t, filepath.Join(t.TempDir(), "audit"), func(op string) error {
		if !ready.Load() {
			return nil
		}
		if n := ops.Add(1); n >= int64(at) && n < int64(at)+3 && (fault != io.ErrShortWrite || op == "write") && (fault != syscall.EIO || op == "sync") {
			return fault
		}
		return nil
	})
	var reported atomic.Int64
	l, err := Open(t.Context(), dir, "w", &Options{Sync: policy, Full: Block, Interval: 2 * time.Millisecond, SegmentBytes: 3000, OnError: func(error) { reported.Add(1) }})
	if err != nil {
		return false, err
	}
	ready.Store(true)
	const answers = 12
	verdicts := map[string]bool{}
	for i := range answers {
		l.Scored(t.Context(), scored(i))
		if i%4 == 0 {
			f := risk.Feedback{ID: fmt.Sprint(i), Level: "low", Time: day}
			if l.PutFeedback(t.Context(), f) == nil {
				verdicts[f.ID] = true
			}
			if l.PutFeedback(t.Context(), f) == nil {
				verdicts[f.ID] = true
			}
		}
	}
	hit = ops.Load() >= int64(at)
	ready.Store(false) // there is room again
	l.Scored(t.Context(), scored(100))
	if _, err := l.Checkpoint(t.Context()); err != nil { // the gap is written before
		return hit, err
	}
	if err := l.Close(); err != nil {
		return hit, err
	}
	if _, err := Verify(t.Context(), dir, nil); err != nil {
		return hit, err
	}
	there, missing := map[string]int{}, int64(0)
	for r, err := range Read(t.Context(), dir, nil) {
		if err != nil {
			return hit, err
		}
		switch r.Kind {
		case KindScored, KindFeedback:
			there[string(r.Kind)+r.ID]++
		case KindGap:
			missing += r.Missing
		}
	}
	found := int64(0)
	for id, n := range there {
		if n > 1 {
			return hit, fmt.Errorf("%s is there %d times", id, n)
		}
		if id[0] == 's' {
			found++
		}
	}
	for id := range verdicts {
		if there["feedback"+id] != 1 {
			return hit, fmt.Errorf("acknowledged feedback %s is not there", id)
		}
	}
	st := l.Stats()
	if found+missing < answers+1 || missing != st.Missing || missing > 0 && reported.Load() == 0 || there["scoredINC-100"] != 1 {
		return hit, fmt.Errorf("%d answers and %d missing of %d, %+v, %d errors reported", found, missing, answers+1, st, reported.Load())
	}
	return hit, nil
}

// stuck is a Sink whose appends wait.
type stuck struct {
	Sink
	release chan struct{}
}

func (s *stuck) Lock(ctx context.Context, writer string) (Appender, error) {
	a, err := s.Sink.Lock(ctx, writer)
	return &stuckAppender{a, s}, err
}

type stuckAppender struct {
	Appender
	s *stuck
}

func (a *stuckAppender) Append(ctx context.Context, s Segment, data []byte) error {
	<-a.s.release
	return a.Appender.Append(ctx, s, data)
}

// TestFull fills the buffer while the disk hangs: records are left out and
// counted, or wait until the context ends; then a gap tells.
func TestFull(t *testing.T) {
	for _, policy := range []FullPolicy{Drop, Block} {
		dir := directory(t)
		synctest.Test(t, func(t *testing.T) {
			sink := &stuck{dir, make(chan struct{})}
			var full atomic.Int64
			l := open(t, sink, "w", Options{Full: policy, Buffer: 4, OnError: func(err error) { is(t, err, ErrFull); full.Add(1) }})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			l.Scored(ctx, scored(0))
			time.Sleep(time.Second) // it is being written
			began := time.Now()
			const more = 200 // more than the shards hold
			var wg sync.WaitGroup
			for i := range more {
				wg.Go(func() { l.Scored(ctx, scored(1+i)) })
			}
			wg.Wait()
			if waited := time.Since(began); policy == Drop && waited > 0 || policy == Block && waited > time.Minute {
				t.Errorf("policy %d: waited for %v", policy, waited)
			}
			close(sink.release)
			ok(t, l.Close())
			scored, missing := 0, int64(0)
			for r, err := range Read(t.Context(), dir, nil) {
				ok(t, err)
				if r.Kind == KindScored {
					scored++
				}
				missing += r.Missing
			}
			if full.Load() == 0 || missing == 0 || int64(scored)+missing != more+1 || missing != l.Stats().Missing {
				t.Errorf("policy %d: %d recorded and %d missing of %d, %+v", policy, scored, missing, more+1, l.Stats())
			}
		})
	}
}

// TestHangingDisk has answers in time though the disk hangs.
func TestHangingDisk(t *testing.T) {
	dir := directory(t)
	synctest.Test(t, func(t *testing.T) {
		sink := &stuck{dir, make(chan struct{})}
		l := open(t, sink, "w", Options{Sync: SyncEach})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		l.Scored(ctx, scored(0))
		is(t, l.PutFeedback(ctx, risk.Feedback{ID: "1", Level: "low"}), context.DeadlineExceeded)
		if waited := time.Since(began); waited != 50*time.Millisecond {
			t.Errorf("waited for %v", waited)
		}
		close(sink.release)
		ok(t, l.Close())
		if n := len(all(t, Read(t.Context(), dir, &ReadOptions{Kinds: []Kind{KindScored, KindFeedback}}))); n != 2 {
			t.Errorf("%d records", n)
		}
	})
}

// TestRotation ends segments by age and by size, and deletes old ones.
func TestRotation(t *testing.T) {
	dir := directory(t)
	synctest.Test(t, func(t *testing.T) {
		kept := errors.New("cannot be copied now")
		var mu sync.Mutex // for the three
		hook, gone, errs := kept, []Segment(nil), 0
		o := Options{
			SegmentAge: time.Hour, Retain: 24 * time.Hour, Interval: time.Minute, Config: "c",
			OnError: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				errs++
				is(t, err, kept)
			},
			OnExpire: func(_ context.Context, s Segment) error {
				mu.Lock()
				defer mu.Unlock()
				if hook == nil {
					gone = append(gone, s)
				}
				return hook
			},
		}
		record := func(l *Log, i int) {
			s := scored(i)
			s.Time = time.Now()
			l.Scored(t.Context(), s)
		}
		l := open(t, dir, "w", o)
		for i := range 10 {
			record(l, i)
			if i == 0 {
				ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "x", Level: "low"}))
			}
			time.Sleep(2 * time.Hour)
		}
		segments, err := dir.Segments(t.Context())
		ok(t, err)
		mu.Lock()
		if len(segments) != 10 || errs > 0 {
			t.Errorf("%d segments by age, %d errors", len(segments), errs)
		}
		mu.Unlock()
		time.Sleep(8 * time.Hour)
		segments, err = dir.Segments(t.Context())
		ok(t, err)
		mu.Lock()
		if len(segments) != 10 || errs == 0 {
			t.Errorf("%d segments, %d errors of the hook", len(segments), errs)
		}
		hook = nil
		mu.Unlock()
		time.Sleep(10 * time.Minute)
		report, err := Verify(t.Context(), dir, nil)
		ok(t, err)
		mu.Lock()
		if c := report.Chains[0]; c.First == 1 || len(gone) == 0 || c.First <= gone[len(gone)-1].First {
			t.Errorf("chain %+v, gone %v", c, gone)
		}
		mu.Unlock()
		ok(t, l.PutFeedback(t.Context(), risk.Feedback{ID: "x", Level: "low"})) // forgotten
		time.Sleep(40 * time.Hour)                                              // all but what tells of it expires
		ok(t, l.Close())
		time.Sleep(48 * time.Hour)
		l = open(t, dir, "w", o)
		record(l, 11)
		ok(t, l.Close())
		report, err = Verify(t.Context(), dir, nil)
		ok(t, err)
		records := all(t, Read(t.Context(), dir, nil))
		if r := records[0]; r.Kind != KindOpened || records[1].Kind != KindExpired || r.Seq != report.Chains[0].First {
			t.Errorf("what is left begins with %+v", records[:2])
		}
		// Without the record that tells, what is gone is missed.
		h := hold(t, dir)
		for i := range len(h.segments) - 1 {
			c := *h
			c.segments, c.content = h.segments[i+1:], h.content[i+1:]
			damaged(t, &c, -1, func() string { return "the first segments deleted" })
		}
	})
}
