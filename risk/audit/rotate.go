package audit

import (
	"encoding/json"
	"time"
)

// turn ends a segment that is old enough, and deletes those that have been
// there for long enough.
func (w *appending) turn() {
	if w.now.segment.First > 0 && !w.l.o.Now().Before(w.now.opened.Add(w.l.o.SegmentAge)) {
		_ = w.seal() // it is reported
	}
	_ = w.expire() // it is reported
}

// seal ends the segment, syncs it and leaves a checkpoint.
func (w *appending) seal() error {
	if w.now.segment.First == 0 {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	p := w.now
	w.record = Record{Kind: KindSealed, Time: w.l.o.Now(), Sealed: &Sealed{
		Records: p.records, Bytes: p.segment.Size, From: p.from.UTC(), To: p.to.UTC(), Feedback: w.verdicts,
	}}
	w.add()
	err := w.flush()
	if err == nil {
		err = w.sync()
	}
	if err != nil && !(w.l.o.Sync == SyncNone && w.written.segment.Size > p.segment.Size) {
		return err
	}
	w.sealed = append(w.sealed, sealedSegment{w.written.segment, w.written.chain, earlier(p.to, w.record.Time), w.verdicts})
	w.verdicts = nil
	w.ended()
	return w.checkpoint(new(Checkpoint))
}

// earlier returns the earlier of the greatest time in a segment and of when it was
// sealed: feedback that says it is of next century must not keep its segment, and
// all behind it, until then.
func earlier(to, sealed time.Time) time.Time {
	if sealed.Before(to) {
		return sealed
	}
	return to
}

// ended makes that there is no segment that grows.
func (w *appending) ended() {
	w.now.segment, w.now.verdicts = Segment{}, 0
	w.written, w.durable = w.now, w.now
}

// checkpoint fills c, keeps it and hands it on.
func (w *appending) checkpoint(c *Checkpoint) error {
	*c = Checkpoint{Writer: w.l.writer, Seq: w.written.seq, Hash: w.written.hash, Time: w.l.o.Now().UTC()}
	var err error
	if s := w.l.o.Signer; s != nil {
		err = guard(func() error { return c.sign(s) })
	}
	if err != nil {
		return w.report(err)
	}
	data, err := json.Marshal(c)
	if err == nil {
		err = w.a.PutCheckpoint(w.ctx, append(data, '\n'))
	}
	if hook := w.l.o.OnCheckpoint; hook != nil {
		if herr := guard(func() error { hook(*c); return nil }); err == nil {
			err = herr
		}
	}
	return w.report(err)
}

// expire deletes the oldest sealed segments that have been there for longer than
// Options.Retain. First it writes down that it does, so that nobody misses them.
func (w *appending) expire() error {
	if w.l.o.Retain == 0 {
		return nil
	}
	now := w.l.o.Now()
	if now.Before(w.patience) {
		return nil
	}
	old, err := w.old(now.Add(-w.l.o.Retain))
	if len(old) > 0 {
		end := old[len(old)-1].end
		w.record = Record{Kind: KindExpired, Time: w.l.o.Now(), Expired: &Expired{Seq: end.seq, Hash: end.hash}}
		w.add()
		ferr := w.flush()
		if ferr == nil {
			ferr = w.sync()
		}
		if ferr != nil {
			return ferr // it is reported
		}
	}
	for _, s := range old {
		if derr := w.a.Delete(w.ctx, s.Segment); derr != nil {
			err = derr
			break
		}
		w.known.expire(s.verdicts)
		w.sealed = w.sealed[1:]
	}
	if err != nil {
		w.patience = now.Add(time.Minute)
	}
	return w.report(err)
}

// old returns the sealed segments that may be deleted, and why there are not
// more.
func (w *appending) old(before time.Time) (old []sealedSegment, err error) {
	for _, s := range w.sealed {
		if !s.to.Before(before) {
			break
		}
		if hook := w.l.o.OnExpire; hook != nil {
			if err = guard(func() error { return hook(w.ctx, s.Segment) }); err != nil {
				break
			}
		}
		old = append(old, s)
	}
	return old, err
}
