package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Every snapshotEvery events, the next event carries the digest of the state
// before it, and the state itself is a blob with that digest. Who opens a model
// for the first time starts from the last such event. So a snapshot is a cache
// that the chain vouches for: without its blob, or with a damaged one, the
// events are folded from the first on, and Verify compares it with that.
const snapshotEvery = 512

// maxSnapshot bounds what is read as one snapshot.
const maxSnapshot = 1 << 30

// snapshotFormat is the number of the format of a snapshot.
const snapshotFormat = 1

// savedState is a State as JSON. Equal states are equal bytes.
type savedState struct {
	Format     int             `json:"format"`
	Model      string          `json:"model"`
	Seq        int64           `json:"seq"`
	Hash       Digest          `json:"hash"`
	Time       time.Time       `json:"time"`
	Production []int           `json:"production,omitempty"`
	Staging    int             `json:"staging,omitempty"`
	Served     []int           `json:"served,omitempty"`
	Aliases    map[string]int  `json:"aliases,omitempty"`
	Protected  []string        `json:"protected,omitempty"`
	Approvals  []savedApproval `json:"approvals,omitempty"`
	Versions   []Version       `json:"versions"`
}

type savedApproval struct {
	Name    string   `json:"name"`
	Version int      `json:"version"`
	Actors  []string `json:"actors"`
}

// encode returns s as the bytes of a snapshot.
func (s *State) encode() ([]byte, error) {
	saved := savedState{
		Format: snapshotFormat, Model: s.Model, Seq: s.Seq, Hash: s.Hash, Time: s.Time,
		Production: s.production, Staging: s.stages[Staging], Served: slices.Sorted(maps.Keys(s.served)),
		Aliases: s.Aliases, Protected: slices.Sorted(maps.Keys(s.protected)), Versions: s.Versions,
	}
	for key, actors := range s.approvals {
		saved.Approvals = append(saved.Approvals, savedApproval{key.name, key.version, actors})
	}
	slices.SortFunc(saved.Approvals, func(a, b savedApproval) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Version-b.Version)
	})
	data, err := json.Marshal(saved)
	if err != nil {
		return nil, fmt.Errorf("registry: snapshot: %w", err)
	}
	return data, nil
}

// decodeState reads what encode wrote.
func decodeState(data []byte) (*State, error) {
	var saved savedState
	if err := json.Unmarshal(data, &saved); err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", ErrCorrupt, err)
	}
	s := newState(saved.Model)
	s.Seq, s.Hash, s.Time, s.production, s.Versions = saved.Seq, saved.Hash, saved.Time, saved.Production, saved.Versions
	ok := saved.Format == snapshotFormat
	there := func(n int) bool { return 1 <= n && n <= len(s.Versions) }
	point := func(stage Stage, n int) {
		if ok = ok && there(n); ok {
			s.stages[stage] = n
		}
	}
	if saved.Staging != 0 {
		point(Staging, saved.Staging)
	}
	if n := len(s.production); n > 0 {
		point(Production, s.production[n-1])
	}
	for _, n := range slices.Concat(s.production, saved.Served) {
		ok = ok && there(n)
		s.served[n] = true
	}
	for alias, n := range saved.Aliases {
		ok = ok && there(n)
		s.Aliases[alias] = n
	}
	for _, name := range saved.Protected {
		s.protected[name] = true
	}
	for _, a := range saved.Approvals {
		s.approvals[approvalKey{a.Name, a.Version}] = a.Actors
	}
	for i, v := range s.Versions {
		if ok = ok && v.Number == i+1; v.Key != "" {
			s.keys[v.Key] = v.Number
		}
	}
	if !ok {
		return nil, fmt.Errorf("%w: snapshot of model %q is of another format or names versions that it does not have", ErrCorrupt, saved.Model)
	}
	return s, nil
}

// commit lets e carry the state before it if its turn has come, and stores that
// state. Where that cannot be stored, nothing is lost but time.
func (l *Log) commit(ctx context.Context, s *State, e *Event) error {
	if s.Seq == 0 || s.Seq%snapshotEvery != 0 {
		return nil
	}
	data, err := s.encode()
	if err != nil {
		return err
	}
	d := DigestOf(data)
	e.State = &d
	return l.store.PutBlob(ctx, d, bytes.NewReader(data))
}

// snapshot returns a state of model to start folding from: that of the last
// snapshot that can be read, or the empty one.
func (l *Log) snapshot(ctx context.Context, model string) (*State, error) {
	e, err := l.lastCommitted(ctx, model)
	if err != nil || e.State == nil {
		return newState(model), err
	}
	s, err := l.readSnapshot(ctx, *e.State)
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil || s.Model != model || s.Seq != e.Seq-1 || s.Hash != e.Previous {
		return newState(model), nil // fold the events, which are what counts
	}
	return s, s.apply(e)
}

// lastCommitted returns the last event at which there should be a snapshot; one
// without State if there is none.
func (l *Log) lastCommitted(ctx context.Context, model string) (last Event, err error) {
	there := func(k int64) (ok bool) {
		for e, eerr := range l.events(ctx, model, k*snapshotEvery+1) {
			if err = eerr; err == nil {
				last, ok = e, true
			}
			break
		}
		return ok
	}
	low, high := int64(0), int64(1)
	for there(high) {
		low, high = high, 2*high
	}
	for err == nil && high-low > 1 {
		if middle := (low + high) / 2; there(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return last, err
}

// readSnapshot reads the snapshot with the digest d.
func (l *Log) readSnapshot(ctx context.Context, d Digest) (*State, error) {
	r, err := l.store.OpenBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxSnapshot))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if DigestOf(data) != d {
		return nil, fmt.Errorf("%w: snapshot %v has other content", ErrCorrupt, d)
	}
	return decodeState(data)
}
