package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"
)

// recover finds out where the chain stands. It ends the last segment if that was
// not, and cuts off what stands behind its last whole record. Where the
// checkpoint beside the chain has more than there is, what is missing was written
// and synced before, and no crash takes that away: nothing is cut off then, the
// chain goes on behind the checkpoint, and Verify misses the rest for ever.
func (w *appending) recover(src Source) error {
	kept, err := w.kept(src)
	if err != nil {
		return err
	}
	all, err := src.Segments(w.ctx)
	if err != nil {
		return err
	}
	var own []Segment
	for _, s := range all {
		if s.Writer == w.l.writer {
			own = append(own, s)
		}
	}
	for i, s := range own {
		if i < len(own)-1 {
			err = w.remember(src, s)
		} else {
			err = w.continueAt(src, s, kept)
		}
		if err != nil {
			return err
		}
	}
	if kept.misses(w.now.chain) {
		_ = w.report(fmt.Errorf("%w: a checkpoint has record %d of writer %q with hash %v, there is record %d with hash %v; the chain goes on behind the checkpoint",
			ErrCorrupt, kept.Seq, w.l.writer, kept.Hash, w.now.seq, w.now.hash))
		w.now.chain = chain{kept.Seq, kept.Hash}
		w.written, w.durable = w.now, w.now
	}
	return w.expire()
}

// kept returns the checkpoint beside the chain, zero for none. One that makes no
// sense does not keep the Log from going on; Verify tells.
func (w *appending) kept(src Source) (Checkpoint, error) {
	data, err := src.Checkpoint(w.ctx, w.l.writer)
	if err != nil || data == nil {
		return Checkpoint{}, err
	}
	c, err := decodeCheckpoint(data)
	if err == nil && c.Writer != w.l.writer {
		err = fmt.Errorf("%w: the checkpoint of writer %q is one of %q", ErrCorrupt, w.l.writer, c.Writer)
	}
	if err != nil {
		_ = w.report(err)
		return Checkpoint{}, nil
	}
	return c, nil
}

// misses reports whether a chain that ends with end has not the record of c.
func (c *Checkpoint) misses(end chain) bool {
	return c.Seq > end.seq || c.Seq == end.seq && c.Hash != end.hash
}

// remember reads what a sealed segment says of itself. One that is damaged does
// not keep the Log from going on; Verify tells.
func (w *appending) remember(src Source, s Segment) error {
	r, err := footer(w.ctx, src, s)
	if errors.Is(err, ErrCorrupt) {
		_ = w.report(err)
		return nil
	}
	if err != nil {
		return err
	}
	w.now.chain = chain{r.Seq, r.Hash}
	w.written, w.durable = w.now, w.now
	w.sealed = append(w.sealed, sealedSegment{s, w.now.chain, earlier(r.Sealed.To, r.Time), r.Sealed.Feedback})
	for _, v := range r.Sealed.Feedback {
		w.known.add(v)
	}
	return nil
}

// continueAt continues the chain behind its last segment.
func (w *appending) continueAt(src Source, s Segment, kept Checkpoint) error {
	if _, err := footer(w.ctx, src, s); err == nil {
		return w.remember(src, s)
	} else if !errors.Is(err, ErrCorrupt) {
		return err
	}
	before := w.now
	sealed, err := w.scan(src, s)
	if err != nil {
		return err
	}
	if !sealed && kept.misses(w.now.chain) {
		w.now, w.verdicts = before, nil
		return nil
	}
	whole := w.now.segment.Size
	torn, err := rest(w.ctx, src, s, whole)
	if err != nil {
		return err
	}
	s.Size = whole
	if err := w.a.Cut(w.ctx, s, torn); err != nil {
		return err
	}
	switch {
	case sealed:
		w.back(&before)
		return w.remember(src, s)
	case whole == 0:
		w.now = before
		if w.now.seq != s.First-1 { // what was before is expired or damaged
			w.now.chain = chain{seq: s.First - 1}
		}
	default:
		w.now.segment = s
	}
	w.written, w.durable = w.now, w.now
	if len(torn) > 0 {
		w.record = Record{Kind: KindTorn, Time: w.l.o.Now(), Torn: &Torn{int64(len(torn)), sha256.Sum256(torn)}}
		w.add()
	}
	return w.seal()
}

// scan reads a segment as far as it is whole, into w.now.
func (w *appending) scan(src Source, s Segment) (sealed bool, err error) {
	f, err := src.OpenSegment(w.ctx, s, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := newScanner(io.LimitReader(f, s.Size))
	for {
		line, kind, err := in.next()
		if err == nil {
			err = in.of(s)
		}
		var r Record
		if err == nil && string(kind) == string(KindFeedback) {
			r, err = DecodeRecord(line)
		}
		if err == io.EOF || errors.Is(err, errTorn) || errors.Is(err, ErrCorrupt) {
			return in.sealed, nil
		}
		if err != nil {
			return false, err
		}
		if r.Feedback != nil {
			v := verdictOf(r.Feedback)
			w.known.add(v)
			w.verdicts = append(w.verdicts, v)
			w.now.verdicts++
		}
		w.now.chain = in.chain
		w.now.segment.Size = in.at
		w.now.count(lineTime(line))
	}
}

// lineTime returns the time of a record's line, zero where it has none.
func lineTime(line []byte) time.Time {
	_, after, _ := bytes.Cut(line[:min(len(line), 200)], []byte(`","time":"`))
	text, _, _ := bytes.Cut(after, []byte{'"'})
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return time.Time{}
	}
	return t
}

// rest reads s from an offset on.
func rest(ctx context.Context, src Source, s Segment, from int64) ([]byte, error) {
	f, err := src.OpenSegment(ctx, s, from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, s.Size-from))
	if err != nil {
		return nil, fmt.Errorf("audit: reading %v: %w", s, err)
	}
	return data, nil
}

// footer reads the last record of a sealed segment. The error wraps ErrCorrupt
// where that is no such record.
func footer(ctx context.Context, src Source, s Segment) (Record, error) {
	for n := int64(4096); ; n *= 16 {
		from := max(0, s.Size-n)
		data, err := rest(ctx, src, s, from)
		if err != nil {
			return Record{}, err
		}
		body, whole := bytes.CutSuffix(data, []byte{'\n'})
		if i := bytes.LastIndexByte(body, '\n'); i >= 0 {
			body = body[i+1:]
		} else if from > 0 && whole && n < maxLine {
			continue
		}
		if !whole || !bytes.Contains(body[:min(len(body), 60)], []byte(`,"kind":"`+string(KindSealed)+`"`)) {
			return Record{}, fmt.Errorf("%w: %v is not sealed", ErrCorrupt, s)
		}
		r, err := DecodeRecord(body)
		if err == nil && r.Kind != KindSealed {
			err = ErrCorrupt
		}
		if err != nil {
			return Record{}, fmt.Errorf("%w: end of %v", err, s)
		}
		return r, nil
	}
}
