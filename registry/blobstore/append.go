package blobstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/riskkit/riskkit/internal/pause"
	"github.com/riskkit/riskkit/registry"
)

const (
	// maxEvent bounds an event. Below 16 MiB, the drivers write an object in one
	// request, or make it visible in one.
	maxEvent = 16<<20 - 1
	// maxAttempts bounds how often an event is written, and firstPause is the
	// time before the second attempt; it doubles.
	maxAttempts = 4
	firstPause  = 50 * time.Millisecond
)

// Append stores event at the position seq of a log. It returns nil only if the
// object of that position is this call's own, which it reads back where the
// answer to the write does not say so: the answer may have been lost, and the
// driver have tried again and met its own object. Where the outcome cannot be
// found out, the error says that, and wraps none of registry's. Any other error
// means that nothing was stored when Append looked; a write that the network
// still holds, or that ctx broke off, may yet arrive, so whoever tries again
// looks first, as registry.Log does, or registers with a key.
func (s *Store) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := registry.CheckName(log); err != nil {
		return err
	}
	if len(event) > maxEvent {
		return fmt.Errorf("%w: event of %d bytes, at most %d are allowed", registry.ErrInput, len(event), maxEvent)
	}
	if err := s.conditional(ctx); err != nil {
		return err
	}
	conflict := fmt.Errorf("%w: position %d of log %q is not the next", registry.ErrConflict, seq, log)
	if seq < 1 {
		return conflict
	}
	if seq > 1 {
		there, err := s.bucket.Exists(ctx, s.eventKey(log, seq-1))
		if err != nil {
			return fmt.Errorf("looking for event %d of log %q: %w", seq-1, log, s.failed(ctx, err))
		}
		if !there {
			return conflict
		}
	}
	key, mark, wait := s.eventKey(log, seq), rand.Text(), firstPause
	for attempt := 1; ; attempt++ {
		err := s.create(ctx, key, event, mark)
		if err == nil {
			return nil
		}
		found, back := s.readBack(ctx, key, event, mark)
		switch {
		case back != nil:
			return fmt.Errorf("it is not known whether event %d of log %q was stored; look before storing it again: %w; reading it back: %w",
				seq, log, s.failed(ctx, err), s.failed(ctx, back))
		case found == own:
			return nil
		case found == other:
			return conflict
		case !refused(err) || attempt == maxAttempts:
			return fmt.Errorf("storing event %d of log %q: %w", seq, log, s.failed(ctx, err))
		}
		// Somebody else's write is on its way, or an attempt of ours is.
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

// refused reports whether a write failed because of its condition.
func refused(err error) bool {
	return gcerrors.Code(err) == gcerrors.FailedPrecondition || code(err) == "ConditionalRequestConflict"
}

// finding says whose object is at a key.
type finding int

const (
	nothing finding = iota
	own
	other
)

// readBack finds out whose object is at key: own is one with the mark and the
// content.
func (s *Store) readBack(ctx context.Context, key string, event []byte, mark string) (finding, error) {
	attrs, err := s.bucket.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nothing, nil
	}
	if err != nil {
		return nothing, err
	}
	have := attrs.Metadata[markName]
	if have != "" && have != mark {
		return other, nil
	}
	data, err := s.read(ctx, key)
	switch {
	case errors.Is(err, errMissing):
		return nothing, nil
	case err != nil && !errors.Is(err, errTooLarge):
		return nothing, err
	case !bytes.Equal(data, event):
		return other, nil
	case have == "":
		return nothing, errUnmarked
	}
	return own, nil
}

var errUnmarked = errors.New("an object with the same content is there, without the metadata that tell who wrote it, which the server must keep")
