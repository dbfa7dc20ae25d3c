package registry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// Open opens a file of v. The reader verifies what it reads: it gives out the
// last bytes, or the end of the file, only if the whole is what was registered.
func (l *Log) Open(ctx context.Context, v Version, file string) (io.ReadCloser, error) {
	f, err := v.File(file)
	if err != nil {
		return nil, err
	}
	if v.Collected {
		return nil, fmt.Errorf("%w: the files of version %d of model %q are collected", ErrNotFound, v.Number, v.Model)
	}
	r, err := l.store.OpenBlob(ctx, f.Digest)
	if err != nil {
		return nil, fmt.Errorf("%s of version %d of model %q: %w", file, v.Number, v.Model, err)
	}
	return newVerifier(r, f), nil
}

func newVerifier(r io.ReadCloser, f FileInfo) *verifier {
	return &verifier{ReadCloser: r, info: f, left: f.Size, hash: sha256.New()}
}

// verifier checks the digest and the size of what is read through it.
type verifier struct {
	io.ReadCloser
	info FileInfo
	left int64
	hash hash.Hash
	err  error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	switch {
	case v.left > 0 && err != io.EOF:
		return n, err
	case err != nil && err != io.EOF:
		v.err = err
	case v.left != 0:
		v.err = fmt.Errorf("%w: size of %s is not the %d bytes registered", ErrCorrupt, v.info.Name, v.info.Size)
	case Digest(v.hash.Sum(nil)) != v.info.Digest:
		v.err = fmt.Errorf("%w: digest of %s is not the %v registered", ErrCorrupt, v.info.Name, v.info.Digest)
	}
	if v.err != nil {
		return 0, v.err
	}
	return n, err
}
