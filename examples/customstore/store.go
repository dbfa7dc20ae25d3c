package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"

	"github.com/riskkit/riskkit/registry"
)

// store is a registry.Store on anything that keeps values by key in order and
// can put one only where there is none: blobs by their digest, events by log and
// position.
type store struct{ kv kv }

func (s *store) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err == nil && registry.DigestOf(data) != d {
		err = registry.ErrCorrupt
	}
	if err = cmp.Or(err, ctx.Err()); err == nil {
		s.kv.put(key{d.String(), 0}, data)
	}
	return err
}

func (s *store) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	data, ok := s.kv.get(key{d.String(), 0})
	if !ok || ctx.Err() != nil {
		return nil, cmp.Or(ctx.Err(), registry.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *store) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := cmp.Or(ctx.Err(), registry.CheckName(log)); err != nil {
		return err
	}
	_, before := s.kv.get(key{log, seq - 1})
	if seq < 1 || seq > 1 && !before || !s.kv.put(key{log, seq}, event) {
		return registry.ErrConflict
	}
	return nil
}

func (s *store) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for seq := max(1, from); ; seq++ {
			event, ok := s.kv.get(key{log, seq})
			if err := ctx.Err(); (!ok && err == nil) || !yield(event, err) || err != nil {
				return
			}
		}
	}
}

func (s *store) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range s.kv.keys() {
			if err := ctx.Err(); k.seq == 1 && (!yield(k.name, err) || err != nil) {
				return
			}
		}
	}
}
