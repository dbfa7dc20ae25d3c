package audit

import (
	"context"
	"fmt"
	"hash"
	"strconv"
	"time"
)

// batch is how many bytes are appended at once, about.
const batch = 256 << 10

// maxVerdicts is how many a segment may have, so that its last line has room for
// them.
const maxVerdicts = 50_000

// place is where writing stands: all that an error takes back.
type place struct {
	chain
	segment  Segment // the one that grows; First is 0 where there is none
	opened   time.Time
	records  int64 // in it
	from, to time.Time
	verdicts int   // of appending.verdicts
	entries  int64 // records of callers, ever
	told     int64 // how many missing ones the gaps stand for, ever
}

// appending is what the Log's goroutine has.
type appending struct {
	l   *Log
	ctx context.Context
	a   Appender
	d   hash.Hash

	buf     []byte
	now     place   // with what is in buf
	written place   // without
	durable place   // what a failing sync takes back to
	dirty   Segment // what to cut before anything is appended
	missing int64   // records, ever

	known    verdicts
	verdicts []verdict // of the segment that grows
	sealed   []sealedSegment
	patience time.Time // until when nothing expires, after a failure

	record   Record
	scratch  []byte
	shards   []*shard
	encoders []*encoder
	encoding encoding
	taken    [][]entry
	heads    []int
	acks     []chan error
	wanted   []*Checkpoint
}

// sealedSegment is one that was ended.
type sealedSegment struct {
	Segment
	end      chain
	to       time.Time // of its last record, or when it was sealed
	verdicts []verdict
}

// run writes until the Log is closed.
func (w *appending) run() {
	defer close(w.l.done)
	tick := time.NewTicker(max(w.l.o.Interval/2, time.Millisecond))
	defer tick.Stop()
	for stopped := false; !stopped; {
		ticked := false
		select {
		case <-w.l.wake:
		case <-tick.C:
			ticked = true
		case <-w.l.stop:
			stopped = true
		}
		w.drain()
		if ticked && w.l.o.Sync != SyncNone {
			_ = w.sync() // it is reported
		}
		if ticked {
			w.turn()
		}
	}
	err := w.seal()
	if cerr := w.cut(); err == nil {
		err = cerr
	}
	if cerr := w.a.Close(); err == nil {
		err = cerr
	}
	w.l.err = err
}

// report tells the host of an error.
func (w *appending) report(err error) error {
	if err != nil {
		w.l.errors.Add(1)
		_ = guard(func() error { w.l.o.OnError(err); return nil }) // nobody is left to tell
	}
	return err
}

// drain writes what waits in the shards, in order of time, and acknowledges it.
func (w *appending) drain() {
	w.shards = w.l.shards.list(w.shards)
	w.taken, w.heads, w.acks, w.wanted = w.taken[:0], w.heads[:0], w.acks[:0], w.wanted[:0]
	missed, total := int64(0), 0
	for _, s := range w.shards {
		entries, missing := s.take()
		total += len(entries)
		w.taken, w.heads = append(w.taken, entries), append(w.heads, 0)
		missed += missing
	}
	w.encode(total)
	if w.miss(missed); missed > 0 {
		_ = w.report(fmt.Errorf("%w: %d of writer %q are missing", ErrFull, missed, w.l.writer))
	}
	err := w.gap()
	durable := w.l.o.Sync == SyncEach
	for i, e := range w.encoding.order {
		if i%block == 0 {
			w.encoding.await(i/block, w.encoders[0])
		}
		if e.ack != nil {
			w.acks = append(w.acks, e.ack)
			durable = durable || e.rare != nil
		}
		if err == nil {
			err = w.entry(e)
		} else {
			w.miss(1)
		}
	}
	w.encoded()
	if err == nil {
		err = w.flush()
	}
	if err == nil && durable && len(w.acks) > 0 {
		err = w.sync()
	}
	for i, c := range w.wanted {
		if err == nil {
			err = w.checkpoint(c)
		}
		w.wanted[i] = nil
	}
	for i, ack := range w.acks {
		ack <- err
		w.acks[i] = nil
	}
	for i, s := range w.shards {
		s.give(w.taken[i])
		w.taken[i] = nil
	}
}

// first returns the earliest entry that is left of what was taken, nil for none.
func (w *appending) first() *entry {
	best := -1
	for i, at := range w.heads {
		if at < len(w.taken[i]) && (best < 0 || w.taken[i][at].time < w.taken[best][w.heads[best]].time) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	w.heads[best]++
	return &w.taken[best][w.heads[best]-1]
}

// miss counts records that are lost.
func (w *appending) miss(n int64) {
	w.missing += n
	if n > 0 {
		w.l.missing.Add(n)
	}
}

// gap writes down how many records are missing that no gap stands for yet.
func (w *appending) gap() error {
	n := w.missing - w.now.told
	if n == 0 {
		return nil
	}
	w.record = Record{Kind: KindGap, Time: w.l.o.Now(), Missing: n}
	w.add()
	w.now.told += n
	return w.flush()
}

// entry writes one entry.
func (w *appending) entry(e *entry) error {
	var v verdict
	switch e.kind {
	case KindFeedback:
		if v = verdictOf(&e.rare.feedback); w.known.has(v) {
			return nil
		}
	case "":
		w.wanted = append(w.wanted, e.rare.checkpoint)
		return nil
	}
	if !w.line(e.body, e.at) {
		w.miss(1)
		return w.report(fmt.Errorf("%w: a record of kind %q is longer than %d bytes", ErrInput, e.kind, maxLine))
	}
	w.now.entries++
	if e.kind == KindFeedback {
		w.known.add(v)
		w.verdicts = append(w.verdicts, v)
		w.now.verdicts++
	}
	return w.flushed()
}

// add appends the record to the buffer.
func (w *appending) add() {
	w.scratch = appendBody(w.scratch[:0], &w.record)
	w.line(w.scratch, w.record.Time)
}

// line appends a record to the buffer, in a new segment if there is none. It
// reports false where it is too long.
func (w *appending) line(body []byte, t time.Time) bool {
	if len(body) > maxLine-lineTail-32 {
		return false
	}
	if w.now.segment.First == 0 {
		w.open()
	}
	start := len(w.buf)
	w.buf = strconv.AppendInt(append(w.buf, lineHead...), w.now.seq+1, 10)
	w.buf = w.now.seal(w.d, append(w.buf, body...), start)
	w.now.count(t)
	return true
}

// count counts a record of the segment that grows.
func (p *place) count(t time.Time) {
	p.records++
	if p.from.IsZero() || t.Before(p.from) {
		p.from = t
	}
	if t.After(p.to) {
		p.to = t
	}
}

// open begins a segment.
func (w *appending) open() {
	o := &Opened{Format: format, Writer: w.l.writer, Config: w.l.o.Config, Before: w.now.hash}
	p := &w.now
	p.opened = w.l.o.Now()
	p.segment = Segment{Writer: w.l.writer, First: p.seq + 1}
	p.records, p.from, p.to = 0, time.Time{}, time.Time{}
	start := len(w.buf)
	w.buf = appendRecord(w.buf, &Record{Seq: p.seq + 1, Kind: KindOpened, Time: p.opened, Opened: o})
	w.buf = p.seal(w.d, w.buf, start)
	p.count(p.opened)
}

// flushed flushes where there is enough in the buffer, and seals the segment
// where there is enough in that.
func (w *appending) flushed() error {
	full := w.now.segment.Size+int64(len(w.buf)) >= w.l.o.SegmentBytes || len(w.verdicts) >= maxVerdicts
	switch {
	case full:
		return w.seal()
	case len(w.buf) >= batch:
		return w.flush()
	}
	return nil
}

// flush appends what is in the buffer to the segment.
func (w *appending) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	at := w.now.segment
	err := w.cut()
	if err == nil {
		err = w.a.Append(w.ctx, at, w.buf)
	}
	if err != nil {
		if w.dirty.First == 0 {
			w.dirty = at
		}
		w.back(&w.written)
		return w.report(err)
	}
	w.now.segment.Size += int64(len(w.buf))
	w.l.written.Add(w.now.seq - w.written.seq)
	w.buf = w.buf[:0]
	w.written = w.now
	if w.l.o.Sync == SyncNone {
		w.durable = w.now
	}
	return nil
}

// cut takes away what a failure left behind.
func (w *appending) cut() error {
	if w.dirty.First == 0 {
		return nil
	}
	err := w.a.Cut(w.ctx, w.dirty, nil)
	if err == nil {
		w.dirty = Segment{}
	}
	return err
}

// back goes back to p. What was done since is lost.
func (w *appending) back(p *place) {
	w.miss(w.now.entries - p.entries)
	for i := len(w.verdicts) - 1; i >= p.verdicts; i-- {
		w.known.remove(w.verdicts[i])
	}
	w.verdicts = w.verdicts[:p.verdicts]
	w.buf = w.buf[:0]
	w.l.written.Add(-(w.written.seq - p.seq))
	lost := *p
	w.now, w.written = lost, lost
}

// sync makes what was written last. After an error nobody knows which of it
// would, so all of it is cut off.
func (w *appending) sync() error {
	if w.written.seq == w.durable.seq && w.l.o.Sync != SyncNone || w.written.segment.First == 0 {
		return nil
	}
	err := w.a.Sync(w.ctx, w.written.segment)
	if err == nil {
		w.durable = w.written
		return nil
	}
	if w.l.o.Sync != SyncNone {
		at := Segment{Writer: w.l.writer, First: w.written.segment.First}
		if w.durable.segment.First == at.First {
			at.Size = w.durable.segment.Size
		}
		w.dirty = at
		w.back(&w.durable)
	}
	return w.report(err)
}
