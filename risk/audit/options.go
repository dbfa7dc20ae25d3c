package audit

import (
	"context"
	"crypto"
	"fmt"
	"time"
)

// A SyncPolicy says when what is written outlasts a failure of power. Feedback
// always does before PutFeedback returns.
type SyncPolicy int

// The policies.
const (
	SyncInterval SyncPolicy = iota // an Options.Interval after it happened, at most
	SyncEach                       // before Scored returns, where there was room; calls at the same time share one fsync
	SyncNone                       // when the operating system likes, and when a segment is sealed
)

// A FullPolicy says what Scored does while there is no room for a record, because
// the sink is slower than what comes in.
type FullPolicy int

// The policies.
const (
	Drop  FullPolicy = iota // leave the record out; a gap says how many are missing
	Block                   // wait until there is room or the context is done
)

// Options configure a Log. The zero value keeps neither texts nor their hashes,
// syncs every second and never makes a request wait.
type Options struct {
	// Config is what the host says of its configuration, such as the digest of
	// a file, in 4096 bytes at most. It stands in front of each segment.
	Config string
	// Key keys the hash of texts, so that whoever does not have it cannot find
	// out by trying whether a text was there. Without one there are no hashes.
	Key []byte
	// KeepText keeps texts, tags and times of creation, which retraining
	// needs, and the reasons of second opinions, which may quote the text.
	// Redact, if not nil, says what to write in the place of a text or such a
	// reason; the hash is of the text as it was. It is called on the Log's
	// goroutine, one text at a time.
	KeepText bool
	Redact   func(text string) string

	Sync SyncPolicy
	// Interval is how long a record waits to be written and synced, at most,
	// where the sink keeps up. 0 means a second.
	Interval time.Duration
	Full     FullPolicy
	// Buffer is how many records may wait on each processor. 0 means 2048.
	Buffer int

	// A segment ends when it has SegmentBytes or is SegmentAge old. 0 means 64
	// MiB and a day.
	SegmentBytes int64
	SegmentAge   time.Duration
	// Retain is how long sealed segments are kept since the last record in
	// them, or since they were sealed where that says it is of later, at least.
	// 0 means for ever. OnExpire, if not nil, is called before
	// one is deleted, to keep it elsewhere; where it returns an error the
	// segment stays and it is called again later.
	Retain   time.Duration
	OnExpire func(ctx context.Context, s Segment) error

	// Signer signs checkpoints with an ed25519 key. nil means that they are not
	// signed. OnCheckpoint, if not nil, is told of each, to keep it where the
	// log's owner cannot change it. There is one whenever a segment is sealed.
	Signer       crypto.Signer
	OnCheckpoint func(Checkpoint)

	// OnError is told what goes wrong behind the caller's back. Like the other
	// hooks it is called on the Log's goroutine and must not wait for the Log. A
	// Service's observers are told by
	//
	//	OnError: func(err error) { observers.Failed(risk.StageAudit, err) }
	OnError func(error)
	// Now tells the time. It is called by several goroutines at once. nil means
	// time.Now.
	Now func() time.Time
}

// withDefaults returns what o means.
func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	switch {
	case d.Sync < SyncInterval || d.Sync > SyncNone:
		return d, fmt.Errorf("%w: Sync is %d", ErrInput, d.Sync)
	case d.Full < Drop || d.Full > Block:
		return d, fmt.Errorf("%w: Full is %d", ErrInput, d.Full)
	case len(d.Config) > 4096:
		return d, fmt.Errorf("%w: Config has %d bytes, want 4096 at most", ErrInput, len(d.Config))
	case d.Interval < 0 || d.Buffer < 0 || d.SegmentBytes < 0 || d.SegmentAge < 0 || d.Retain < 0:
		return d, fmt.Errorf("%w: a negative option", ErrInput)
	}
	if d.Interval == 0 {
		d.Interval = time.Second
	}
	if d.Buffer == 0 {
		d.Buffer = 2048
	}
	if d.SegmentBytes == 0 {
		d.SegmentBytes = 64 << 20
	}
	if d.SegmentAge == 0 {
		d.SegmentAge = 24 * time.Hour
	}
	if d.OnError == nil {
		d.OnError = func(error) {}
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d, nil
}
