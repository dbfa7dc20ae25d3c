package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The errors of this package.
var (
	ErrCorrupt = errors.New("audit: the log is not as it was written")
	ErrLocked  = errors.New("audit: another process writes with this name")
	ErrClosed  = errors.New("audit: the log is closed")
	ErrFull    = errors.New("audit: there was no room for records")
	ErrInput   = errors.New("audit: invalid input")
	// ErrUntrusted says that a checkpoint is not signed by a key that is
	// trusted.
	ErrUntrusted = errors.New("audit: untrusted checkpoint")
)

// A Segment is a part of a writer's chain: a run of lines.
type Segment struct {
	Writer string
	// First is the number of its first record.
	First int64
	// Size is its length in bytes.
	Size int64
}

// String names the segment.
func (s Segment) String() string { return fmt.Sprintf("segment %d of writer %q", s.First, s.Writer) }

// sortSegments puts segments in the order of a Source.
func sortSegments(all []Segment) {
	slices.SortFunc(all, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.First, b.First))
	})
}

// A Source is where segments are read from. Its methods are safe for concurrent
// use, also beside an Appender.
type Source interface {
	// Segments lists the segments of all writers, ordered by Writer and First.
	Segments(ctx context.Context) ([]Segment, error)
	// OpenSegment reads s from an offset on, as far as it is now. The error
	// wraps fs.ErrNotExist where s is not there.
	OpenSegment(ctx context.Context, s Segment, from int64) (io.ReadCloser, error)
	// Checkpoint returns what was put last by PutCheckpoint, nil for nothing.
	Checkpoint(ctx context.Context, writer string) ([]byte, error)
}

// A Sink is a Source that a Log writes to. audittest.TestSink tests one.
type Sink interface {
	Source
	// Lock makes the caller the only one to write as writer, until the
	// Appender is closed or the process ends. The error wraps ErrLocked where
	// somebody else is, unless the Sink makes that one stop.
	Lock(ctx context.Context, writer string) (Appender, error)
}

// An Appender writes one writer's chain. It is for one goroutine. The Writer of
// the Segments it is given is its own.
type Appender interface {
	// Append adds data to s, whose Size says how long it is; one of size 0 is
	// made, and only one at a time grows. After an error there may be any part
	// of data behind Size, until Cut.
	Append(ctx context.Context, s Segment, data []byte) error
	// Sync returns once all that was appended to s outlasts a failure of power.
	Sync(ctx context.Context, s Segment) error
	// Cut cuts s to Size, also when it is no longer than that; with Size 0
	// nothing of it is left. torn, unless empty, is what is cut off, which is
	// kept for people to look at.
	Cut(ctx context.Context, s Segment, torn []byte) error
	// Delete deletes s. One that is not there is no error.
	Delete(ctx context.Context, s Segment) error
	// PutCheckpoint keeps data in the place of what it kept before.
	PutCheckpoint(ctx context.Context, data []byte) error
	// Close gives the name free.
	Close() error
}

// CheckWriter returns an error that wraps ErrInput unless name can name a
// writer: 1 to 64 letters, digits, dots, dashes and underscores of ASCII, the
// first of them no dot.
func CheckWriter(name string) error {
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	}
	if name == "" || len(name) > 64 || name[0] == '.' || strings.ContainsFunc(name, other) {
		return fmt.Errorf("%w: writer %.80q, want 1 to 64 letters, digits, dots, dashes and underscores, no dot first", ErrInput, name)
	}
	return nil
}
