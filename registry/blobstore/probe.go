package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/riskkit/riskkit/registry"
)

// probe is what is known of the bucket's conditional writes. Whoever holds
// turn may use the rest.
type probe struct {
	turn chan struct{}
	done bool
	err  error // why there can be no Append
}

func newProbe() probe {
	p := probe{turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

// conditional returns nil if the bucket refuses to write what is there; if not,
// the error wraps registry.ErrUnsupported. It asks the bucket until it knows.
func (s *Store) conditional(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.probe.turn:
	}
	defer func() { s.probe.turn <- struct{}{} }()
	if s.probe.done {
		return s.probe.err
	}
	err := s.try(ctx)
	s.probe.done = err == nil || errors.Is(err, registry.ErrUnsupported)
	s.probe.err = err
	return err
}

// try writes the probe until it is refused, which it must be the second time.
// Whoever wrote it before, being refused tells the same.
func (s *Store) try(ctx context.Context) error {
	if s.onFiles() {
		return s.unsupported("the conditional writes of fileblob are not atomic, and events would be lost; use registry.OpenDir for a directory")
	}
	for range 2 {
		err := s.create(ctx, s.key(probeKey), []byte("Written to see whether the bucket refuses to write what is there.\n"), "probe")
		switch {
		case err == nil:
		case ctx.Err() == nil && gcerrors.Code(err) == gcerrors.FailedPrecondition:
			return nil
		case gcerrors.Code(err) == gcerrors.Unimplemented || code(err) == "NotImplemented":
			return s.unsupported(fmt.Sprintf("the server or its driver has no conditional writes; use one that has: %v", s.failed(ctx, err)))
		default:
			return fmt.Errorf("trying whether the bucket has conditional writes: %w", s.failed(ctx, err))
		}
	}
	return s.unsupported("the server ignores the condition of a write (If-None-Match), and events would be lost; use one that honours it, and look for a proxy that takes the header away")
}

// onFiles reports whether the bucket is one of fileblob, which alone gives the
// FileInfo of its directory.
func (s *Store) onFiles() bool {
	var info os.FileInfo
	return s.bucket.As(&info)
}

func (s *Store) unsupported(why string) error {
	name := "this bucket"
	if s.o.Name != "" {
		name = "bucket " + s.o.Name
	}
	return fmt.Errorf("%w: appending events to %s: %s", registry.ErrUnsupported, name, why)
}

// create writes an object that must not be there. mark tells the object from
// that of another writer, or of another attempt, with the same content.
//
// Upload and not a Writer it is, here and for blobs, because that of azureblob
// panics when the server refuses what was written to it.
func (s *Store) create(ctx context.Context, key string, data []byte, mark string) error {
	return s.bucket.Upload(ctx, key, bytes.NewReader(data), &blob.WriterOptions{
		ContentType: "application/json",
		Metadata:    map[string]string{markName: mark},
		IfNotExist:  true,
	})
}

const markName = "attempt"

// code returns what the server calls an error, if it is one of S3.
func code(err error) string {
	var of interface{ ErrorCode() string }
	if errors.As(err, &of) {
		return of.ErrorCode()
	}
	return ""
}
