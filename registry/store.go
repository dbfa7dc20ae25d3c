package registry

import (
	"context"
	"errors"
	"io"
	"iter"
)

// The errors of this package.
var (
	ErrInput    = errors.New("registry: invalid input")
	ErrNotFound = errors.New("registry: not found")
	ErrConflict = errors.New("registry: conflict")
	ErrCorrupt  = errors.New("registry: corrupt")
)

// A Store keeps the bytes of a registry: blobs named by their digest, and one
// append-only log of events a model. It knows nothing of what they mean.
// Implementations are safe for concurrent use and must pass
// registrytest.TestStore.
//
// What a call acknowledges has reached the storage for good; what fails leaves
// either all or nothing of it.
type Store interface {
	// PutBlob stores what r yields under d. Where that is not d's content, the
	// error wraps ErrCorrupt and nothing is stored. Storing a blob again is not
	// an error.
	PutBlob(ctx context.Context, d Digest, r io.Reader) error
	// OpenBlob opens the blob d; where there is none, the error wraps
	// ErrNotFound. The bytes need not have been verified.
	OpenBlob(ctx context.Context, d Digest) (io.ReadCloser, error)
	// Append stores event at the position seq, from 1, of a log. Unless that is
	// the position behind the log's last event, the error wraps ErrConflict.
	// The first event makes the log.
	Append(ctx context.Context, log string, seq int64, event []byte) error
	// Events yields the events of a log from the position from, in order;
	// nothing if there are none. After an error it ends. The bytes belong to
	// the caller.
	Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error]
	// Logs yields the names of all logs in order of the alphabet.
	Logs(ctx context.Context) iter.Seq2[string, error]
}
