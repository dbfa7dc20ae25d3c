package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/registry"
)

// counting counts the events read from a Store.
type counting struct {
	registry.Store
	read *int
}

func (c counting) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for e, err := range c.Store.Events(ctx, log, from) {
			*c.read++
			if !yield(e, err) {
				return
			}
		}
	}
}

// busy appends n events to log, of which every fifth registers a version.
func busy(t testing.TB, log *registry.Log, n int) {
	t.Helper()
	for i := range n {
		if i%5 == 0 {
			v, err := log.Register(t.Context(), model, registry.Artifact{"model.bin": fmt.Append(nil, i)}, &registry.RegisterOptions{
				Actor: "nightly training", Reason: "new labels", Key: fmt.Sprint("run ", i), Tags: map[string]string{"data": fmt.Sprint(i)},
				Lineage: &registry.Lineage{Data: "sha256:0123456789abcdef", Code: "v1.2.3", Seed: uint64(i)},
			})
			if err != nil || v.Number != i/5+1 {
				t.Fatal(v.Number, err)
			}
			continue
		}
		m := registry.Move{Version: i/5 + 1, To: registry.Production, Actor: "on call", Reason: "better recall"}
		switch i % 5 {
		case 2:
			m.To, m.Alias = "", "champion"
		case 3:
			m.Version = i / 10
			if m.Version == i/5+1 || m.Version == 0 {
				m.Version = 0
			}
			m.To, m.Alias = "", "canary"
		case 4:
			if _, err := log.Annotate(t.Context(), model, registry.Annotation{Version: i/5 + 1, Tags: map[string]string{"seen": "yes"}}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := log.Move(t.Context(), model, m); err != nil && !errors.Is(err, registry.ErrConflict) {
			t.Fatal(err)
		}
	}
}

// TestSnapshot folds from snapshots what was folded from the first event on, and
// does without them where they are gone or wrong.
func TestSnapshot(t *testing.T) {
	mem := registry.NewMem()
	log := registry.New(mem, nil)
	busy(t, log, 1500)
	if _, err := log.Protect(t.Context(), model, registry.Protection{Alias: "champion", Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	for _, actor := range []string{"bob", "ann"} {
		if _, err := log.Approve(t.Context(), model, registry.Approval{Version: 7, Alias: "champion", Actor: actor}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		register(t, log, fmt.Sprint("late ", i))
	}
	want, err := log.At(t.Context(), model, time.Now().Add(time.Hour)) // folds from the first on
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	open := func(s registry.Store) {
		t.Helper()
		read = 0
		state, err := registry.New(counting{s, &read}, nil).State(t.Context(), model)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, state, cmp.AllowUnexported(registry.State{}, registry.ApprovalKey{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	open(mem)
	if read > 512+20 {
		t.Errorf("%d events were read with a snapshot", read)
	}
	if _, err := log.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	open(bare{mem, func(io.ReadCloser) (io.ReadCloser, error) { return nil, registry.ErrNotFound }})
	if read < int(want.Seq) {
		t.Errorf("%d of %d events were read without a snapshot", read, want.Seq)
	}
	open(bare{mem, func(r io.ReadCloser) (io.ReadCloser, error) {
		data, err := io.ReadAll(r)
		return io.NopCloser(strings.NewReader(strings.Replace(string(data), "nightly", "Nightly", 1))), err
	}})
	if read < int(want.Seq) {
		t.Errorf("%d of %d events were read with a damaged snapshot", read, want.Seq)
	}
}

// TestSnapshotCancelled cancels the context while the snapshot is read.
func TestSnapshotCancelled(t *testing.T) {
	mem := registry.NewMem()
	busy(t, registry.New(mem, nil), 700)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := registry.New(bare{mem, func(r io.ReadCloser) (io.ReadCloser, error) {
		cancel()
		return r, nil
	}}, nil).State(ctx, model)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("state %v, error %v", s, err)
	}
}

// bare is a Store with other blobs.
type bare struct {
	registry.Store
	blob func(io.ReadCloser) (io.ReadCloser, error)
}

func (b bare) OpenBlob(ctx context.Context, d registry.Digest) (io.ReadCloser, error) {
	r, err := b.Store.OpenBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	return b.blob(r)
}

// TestAt asks what was in production at a time.
func TestAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := registry.New(registry.NewMem(), nil)
		began := time.Now()
		register(t, log, "a")
		register(t, log, "b")
		for _, n := range []int{1, 2, 1} {
			time.Sleep(time.Hour)
			promote(t, log, n)
		}
		for after, want := range map[time.Duration]int{time.Hour: 1, 90 * time.Minute: 1, 2 * time.Hour: 2, 3*time.Hour - 1: 2, 100 * time.Hour: 1} {
			s, err := log.At(t.Context(), model, began.Add(after))
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := s.In(registry.Production); !ok || v.Number != want {
				t.Errorf("after %v production was %d, want %d", after, v.Number, want)
			}
		}
		if s, err := log.At(t.Context(), model, began); err != nil || len(s.Versions) != 2 {
			t.Errorf("at first there were %v, error %v", s, err)
		} else if _, ok := s.In(registry.Production); ok {
			t.Error("at first a version was in production")
		}
		if _, err := log.At(t.Context(), model, began.Add(-1)); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("before the first event: error is %v", err)
		}
	})
}

// TestWatch waits for events by polling, survives a store that is away, and sees
// a rewritten history.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := registry.NewMem()
		log := registry.New(mem, nil)
		var away atomic.Bool
		watched := registry.New(absent{mem, &away}, &registry.LogOptions{Poll: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		type seen struct {
			seq int64
			err error
			at  time.Duration
		}
		var all []seen
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e, err := range watched.Watch(ctx, model, 0) {
				all = append(all, seen{e.Seq, err, time.Since(began)})
			}
		}()
		time.Sleep(1500 * time.Millisecond)
		register(t, log, "a") // seen at 2 s
		time.Sleep(time.Second)
		register(t, log, "b") // seen at 3 s
		promote(t, log, 1)
		time.Sleep(time.Second)
		away.Store(true) // at 3.5 s, seen at 4 s and 5 s
		time.Sleep(2 * time.Second)
		away.Store(false)
		promote(t, log, 2) // seen at 6 s
		time.Sleep(time.Second)
		cancel()
		<-done
		want := []seen{{1, nil, 2 * time.Second}, {2, nil, 3 * time.Second}, {3, nil, 3 * time.Second}, {0, errAway, 4 * time.Second}, {0, errAway, 5 * time.Second}, {4, nil, 6 * time.Second}}
		if diff := cmp.Diff(want, all, cmp.AllowUnexported(seen{}), cmpopts.EquateErrors()); diff != "" {
			t.Error(diff)
		}
	})
	dir, log := openDir(t)
	register(t, log, "a")
	next, stop := iter.Pull2(log.Watch(t.Context(), model, 0))
	defer stop()
	if e, err, ok := next(); !ok || err != nil || e.Seq != 1 {
		t.Fatal(e, err)
	}
	other, otherLog := openDir(t)
	register(t, otherLog, "b")
	register(t, otherLog, "c")
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "models")), os.Rename(filepath.Join(other, "models"), filepath.Join(dir, "models"))); err != nil {
		t.Fatal(err)
	}
	if e, err, ok := next(); !ok || !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("another history: event %d, error %v", e.Seq, err)
	}
	if _, _, ok := next(); ok {
		t.Error("a watch goes on in another history")
	}
	for e, err := range log.Watch(t.Context(), "No name", 0) {
		if !errors.Is(err, registry.ErrInput) {
			t.Errorf("event %d, error %v", e.Seq, err)
		}
	}
}

var errAway = errors.New("away")

// absent is a Store that is away at times.
type absent struct {
	registry.Store
	away *atomic.Bool
}

func (a absent) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	if a.away.Load() {
		return func(yield func([]byte, error) bool) { yield(nil, errAway) }
	}
	return a.Store.Events(ctx, log, from)
}

// FuzzSnapshot decodes any bytes as a snapshot.
func FuzzSnapshot(f *testing.F) {
	mem := registry.NewMem()
	log := registry.New(mem, nil)
	busy(f, log, 20)
	s, err := log.State(f.Context(), model)
	if err != nil {
		f.Fatal(err)
	}
	add := func(s *registry.State) {
		version, payload, err := binfile.Open(registry.EncodeState(s), "RKST", 2)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(version == 2, []byte(payload.Rest()))
	}
	add(s)
	roll(f, log, registry.RolloutChange{Version: 2, BasisPoints: new(100), Tags: []string{"pilot"}})
	if s, err = log.State(f.Context(), model); err != nil {
		f.Fatal(err)
	}
	add(s)
	f.Fuzz(func(t *testing.T, rollout bool, payload []byte) { // behind a right checksum
		version := uint32(1)
		if rollout {
			version = 2
		}
		s, err := registry.DecodeState(binfile.Append(nil, "RKST", version, func(dst []byte) []byte { return append(dst, payload...) }))
		if err != nil {
			if !errors.Is(err, registry.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		for _, ref := range []string{"production", "staging", "latest", "1", "champion"} {
			_, _ = s.Resolve(ref)
		}
		s.RollbackTarget()
		s.Rollout.Takes("key", nil)
		again, err := registry.DecodeState(registry.EncodeState(s))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(registry.State{}, registry.ApprovalKey{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzDir reads a registry in which a file has any name and any content.
func FuzzDir(f *testing.F) {
	dir, log := openDir(f)
	register(f, log, "model")
	promote(f, log, 1)
	first, err := os.ReadFile(filepath.Join(dir, "models", model, "000000000001.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("models/incident-risk/000000000001.json", first)
	f.Add("models/incident-risk/000000000003.json", first)
	f.Add("models/other/000000000001.json", []byte("{}"))
	f.Add("models/Other", []byte("{}"))
	f.Add("blobs/ab", []byte("{}"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(copied)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if root.MkdirAll(filepath.Dir(name), 0o700) != nil || root.WriteFile(name, content, 0o600) != nil {
			return // no name of a file
		}
		s, err := registry.OpenDir(copied, nil)
		if err != nil {
			t.Fatal(err)
		}
		log := registry.New(s, nil)
		for name, err := range log.Models(t.Context()) {
			if err == nil {
				_, err = log.State(t.Context(), name)
			}
			if err != nil && !errors.Is(err, registry.ErrCorrupt) {
				t.Fatalf("model %q: %v", name, err)
			}
		}
		if _, err := log.Verify(t.Context(), nil); err != nil && !errors.Is(err, registry.ErrCorrupt) {
			t.Fatal(err)
		}
		for _, err := range s.Blobs(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
