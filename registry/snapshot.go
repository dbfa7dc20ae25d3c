package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Every snapshotEvery events, the next event carries the digest of the state
// before it, and the state itself is a blob with that digest. Who opens a model
// for the first time starts from the last such event. So a snapshot is a cache
// that the chain vouches for: without its blob, or with a damaged one, the
// events are folded from the first on, and Verify compares it with that.
const snapshotEvery = 512

// maxSnapshot bounds what is read as one snapshot.
const maxSnapshot = 1 << 30

// commit lets e carry the state before it if its turn has come, and stores that
// state first.
func (l *Log) commit(ctx context.Context, s *State, e *Event) error {
	if s.Seq == 0 || s.Seq%snapshotEvery != 0 {
		return nil
	}
	data := s.encode()
	d := DigestOf(data)
	e.State = &d
	return l.store.PutBlob(ctx, d, bytes.NewReader(data))
}

// snapshot returns a state of model to start folding from: that of the last
// snapshot that can be read, or the empty one.
func (l *Log) snapshot(ctx context.Context, model string) (*State, error) {
	e, err := l.lastCommitted(ctx, model)
	if err != nil || e.State == nil {
		return newState(model), err
	}
	s, err := l.readSnapshot(ctx, *e.State)
	if done := ctx.Err(); done != nil {
		return nil, done
	}
	if err != nil || s.Model != model || s.Seq != e.Seq-1 || s.Hash != e.Previous {
		return newState(model), nil // fold the events, which are what counts
	}
	return s, s.apply(e)
}

// lastCommitted returns the last event at which there should be a snapshot; one
// without State if there is none.
func (l *Log) lastCommitted(ctx context.Context, model string) (last Event, err error) {
	there := func(k int64) (ok bool) {
		for e, eerr := range l.events(ctx, model, k*snapshotEvery+1) {
			if err = eerr; err == nil {
				last, ok = e, true
			}
			break
		}
		return ok
	}
	low, high := int64(0), int64(1)
	for there(high) {
		low, high = high, 2*high
	}
	for err == nil && high-low > 1 {
		if middle := (low + high) / 2; there(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return last, err
}

// readSnapshot reads the snapshot with the digest d.
func (l *Log) readSnapshot(ctx context.Context, d Digest) (*State, error) {
	r, err := l.store.OpenBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxSnapshot))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if DigestOf(data) != d {
		return nil, fmt.Errorf("%w: snapshot %v has other content", ErrCorrupt, d)
	}
	return decodeState(data)
}
