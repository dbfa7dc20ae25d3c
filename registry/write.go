package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
)

// Register stores the files of a and appends the event that makes them a
// version. Files that a failure leaves behind without it do no harm.
func (l *Log) Register(ctx context.Context, model string, a Artifact, opts *RegisterOptions) (Version, error) {
	var o RegisterOptions
	if opts != nil {
		o = *opts
	}
	if err := CheckName(model); err != nil {
		return Version{}, err
	}
	if o.Stage != "" {
		if err := checkStage(o.Stage); err != nil {
			return Version{}, err
		}
	}
	files, err := describe(a)
	if err != nil {
		return Version{}, err
	}
	digest := artifactDigest(files)
	if o.Key != "" { // perhaps all is there already
		s, err := l.state(ctx, model)
		if err != nil {
			return Version{}, err
		}
		if v, err := s.registered(o.Key, digest); err != nil || v.Number > 0 {
			return v, err
		}
	}
	if err := l.put(ctx, model, a, files); err != nil {
		return Version{}, err
	}
	var there Version
	s, _, err := l.append(ctx, model, func(s *State) (Event, error) {
		e := Event{
			Kind: KindRegistered, Version: len(s.Versions) + 1, Stage: o.Stage, From: s.stages[o.Stage], Actor: o.Actor, Reason: o.Reason,
			Digest: &digest, Files: files, Description: o.Description, Tags: o.Tags, Key: o.Key, Lineage: o.Lineage, Schema: o.Schema,
		}
		var err error
		if there, err = s.registered(o.Key, digest); err == nil && there.Number > 0 {
			err = errThere
		}
		switch {
		case err != nil:
			return e, err
		case s.protected[string(o.Stage)]:
			return e, fmt.Errorf("%w: %s of model %q is protected; register the version, have it approved, and move it there", ErrDenied, o.Stage, model)
		case o.Lineage != nil && (o.Lineage.Parent < 0 || o.Lineage.Parent >= e.Version):
			return e, fmt.Errorf("%w: parent %d of the version, want one of the %d that are there", ErrInput, o.Lineage.Parent, e.Version-1)
		}
		return e, nil
	})
	if errors.Is(err, errThere) {
		return there, nil
	}
	if err != nil {
		return Version{}, err
	}
	if _, ok := l.store.(Collector); ok {
		// A Retain at the same time may have taken a file for an old one that
		// nobody needs.
		for _, f := range files {
			r, err := l.store.OpenBlob(ctx, f.Digest)
			if err == nil {
				err = r.Close()
			} else if errors.Is(err, ErrNotFound) {
				err = l.put(ctx, model, Artifact{f.Name: a[f.Name]}, []FileInfo{f})
			}
			if err != nil {
				return Version{}, err
			}
		}
	}
	return s.Versions[len(s.Versions)-1], nil
}

// errThere says that a version need not be registered again.
var errThere = errors.New("is there")

// registered returns the version that was registered with a key, with number 0
// if there is none. If it is another artifact, or its files are gone, the error
// wraps ErrConflict.
func (s *State) registered(key string, digest Digest) (Version, error) {
	n := s.keys[key]
	if n == 0 {
		return Version{}, nil
	}
	v := s.Versions[n-1]
	if v.Digest != digest {
		return Version{}, fmt.Errorf("%w: key %q of model %q belongs to version %d, which has other files", ErrConflict, key, s.Model, n)
	}
	if v.Collected {
		return Version{}, fmt.Errorf("%w: key %q of model %q belongs to version %d, whose files are collected; register them with another key", ErrConflict, key, s.Model, n)
	}
	return v, nil
}

// put stores files of an artifact.
func (l *Log) put(ctx context.Context, model string, a Artifact, files []FileInfo) error {
	for _, f := range files {
		if err := l.store.PutBlob(ctx, f.Digest, &hashed{bytes.NewReader(a[f.Name]), a[f.Name], f.Digest}); err != nil {
			return fmt.Errorf("storing %s of model %q: %w", f.Name, model, err)
		}
	}
	return nil
}

// hashed is a reader of bytes whose digest was taken already.
type hashed struct {
	*bytes.Reader
	data   []byte
	digest Digest
}

// write writes the bytes, in parts between which it looks at ctx.
func (h *hashed) write(ctx context.Context, w io.Writer) error {
	for part := range slices.Chunk(h.data, 1<<20) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Move appends the event that carries out m.
func (l *Log) Move(ctx context.Context, model string, m Move) (Event, error) {
	return l.amend(ctx, model, func(s *State) (Event, error) { return s.plan(m) })
}

// An Annotation changes what is said of a version.
type Annotation struct {
	Version int
	// Description is the new description; "" leaves it.
	Description string
	// Tags are set; those with an empty value are removed.
	Tags map[string]string
	// Actor and Reason say who did so and why.
	Actor, Reason string
}

// Annotate appends the event that carries out a.
func (l *Log) Annotate(ctx context.Context, model string, a Annotation) (Event, error) {
	if a.Description == "" && len(a.Tags) == 0 {
		return Event{}, fmt.Errorf("%w: an annotation without description and tags", ErrInput)
	}
	return l.amend(ctx, model, func(s *State) (Event, error) {
		if a.Version < 1 || a.Version > len(s.Versions) {
			return Event{}, fmt.Errorf("%w: version %d of model %q, which has %d", ErrNotFound, a.Version, model, len(s.Versions))
		}
		return Event{Kind: KindAnnotated, Version: a.Version, Description: a.Description, Tags: a.Tags, Actor: a.Actor, Reason: a.Reason}, nil
	})
}

// amend appends an event to a model that is there.
func (l *Log) amend(ctx context.Context, model string, plan func(*State) (Event, error)) (Event, error) {
	_, e, err := l.append(ctx, model, func(s *State) (Event, error) {
		if s.Seq == 0 {
			return Event{}, fmt.Errorf("%w: model %q", ErrNotFound, model)
		}
		return plan(s)
	})
	return e, err
}

// maxAttempts bounds how often an append that others got ahead of is tried
// again.
const maxAttempts = 1000

// append appends the event that plan makes of the state of model, planning anew
// as long as others get ahead, and returns the state after it and the event.
func (l *Log) append(ctx context.Context, model string, plan func(*State) (Event, error)) (*State, Event, error) {
	for attempt := range maxAttempts {
		s, err := l.state(ctx, model)
		if err != nil {
			return nil, Event{}, err
		}
		e, err := plan(s)
		if err != nil {
			return nil, Event{}, err
		}
		next, e, data, err := l.prepare(ctx, s, e)
		if err != nil {
			return nil, Event{}, err
		}
		err = l.store.Append(ctx, model, e.Seq, data)
		if err == nil {
			l.appends.Add(1)
			l.remember(next, nil, false)
			return next, e, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, Event{}, fmt.Errorf("event %d of model %q: %w", e.Seq, model, err)
		}
		l.conflicts.Add(1)
		if err := pause.For(ctx, rand.N(100*time.Microsecond<<min(attempt, 7))); err != nil {
			return nil, Event{}, err
		}
	}
	return nil, Event{}, fmt.Errorf("%w: others appended to model %q %d times in a row; try again", ErrConflict, model, maxAttempts)
}

// prepare completes the event e that is to follow s, and returns it as it will
// be read, the state after it, and the bytes to append.
func (l *Log) prepare(ctx context.Context, s *State, e Event) (*State, Event, []byte, error) {
	if err := e.check(); err != nil {
		return nil, e, nil, err
	}
	e = s.next(e, l.o.Now())
	if err := l.commit(ctx, s, &e); err != nil {
		return nil, e, nil, err
	}
	data, err := e.encode(l.o.Signer)
	if err == nil && len(data) >= maxEvent {
		err = fmt.Errorf("%w: the event has %d bytes, less than %d are allowed; an artifact has too many files", ErrInput, len(data), maxEvent)
	}
	if err != nil {
		return nil, e, nil, err
	}
	// The event must read back and follow before it becomes history.
	next := s.clone()
	if e, err = decodeEvent(data); err == nil {
		if err = l.trust(&e); err == nil {
			err = next.apply(e)
		}
	}
	return next, e, data, err
}

// next returns e as the event that follows s at a time.
func (s *State) next(e Event, now time.Time) Event {
	e.Seq, e.Model, e.Previous = s.Seq+1, s.Model, s.Hash
	if e.Time = now.UTC().Round(0); e.Time.Before(s.Time) {
		e.Time = s.Time // a clock set back does not turn history around
	}
	return e
}
