package mlflow

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/riskkit/riskkit/registry"
)

const (
	digestPrefix = "sha256:"
	maxEvent     = 16 << 20 // bounds what is kept as one event
	maxFetch     = 8        // events are read so many at a time
)

func eventKey(seq int64) string { return fmt.Sprintf("%012d", seq) }

// eventSeq returns the position that a parameter is for, 0 if it is for none.
func eventSeq(key string) int64 {
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil || n < 1 || eventKey(n) != key {
		return 0
	}
	return n
}

// eventPath returns the path of the artifact of an event.
func eventPath(seq int64, nonce string) string {
	return "events/" + eventKey(seq) + "-" + nonce + ".json"
}

// Append stores event at the position seq of a log.
func (s *Store) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := registry.CheckName(log); err != nil {
		return err
	}
	if len(event) > maxEvent {
		return fmt.Errorf("%w: event of %d bytes, at most %d are allowed", registry.ErrInput, len(event), maxEvent)
	}
	conflict := fmt.Errorf("%w: position %d of log %q is not the next", registry.ErrConflict, seq, log)
	// Those who append here wait for each other, rather than all asking the
	// server at once and all but one in vain.
	unlock, err := s.appending.lock(ctx, log)
	if err != nil {
		return err
	}
	defer unlock()
	if seq < 1 || seq <= s.recent.last(log) {
		return conflict
	}
	l, err := s.run(ctx, log, seq == 1)
	if err != nil {
		return err
	}
	if l == nil {
		return conflict // there is no log, and this is not its first event
	}
	if seq == 1 || seq != s.recent.last(log)+1 {
		run, err := s.c.Run(ctx, l.runID)
		if err != nil {
			return err
		}
		_, taken := run.Params[eventKey(seq)]
		if _, follows := run.Params[eventKey(seq-1)]; taken || seq > 1 && !follows {
			return conflict
		}
	}
	nonce := strings.ToLower(rand.Text())
	if err := s.c.PutArtifact(ctx, l.uri, eventPath(seq, nonce), bytes.NewReader(event), int64(len(event))); err != nil {
		return err
	}
	value := registry.DigestOf(event).String() + " " + nonce
	won, err := s.logOnce(ctx, l, eventKey(seq), value)
	if err != nil {
		return err
	}
	if won != value {
		return conflict
	}
	s.recent.add(log, seq, value, bytes.Clone(event))
	return nil
}

// logOnce logs a parameter of a log's run and returns the value that it has for
// ever: this one, or that of who was first.
func (s *Store) logOnce(ctx context.Context, l *logRun, key, value string) (string, error) {
	err := s.c.LogParam(ctx, l.runID, key, value)
	if !errors.Is(err, registry.ErrInput) {
		return value, err
	}
	run, rerr := s.c.Run(ctx, l.runID)
	if rerr != nil {
		return "", rerr
	}
	if have, ok := run.Params[key]; ok {
		return have, nil
	}
	return "", err // something else is wrong, say that the run is deleted
}

// Events yields the events of a log from the position from, each compared with
// its digest. A gap is an error that wraps ErrCorrupt.
func (s *Store) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		l, params, err := s.params(ctx, log)
		if err != nil {
			yield(nil, err)
			return
		}
		last := int64(0)
		for key := range params {
			last = max(last, eventSeq(key))
		}
		// A reader often wants the first event alone, so begin with that.
		for seq, n := max(1, from), int64(1); seq <= last; seq, n = seq+n, min(2*n, maxFetch) {
			n = min(n, last-seq+1)
			events, err := s.fetch(ctx, log, l, params, seq, n)
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// params returns the run of a log and its parameters, none if there is no log.
func (s *Store) params(ctx context.Context, log string) (*logRun, map[string]string, error) {
	l, err := s.run(ctx, log, false)
	if l == nil {
		return nil, nil, err
	}
	run, err := s.c.Run(ctx, l.runID)
	if err != nil {
		return nil, nil, err
	}
	if run.Deleted {
		return nil, nil, fmt.Errorf("%w: run %s, the log of %q, is deleted in MLflow; restore it there", registry.ErrNotFound, l.runID, log)
	}
	return l, run.Params, nil
}

// fetch returns n events from the position seq at a time, or those before the
// first that fails.
func (s *Store) fetch(ctx context.Context, log string, l *logRun, params map[string]string, seq, n int64) ([][]byte, error) {
	events, errs := make([][]byte, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { events[i], errs[i] = s.event(ctx, log, l, seq+i, params[eventKey(seq+i)]) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return events[:i], fmt.Errorf("event %d of log %q: %w", seq+int64(i), log, err)
		}
	}
	return events, nil
}

// event returns the event at the position seq, whose parameter is value.
func (s *Store) event(ctx context.Context, log string, l *logRun, seq int64, value string) ([]byte, error) {
	if value == "" {
		return nil, fmt.Errorf("%w: it is missing, and later ones are there", registry.ErrCorrupt)
	}
	if e := s.recent.get(log, seq, value); e != nil {
		return bytes.Clone(e), ctx.Err()
	}
	digest, nonce, _ := strings.Cut(value, " ")
	var d registry.Digest
	if d.UnmarshalText([]byte(digest)) != nil || nonce == "" || strings.Trim(nonce, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return nil, fmt.Errorf("%w: its parameter in MLflow is %.100q", registry.ErrCorrupt, value)
	}
	event, err := s.c.ReadArtifact(ctx, l.uri, eventPath(seq, nonce), maxEvent)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("%w: its artifact is gone: %v", registry.ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	if have := registry.DigestOf(event); have != d {
		return nil, fmt.Errorf("%w: its artifact has %v, its parameter says %v", registry.ErrCorrupt, have, d)
	}
	s.recent.add(log, seq, value, bytes.Clone(event))
	return event, nil
}
