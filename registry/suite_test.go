package registry_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// TestSuitesFindFaults runs the suites on stores that break a rule each.
func TestSuitesFindFaults(t *testing.T) {
	for rule, open := range map[string]func() registry.Store{
		"a log takes an event":     func() registry.Store { return overwriting{registry.NewMem()} },
		"a blob whose content":     func() registry.Store { return unchecked{registry.NewMem()} },
		"a cancelled context":      func() registry.Store { return deaf{registry.NewMem()} },
		"bytes belong to the call": func() registry.Store { return &shared{Mem: registry.NewMem()} },
		"of many who append":       func() registry.Store { return &stubborn{Mem: registry.NewMem()} },
		"logs do not share":        func() registry.Store { return unordered{registry.NewMem()} },
		"a log has the name":       func() registry.Store { return nameless{registry.NewMem()} },
		"a blob is deleted unless": func() registry.Store { return eager{registry.NewMem()} },
		"a mark knows":             func() registry.Store { return sure{registry.NewMem()} },
		"waiting ends":             func() registry.Store { return hasty{registry.NewMem()} },
	} {
		err := registrytest.TestStore(t.Context(), func() (registry.Store, error) { return open(), nil })
		if err == nil || !strings.Contains(err.Error(), rule) {
			t.Errorf("a store that breaks the rule %q: the suite says %v", rule, err)
		}
	}
}

// TestRegistrySuiteFindsFaults runs the suite on registries that break a rule
// each.
func TestRegistrySuiteFindsFaults(t *testing.T) {
	for rule, open := range map[string]func(*registry.Log) registry.Registry{
		"a move happens only":    func(l *registry.Log) registry.Registry { return careless{l} },
		"registering again with": func(l *registry.Log) registry.Registry { return keyless{l} },
		"what is protected":      func(l *registry.Log) registry.Registry { return unprotected{l} },
		"evidence is kept":       func(l *registry.Log) registry.Registry { return gullible{l} },
		"a watch sees each":      func(l *registry.Log) registry.Registry { return twice{l} },
		"any history folds":      func(l *registry.Log) registry.Registry { return forward{l} },
	} {
		err := registrytest.TestRegistry(t.Context(), func() (registry.Registry, error) {
			return open(registry.New(registry.NewMem(), &registry.LogOptions{Poll: time.Millisecond})), nil
		})
		if err == nil || !strings.Contains(err.Error(), rule) {
			t.Errorf("a registry that breaks the rule %q: the suite says %v", rule, err)
		}
	}
}

// careless moves whatever is there.
type careless struct{ *registry.Log }

func (r careless) Move(ctx context.Context, model string, m registry.Move) (registry.Event, error) {
	m.Expect = nil
	return r.Log.Move(ctx, model, m)
}

// keyless registers anew each time.
type keyless struct{ *registry.Log }

func (r keyless) Register(ctx context.Context, model string, a registry.Artifact, opts *registry.RegisterOptions) (registry.Version, error) {
	if opts != nil {
		o := *opts
		o.Key, opts = "", &o
	}
	return r.Log.Register(ctx, model, a, opts)
}

// unprotected protects nothing.
type unprotected struct{ *registry.Log }

func (r unprotected) Protect(context.Context, string, registry.Protection) (registry.Event, error) {
	return registry.Event{}, nil
}

// gullible needs no evidence.
type gullible struct{ *registry.Log }

func (r gullible) Move(ctx context.Context, model string, m registry.Move) (registry.Event, error) {
	m.Evidence = nil
	return r.Log.Move(ctx, model, m)
}

// twice sees each event twice.
type twice struct{ *registry.Log }

func (r twice) Watch(ctx context.Context, model string, after int64) iter.Seq2[registry.Event, error] {
	return func(yield func(registry.Event, error) bool) {
		for e, err := range r.Log.Watch(ctx, model, after) {
			for range 2 {
				if !yield(e, err) {
					return
				}
			}
		}
	}
}

// forward promotes where it should roll back.
type forward struct{ *registry.Log }

func (r forward) Move(ctx context.Context, model string, m registry.Move) (registry.Event, error) {
	if m.Rollback && m.Version > 0 {
		m.Rollback, m.To = false, registry.Production
	}
	return r.Log.Move(ctx, model, m)
}

// TestInterruptionsFindFaults runs the story on a store that, where it fails,
// leaves half an event behind, and on one that forgets what it acknowledged.
func TestInterruptionsFindFaults(t *testing.T) {
	for name, open := range map[string]func(fail func() bool) registry.Store{
		"torn":      func(fail func() bool) registry.Store { return torn{registry.NewMem(), fail} },
		"forgetful": func(fail func() bool) registry.Store { return forgetful{registry.NewMem(), fail} },
	} {
		if err := registrytest.TestInterruptions(t.Context(), func(fail func() bool) (registry.Store, error) { return open(fail), nil }, 1); err == nil {
			t.Errorf("nothing is wrong with a %s store", name)
		}
	}
}

type torn struct {
	*registry.Mem
	fail func() bool
}

func (s torn) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if s.fail() {
		return errors.Join(s.Mem.Append(ctx, log, seq, event[:len(event)/2]), registrytest.ErrFault)
	}
	return s.Mem.Append(ctx, log, seq, event)
}

type forgetful struct {
	*registry.Mem
	fail func() bool
}

func (s forgetful) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if s.fail() {
		return nil
	}
	return s.Mem.Append(ctx, log, seq, event)
}

// overwriting acknowledges every second event that it throws away.
type overwriting struct{ *registry.Mem }

func (s overwriting) Append(ctx context.Context, log string, seq int64, event []byte) error {
	err := s.Mem.Append(ctx, log, seq, event)
	if seq%2 == 0 && errors.Is(err, registry.ErrConflict) {
		return nil
	}
	return err
}

// stubborn takes nothing more into a log once it has ten events.
type stubborn struct{ *registry.Mem }

func (s stubborn) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if seq > 10 {
		return registry.ErrConflict
	}
	return s.Mem.Append(ctx, log, seq, event)
}

// unchecked stores any content under any digest.
type unchecked struct{ *registry.Mem }

func (s unchecked) PutBlob(context.Context, registry.Digest, io.Reader) error { return nil }

// deaf does not look at the context.
type deaf struct{ *registry.Mem }

func (s deaf) Append(_ context.Context, log string, seq int64, event []byte) error {
	return s.Mem.Append(context.Background(), log, seq, event)
}

// shared gives out what it keeps.
type shared struct {
	*registry.Mem
	mu     sync.Mutex
	events [][]byte
}

func (s *shared) Append(ctx context.Context, log string, seq int64, event []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.Mem.Append(ctx, log, seq, event)
	if err == nil {
		s.events = append(s.events, event)
	}
	return err
}

func (s *shared) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s.mu.Lock()
		events := s.events
		s.mu.Unlock()
		for i := max(0, from-1); i < int64(len(events)); i++ {
			if !yield(events[i], nil) {
				return
			}
		}
	}
}

// unordered lists its logs backwards.
type unordered struct{ *registry.Mem }

func (s unordered) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		for name, err := range s.Mem.Logs(ctx) {
			if err != nil {
				yield("", err)
				return
			}
			names = append(names, name)
		}
		for _, name := range slices.Backward(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// nameless acknowledges events of logs that it does not keep.
type nameless struct{ *registry.Mem }

func (s nameless) Append(ctx context.Context, log string, seq int64, event []byte) error {
	err := s.Mem.Append(ctx, log, seq, event)
	if errors.Is(err, registry.ErrInput) {
		return nil
	}
	return err
}

// eager deletes new blobs, too.
type eager struct{ *registry.Mem }

func (s eager) DeleteBlob(ctx context.Context, d registry.Digest, _ time.Time) error {
	return s.Mem.DeleteBlob(ctx, d, time.Now().Add(time.Hour))
}

// sure never hears of anything new.
type sure struct{ *registry.Mem }

func (s sure) Mark(string, int64) func() bool { return func() bool { return true } }

// hasty does not wait, whoever cancels it.
type hasty struct{ *registry.Mem }

func (s hasty) Wait(context.Context, string, int64) error { return nil }
