package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskkit/riskkit/risk"
)

const (
	// few is how many entries are not worth another goroutine.
	few = 128
	// maxArena is how much memory an encoder keeps for the next time, in bytes.
	maxArena = 8 << 20
)

// encoder makes the bodies of records from entries. Several do at once what
// depends on no record before; numbers and hashes come later.
type encoder struct {
	o       *Options
	mac     hash.Hash // nil without a key
	record  Record
	arena   []byte // the bodies
	scratch []byte
	errs    []error
}

// encoding is the work of making the bodies of all that was taken, in blocks that
// are begun in the order in which they are wanted. What wants them hashes the
// first while the others are made, and helps where it would have to wait.
type encoding struct {
	order  []*entry
	made   []chan struct{} // by block, told once it is made
	next   atomic.Int64    // the block to be begun next
	blocks int64

	helpers sync.WaitGroup
}

// block is how many entries are made at a time.
const block = 64

// encode begins to make the bodies of what was taken, which is put in order of
// time; encoded ends that.
func (w *appending) encode(total int) {
	x := &w.encoding
	x.order = x.order[:0]
	for e := w.first(); e != nil; e = w.first() {
		x.order = append(x.order, e)
	}
	x.blocks = int64((total + block - 1) / block)
	x.next.Store(0)
	for int64(len(x.made)) < x.blocks {
		x.made = append(x.made, make(chan struct{}, 1))
	}
	n := min(runtime.GOMAXPROCS(0), 4, 1+total/few)
	if w.l.o.Redact != nil {
		n = 1 // it is called once at a time
	}
	for len(w.encoders) < n {
		e := &encoder{o: &w.l.o}
		if len(e.o.Key) > 0 {
			e.mac = hmac.New(sha256.New, e.o.Key)
		}
		w.encoders = append(w.encoders, e)
	}
	for _, e := range w.encoders {
		e.begin()
	}
	if n > 1 {
		x.help(w.encoders[1:n])
	}
}

// help has encoders make blocks until all are begun.
func (x *encoding) help(encoders []*encoder) {
	for _, e := range encoders {
		x.helpers.Go(func() {
			for x.make(e) {
			}
		})
	}
}

// encoded waits until nobody is at what was taken any more, and reports what
// went wrong.
func (w *appending) encoded() {
	w.encoding.helpers.Wait()
	for _, e := range w.encoders {
		for _, err := range e.errs {
			_ = w.report(err)
		}
		e.errs = nil
	}
	clear(w.encoding.order)
}

// make has e make the next block; false says that all are begun.
func (x *encoding) make(e *encoder) bool {
	k := x.next.Add(1) - 1
	if k >= x.blocks {
		return false
	}
	for _, entry := range x.order[k*block : min(int(k+1)*block, len(x.order))] {
		e.encode(entry)
	}
	x.made[k] <- struct{}{}
	return true
}

// await waits until a block is made, and has e make others meanwhile.
func (x *encoding) await(k int, e *encoder) {
	for {
		select {
		case <-x.made[k]:
			return
		default:
		}
		if !x.make(e) {
			<-x.made[k]
			return
		}
	}
}

// begin forgets the bodies of the time before.
func (e *encoder) begin() {
	if cap(e.arena) > maxArena {
		e.arena = nil
	}
	e.arena = e.arena[:0]
}

// encode makes the body of an entry, which stands until the next time.
func (e *encoder) encode(x *entry) {
	if x.kind == "" {
		return
	}
	e.fill(x)
	x.at = e.record.Time
	start := len(e.arena)
	e.arena = appendBody(e.arena, &e.record)
	x.body = e.arena[start:]
}

// fill fills the record.
func (e *encoder) fill(x *entry) {
	r := &e.record
	switch x.kind {
	case KindScored:
		s := &x.scored
		s.Assessment.EscalationReason = e.kept(s.Assessment.EscalationReason)
		*r = Record{Kind: x.kind, Time: e.at(s.Time), ID: s.Document.ID, Assessment: &s.Assessment, Duration: s.Duration}
		e.text(&s.Document)
	case KindShadowed:
		s := &x.rare.shadowed
		s.Production.EscalationReason = e.kept(s.Production.EscalationReason)
		*r = Record{Kind: x.kind, Time: e.at(s.Time), ID: s.Document.ID, Assessment: &s.Production, Rollout: s.Rollout, NotAsked: s.Dropped}
		switch {
		case s.Err != nil:
			if err := guard(func() error { r.Error = s.Err.Error(); return nil }); err != nil {
				r.Error = err.Error()
			}
		case !s.Dropped:
			r.Candidate = &s.Candidate
		}
		e.text(&s.Document)
	case KindFeedback:
		f := &x.rare.feedback
		*r = Record{Kind: x.kind, Time: feedbackTime(f, time.Unix(0, x.time)), ID: f.ID, Feedback: f}
	case KindModel:
		*r = Record{Kind: x.kind, Time: time.Unix(0, x.time), Model: &x.rare.model}
	}
}

// at is t, or now where t is not known or JSON has no word for it.
func (e *encoder) at(t time.Time) time.Time {
	if y := t.UTC().Year(); t.IsZero() || y < 0 || y > 9999 {
		return e.o.Now()
	}
	return t
}

// text adds to the record what is kept of a text.
func (e *encoder) text(doc *risk.Document) {
	r := &e.record
	if e.mac != nil {
		e.scratch = append(e.scratch[:0], doc.Text...)
		e.mac.Reset()
		e.mac.Write(e.scratch)
		e.mac.Sum(r.TextHMAC[:0])
	}
	if e.o.KeepText {
		r.Text, r.Tags, r.CreatedAt = e.kept(doc.Text), doc.Tags, doc.CreatedAt
	}
}

// kept returns what is kept of a text, or of words that may quote it.
func (e *encoder) kept(text string) string {
	switch {
	case !e.o.KeepText:
		return ""
	case e.o.Redact == nil || text == "":
		return text
	}
	redacted := ""
	if err := guard(func() error { redacted = e.o.Redact(text); return nil }); err != nil {
		e.errs = append(e.errs, err)
		return ""
	}
	return redacted
}
