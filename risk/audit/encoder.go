package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"runtime"
	"sync"
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

// encode makes the bodies of all that was taken.
func (w *appending) encode(total int) {
	n := min(runtime.GOMAXPROCS(0), 4, 1+total/few)
	if w.l.o.Redact != nil {
		n = 1 // it is called once at a time
	}
	for len(w.encoders) < n {
		e := encoder{o: &w.l.o}
		if len(e.o.Key) > 0 {
			e.mac = hmac.New(sha256.New, e.o.Key)
		}
		w.encoders = append(w.encoders, e)
	}
	if n == 1 {
		w.encoders[0].encode(w.taken, 0, total)
	} else {
		w.share(n, total)
	}
	for i := range n {
		for _, err := range w.encoders[i].errs {
			_ = w.report(err)
		}
		w.encoders[i].errs = nil
	}
}

// share lets n encoders work at once.
func (w *appending) share(n, total int) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { w.encoders[i].encode(w.taken, i*total/n, (i+1)*total/n) })
	}
	wg.Wait()
}

// encode makes the bodies of the entries with the numbers from lo up to hi. They
// stand until the next time.
func (e *encoder) encode(taken [][]entry, lo, hi int) {
	if cap(e.arena) > maxArena {
		e.arena = nil
	}
	e.arena = e.arena[:0]
	for _, entries := range taken {
		for i := max(0, lo); i < min(hi, len(entries)); i++ {
			x := &entries[i]
			if x.kind != "" {
				e.fill(x)
				x.at = e.record.Time
				start := len(e.arena)
				e.arena = appendBody(e.arena, &e.record)
				x.body = e.arena[start:]
			}
		}
		lo, hi = lo-len(entries), hi-len(entries)
	}
}

// fill fills the record.
func (e *encoder) fill(x *entry) {
	r := &e.record
	switch x.kind {
	case KindScored:
		s := &x.scored
		*r = Record{Kind: x.kind, Time: e.at(s.Time), ID: s.Document.ID, Assessment: &s.Assessment, Duration: s.Duration}
		e.text(&s.Document)
	case KindShadowed:
		s := &x.rare.shadowed
		*r = Record{Kind: x.kind, Time: e.at(s.Time), ID: s.Document.ID, Assessment: &s.Production, Rollout: s.Rollout, NotAsked: s.Dropped}
		switch {
		case s.Err != nil:
			if err := guard(func() { r.Error = s.Err.Error() }); err != nil {
				r.Error = err.Error()
			}
		case !s.Dropped:
			r.Candidate = &s.Candidate
		}
		e.text(&s.Document)
	case KindFeedback:
		*r = Record{Kind: x.kind, Time: time.Unix(0, x.time), ID: x.rare.feedback.ID, Feedback: &x.rare.feedback}
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
	if !e.o.KeepText {
		return
	}
	r.Text, r.Tags, r.CreatedAt = doc.Text, doc.Tags, doc.CreatedAt
	if redact := e.o.Redact; redact != nil {
		if err := guard(func() { r.Text = redact(doc.Text) }); err != nil {
			r.Text = ""
			e.errs = append(e.errs, err)
		}
	}
}
