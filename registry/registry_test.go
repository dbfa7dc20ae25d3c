package registry_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// stores are the stores of this package, each made empty.
func stores(t testing.TB) map[string]func() (registry.Store, error) {
	return map[string]func() (registry.Store, error){
		"memory": func() (registry.Store, error) { return registry.NewMem(), nil },
		"directory": func() (registry.Store, error) {
			return registry.OpenDir(filepath.Join(t.TempDir(), "registry"), &registry.DirOptions{Create: true})
		},
	}
}

func TestConformance(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			if err := registrytest.TestStore(t.Context(), open); err != nil {
				t.Error(err)
			}
			if err := registrytest.TestRegistry(t.Context(), func() (registry.Registry, error) {
				s, err := open()
				return registry.New(s, &registry.LogOptions{Poll: time.Millisecond}), err
			}); err != nil {
				t.Error(err)
			}
			if err := registrytest.TestFaults(t.Context(), open, often(31, 7, 1)); err != nil {
				t.Error(err)
			}
		})
	}
}

func openDir(t testing.TB) (dir string, log *registry.Log) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "registry")
	s, err := registry.OpenDir(dir, &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return dir, registry.New(s, nil)
}

const model = "incident-risk"

func register(t testing.TB, r registry.Registry, content string) registry.Version {
	t.Helper()
	v, err := r.Register(t.Context(), model, registry.Artifact{"model.bin": []byte(content)}, &registry.RegisterOptions{Stage: registry.Staging})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func promote(t testing.TB, r registry.Registry, n int) {
	t.Helper()
	if _, err := r.Move(t.Context(), model, registry.Move{Version: n, To: registry.Production}); err != nil {
		t.Fatal(err)
	}
}

// files lists the files of a directory.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDirDamage flips a bit in every byte of every file of a registry, and cuts
// each file short at every place: no damage may go unnoticed.
func TestDirDamage(t *testing.T) {
	dir, log := openDir(t)
	register(t, log, "the first")
	register(t, log, "the second")
	promote(t, log, 1)
	promote(t, log, 2)
	read := func() error {
		s, err := registry.OpenDir(dir, nil)
		if err != nil {
			return err
		}
		log := registry.New(s, nil)
		state, err := log.State(t.Context(), model)
		if err != nil {
			return err
		}
		if len(state.Versions) != 2 {
			return errors.New("a version is missing")
		}
		for _, v := range state.Versions {
			if _, err := registry.ReadFile(t.Context(), log, v, "model.bin"); err != nil {
				return err
			}
		}
		if v, err := state.Resolve("production"); err != nil || v.Number != 2 {
			return errors.New("the wrong version is in production")
		}
		return nil
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, dir) {
		if filepath.Base(filepath.Dir(name)) == "locks" {
			continue // has no content
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, damaged []byte) {
			t.Helper()
			if err := os.WriteFile(name, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := read(); !errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("%s of %s: error is %v", what, filepath.Base(name), err)
			}
		}
		for i := range data {
			damaged := slices.Clone(data)
			damaged[i] ^= 1 << (i % 7)
			check("a flipped bit", damaged)
			check("a cut", data[:i])
		}
		check("a longer file", append(slices.Clone(data), "xx"...))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDirGap takes an event out of the middle.
func TestDirGap(t *testing.T) {
	dir, log := openDir(t)
	for range 4 {
		register(t, log, "model")
	}
	if err := os.Remove(filepath.Join(dir, "models", model, "000000000002.json")); err != nil {
		t.Fatal(err)
	}
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.New(s, nil).Resolve(t.Context(), model, "latest"); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("error is %v", err)
	}
}

// TestHistoryCannotBeRewritten replaces an event by another that is whole in
// itself.
func TestHistoryCannotBeRewritten(t *testing.T) {
	dir, log := openDir(t)
	other, otherLog := openDir(t)
	for _, l := range []*registry.Log{log, otherLog} {
		register(t, l, "model")
		register(t, l, "model")
	}
	const first = "000000000001.json"
	forged, err := os.ReadFile(filepath.Join(other, "models", model, first))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "models", model, first), forged, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.New(s, nil).State(t.Context(), model); !errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), "event 2") {
		t.Errorf("error is %v", err)
	}
}

// TestDirLinks puts links in the place of files: one that leads out of the
// directory must not be followed, and neither must a directory pass for a file.
func TestDirLinks(t *testing.T) {
	dir, log := openDir(t)
	v := register(t, log, "model")
	blob := filepath.Join(dir, "blobs", v.Files[0].Digest.String()[7:9], v.Files[0].Digest.String()[7:])
	outside := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(outside, []byte("model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, blob); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.ReadFile(t.Context(), log, v, "model.bin"); err == nil {
		t.Error("a link out of the directory was followed")
	}
	if err := errors.Join(os.Remove(blob), os.Mkdir(blob, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.ReadFile(t.Context(), log, v, "model.bin"); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a directory in place of a file: error is %v", err)
	}
}

func TestOpenDir(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := registry.OpenDir(missing, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a directory was made")
	}
	dir, log := openDir(t)
	register(t, log, "model")
	if err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v %v", left, err)
	}
}

// TestLogsSeeEachOther works on one directory through two Logs, as two
// processes would.
func TestLogsSeeEachOther(t *testing.T) {
	dir, a := openDir(t)
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := registry.New(s, nil)
	for i := range 5 {
		register(t, a, "a")
		register(t, b, "b")
		promote(t, b, 2*i+1)
		if v, err := a.Resolve(t.Context(), model, "production"); err != nil || v.Number != 2*i+1 {
			t.Errorf("production is %d, error %v", v.Number, err)
		}
	}
	var models []string
	for name, err := range a.Models(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, name)
	}
	if !slices.Equal(models, []string{model}) {
		t.Errorf("models are %q", models)
	}
}

// TestDirReplaced puts other registries into the place of one that a Log has
// read: shorter, as long, and longer ones.
func TestDirReplaced(t *testing.T) {
	for _, versions := range []int{1, 3, 5} {
		dir, log := openDir(t)
		for i := range 3 {
			register(t, log, fmt.Sprint("old ", i))
		}
		other, otherLog := openDir(t)
		for i := range versions {
			register(t, otherLog, fmt.Sprint("new ", i))
		}
		if err := errors.Join(os.RemoveAll(dir), os.Rename(other, dir)); err != nil {
			t.Fatal(err)
		}
		v, err := log.Resolve(t.Context(), model, "latest")
		if err != nil || v.Number != versions {
			t.Errorf("%d versions: the latest is %d, error %v", versions, v.Number, err)
		}
		if data, err := registry.ReadFile(t.Context(), log, v, "model.bin"); err != nil || string(data) != fmt.Sprint("new ", versions-1) {
			t.Errorf("%d versions: the latest reads %q, error %v", versions, data, err)
		}
		promote(t, log, versions)
		register(t, log, "newer")
	}
	dir, log := openDir(t)
	register(t, log, "old")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Resolve(t.Context(), model, "latest"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: error is %v", err)
	}
}

// TestUnknownModels asks for models that are not there, which must not cost
// memory for ever.
func TestUnknownModels(t *testing.T) {
	log := registry.New(registry.NewMem(), nil)
	register(t, log, "model")
	for i := range 10 {
		if _, err := log.Resolve(t.Context(), fmt.Sprint("no-model-", i), "latest"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("error is %v", err)
		}
	}
	if seen := log.Seen(); !slices.Equal(seen, []string{model}) {
		t.Errorf("it remembers %q", seen)
	}
}

// TestStrayFiles puts files of others among the events.
func TestStrayFiles(t *testing.T) {
	dir, log := openDir(t)
	register(t, log, "model")
	for _, name := range []string{"2024", "2024.json", "000000000009.json.bak", ".DS_Store", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, "models", model, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "models", ".DS_Store"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	fresh := registry.New(s, nil)
	if v, err := fresh.Resolve(t.Context(), model, "latest"); err != nil || v.Number != 1 {
		t.Errorf("the latest is %d, error %v", v.Number, err)
	}
	for name, err := range fresh.Models(t.Context()) {
		if err != nil || name != model {
			t.Errorf("model %q, error %v", name, err)
		}
	}
}

// TestHugeFile has an event that claims a file of absurd size.
func TestHugeFile(t *testing.T) {
	store := registry.NewMem()
	log := registry.New(store, nil)
	register(t, log, "model")
	for event, err := range store.Events(t.Context(), model, 1) {
		if err != nil {
			t.Fatal(err)
		}
		raw := bytes.Replace(event[len(`{"format":1,"event":`):bytes.LastIndex(event, []byte(`,"hash"`))], []byte(`"size":5`), []byte(`"size":5000000000`), 1)
		forged := registry.NewMem()
		if err := forged.Append(t.Context(), model, 1, fmt.Appendf(nil, "{\"format\":1,\"event\":%s,\"hash\":\"%v\"}\n", raw, registry.DigestOf(raw))); err != nil {
			t.Fatal(err)
		}
		if _, err := registry.New(forged, nil).State(t.Context(), model); !errors.Is(err, registry.ErrCorrupt) || !strings.Contains(err.Error(), "5000000000 bytes") {
			t.Errorf("error is %v", err)
		}
	}
}

// TestClock has a clock that is set back.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Duration(0)
		log := registry.New(registry.NewMem(), &registry.LogOptions{Now: func() time.Time { return time.Now().Add(-back) }})
		first := register(t, log, "a")
		back = time.Hour
		second := register(t, log, "b")
		if second.CreatedAt.Before(first.CreatedAt) {
			t.Errorf("version 2 was made at %v, before version 1 at %v", second.CreatedAt, first.CreatedAt)
		}
	})
}

func TestEventJSON(t *testing.T) {
	log := registry.New(registry.NewMem(), nil)
	register(t, log, "model")
	promote(t, log, 1)
	for e, err := range log.History(t.Context(), model) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(data, &m); err != nil || m["kind"] == nil || m["version"] != 1.0 {
			t.Errorf("event is %s", data)
		}
	}
}

// FuzzEvent reads any JSON under its right hash, and any bytes as they are.
func FuzzEvent(f *testing.F) {
	store := registry.NewMem()
	log := registry.New(store, nil)
	register(f, log, "model")
	promote(f, log, 1)
	signed := registry.New(store, &registry.LogOptions{Signer: ed25519.NewKeyFromSeed(make([]byte, 32))})
	if _, err := signed.Move(f.Context(), model, registry.Move{Alias: "champion", Version: 1}); err != nil {
		f.Fatal(err)
	}
	register(f, log, "candidate")
	roll(f, log, registry.RolloutChange{Version: 2, BasisPoints: new(100), Tags: []string{"pilot"}, Evidence: json.RawMessage(`{"n":1}`)})
	for event, err := range store.Events(f.Context(), model, 1) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(event)
		f.Add(event[len(`{"format":1,"event":`):bytes.LastIndex(event, []byte(`,"hash"`))])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, event := range [][]byte{raw, fmt.Appendf(nil, "{\"format\":1,\"event\":%s,\"hash\":\"%v\"}\n", raw, registry.DigestOf(raw))} {
			store := registry.NewMem()
			if err := store.Append(t.Context(), model, 1, event); err != nil {
				t.Fatal(err)
			}
			s, err := registry.New(store, nil).State(t.Context(), model)
			if err != nil {
				if !errors.Is(err, registry.ErrCorrupt) {
					t.Fatal(err)
				}
			} else if len(s.Versions) != 1 {
				t.Fatalf("a first event made %d versions", len(s.Versions))
			}
		}
	})
}
