package registrytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing/iotest"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// TestStore checks a Store. open returns a new, empty store each time it is
// called.
func TestStore(ctx context.Context, open func() (registry.Store, error)) error {
	var f findings
	for _, c := range []struct {
		rule  string
		check func(*storeCase)
	}{
		{"an empty store has nothing in it", (*storeCase).empty},
		{"a blob is what was put", (*storeCase).blobs},
		{"a blob whose content has another digest is refused", (*storeCase).wrongBlob},
		{"a log takes an event at its next position alone", (*storeCase).positions},
		{"logs do not share events", (*storeCase).logs},
		{"a log has the name of a model", (*storeCase).logNames},
		{"bytes belong to the caller", (*storeCase).ownership},
		{"a cancelled context stops every call, and nothing is stored", (*storeCase).cancelled},
		{"a blob is deleted unless it is new", (*storeCase).collect},
		{"a mark knows whether a log still ends there", (*storeCase).marks},
		{"waiting ends when the event is there", (*storeCase).waits},
		{"of many who append, one gets each position", (*storeCase).concurrent},
	} {
		s, err := open()
		if err != nil {
			return fmt.Errorf("opening a store: %w", err)
		}
		c.check(&storeCase{findings: &f, Store: s, ctx: ctx, rule: c.rule})
	}
	return f.err()
}

// storeCase is one rule being checked on a store of its own.
type storeCase struct {
	*findings
	registry.Store
	ctx  context.Context
	rule string
}

func (c *storeCase) wrong(format string, args ...any) { c.findings.wrong(c.rule, format, args...) }

// must notes an error that should not be.
func (c *storeCase) must(err error, doing string, args ...any) {
	if err != nil {
		c.wrong("%s: %w", fmt.Sprintf(doing, args...), err)
	}
}

// is notes an error that is not what it should be.
func (c *storeCase) is(err, want error, doing string, args ...any) {
	if !errors.Is(err, want) {
		c.wrong("%s: error is %v, want %w", fmt.Sprintf(doing, args...), err, want)
	}
}

func (c *storeCase) put(data string) registry.Digest {
	d := registry.DigestOf([]byte(data))
	c.must(c.PutBlob(c.ctx, d, strings.NewReader(data)), "putting a blob of %d bytes", len(data))
	return d
}

// has notes if the blob d is not data.
func (c *storeCase) has(d registry.Digest, data string) {
	r, err := c.OpenBlob(c.ctx, d)
	if err != nil {
		c.wrong("opening a blob of %d bytes: %w", len(data), err)
		return
	}
	got, err := io.ReadAll(r)
	c.must(err, "reading a blob")
	c.must(r.Close(), "closing a blob")
	if string(got) != data {
		c.wrong("a blob of %d bytes reads back as %d bytes, or others", len(data), len(got))
	}
}

// holds notes if the events of a log from a position are not want.
func (c *storeCase) holds(log string, from int64, want ...string) {
	got, err := collect(c.Events(c.ctx, log, from))
	c.must(err, "reading log %q", log)
	if !slices.EqualFunc(got, want, func(g []byte, w string) bool { return string(g) == w }) {
		c.wrong("log %q from position %d is %q, want %q", log, from, got, want)
	}
}

func collect[V any](seq iter.Seq2[V, error]) (all []V, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (c *storeCase) empty() {
	c.holds("log", 1)
	names, err := collect(c.Logs(c.ctx))
	if c.must(err, "listing logs"); len(names) > 0 {
		c.wrong("logs are %q", names)
	}
	_, err = c.OpenBlob(c.ctx, registry.DigestOf(nil))
	c.is(err, registry.ErrNotFound, "opening a blob that is not there")
}

func (c *storeCase) blobs() {
	for _, data := range []string{"", "a", "model\x00\xff", strings.Repeat("0123456789abcdef", 1<<16)} {
		d := c.put(data)
		c.has(d, data)
		c.put(data) // again
		c.has(d, data)
	}
}

func (c *storeCase) wrongBlob() {
	d := registry.DigestOf([]byte("right"))
	c.is(c.PutBlob(c.ctx, d, strings.NewReader("wrong")), registry.ErrCorrupt, "putting other content")
	broken := errors.New("broken reader")
	c.is(c.PutBlob(c.ctx, d, io.MultiReader(strings.NewReader("right"), iotest.ErrReader(broken))), broken, "putting from a reader that fails")
	_, err := c.OpenBlob(c.ctx, d)
	c.is(err, registry.ErrNotFound, "opening what was refused")
}

func (c *storeCase) positions() {
	c.is(c.Append(c.ctx, "log", 2, []byte("gap")), registry.ErrConflict, "appending behind a gap")
	c.is(c.Append(c.ctx, "log", 0, []byte("zero")), registry.ErrConflict, "appending at position 0")
	c.must(c.Append(c.ctx, "log", 1, []byte("one")), "appending")
	c.must(c.Append(c.ctx, "log", 2, []byte("two")), "appending")
	c.is(c.Append(c.ctx, "log", 2, []byte("other")), registry.ErrConflict, "appending at a taken position")
	c.is(c.Append(c.ctx, "log", 4, []byte("gap")), registry.ErrConflict, "appending behind a gap")
	c.must(c.Append(c.ctx, "log", 3, []byte("three")), "appending after conflicts")
	c.holds("log", 0, "one", "two", "three")
	c.holds("log", 1, "one", "two", "three")
	c.holds("log", 3, "three")
	c.holds("log", 4)
	for range c.Events(c.ctx, "log", 1) {
		break // must not panic
	}
}

func (c *storeCase) logs() {
	for _, log := range []string{"b", "a", "a-1"} {
		c.must(c.Append(c.ctx, log, 1, []byte("in "+log)), "appending to %q", log)
	}
	c.holds("a", 1, "in a")
	c.holds("b", 1, "in b")
	names, err := collect(c.Logs(c.ctx))
	if c.must(err, "listing logs"); !slices.Equal(names, []string{"a", "a-1", "b"}) {
		c.wrong("logs are %q", names)
	}
	for range c.Logs(c.ctx) {
		break
	}
}

func (c *storeCase) logNames() {
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "../a", "Upper", "ünicode", "a b", strings.Repeat("a", 129)} {
		c.is(c.Append(c.ctx, name, 1, []byte("event")), registry.ErrInput, "appending to log %q", name)
	}
	name := "0" + strings.Repeat("a.b_c-", 21) + "z" // as long as may be
	c.must(c.Append(c.ctx, name, 1, []byte("event")), "appending to log %q", name)
	c.holds(name, 1, "event")
}

func (c *storeCase) ownership() {
	event := []byte("event")
	c.must(c.Append(c.ctx, "log", 1, event), "appending")
	event[0] = 'X'
	for e, err := range c.Events(c.ctx, "log", 1) {
		if c.must(err, "reading"); len(e) > 0 {
			e[0] = 'Y'
		}
	}
	c.holds("log", 1, "event")
}

func (c *storeCase) cancelled() {
	c.must(c.Append(c.ctx, "log", 1, []byte("event")), "appending")
	d := c.put("blob")
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	other := registry.DigestOf([]byte("other"))
	c.is(c.PutBlob(ctx, other, strings.NewReader("other")), context.Canceled, "PutBlob")
	_, err := c.OpenBlob(ctx, d)
	c.is(err, context.Canceled, "OpenBlob")
	c.is(c.Append(ctx, "log", 2, []byte("event")), context.Canceled, "Append")
	_, err = collect(c.Events(ctx, "log", 1))
	c.is(err, context.Canceled, "Events")
	_, err = collect(c.Logs(ctx))
	c.is(err, context.Canceled, "Logs")
	_, err = c.OpenBlob(c.ctx, other)
	c.is(err, registry.ErrNotFound, "opening what was cancelled")
	c.holds("log", 1, "event")
}

// write appends n events of writer w behind whatever is there, in at most so
// many attempts.
func (c *storeCase) write(w, n, attempts int) error {
	seq := int64(1)
	for i := 0; i < n; attempts-- {
		if attempts == 0 {
			return fmt.Errorf("writer %d got %d of %d events in, and conflicts without end; the next position would be %d", w, i, n, seq)
		}
		for _, err := range c.Events(c.ctx, "log", seq) {
			if err != nil {
				return err
			}
			seq++
		}
		err := c.Append(c.ctx, "log", seq, fmt.Appendf(nil, "%d %d", w, i))
		if err == nil {
			i++
			seq++
		} else if !errors.Is(err, registry.ErrConflict) {
			return err
		}
	}
	return nil
}

func (c *storeCase) concurrent() {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() { errs[w] = c.write(w, each, 100*writers*each) })
	}
	wg.Wait()
	c.must(errors.Join(errs...), "appending")
	events, err := collect(c.Events(c.ctx, "log", 1))
	c.must(err, "reading")
	var next [writers]int
	for i, e := range events {
		var w, n int
		if _, err := fmt.Fscanf(bytes.NewReader(e), "%d %d", &w, &n); err != nil || w < 0 || w >= writers || n != next[w] {
			c.wrong("event %d is %q, which nobody wrote then", i+1, e)
			return
		}
		next[w]++
	}
	if len(events) != writers*each {
		c.wrong("%d events acknowledged, %d are there", writers*each, len(events))
	}
}

// collect runs on stores that are a registry.Collector.
func (c *storeCase) collect() {
	s, ok := c.Store.(registry.Collector)
	if !ok {
		return
	}
	a, b := c.put("a"), c.put("blob b")
	sizes := map[registry.Digest]int64{}
	var last time.Time
	for blob, err := range s.Blobs(c.ctx) {
		c.must(err, "listing blobs")
		if sizes[blob.Digest] = blob.Size; blob.Time.After(last) {
			last = blob.Time
		}
		if d := time.Since(blob.Time).Abs(); d > time.Hour {
			c.wrong("a new blob is of %v", blob.Time)
		}
	}
	if len(sizes) != 2 || sizes[a] != 1 || sizes[b] != 6 {
		c.wrong("blobs have sizes %v", sizes)
	}
	c.is(s.DeleteBlob(c.ctx, a, last.Add(-time.Hour)), registry.ErrConflict, "deleting a new blob")
	c.has(a, "a")
	c.must(s.DeleteBlob(c.ctx, a, last.Add(time.Hour)), "deleting a blob")
	_, err := c.OpenBlob(c.ctx, a)
	c.is(err, registry.ErrNotFound, "opening a deleted blob")
	c.is(s.DeleteBlob(c.ctx, a, last.Add(time.Hour)), registry.ErrNotFound, "deleting a deleted blob")
	c.has(b, "blob b")
	c.put("a")
	c.has(a, "a")
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	c.is(s.DeleteBlob(ctx, a, last.Add(time.Hour)), context.Canceled, "DeleteBlob with a cancelled context")
	_, err = collect(s.Blobs(ctx))
	c.is(err, context.Canceled, "Blobs with a cancelled context")
}

// marks runs on stores that are a registry.Marker.
func (c *storeCase) marks() {
	s, ok := c.Store.(registry.Marker)
	if !ok {
		return
	}
	c.must(c.Append(c.ctx, "log", 1, []byte("one")), "appending")
	first := s.Mark("log", 1)
	if first == nil {
		return // never sure
	}
	for range 2 {
		if !first() {
			c.wrong("nothing was appended, and the mark says no")
		}
	}
	c.must(c.Append(c.ctx, "log", 2, []byte("two")), "appending")
	second := s.Mark("log", 2)
	if first() || second == nil || !second() {
		c.wrong("an event was appended, and the mark before it says yes or the one after it no")
	}
}

// patience is how long something is waited for that should come at once.
const patience = 30 * time.Second

// waits runs on stores that are a registry.Waiter.
func (c *storeCase) waits() {
	s, ok := c.Store.(registry.Waiter)
	if !ok {
		return
	}
	c.must(c.Append(c.ctx, "log", 1, []byte("one")), "appending")
	in, done := context.WithTimeout(c.ctx, patience)
	defer done()
	err := s.Wait(in, "log", 1)
	if errors.Is(err, registry.ErrUnsupported) {
		return
	}
	c.must(err, "waiting for what is there")
	var wg sync.WaitGroup
	wg.Go(func() { c.must(c.Append(c.ctx, "log", 2, []byte("two")), "appending") })
	c.must(s.Wait(in, "log", 2), "waiting for what is appended")
	wg.Wait()
	ctx, cancel := context.WithCancel(c.ctx)
	wg.Go(cancel)
	c.is(s.Wait(ctx, "log", 3), context.Canceled, "waiting with a context that is cancelled")
	wg.Wait()
}
