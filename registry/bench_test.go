package registry_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/registry"
)

// notSyncing is a file system that does not sync, for the speed of setting up.
type notSyncing struct{ registry.FS }

type notSyncingFile struct{ registry.File }

func (notSyncingFile) Sync() error { return nil }

func (f notSyncing) OpenFile(name string, flag int, perm fs.FileMode) (registry.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return notSyncingFile{file}, err
}

// large returns a directory with a model of n events.
func large(t testing.TB, n int) (*registry.Dir, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "registry")
	s, err := registry.OpenDir(dir, &registry.DirOptions{Create: true, Open: func(root string) (registry.FS, error) {
		f, err := registry.OpenFS(root)
		return notSyncing{f}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	busy(t, registry.New(s, nil), n)
	if s, err = registry.OpenDir(dir, nil); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func BenchmarkResolve(b *testing.B) {
	_, log := openDir(b)
	register(b, log, "model")
	promote(b, log, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := log.Resolve(b.Context(), model, "production"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestResolveDoesNotAllocate(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("allocations are counted without the race detector, on 64 bits")
	}
	dir, log := openDir(t)
	register(t, log, "model")
	promote(t, log, 1)
	s, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mark(model, 2) == nil {
		t.Skip("a directory is no Marker on this system")
	}
	if n := testing.AllocsPerRun(100, func() {
		if v, err := log.Resolve(t.Context(), model, "production"); err != nil || v.Number != 1 {
			t.Fatal(v.Number, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkColdOpen resolves production of a model with 10,000 events, the first
// time.
func BenchmarkColdOpen(b *testing.B) {
	s, _ := large(b, 12_600) // of which every fifth is a conflict
	state, err := registry.New(s, nil).State(b.Context(), model)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d events, %d versions", state.Seq, len(state.Versions))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.New(s, nil).Resolve(b.Context(), model, "production"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	_, log := openDir(b)
	register(b, log, "model")
	for b.Loop() {
		if _, err := log.Annotate(b.Context(), model, registry.Annotation{Version: 1, Description: "model"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRegister registers 4 MB and writes and syncs the same bytes plainly,
// each to a new file, by turns. times-plain is the ratio of the medians.
func BenchmarkRegister(b *testing.B) {
	content := make([]byte, 4<<20)
	dir, log := openDir(b)
	register(b, log, "model")
	took := map[bool][]time.Duration{}
	for i := 0; b.Loop(); i++ {
		for _, plainly := range []bool{true, false} {
			rand.Read(content)
			began := time.Now()
			var err error
			if plainly {
				err = writePlainly(filepath.Join(dir, fmt.Sprint(i)), content)
			} else {
				_, err = log.Register(b.Context(), model, registry.Artifact{"model.bin": content}, nil)
			}
			if err != nil {
				b.Fatal(err)
			}
			took[plainly] = append(took[plainly], time.Since(began))
		}
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2])
	}
	b.ReportMetric(median(took[false])/1e6, "ms")
	b.ReportMetric(median(took[false])/median(took[true]), "times-plain")
}

// writePlainly writes a new file and syncs it.
func writePlainly(name string, content []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
