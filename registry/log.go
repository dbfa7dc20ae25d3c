package registry

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// A Log is the Registry on a Store: it folds the store's events. It remembers
// the state of each model that it was asked for, and asks the store whether
// there is anything new: by its Marker, or by reading the last event again and
// what was appended since. Where that event is another one now, it folds anew.
type Log struct {
	store Store
	o     LogOptions

	mu     sync.Mutex
	states map[string]known

	appends, conflicts atomic.Int64
}

// known is a state that a Log remembers.
type known struct {
	state *State
	// same reports whether the state is that of the store; nil if that takes
	// reading.
	same func() bool
}

// LogOptions configure a Log. The zero value means the defaults.
type LogOptions struct {
	// Now tells the time of events. nil means time.Now.
	Now func() time.Time
	// Poll is how often Watch looks for new events where the Store is no
	// Waiter. 0 means 2 seconds.
	Poll time.Duration
	// Signer signs the events that this Log appends, with an ed25519 key. nil
	// leaves them unsigned.
	Signer crypto.Signer
	// Trusted are the keys that an event must be signed with; otherwise
	// reading it is an error that wraps ErrUntrusted. None means that any event
	// is taken.
	Trusted []ed25519.PublicKey
}

// New returns the Registry on a store. nil opts means the defaults.
func New(store Store, opts *LogOptions) *Log {
	l := &Log{store: store, states: map[string]known{}}
	if opts != nil {
		l.o = *opts
	}
	if l.o.Now == nil {
		l.o.Now = time.Now
	}
	if l.o.Poll <= 0 {
		l.o.Poll = 2 * time.Second
	}
	return l
}

// Stats counts what a Log did since it was made.
type Stats struct {
	// Appends are the events appended, Conflicts the attempts that failed
	// because somebody else got ahead.
	Appends, Conflicts int64
}

// Stats returns the counts.
func (l *Log) Stats() Stats { return Stats{l.appends.Load(), l.conflicts.Load()} }

// Models yields the names of all models in order of the alphabet.
func (l *Log) Models(ctx context.Context) iter.Seq2[string, error] { return l.store.Logs(ctx) }

// State returns the versions, stages and aliases of model as they are now.
// Where there is no such model the error wraps ErrNotFound.
func (l *Log) State(ctx context.Context, model string) (*State, error) {
	s, err := l.state(ctx, model)
	if err == nil && s.Seq == 0 {
		err = fmt.Errorf("%w: model %q", ErrNotFound, model)
	}
	return s, err
}

// Resolve returns the version of model that ref names. It does not allocate
// where the Store is a Marker and nothing has changed since the last calls.
func (l *Log) Resolve(ctx context.Context, model, ref string) (Version, error) {
	s, err := l.State(ctx, model)
	if err != nil {
		return Version{}, err
	}
	return s.Resolve(ref)
}

// At returns the state of model at a time: what was in production then is what
// it resolves to. Before the first event the error wraps ErrNotFound.
func (l *Log) At(ctx context.Context, model string, t time.Time) (*State, error) {
	s := newState(model)
	if err := CheckName(model); err != nil {
		return nil, err
	}
	for e, err := range l.events(ctx, model, 1) {
		if err != nil {
			return nil, err
		}
		if e.Time.After(t) {
			break
		}
		if err := s.apply(e); err != nil {
			return nil, err
		}
	}
	if s.Seq == 0 {
		return nil, fmt.Errorf("%w: model %q had no event before %v", ErrNotFound, model, t)
	}
	return s, nil
}

// state returns the state of model, empty if there is none yet.
func (l *Log) state(ctx context.Context, model string) (*State, error) {
	if err := CheckName(model); err != nil {
		return nil, err
	}
	l.mu.Lock()
	k := l.states[model]
	l.mu.Unlock()
	if k.same != nil && ctx.Err() == nil && k.same() {
		return k.state, nil
	}
	var same func() bool
	if m, ok := l.store.(Marker); ok && k.state != nil && k.state.Seq > 0 {
		same = m.Mark(model, k.state.Seq) // before the event is read again
	}
	s, err := l.fold(ctx, model, k.state)
	if errors.Is(err, errOther) {
		k.state = nil
		if s, err = l.fold(ctx, model, nil); errors.Is(err, errOther) {
			err = fmt.Errorf("%w: the log of model %q was replaced while it was read; try again", ErrConflict, model)
		}
	}
	if err != nil {
		return nil, err
	}
	if s != k.state {
		same = nil
	}
	l.remember(s, same, k.state == nil)
	return s, nil
}

// remember keeps a state, unless a later one is kept and anew is false. Of models
// that are not there it keeps nothing, for anybody can ask for any name.
func (l *Log) remember(s *State, same func() bool, anew bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.Seq == 0 {
		delete(l.states, s.Model)
		return
	}
	if now := l.states[s.Model]; now.state == nil || anew || now.state.Seq < s.Seq || now.state == s {
		l.states[s.Model] = known{s, same}
	}
}

// errOther says that the log is not the one that a known state was folded from.
var errOther = errors.New("another log")

// fold adds the events since s, which may be nil. It reads the last event of s
// again: another one there, or none, is errOther.
func (l *Log) fold(ctx context.Context, model string, s *State) (*State, error) {
	if s == nil || s.Seq == 0 {
		var err error
		if s, err = l.snapshot(ctx, model); err != nil {
			return nil, err
		}
	}
	own := s.Seq == 0 // s belongs to nobody else
	same, from := s.Seq == 0, max(1, s.Seq)
	for e, err := range l.events(ctx, model, from) {
		switch {
		case err != nil:
			return nil, err
		case !same && e.Hash != s.Hash:
			return nil, errOther
		case !same:
			same = true
			continue
		case !own:
			s, own = s.clone(), true
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

// events yields the decoded events of model, each signed by who is trusted.
func (l *Log) events(ctx context.Context, model string, from int64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		seq := from
		for data, err := range l.store.Events(ctx, model, from) {
			var e Event
			if err == nil {
				e, err = decodeEvent(data)
			}
			if err == nil {
				err = l.trust(&e)
			}
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
		s := newState(model)
		err := CheckName(model)
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
		if err == nil && s.Seq == 0 {
			err = fmt.Errorf("%w: model %q", ErrNotFound, model)
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}
