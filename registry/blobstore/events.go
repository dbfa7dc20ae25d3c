package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"gocloud.dev/gcerrors"

	"github.com/riskkit/riskkit/registry"
)

const (
	// ahead is how many objects are asked for at the same time.
	ahead = 8
	// poll is how many are asked for first by who has read most of a log
	// before: the last event again, the next, and one to see that none is
	// missing.
	poll = 3
)

// Events yields the events of a log from the position from. From the first on,
// a gap in its objects is an error that wraps registry.ErrCorrupt, as far as
// the log went when reading began. From a later position on, it is one if there
// is an event right behind the gap. A few events are read at a time, so an
// error may be known before the events that come before it are yielded; they
// are yielded first. Nothing is read while the caller has an event.
func (s *Store) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := registry.CheckName(log); err != nil {
			yield(nil, err)
			return
		}
		r := &logReader{s: s, ctx: ctx, log: log, next: max(1, from), size: poll}
		if from <= 1 {
			r.size = ahead
			last, err := s.last(ctx, log)
			if err != nil {
				yield(nil, fmt.Errorf("listing log %q: %w", log, s.failed(ctx, err)))
				return
			}
			if last == 0 {
				return
			}
			r.last = last
		}
		for more := true; more; {
			var events [][]byte
			var err error
			events, more, err = r.batch()
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// logReader reads a log batch by batch.
type logReader struct {
	s    *Store
	ctx  context.Context
	log  string
	next int64 // the position of the first event of the next batch
	last int64 // the position of the last event, 0 if it is not known
	size int64 // of the next batch
}

// batch returns the next events and whether there may be more. Those before an
// error are good.
func (r *logReader) batch() (events [][]byte, more bool, err error) {
	n := r.size
	if r.size = ahead; r.last > 0 {
		n = min(n, r.last-r.next+1)
	}
	data, errs := make([][]byte, n), make([]error, n)
	first := r.next
	inParallel(int(n), func(i int) { data[i], errs[i] = r.s.read(r.ctx, r.s.eventKey(r.log, first+int64(i))) })
	for i, err := range errs {
		switch {
		case errors.Is(err, errMissing):
			more, err := r.missing(errs[i+1:])
			return data[:i], more, err
		case errors.Is(err, errTooLarge):
			return data[:i], false, fmt.Errorf("%w: event %d of log %q is over %d bytes", registry.ErrCorrupt, r.next, r.log, maxEvent)
		case err != nil:
			return data[:i], false, fmt.Errorf("reading event %d of log %q: %w", r.next, r.log, r.s.failed(r.ctx, err))
		}
		r.next++
	}
	return data, r.last == 0 || r.next <= r.last, nil
}

// missing says what it means that there is no event at r.next, where behind
// tells of those after it: nothing, as a log ends somewhere; that it was
// appended meanwhile and is to be read again; or an error.
func (r *logReader) missing(behind []error) (again bool, err error) {
	last := r.last
	if last == 0 {
		if len(behind) == 0 {
			_, err := r.s.read(r.ctx, r.s.eventKey(r.log, r.next+1))
			behind = []error{err}
		}
		for i, err := range behind {
			if err == nil || errors.Is(err, errTooLarge) {
				last = r.next + 1 + int64(i)
			} else if !errors.Is(err, errMissing) {
				return false, fmt.Errorf("reading event %d of log %q: %w", r.next+1+int64(i), r.log, r.s.failed(r.ctx, err))
			}
		}
		if last == 0 {
			return false, nil
		}
	}
	// There is a later one, so by now this one must be there.
	there, err := r.s.bucket.Exists(r.ctx, r.s.eventKey(r.log, r.next))
	if err != nil {
		return false, fmt.Errorf("looking for event %d of log %q: %w", r.next, r.log, r.s.failed(r.ctx, err))
	}
	if !there {
		return false, fmt.Errorf("%w: event %d of log %q is missing, there is one at %d", registry.ErrCorrupt, r.next, r.log, last)
	}
	return true, nil
}

var (
	errMissing  = errors.New("no such object")
	errTooLarge = errors.New("object too large")
)

// read returns the content of an event's object. The error is errMissing,
// errTooLarge or another one that has not passed through failed.
func (s *Store) read(ctx context.Context, key string) (data []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := r.Close(); err == nil && cerr != nil {
			data, err = nil, cerr
		}
	}()
	if r.Size() > maxEvent {
		return nil, errTooLarge
	}
	data, err = io.ReadAll(io.LimitReader(r, maxEvent+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxEvent {
		return nil, errTooLarge
	}
	return data, nil
}

// inParallel calls f with 0 to n-1 at the same time and waits.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
