package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Mem is a Store in memory: for tests, and for hosts that need no history
// beyond their own life. It is made by NewMem; the zero value cannot be used.
type Mem struct {
	mu    sync.RWMutex
	blobs map[Digest]memBlob
	logs  map[string][][]byte
}

type memBlob struct {
	data []byte
	put  time.Time
}

// NewMem returns an empty store.
func NewMem() *Mem { return &Mem{blobs: map[Digest]memBlob{}, logs: map[string][][]byte{}} }

// PutBlob stores what r yields under d.
func (m *Mem) PutBlob(ctx context.Context, d Digest, r io.Reader) error {
	data, err := io.ReadAll(contextReader{ctx, r})
	if err != nil {
		return err
	}
	if have := DigestOf(data); have != d {
		return fmt.Errorf("%w: storing blob %v, its content has %v", ErrCorrupt, d, have)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[d] = memBlob{data, time.Now()}
	return nil
}

// OpenBlob opens the blob d.
func (m *Mem) OpenBlob(ctx context.Context, d Digest) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	b, ok := m.blobs[d]
	if !ok {
		return nil, fmt.Errorf("%w: blob %v", ErrNotFound, d)
	}
	return io.NopCloser(bytes.NewReader(b.data)), nil
}

// Append stores event at the position seq of a log.
func (m *Mem) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckName(log); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := int64(len(m.logs[log])); seq != n+1 {
		return fmt.Errorf("%w: position %d of log %q, which has %d events", ErrConflict, seq, log, n)
	}
	m.logs[log] = append(m.logs[log], bytes.Clone(event))
	return nil
}

// Events yields the events of a log from the position from.
func (m *Mem) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		m.mu.RLock()
		events := m.logs[log]
		m.mu.RUnlock()
		for i := max(0, from-1); i < int64(len(events)); i++ {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(bytes.Clone(events[i]), nil) {
				return
			}
		}
	}
}

// Logs yields the names of all logs.
func (m *Mem) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.RLock()
		names := slices.Sorted(maps.Keys(m.logs))
		m.mu.RUnlock()
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// contextReader is a Reader that fails when ctx is done.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
