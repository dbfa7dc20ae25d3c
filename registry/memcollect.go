package registry

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"
)

// Blobs yields all blobs.
func (m *Mem) Blobs(ctx context.Context) iter.Seq2[Blob, error] {
	return func(yield func(Blob, error) bool) {
		m.mu.RLock()
		blobs := maps.Clone(m.blobs)
		m.mu.RUnlock()
		for d, b := range blobs {
			if err := ctx.Err(); err != nil {
				yield(Blob{}, err)
				return
			}
			if !yield(Blob{d, int64(len(b.data)), b.put}, nil) {
				return
			}
		}
	}
}

// DeleteBlob deletes the blob d unless it was put at before or later.
func (m *Mem) DeleteBlob(ctx context.Context, d Digest, before time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[d]
	if !ok {
		return fmt.Errorf("%w: blob %v", ErrNotFound, d)
	}
	if !b.put.Before(before) {
		return fmt.Errorf("%w: blob %v was put at %v", ErrConflict, d, b.put)
	}
	delete(m.blobs, d)
	return nil
}

// Mark looks at the length of the log, which only grows.
func (m *Mem) Mark(log string, seq int64) func() bool {
	return func() bool {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return int64(len(m.logs[log])) == seq
	}
}
