package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"sync"
	"time"
)

// A Log is the Registry on a Store: it folds the store's events. It remembers
// the state of each model that it was asked for, and reads its last event again
// and what was appended since; where that event is another one now, it folds
// anew.
type Log struct {
	store Store
	now   func() time.Time

	mu     sync.Mutex
	states map[string]*State
}

// LogOptions configure a Log. The zero value means the defaults.
type LogOptions struct {
	// Now tells the time of events. nil means time.Now.
	Now func() time.Time
}

// New returns the Registry on a store. nil opts means the defaults.
func New(store Store, opts *LogOptions) *Log {
	l := &Log{store: store, now: time.Now, states: map[string]*State{}}
	if opts != nil && opts.Now != nil {
		l.now = opts.Now
	}
	return l
}

// Models yields the names of all models in order of the alphabet.
func (l *Log) Models(ctx context.Context) iter.Seq2[string, error] { return l.store.Logs(ctx) }

// State returns the versions and stages of model as they are now. Where there
// is no such model the error wraps ErrNotFound.
func (l *Log) State(ctx context.Context, model string) (*State, error) {
	s, err := l.state(ctx, model)
	if err == nil && s.seq == 0 {
		err = fmt.Errorf("%w: model %q", ErrNotFound, model)
	}
	return s, err
}

// state returns the state of model, empty if there is none yet.
func (l *Log) state(ctx context.Context, model string) (*State, error) {
	if err := checkModel(model); err != nil {
		return nil, err
	}
	l.mu.Lock()
	known := l.states[model]
	l.mu.Unlock()
	s, err := l.fold(ctx, model, known)
	if errors.Is(err, errOther) {
		known = nil
		s, err = l.fold(ctx, model, nil)
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.states[model]; now == nil || known == nil || now.seq < s.seq {
		l.states[model] = s
	}
	return s, nil
}

// errOther says that the log is not the one that a known state was folded from.
var errOther = errors.New("another log")

// fold adds the events since known, which may be nil. It reads the last event
// of known again: another one there, or none, is errOther.
func (l *Log) fold(ctx context.Context, model string, known *State) (*State, error) {
	s, from := &State{Model: model}, int64(1)
	if known != nil && known.seq > 0 {
		s, from = known, known.seq
	}
	same := s != known // nothing to be read again
	for e, err := range l.events(ctx, model, from) {
		switch {
		case err != nil:
			return nil, err
		case !same && e.Hash != known.last.Hash:
			return nil, errOther
		case !same:
			same = true
			continue
		case s == known:
			s = known.clone()
		}
		if err := s.apply(e); err != nil {
			return nil, err
		}
	}
	if !same {
		return nil, errOther
	}
	return s, nil
}

// events yields the decoded events of model.
func (l *Log) events(ctx context.Context, model string, from int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		seq := from
		for data, err := range l.store.Events(ctx, model, from) {
			if err != nil {
				yield(Event{}, fmt.Errorf("event %d of model %q: %w", seq, model, err))
				return
			}
			e, err := decodeEvent(data)
			if err != nil {
				yield(Event{}, fmt.Errorf("event %d of model %q: %w", seq, model, err))
				return
			}
			if !yield(e, nil) {
				return
			}
			seq++
		}
	}
}

// History yields the events of model from the first on, each checked against
// the one before.
func (l *Log) History(ctx context.Context, model string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := &State{Model: model}
		err := checkModel(model)
		if err == nil {
			for e, eerr := range l.events(ctx, model, 1) {
				if err = eerr; err == nil {
					err = s.apply(e)
				}
				if err != nil {
					break
				}
				if !yield(e, nil) {
					return
				}
			}
		}
		if err == nil && s.seq == 0 {
			err = fmt.Errorf("%w: model %q", ErrNotFound, model)
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

// Resolve returns the version of model that ref names.
func (l *Log) Resolve(ctx context.Context, model, ref string) (Version, error) {
	s, err := l.State(ctx, model)
	if err != nil {
		return Version{}, err
	}
	return s.Resolve(ref)
}

// Register stores the files of a and appends the event that makes them a
// version. Files that a failure leaves behind without it do no harm.
func (l *Log) Register(ctx context.Context, model string, a Artifact, opts *RegisterOptions) (Version, error) {
	var o RegisterOptions
	if opts != nil {
		o = *opts
	}
	if err := checkModel(model); err != nil {
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
	for _, f := range files {
		if err := l.store.PutBlob(ctx, f.Digest, bytes.NewReader(a[f.Name])); err != nil {
			return Version{}, fmt.Errorf("storing %s of model %q: %w", f.Name, model, err)
		}
	}
	digest := artifactDigest(files)
	s, err := l.append(ctx, model, func(s *State) (Event, error) {
		return Event{
			Kind: KindRegistered, Version: len(s.Versions) + 1, Stage: o.Stage, From: s.stages[o.Stage],
			Actor: o.Actor, Reason: o.Reason, Digest: &digest, Files: files, Description: o.Description, Tags: o.Tags,
		}, nil
	})
	if err != nil {
		return Version{}, err
	}
	return s.Versions[s.last.Version-1], nil
}

// Move appends the event that carries out m.
func (l *Log) Move(ctx context.Context, model string, m Move) (Event, error) {
	if _, err := l.State(ctx, model); err != nil {
		return Event{}, err
	}
	s, err := l.append(ctx, model, func(s *State) (Event, error) { return s.plan(m) })
	if err != nil {
		return Event{}, err
	}
	return s.last, nil
}

// maxAttempts bounds how often an append that others got ahead of is tried
// again.
const maxAttempts = 1000

// append appends the event that plan makes of the state of model, planning anew
// as long as others get ahead, and returns the state after it.
func (l *Log) append(ctx context.Context, model string, plan func(*State) (Event, error)) (*State, error) {
	for range maxAttempts {
		s, err := l.state(ctx, model)
		if err != nil {
			return nil, err
		}
		e, err := plan(s)
		if err != nil {
			return nil, err
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		e.Seq, e.Model, e.Previous = s.seq+1, model, s.last.Hash
		if e.Time = l.now().UTC().Round(0); e.Time.Before(s.last.Time) {
			e.Time = s.last.Time // a clock set back does not turn history around
		}
		data, err := e.encode()
		if err != nil {
			return nil, err
		}
		// The event must read back and follow before it becomes history.
		next := s.clone()
		if e, err = decodeEvent(data); err == nil {
			err = next.apply(e)
		}
		if err != nil {
			return nil, err
		}
		err = l.store.Append(ctx, model, e.Seq, data)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, fmt.Errorf("event %d of model %q: %w", e.Seq, model, err)
		}
	}
	return nil, fmt.Errorf("%w: others appended to model %q %d times in a row; try again", ErrConflict, model, maxAttempts)
}

// Open opens a file of v. The reader verifies what it reads: it gives out the
// last bytes, or the end of the file, only if the whole is what was registered.
func (l *Log) Open(ctx context.Context, v Version, file string) (io.ReadCloser, error) {
	f, err := v.File(file)
	if err != nil {
		return nil, err
	}
	r, err := l.store.OpenBlob(ctx, f.Digest)
	if err != nil {
		return nil, fmt.Errorf("%s of version %d of model %q: %w", file, v.Number, v.Model, err)
	}
	return &verifier{ReadCloser: r, info: f, left: f.Size, hash: sha256.New()}, nil
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
