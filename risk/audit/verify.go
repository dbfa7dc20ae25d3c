package audit

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

// VerifyOptions say what a log must be like beside being whole.
type VerifyOptions struct {
	// Checkpoints are some that were kept elsewhere: the log must have their
	// records. Without them Verify knows the last one beside each chain alone.
	Checkpoints []Checkpoint
	// Trusted are the keys that checkpoints must be signed with. Empty means
	// that signatures do not matter.
	Trusted []ed25519.PublicKey
}

// A VerifyReport says what Verify has read.
type VerifyReport struct {
	Chains []Chain
}

// A Chain is what Verify has read of one writer.
type Chain struct {
	Writer string
	// First and Last number its records; Hash is that of the last. Records
	// before First are expired.
	First, Last int64
	Hash        Hash
	Segments    int
	Bytes       int64
	// Open is whether the last segment is not sealed: somebody writes, or has
	// died. Torn is how many bytes it has behind its last whole record.
	Open bool
	Torn int64
}

// A Damage is what Verify finds wrong in one segment. It wraps ErrCorrupt or
// ErrUntrusted.
type Damage struct {
	Segment Segment
	// Seq is the record, Offset where its line begins in the segment.
	Seq, Offset int64
	Err         error
}

// Error says what is wrong and where.
func (d *Damage) Error() string {
	return fmt.Sprintf("%v, record %d, byte %d: %v", d.Segment, d.Seq, d.Offset, d.Err)
}

// Unwrap returns Err.
func (d *Damage) Unwrap() error { return d.Err }

// Verify reads all segments and checks every byte of them: that each record has
// the hash that follows from its content and the record before, that the
// segments of a writer follow each other and all but the last are sealed, that
// what is missing in front was written down as expired, and that the records of
// checkpoints are there. Several segments are read at once. The error joins a
// Damage for each segment that is not as it was written; another error means
// that not all could be read. nil opts means the defaults.
func Verify(ctx context.Context, src Source, opts *VerifyOptions) (VerifyReport, error) {
	var o VerifyOptions
	if opts != nil {
		o = *opts
	}
	anchors, err := o.anchors(ctx, src)
	if err != nil {
		return VerifyReport{}, err
	}
	segments, err := src.Segments(ctx) // after the checkpoints, for a log may grow
	if err != nil {
		return VerifyReport{}, err
	}
	checked := make([]checked, len(segments))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(len(segments), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			in := newScanner(nil)
			for i := range next {
				checked[i] = check(ctx, src, segments[i], anchors[segments[i].Writer], in)
			}
		})
	}
	for i := range segments {
		next <- i
	}
	close(next)
	wg.Wait()

	var report VerifyReport
	var errs []error
	for from := 0; from < len(checked); {
		to := from
		for to < len(checked) && checked[to].Writer == checked[from].Writer {
			errs = append(errs, checked[to].err)
			to++
		}
		c, err := join(checked[from:to], anchors[checked[from].Writer])
		report.Chains = append(report.Chains, c)
		errs = append(errs, err)
		delete(anchors, checked[from].Writer)
		from = to
	}
	for writer, a := range anchors {
		errs = append(errs, fmt.Errorf("%w: there is nothing of writer %q, a checkpoint says that it wrote %d records", ErrCorrupt, writer, a[len(a)-1].Seq))
	}
	return report, errors.Join(errs...)
}

// anchors returns the checkpoints of each writer, by number.
func (o *VerifyOptions) anchors(ctx context.Context, src Source) (map[string][]Checkpoint, error) {
	segments, err := src.Segments(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(o.Checkpoints)
	last := ""
	for _, s := range segments {
		if s.Writer == last {
			continue
		}
		last = s.Writer
		data, err := src.Checkpoint(ctx, s.Writer)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		c, err := decodeCheckpoint(data)
		if err == nil && c.Writer != s.Writer {
			err = fmt.Errorf("%w: the checkpoint of writer %q is one of %q", ErrCorrupt, s.Writer, c.Writer)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	anchors := map[string][]Checkpoint{}
	for _, c := range all {
		if len(o.Trusted) > 0 {
			if err := c.CheckSignature(o.Trusted); err != nil {
				return nil, err
			}
		}
		if c.Seq > 0 { // or else nothing was recorded yet
			anchors[c.Writer] = append(anchors[c.Writer], c)
		}
	}
	for _, a := range anchors {
		slices.SortFunc(a, func(x, y Checkpoint) int { return cmp.Compare(x.Seq, y.Seq) })
	}
	return anchors, nil
}

// checked is what is found in one segment.
type checked struct {
	Segment
	before, after chain // where the chain stood
	sealed        bool
	torn          int64
	expired       []Expired
	err           error
}

// check reads one segment.
func check(ctx context.Context, src Source, s Segment, anchors []Checkpoint, in *scanner) checked {
	c := checked{Segment: s}
	f, err := src.OpenSegment(ctx, s, 0)
	if err != nil {
		c.err = err
		return c
	}
	defer f.Close()
	in.reuse(io.LimitReader(f, s.Size)) // what is appended meanwhile is not ours
	c.err = c.read(ctx, in, anchors)
	c.before, c.after, c.sealed = in.before, in.chain, in.sealed
	return c
}

// read reads it record by record.
func (c *checked) read(ctx context.Context, in *scanner, anchors []Checkpoint) error {
	for {
		at, seq := in.at, max(c.First, in.chain.seq+1)
		line, kind, err := in.next()
		if err == nil && at == 0 {
			err = in.of(c.Segment)
			anchors = anchors[sortedFrom(anchors, in.before.seq):]
			anchors, err = passed(anchors, in.before, err)
		}
		if err == io.EOF && at > 0 {
			return ctx.Err()
		}
		if err == io.EOF {
			err = fmt.Errorf("%w: it is empty", ErrCorrupt)
		}
		if errors.Is(err, errTorn) {
			c.torn = c.Size - at
			return ctx.Err()
		}
		if err == nil && string(kind) == string(KindExpired) {
			var r Record
			if r, err = DecodeRecord(line); err == nil {
				c.expired = append(c.expired, *r.Expired)
			}
		}
		anchors, err = passed(anchors, in.chain, err)
		if err != nil {
			return &Damage{c.Segment, seq, at, err}
		}
	}
}

// passed holds the checkpoints of the record that a chain is at against it, unless
// there is an error already, and returns those behind it.
func passed(anchors []Checkpoint, at chain, err error) ([]Checkpoint, error) {
	for ; err == nil && len(anchors) > 0 && anchors[0].Seq == at.seq; anchors = anchors[1:] {
		if anchors[0].Hash != at.hash {
			err = fmt.Errorf("%w: record %d has the hash %v, a checkpoint says %v", ErrCorrupt, at.seq, at.hash, anchors[0].Hash)
		}
	}
	return anchors, err
}

// sortedFrom returns the index of the first checkpoint from seq on.
func sortedFrom(anchors []Checkpoint, seq int64) int {
	i, _ := slices.BinarySearchFunc(anchors, seq, func(c Checkpoint, seq int64) int { return cmp.Compare(c.Seq, seq) })
	return i
}

// join checks that the segments of one writer follow each other.
func join(all []checked, anchors []Checkpoint) (Chain, error) {
	c := Chain{Writer: all[0].Writer, First: all[0].First, Segments: len(all)}
	var errs []error
	damage := func(s *checked, seq, at int64, format string, args ...any) {
		if s.err == nil { // that one is told of
			errs = append(errs, &Damage{s.Segment, seq, at, fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))})
		}
	}
	expired := all[0].First == 1 && all[0].before == chain{}
	for i := range all {
		s := &all[i]
		c.Bytes += s.Size
		last := i == len(all)-1
		for _, e := range s.expired {
			expired = expired || e.Seq >= all[0].First && slices.ContainsFunc(all, func(s checked) bool { return s.after == chain{e.Seq, e.Hash} }) ||
				chain{e.Seq, e.Hash} == all[0].before
		}
		if !s.sealed && (!last || s.torn > 0 && s.after.seq == 0) {
			damage(s, s.after.seq+1, s.Size-s.torn, "the segment is not sealed, and there is another behind it or nothing in it")
		}
		if i > 0 && all[i-1].err == nil && s.before != all[i-1].after {
			damage(s, s.First, 0, "it follows record %d with hash %v, the segment before ends with record %d with hash %v",
				s.before.seq, s.before.hash, all[i-1].after.seq, all[i-1].after.hash)
		}
	}
	if !expired {
		damage(&all[0], all[0].First, 0, "the records before are missing, and none tells that they are expired")
	}
	end := &all[len(all)-1]
	c.Last, c.Hash, c.Open, c.Torn = end.after.seq, end.after.hash, !end.sealed, end.torn
	if n := len(anchors); n > 0 && anchors[n-1].Seq > c.Last {
		damage(end, c.Last+1, end.Size-end.torn, "the chain ends with record %d, a checkpoint has record %d", c.Last, anchors[n-1].Seq)
	}
	return c, errors.Join(errs...)
}
