// Package audittest tells whether an audit.Sink keeps its contract.
package audittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/riskkit/riskkit/risk/audit"
)

// findings collects what is wrong.
type findings struct {
	ctx  context.Context
	sink audit.Sink
	errs []error
}

func (f *findings) wrong(rule, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s: %w", rule, fmt.Errorf(format, args...)))
}

// did notes an error where there should be none, and reports whether there was.
func (f *findings) did(rule string, err error) bool {
	if err != nil {
		f.wrong(rule, "%w", err)
	}
	return err == nil
}

// TestSink tries an empty sink and returns an error that joins all that it does
// otherwise than audit.Sink says, nil for nothing. What it writes stays there.
func TestSink(ctx context.Context, sink audit.Sink) error {
	f := &findings{ctx: ctx, sink: sink}
	f.lists(nil)
	for _, name := range []string{"", ".a", "a/b", strings.Repeat("x", 65)} {
		if _, err := sink.Lock(ctx, name); !errors.Is(err, audit.ErrInput) {
			f.wrong("Lock refuses bad names", "%q: error is %v", name, err)
		}
	}
	a, err := sink.Lock(ctx, "a")
	if !f.did("Lock", err) {
		return errors.Join(f.errs...)
	}
	b, err := sink.Lock(ctx, "B-2.x_y")
	if f.did("Lock of another writer", err) {
		f.segments(a)
		f.others(a, b)
		f.checkpoints(a)
		f.did("Close", b.Close())
	}
	f.locks(a)
	f.log()
	return errors.Join(f.errs...)
}

func segment(writer string, first, size int64) audit.Segment {
	return audit.Segment{Writer: writer, First: first, Size: size}
}

// lists holds Segments against what there is.
func (f *findings) lists(want []audit.Segment) {
	got, err := f.sink.Segments(f.ctx)
	if f.did("Segments", err) && !slices.Equal(got, want) {
		f.wrong("Segments lists all in order of writer and number, with their sizes", "%v, want %v", got, want)
	}
}

// reads holds the content of a segment from an offset on against what it is.
func (f *findings) reads(s audit.Segment, from int64, want string) {
	r, err := f.sink.OpenSegment(f.ctx, s, from)
	if !f.did("OpenSegment", err) {
		return
	}
	got, err := io.ReadAll(r)
	if f.did("reading a segment", err) && string(got) != want {
		f.wrong("a segment has what was appended", "%.100q from byte %d, want %.100q", got, from, want)
	}
	f.did("closing a segment", r.Close())
}

func (f *findings) missing(s audit.Segment) {
	r, err := f.sink.OpenSegment(f.ctx, s, 0)
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		f.wrong("OpenSegment of what is not there wraps fs.ErrNotExist", "error is %v", err)
	}
}

func (f *findings) segments(a audit.Appender) {
	f.missing(segment("a", 1, 0))
	f.did("Append to a new segment", a.Append(f.ctx, segment("a", 1, 0), []byte("one\n")))
	f.did("Append", a.Append(f.ctx, segment("a", 1, 4), []byte("two\nthr")))
	f.did("Sync", a.Sync(f.ctx, segment("a", 1, 11)))
	f.lists([]audit.Segment{segment("a", 1, 11)})
	for from, want := range "one\ntwo\nthr" {
		f.reads(segment("a", 1, 11), int64(from), "one\ntwo\nthr"[from:])
		_ = want
	}
	f.reads(segment("a", 1, 11), 11, "")
	f.did("Cut", a.Cut(f.ctx, segment("a", 1, 8), []byte("thr")))
	f.reads(segment("a", 1, 8), 0, "one\ntwo\n")
	f.did("Cut in the middle of what was appended at once", a.Cut(f.ctx, segment("a", 1, 6), nil))
	f.reads(segment("a", 1, 6), 0, "one\ntw")
	f.did("Cut to the size that it has", a.Cut(f.ctx, segment("a", 1, 6), nil))
	f.did("Append behind a cut", a.Append(f.ctx, segment("a", 1, 6), []byte("ice\n")))
	f.reads(segment("a", 1, 10), 0, "one\ntwice\n")
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	large[len(large)-1] = 0xff // any bytes
	f.did("Append of a mebibyte", a.Append(f.ctx, segment("a", 7, 0), large))
	f.did("Append of a mebibyte", a.Append(f.ctx, segment("a", 7, 1<<20), large))
	f.did("Sync of a new segment", a.Sync(f.ctx, segment("a", 7, 2<<20)))
	f.reads(segment("a", 7, 2<<20), 1<<20-3, string(large[1<<20-3:])+string(large))
	f.did("Cut to nothing", a.Cut(f.ctx, segment("a", 20, 0), nil))
	f.did("Append", a.Append(f.ctx, segment("a", 20, 0), []byte("x")))
	f.did("Cut to nothing", a.Cut(f.ctx, segment("a", 20, 0), []byte("x")))
	f.missing(segment("a", 20, 0))
	f.did("Append to what was cut to nothing", a.Append(f.ctx, segment("a", 20, 0), []byte("y\n")))
	f.reads(segment("a", 20, 2), 0, "y\n")
	f.lists([]audit.Segment{segment("a", 1, 10), segment("a", 7, 2<<20), segment("a", 20, 2)})
}

func (f *findings) others(a, b audit.Appender) {
	f.did("Append by another writer", b.Append(f.ctx, segment("B-2.x_y", 1, 0), []byte("b\n")))
	f.did("Sync by another writer", b.Sync(f.ctx, segment("B-2.x_y", 1, 2)))
	f.lists([]audit.Segment{segment("B-2.x_y", 1, 2), segment("a", 1, 10), segment("a", 7, 2<<20), segment("a", 20, 2)})
	f.did("Delete", a.Delete(f.ctx, segment("a", 1, 10)))
	f.did("Delete of what is not there", a.Delete(f.ctx, segment("a", 1, 10)))
	f.missing(segment("a", 1, 10))
	f.reads(segment("B-2.x_y", 1, 2), 0, "b\n")
	f.lists([]audit.Segment{segment("B-2.x_y", 1, 2), segment("a", 7, 2<<20), segment("a", 20, 2)})
}

func (f *findings) checkpoints(a audit.Appender) {
	is := func(writer, want string) {
		got, err := f.sink.Checkpoint(f.ctx, writer)
		if f.did("Checkpoint", err) && (string(got) != want || want == "" && got != nil) {
			f.wrong("Checkpoint is what was put last, nil for nothing", "%q of writer %q, want %q", got, writer, want)
		}
	}
	is("a", "")
	is("nobody", "")
	f.did("PutCheckpoint", a.PutCheckpoint(f.ctx, []byte("one\n")))
	f.did("PutCheckpoint", a.PutCheckpoint(f.ctx, []byte("two")))
	is("a", "two")
	is("B-2.x_y", "")
}

// locks has a second one want the name.
func (f *findings) locks(a audit.Appender) {
	const rule = "one at a time writes"
	second, err := f.sink.Lock(f.ctx, "a")
	switch {
	case errors.Is(err, audit.ErrLocked):
		f.did("Append while another wants to", a.Append(f.ctx, segment("a", 20, 2), []byte("z\n")))
		f.did("Close", a.Close())
		if second, err = f.sink.Lock(f.ctx, "a"); !f.did("Lock after Close", err) {
			return
		}
	case err != nil:
		f.did("Lock of what is locked wraps audit.ErrLocked", err)
		return
	default: // the first one must have lost it
		if err := a.Append(f.ctx, segment("a", 20, 2), []byte("?\n")); !errors.Is(err, audit.ErrLocked) {
			f.wrong(rule, "the first still appends after a second Lock: %v", err)
		}
		f.did("Append by the second", second.Append(f.ctx, segment("a", 20, 2), []byte("z\n")))
		f.did("Close of the first", a.Close())
	}
	f.reads(segment("a", 20, 4), 0, "y\nz\n")
	f.did("Append", second.Append(f.ctx, segment("a", 20, 4), []byte("w\n")))
	f.did("Close", second.Close())
}

// log writes a Log, twice.
func (f *findings) log() {
	const rule = "a Log writes, verifies and is read"
	for i := range 2 {
		l, err := audit.Open(f.ctx, f.sink, "log", nil)
		if !f.did(rule, err) {
			return
		}
		for range 3 {
			c, err := l.Checkpoint(f.ctx)
			if f.did(rule, err) && c.Seq != int64(3*i) {
				f.wrong(rule, "checkpoint %+v", c)
			}
		}
		f.did(rule, l.PutFeedback(f.ctx, feedback(i)))
		f.did(rule, l.PutFeedback(f.ctx, feedback(0))) // is there
		f.did(rule, l.Close())
	}
	var kinds []audit.Kind
	for r, err := range audit.Read(f.ctx, f.sink, &audit.ReadOptions{Writers: []string{"log"}}) {
		f.did(rule, err)
		kinds = append(kinds, r.Kind)
	}
	one := []audit.Kind{audit.KindOpened, audit.KindFeedback, audit.KindSealed}
	if !slices.Equal(kinds, slices.Concat(one, one)) {
		f.wrong(rule, "records %q", kinds)
	}
	report, err := audit.Verify(f.ctx, onlyLog{f.sink}, nil)
	if f.did(rule, err) && (len(report.Chains) != 1 || report.Chains[0].Last != 6) {
		f.wrong(rule, "%+v", report)
	}
}

// onlyLog is a Source without what is no log.
type onlyLog struct{ audit.Source }

func (s onlyLog) Segments(ctx context.Context) ([]audit.Segment, error) {
	all, err := s.Source.Segments(ctx)
	return slices.DeleteFunc(all, func(x audit.Segment) bool { return x.Writer != "log" }), err
}
