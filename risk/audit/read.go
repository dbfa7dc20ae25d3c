package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"time"
)

// ReadOptions say what to read.
type ReadOptions struct {
	// From and To bound Record.Time: From itself is in, To is not. Zero means
	// no bound.
	From, To time.Time
	// Writers and Kinds say whose records to read and which. Empty means all.
	Writers []string
	Kinds   []Kind
	// Follow, if not 0, waits at the end for more and looks for it that often,
	// until the context is done.
	Follow time.Duration
}

// Read yields the records of all writers, merged in order of time. Each chain
// is read in its own order, which is that of time but for records that were
// written in the same batch or late. Segments are checked as far as they are
// read; whether one is missing Verify tells. Where a segment is damaged the error
// wraps ErrCorrupt, and where it cannot be read is the source's, and Read goes on
// with the other writers. Memory is a few hundred kilobytes for each writer,
// whatever the length of the log. With Follow the end of ctx is no error, and a
// chain of which the writer took something back, after a failing fsync, looks
// damaged to whoever had read that already. nil opts means all there is.
func Read(ctx context.Context, src Source, opts *ReadOptions) iter.Seq2[Record, error] {
	var o ReadOptions
	if opts != nil {
		o = *opts
	}
	return func(yield func(Record, error) bool) {
		cursors := map[string]*cursor{}
		defer func() {
			for _, c := range cursors {
				c.close()
			}
		}()
		for {
			err := refresh(ctx, src, &o, cursors)
			if ctx.Err() != nil && o.Follow > 0 {
				return
			}
			if err != nil && (!yield(Record{}, err) || o.Follow == 0) {
				return
			}
			if !merge(ctx, cursors, o.Follow > 0, yield) || o.Follow == 0 {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(o.Follow):
			}
		}
	}
}

// refresh tells cursors which segments there are.
func refresh(ctx context.Context, src Source, o *ReadOptions, cursors map[string]*cursor) error {
	all, err := src.Segments(ctx)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		c.segments = c.segments[:0]
	}
	for _, s := range all {
		if len(o.Writers) > 0 && !slices.Contains(o.Writers, s.Writer) {
			continue
		}
		c := cursors[s.Writer]
		if c == nil {
			c = &cursor{src: src, o: o, writer: s.Writer}
			cursors[s.Writer] = c
		}
		c.segments = append(c.segments, s)
	}
	return nil
}

// merge yields what cursors have, and reports whether more is wanted.
func merge(ctx context.Context, cursors map[string]*cursor, follow bool, yield func(Record, error) bool) bool {
	var all []*cursor
	for _, writer := range slices.Sorted(mapKeys(cursors)) {
		all = append(all, cursors[writer])
	}
	for {
		var best *cursor
		for _, c := range all {
			if err := c.fill(ctx); err != nil {
				if follow && ctx.Err() != nil || !yield(Record{}, err) {
					return false
				}
			}
			if c.has && (best == nil || c.head.Time.Before(best.head.Time)) {
				best = c
			}
		}
		if best == nil {
			return true
		}
		best.has = false
		if !yield(best.head, nil) {
			return false
		}
	}
}

func mapKeys(m map[string]*cursor) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// cursor reads one writer's chain.
type cursor struct {
	src      Source
	o        *ReadOptions
	writer   string
	segments []Segment // those there are
	last     int64     // First of the one that is read or was read last

	in     *scanner
	f      io.ReadCloser // nil between segments
	failed bool          // nothing more is read

	head Record
	has  bool
}

func (c *cursor) close() {
	if c.f != nil {
		c.f.Close()
		c.f = nil
	}
}

// fill makes that head is the next record, if there is one now.
func (c *cursor) fill(ctx context.Context) error {
	for !c.has && !c.failed {
		if c.f == nil {
			more, err := c.open(ctx)
			if err != nil {
				c.failed = true
				return err
			}
			if !more {
				return nil
			}
		}
		line, kind, err := c.in.next()
		if err == nil {
			err = c.in.of(Segment{Writer: c.writer, First: c.last})
		}
		switch {
		case err == io.EOF || errors.Is(err, errTorn):
			c.close()
			if c.in.sealed || c.in.at == 0 && err == io.EOF && c.current() < 0 { // or it has expired
				continue
			}
			if i := c.current(); i >= 0 && i < len(c.segments)-1 {
				c.failed = true
				return fmt.Errorf("%w: %v is not sealed, but there is another behind it", ErrCorrupt, c.segments[i])
			}
			return nil
		case err == nil && c.wanted(line, kind):
			var r Record
			if r, err = DecodeRecord(line); err == nil {
				r.Writer, r.Config = c.writer, c.in.opened.Config
				c.head, c.has = r, true
			}
		}
		if err != nil {
			c.close()
			c.failed = true
			return fmt.Errorf("audit: segment %d of writer %q, byte %d: %w", c.last, c.writer, c.in.at, err)
		}
	}
	return nil
}

// wanted reports whether a record is to be yielded.
func (c *cursor) wanted(line, kind []byte) bool {
	if len(c.o.Kinds) > 0 && !slices.Contains(c.o.Kinds, Kind(kind)) {
		return false
	}
	if c.o.From.IsZero() && c.o.To.IsZero() {
		return true
	}
	t := lineTime(line)
	return !t.Before(c.o.From) && (c.o.To.IsZero() || t.Before(c.o.To))
}

// current returns the index of the segment that is read or was read last, -1
// where it is not there.
func (c *cursor) current() int {
	return slices.IndexFunc(c.segments, func(s Segment) bool { return s.First == c.last })
}

// open opens what is to be read next: more of the segment that was not sealed,
// or the next one that may have wanted records.
func (c *cursor) open(ctx context.Context) (more bool, err error) {
	if i := c.current(); i >= 0 && c.in != nil && !c.in.sealed {
		if c.segments[i].Size <= c.in.at {
			return false, nil
		}
		if c.f, err = c.src.OpenSegment(ctx, c.segments[i], c.in.at); err != nil {
			return false, err
		}
		c.in.resume(io.LimitReader(c.f, c.segments[i].Size-c.in.at))
		return true, nil
	}
	for _, s := range c.segments {
		if s.First <= c.last {
			continue
		}
		c.last = s.First
		if c.skip(ctx, s) {
			c.in = nil
			continue
		}
		if c.f, err = c.src.OpenSegment(ctx, s, 0); errors.Is(err, fs.ErrNotExist) {
			continue // it has expired since it was listed
		} else if err != nil {
			return false, err
		}
		if c.in == nil {
			c.in = newScanner(nil)
		}
		c.in.reuse(io.LimitReader(c.f, s.Size))
		return true, nil
	}
	return false, nil
}

// skip reports whether s is sealed and has no record of the time that is wanted.
func (c *cursor) skip(ctx context.Context, s Segment) bool {
	if c.o.From.IsZero() && c.o.To.IsZero() {
		return false
	}
	r, err := footer(ctx, c.src, s)
	return err == nil && (r.Sealed.To.Before(c.o.From) || !c.o.To.IsZero() && !r.Sealed.From.Before(c.o.To))
}

// resume makes s go on where it was, with what r yields.
func (s *scanner) resume(r io.Reader) {
	s.r, s.start, s.end, s.eof = r, 0, 0, false
}
