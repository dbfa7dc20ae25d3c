package registry

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// The errors of this package.
var (
	ErrInput    = errors.New("registry: invalid input")
	ErrNotFound = errors.New("registry: not found")
	ErrConflict = errors.New("registry: conflict")
	ErrCorrupt  = errors.New("registry: corrupt")
	// ErrDenied says that a protected stage or alias was to be moved without
	// the approval that it needs.
	ErrDenied = errors.New("registry: denied")
	// ErrUntrusted says that an event is not signed by a trusted key.
	ErrUntrusted = errors.New("registry: untrusted")
	// ErrUnsupported says that a Store, or the server behind it, cannot do what
	// was asked for.
	ErrUnsupported = errors.New("registry: not supported")
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

// A Blob is what a Collector tells of one.
type Blob struct {
	Digest Digest
	Size   int64
	Time   time.Time // when it was put last, by the Store's clock
}

// A Collector is a Store whose unreferenced blobs can be found and deleted.
type Collector interface {
	// Blobs yields all blobs in any order.
	Blobs(ctx context.Context) iter.Seq2[Blob, error]
	// DeleteBlob deletes the blob d, unless it was put again at before or
	// later: then the error wraps ErrConflict. Where there is none, the error
	// wraps ErrNotFound. Putting a blob that is there makes it new again.
	DeleteBlob(ctx context.Context, d Digest, before time.Time) error
}

// A Marker is a Store that can tell, much cheaper than by reading it, whether a
// log still ends where it did.
type Marker interface {
	// Mark returns a function that reports whether the log's last event is the
	// one that is at position seq at the time of the call to Mark. Whenever it
	// is not sure it says no. nil means that it never could be. The function is
	// safe for concurrent use and does not allocate.
	Mark(log string, seq int64) func() bool
}

// A Waiter is a Store that hears of appended events without asking for them
// again and again.
type Waiter interface {
	// Wait returns nil as soon as there may be an event at position seq of a
	// log: at once if there is one. It may return early. If it cannot wait, the
	// error wraps ErrUnsupported.
	Wait(ctx context.Context, log string, seq int64) error
}
