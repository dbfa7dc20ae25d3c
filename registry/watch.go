package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/riskkit/riskkit/internal/pause"
)

// A Watcher is a Registry whose events can be waited for.
type Watcher interface {
	// Watch yields the events of model after position after, first those that
	// are there and then each as it comes, until ctx is done.
	Watch(ctx context.Context, model string, after int64) iter.Seq2[Event, error]
}

// Watch yields the events of model after position after, those that are there
// and then each as it comes. It waits for them on a Store that is a Waiter and
// looks every LogOptions.Poll on others. It ends when ctx is done, or with an
// error that wraps ErrCorrupt or ErrUntrusted; after any other error, such as
// that of a database that is away, it tries again if the caller goes on. The
// model need not be there yet. It runs in the caller's goroutine.
func (l *Log) Watch(ctx context.Context, model string, after int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := CheckName(model); err != nil {
			yield(Event{}, err)
			return
		}
		w := &watch{l: l, model: model, after: max(0, after)}
		w.waiter, _ = l.store.(Waiter)
		for {
			more, err := w.new(ctx, yield)
			if !more || ctx.Err() != nil {
				return
			}
			if err == nil {
				err = w.wait(ctx)
			}
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				continue
			}
			if !yield(Event{}, err) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUntrusted) {
				return
			}
			if pause.For(ctx, l.o.Poll) != nil {
				return
			}
		}
	}
}

// watch is how far a Watch is.
type watch struct {
	l      *Log
	model  string
	after  int64
	hash   *Digest // of the event at after, where it was read
	waiter Waiter
}

// new yields the events behind w.after and reports whether it is to go on.
func (w *watch) new(ctx context.Context, yield func(Event, error) bool) (more bool, err error) {
	for e, err := range w.l.events(ctx, w.model, max(1, w.after)) {
		switch {
		case err != nil:
			return true, err
		case e.Seq == w.after && w.hash != nil && e.Hash != *w.hash,
			e.Seq > w.after && w.hash != nil && e.Previous != *w.hash,
			e.Seq != w.after && e.Seq != w.after+1:
			return true, fmt.Errorf("%w: the history of model %q has another event at position %d now", ErrCorrupt, w.model, w.after)
		}
		hash := e.Hash
		w.hash = &hash
		if e.Seq > w.after {
			w.after = e.Seq
			if !yield(e, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// wait returns when there may be something new.
func (w *watch) wait(ctx context.Context) error {
	if w.waiter != nil {
		err := w.waiter.Wait(ctx, w.model, w.after+1)
		if !errors.Is(err, ErrUnsupported) {
			return err
		}
		w.waiter = nil
	}
	return pause.For(ctx, w.l.o.Poll)
}
