package registrytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing/iotest"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// ErrFault is what a Store fails with in TestFaults.
var ErrFault = errors.New("registrytest: injected fault")

// TestFaults tells a registry.Log on a Store a story in which each kind of event
// occurs, again and again, and lets another call to the Store fail each time:
// before it did anything, half way, or after it did all. Afterwards the registry
// must verify, what was acknowledged must be there, what was not whole or
// absent, and the story must be told to its end when it goes on. open returns a
// new, empty store each time it is called. Of the calls every stride-th fails; 1
// means all.
func TestFaults(ctx context.Context, open func() (registry.Store, error), stride int) error {
	return TestInterruptions(ctx, func(fail func() bool) (registry.Store, error) {
		s, err := open()
		if err != nil {
			return nil, err
		}
		f := faulty{s, fail}
		if c, ok := s.(registry.Collector); ok {
			return faultyCollector{f, c}, nil
		}
		return f, nil
	}, stride)
}

// TestInterruptions does what TestFaults does with a Store that itself asks fail
// before each of its operations whether it is to fail there: for stores whose
// files or connections fail rather than their calls.
func TestInterruptions(ctx context.Context, open func(fail func() bool) (registry.Store, error), stride int) error {
	var f findings
	golden, err := told(ctx)
	if err != nil {
		return err
	}
	for at := 1; ; at += max(1, stride) {
		t := &teller{storeCase: storeCase{findings: &f, ctx: ctx, rule: fmt.Sprintf("fault at operation %d", at)}, golden: golden, at: at}
		if t.Store, err = open(t.fail); err != nil {
			return fmt.Errorf("opening a store: %w", err)
		}
		t.tell()
		if t.calls < at || len(f.errs) > 20 || ctx.Err() != nil { // it was told without a fault
			return errors.Join(f.err(), ctx.Err())
		}
	}
}

// chapter is what the history is after a step: events that tell the same.
type chapter []string

// told tells the story without a fault and returns what the history is after
// each step.
func told(ctx context.Context) ([]chapter, error) {
	var all []chapter
	store := registry.NewMem()
	for _, s := range story() {
		if err := s.do(ctx, registry.New(store, &registry.LogOptions{Now: later})); err != nil {
			return nil, fmt.Errorf("registrytest: %s: %w", s.name, err)
		}
		c, err := summary(ctx, registry.New(store, nil))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// later is so late that no blob is too new to be collected.
func later() time.Time { return time.Now().Add(48 * time.Hour) }

// summary tells what happened in a history.
func summary(ctx context.Context, l *registry.Log) (chapter, error) {
	var c chapter
	for e, err := range l.History(ctx, model) {
		if errors.Is(err, registry.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		c = append(c, fmt.Sprint(e.Seq, e.Kind, e.Version, e.Stage, e.Alias, e.From, e.Actor, e.Reason, e.Digest, e.Tags, e.Key, e.Rollout, string(e.Evidence)))
	}
	return c, nil
}

// teller tells the story to one store with a fault at one operation.
type teller struct {
	storeCase
	golden []chapter
	at     int
	calls  int
	armed  bool
	fired  bool
}

func (t *teller) fail() bool {
	if !t.armed {
		return false
	}
	t.calls++
	if t.calls == t.at {
		t.fired = true
	}
	return t.calls == t.at
}

func (t *teller) tell() {
	collects := false
	if _, ok := t.Store.(registry.Collector); ok {
		collects = true
	}
	before := 0
	for i, s := range story() {
		if s.name == "retain" && !collects {
			break
		}
		after := len(t.golden[i])
		for try := 0; ; try++ {
			t.armed = true
			err := s.do(t.ctx, registry.New(t.Store, &registry.LogOptions{Now: later}))
			t.armed = false
			if err != nil && !t.fired || try > 1 {
				t.wrong("%s: %w", s.name, err)
				return
			}
			healthy := registry.New(t.Store, nil)
			if _, verr := healthy.Verify(t.ctx, nil); verr != nil {
				t.wrong("%s ended with %v; verifying: %w", s.name, err, verr)
				return
			}
			have, herr := summary(t.ctx, healthy)
			if herr != nil {
				t.wrong("%s: reading the history: %w", s.name, herr)
				return
			}
			n := len(have)
			if n < before || n > after || err == nil && n != after {
				t.wrong("%s ended with %v; there are %d events, want %d to %d", s.name, err, n, before, after)
				return
			}
			for k, line := range have {
				if line != t.golden[i][k] {
					t.wrong("%s: event %d is %q, want %q", s.name, k+1, line, t.golden[i][k])
					return
				}
			}
			if err == nil {
				break
			}
			// Again: a move that is there already is done, and everything else
			// may be said twice.
			if n == after && s.name != "retain" && !isRegister(s) {
				break
			}
		}
		before = after
	}
	v, err := registry.New(t.Store, nil).Resolve(t.ctx, model, "production")
	if err == nil {
		_, err = registry.ReadFile(t.ctx, registry.New(t.Store, nil), v, "model.bin")
	}
	t.must(err, "reading the model in production at the end")
}

func isRegister(s step) bool { return len(s.name) > 8 && s.name[:8] == "register" }

// faulty is a Store whose calls fail when told to. A call asks once before it
// does anything, once on the way, and once when it is done.
type faulty struct {
	registry.Store
	fail func() bool
}

func (s faulty) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	if s.fail() {
		return ErrFault
	}
	if s.fail() {
		r = io.MultiReader(io.LimitReader(r, 3), iotest.ErrReader(ErrFault))
	}
	if err := s.Store.PutBlob(ctx, d, r); err != nil {
		return err
	}
	if s.fail() {
		return ErrFault
	}
	return nil
}

func (s faulty) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	if s.fail() {
		return nil, ErrFault
	}
	return s.Store.OpenBlob(ctx, d)
}

func (s faulty) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if s.fail() {
		return ErrFault
	}
	err := s.Store.Append(ctx, log, seq, event)
	if s.fail() {
		return ErrFault
	}
	return err
}

func (s faulty) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return failing(s.Store.Events(ctx, log, from), s.fail)
}

func (s faulty) Logs(ctx context.Context) iter.Seq2[string, error] {
	return failing(s.Store.Logs(ctx), s.fail)
}

// failing asks before each value and at the end.
func failing[V any](seq iter.Seq2[V, error], fail func() bool) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var none V
		for v, err := range seq {
			if fail() {
				yield(none, ErrFault)
				return
			}
			if !yield(v, err) {
				return
			}
		}
		if fail() {
			yield(none, ErrFault)
		}
	}
}

// faultyCollector is a faulty one that collects.
type faultyCollector struct {
	faulty
	collector registry.Collector
}

func (s faultyCollector) Blobs(ctx context.Context) iter.Seq2[registry.Blob, error] {
	return failing(s.collector.Blobs(ctx), s.fail)
}

func (s faultyCollector) DeleteBlob(ctx context.Context, d registry.Digest, before time.Time) error {
	if s.fail() {
		return ErrFault
	}
	err := s.collector.DeleteBlob(ctx, d, before)
	if s.fail() {
		return ErrFault
	}
	return err
}
