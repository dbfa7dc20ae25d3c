package blobstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"path"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/riskkit/riskkit/registry"
)

// PutBlob stores what r yields under d. It becomes visible when all of it has
// been read and has the digest. A blob that is there already is written again,
// which mends it if it was damaged and makes it new for DeleteBlob.
func (s *Store) PutBlob(ctx context.Context, d registry.Digest, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	writing, discard := context.WithCancel(ctx)
	defer discard()
	src := &source{ctx: ctx, r: r, want: d, hash: sha256.New(), discard: discard}
	err := s.bucket.Upload(writing, s.blobKey(d), src, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if src.err != nil {
		err = src.err // whatever the driver made of it
	}
	if err != nil {
		return fmt.Errorf("storing blob %v: %w", d, s.failed(ctx, err))
	}
	return nil
}

// source is what a driver reads a blob from. Its end is an error unless the
// content has the digest. On any error it discards what is being written, as
// some drivers would store what they have read before it.
type source struct {
	ctx     context.Context
	r       io.Reader
	want    registry.Digest
	hash    hash.Hash
	discard func()
	err     error
}

func (s *source) Read(p []byte) (n int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	if err = s.ctx.Err(); err == nil {
		n, err = s.r.Read(p)
		s.hash.Write(p[:n])
	}
	if err == io.EOF {
		have := registry.Digest(s.hash.Sum(nil))
		if have == s.want {
			return n, io.EOF
		}
		err = fmt.Errorf("%w: its content has %v", registry.ErrCorrupt, have)
	}
	if err != nil {
		s.err = err
		s.discard()
	}
	return n, err
}

// OpenBlob opens the blob d. ctx holds until the reader is closed.
func (s *Store) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := s.bucket.NewReader(ctx, s.blobKey(d), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%w: blob %v", registry.ErrNotFound, d)
	}
	if err != nil {
		return nil, fmt.Errorf("opening blob %v: %w", d, s.failed(ctx, err))
	}
	return &blobReader{r, s, ctx, d}, nil
}

// blobReader reads a blob.
type blobReader struct {
	io.ReadCloser
	s   *Store
	ctx context.Context
	d   registry.Digest
}

func (r *blobReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("reading blob %v: %w", r.d, r.s.failed(r.ctx, err))
	}
	return n, err
}

// Blobs yields all blobs in any order.
func (s *Store) Blobs(ctx context.Context) iter.Seq2[registry.Blob, error] {
	return func(yield func(registry.Blob, error) bool) {
		for o, err := range s.list(ctx, s.key(blobsDir)+"/", "") {
			if err != nil {
				yield(registry.Blob{}, fmt.Errorf("listing blobs: %w", s.failed(ctx, err)))
				return
			}
			var d registry.Digest
			if digits, err := hex.DecodeString(path.Base(o.Key)); err != nil || len(digits) != copy(d[:], digits) || s.blobKey(d) != o.Key {
				continue // not one of ours
			}
			if !yield(registry.Blob{Digest: d, Size: o.Size, Time: o.ModTime}, nil) {
				return
			}
		}
	}
}

// DeleteBlob deletes the blob d, unless it was put again at before or later by
// the server's clock: then the error wraps registry.ErrConflict. Where there is
// none, the error wraps registry.ErrNotFound. Object storage takes two requests
// for that, and a blob put between them is deleted all the same; so let before
// be well before now, and look afterwards whether what was put is there, as
// registry.Log does. Where the server's times are whole seconds, what was put
// in the second of before counts as put later.
func (s *Store) DeleteBlob(ctx context.Context, d registry.Digest, before time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := s.blobKey(d)
	attrs, err := s.bucket.Attributes(ctx, key)
	if err == nil {
		put := attrs.ModTime
		if put.Nanosecond() == 0 {
			put = put.Add(time.Second - 1)
		}
		if !put.Before(before) {
			return fmt.Errorf("%w: blob %v was put at %v, not before %v", registry.ErrConflict, d, attrs.ModTime, before)
		}
		err = s.bucket.Delete(ctx, key)
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: blob %v", registry.ErrNotFound, d)
	}
	if err != nil {
		return fmt.Errorf("deleting blob %v: %w", d, s.failed(ctx, err))
	}
	return nil
}
