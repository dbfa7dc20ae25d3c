package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// A Log writes down what happens around scoring. It is a risk.Observer and a
// risk.FeedbackSink, made by Open and ended by Close, and safe for concurrent
// use. Nothing that goes wrong in it disturbs scoring: it is counted, told to
// Options.OnError, and the chain has a gap where records are missing.
type Log struct {
	risk.NopObserver
	o      Options
	writer string
	shards shards
	acks   sync.Pool // of chan error
	wake   chan struct{}
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
	err    error // of Close, set before done

	_                        [128]byte // what is below changes
	written, missing, errors atomic.Int64
}

var (
	_ risk.Observer     = (*Log)(nil)
	_ risk.FeedbackSink = (*Log)(nil)
)

// Stats count what a Log has done since Open.
type Stats struct {
	// Written counts records, with the log's own; Missing those that were lost,
	// for want of room or because the sink failed; Errors what OnError was told.
	Written, Missing, Errors int64
}

// Open continues the chain of writer in sink, or begins it. Each process that
// writes has a writer's name of its own, and keeps it from one start to the next.
// What an earlier process left unfinished is cut off, kept beside, and written
// down. The error wraps ErrInput, ErrLocked, or is the sink's. nil opts means the
// defaults. It starts one goroutine, which Close ends.
func Open(ctx context.Context, sink Sink, writer string, opts *Options) (*Log, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := CheckWriter(writer); err != nil {
		return nil, err
	}
	if o.Signer != nil {
		if err := new(Checkpoint).sign(o.Signer); err != nil {
			return nil, err
		}
	}
	l := &Log{o: o, writer: writer, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	l.shards.room = o.Buffer
	a, err := sink.Lock(ctx, writer)
	if err != nil {
		return nil, err
	}
	w := &appending{l: l, a: guarded{a}, d: sha256.New(), known: verdicts{}}
	w.ctx = ctx
	if err := w.recover(sink); err != nil {
		_ = w.a.Close() // the first error counts
		return nil, err
	}
	w.ctx = context.WithoutCancel(ctx)
	go w.run()
	return l, nil
}

// Close writes what is waiting, seals the segment and ends the Log's goroutine.
// What comes later is not recorded. The error says why something could not be
// written; what was acknowledged is safe all the same.
func (l *Log) Close() error {
	l.once.Do(func() {
		l.shards.close()
		close(l.stop)
	})
	<-l.done
	return l.err
}

// Stats returns the counts.
func (l *Log) Stats() Stats {
	return Stats{l.written.Load(), l.missing.Load(), l.errors.Load()}
}

// Scored records an answer. It takes a copy and returns; with SyncEach it waits
// until that is synced or failed, or ctx is done.
func (l *Log) Scored(ctx context.Context, s *risk.Scored) {
	c := l.shards.get()
	e, _ := c.slot(ctx, l.o.Full == Block, l.shards.room, l.wake) // what is missing is counted
	if e == nil {
		l.shards.pool.Put(c)
		return
	}
	e.kind = KindScored
	e.time = s.Time.UnixNano()
	e.scored = *s
	if len(l.o.Key) == 0 && !l.o.KeepText {
		e.scored.Document.Text = "" // not kept waiting
	}
	texts := c.texts
	c.texts += len(e.scored.Document.Text)
	var ack chan error
	if l.o.Sync == SyncEach {
		ack = l.ack()
		e.ack = ack
	}
	half := len(c.waiting) == (l.shards.room+1)/2 || texts <= maxTexts/2 && c.texts > maxTexts/2
	c.mu.Unlock()
	l.shards.pool.Put(c)
	if half || ack != nil {
		rouse(l.wake)
	}
	if ack != nil {
		_ = l.await(ctx, ack) // OnError is told
	}
}

// Shadowed records what a candidate would have answered, with the answer that
// was given. It never waits.
func (l *Log) Shadowed(ctx context.Context, s *risk.Shadowed) {
	_ = l.put(ctx, false, KindShadowed, s.Time, &rare{shadowed: *s}, nil) // what is missing is counted
}

// ModelChanged records which versions answer from here on. It never waits.
func (l *Log) ModelChanged(st *risk.ServiceStatus) {
	now := l.o.Now()
	r := &rare{model: *st}
	if st.Rollout != nil {
		rollout := *st.Rollout
		if math.IsNaN(rollout.Share) || math.IsInf(rollout.Share, 0) {
			rollout.Share = 0 // JSON has no such numbers
		}
		r.model.Rollout = &rollout
	}
	_ = l.put(context.Background(), false, KindModel, now, r, nil) // what is missing is counted
}

// PutFeedback records an operator's verdict and returns once it is synced. It is
// not recorded again where the last verdict on the document says the same, or an
// earlier one with the same Time does; also one of an earlier process, as long as
// its segment is there, but not one of another writer. On an error it may be
// recorded all the same; putting it again is safe.
func (l *Log) PutFeedback(ctx context.Context, f risk.Feedback) error {
	if f.Time = f.Time.UTC(); f.Time.Year() < 0 || f.Time.Year() > 9999 {
		return fmt.Errorf("%w: feedback on %q is of the year %d", ErrInput, f.ID, f.Time.Year())
	}
	ack := l.ack()
	if err := l.put(ctx, true, KindFeedback, feedbackTime(&f, l.o.Now()), &rare{feedback: f}, ack); err != nil {
		return fmt.Errorf("audit: feedback on %q is not recorded: %w", f.ID, err)
	}
	rouse(l.wake)
	if err := l.await(ctx, ack); err != nil {
		return fmt.Errorf("audit: feedback on %q may not be recorded: %w", f.ID, err)
	}
	return nil
}

// Checkpoint writes and syncs what is waiting and returns where the chain stands
// then. It is zero, but for the writer, where nothing was ever recorded.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	ack, c := l.ack(), new(Checkpoint)
	err := l.put(ctx, true, "", l.o.Now(), &rare{checkpoint: c}, ack)
	if err == nil {
		rouse(l.wake)
		err = l.await(ctx, ack)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("audit: no checkpoint: %w", err)
	}
	return *c, nil
}

// put adds an entry that is not of each answer.
func (l *Log) put(ctx context.Context, wait bool, kind Kind, t time.Time, r *rare, ack chan error) error {
	c := l.shards.get()
	defer l.shards.pool.Put(c)
	e, err := c.slot(ctx, wait, l.shards.room, l.wake)
	if e == nil {
		return err
	}
	e.kind, e.time, e.rare, e.ack = kind, t.UnixNano(), r, ack
	c.mu.Unlock()
	return nil
}

// ack returns a channel to be told on.
func (l *Log) ack() chan error {
	if c, ok := l.acks.Get().(chan error); ok {
		return c
	}
	return make(chan error, 1)
}

// await waits for what is told on an ack.
func (l *Log) await(ctx context.Context, ack chan error) error {
	select {
	case err := <-ack:
		l.acks.Put(ack)
		return err
	case <-ctx.Done():
		return ctx.Err() // the channel is not used again, for it is still told
	}
}
