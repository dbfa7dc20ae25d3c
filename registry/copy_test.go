package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/registry"
)

// content reads all that a store holds of its models.
func content(t *testing.T, s registry.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for name, err := range s.Logs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range s.Events(t.Context(), name, 1) {
			if err != nil {
				t.Fatal(err)
			}
			all[name] = append(all[name], string(e))
		}
	}
	return all
}

// filled returns a directory with two models, one of them with retention's and
// snapshots' traces.
func filled(t *testing.T) registry.Store {
	t.Helper()
	s, err := registry.OpenDir(filepath.Join(t.TempDir(), "registry"), &registry.DirOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	log := registry.New(s, &registry.LogOptions{Now: func() time.Time { return time.Now().Add(48 * time.Hour) }})
	for i := range 12 {
		register(t, log, fmt.Sprint("model ", i))
	}
	for range 260 { // more than a snapshot apart
		promote(t, log, 11)
		promote(t, log, 12)
	}
	if report, err := log.Retain(t.Context(), registry.Retention{Versions: 3, Rollbacks: 1}); err != nil || report.Blobs != 9 {
		t.Fatalf("%+v, error %v", report, err)
	}
	if _, err := log.Register(t.Context(), "other", registry.Artifact{"a": []byte("a")}, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCopy takes a registry through the stores of this package, each copied from
// the one before.
func TestCopy(t *testing.T) {
	src := filled(t)
	want := content(t, src)
	last := src
	for name, open := range stores(t) {
		dst, err := open()
		if err != nil {
			t.Fatal(err)
		}
		report, err := registry.Copy(t.Context(), dst, last, nil)
		if err != nil {
			t.Fatal(err)
		}
		if report.Models != 2 || report.Events != len(want[model])+1 || report.Blobs != 4 {
			t.Errorf("to %s: %+v", name, report)
		}
		if diff := cmp.Diff(want, content(t, dst)); diff != "" {
			t.Errorf("to %s: %s", name, diff)
		}
		if _, err := registry.New(dst, nil).Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if report, err := registry.Copy(t.Context(), dst, src, nil); err != nil || report != (registry.CopyReport{Models: 2}) {
			t.Errorf("to %s again: %+v, error %v", name, report, err)
		}
		last = dst
	}
	// What was appended to the copy is not in the source.
	if _, err := registry.New(last, nil).Move(t.Context(), "other", registry.Move{Version: 1, To: registry.Production}); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Copy(t.Context(), last, src, nil); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("to one with another history: error is %v", err)
	}
	if _, err := registry.Copy(t.Context(), last, src, &registry.CopyOptions{Models: []string{model}}); err != nil {
		t.Error(err)
	}
	if _, err := registry.Copy(t.Context(), registry.NewMem(), src, &registry.CopyOptions{Models: []string{"nobody"}}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a model that is not there: error is %v", err)
	}
}

// TestCopyInterrupted stops a Copy after each event and starts it again.
func TestCopyInterrupted(t *testing.T) {
	src := registry.NewMem()
	log := registry.New(src, nil)
	for i := range 10 {
		register(t, log, fmt.Sprint("model ", i))
		promote(t, log, i+1)
	}
	dst := registry.NewMem()
	for stops := 0; ; stops++ {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := registry.Copy(ctx, dst, src, &registry.CopyOptions{Progress: func(registry.CopyReport) { cancel() }})
		cancel()
		if _, verr := registry.New(dst, nil).Verify(t.Context(), nil); verr != nil {
			t.Fatal(verr)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || stops > 20 {
			t.Fatalf("stop %d: %v", stops, err)
		}
	}
	if diff := cmp.Diff(content(t, src), content(t, dst)); diff != "" {
		t.Error(diff)
	}
}

// TestCopyOfDamage copies from a registry with a damaged blob and a damaged
// event: neither gets in.
func TestCopyOfDamage(t *testing.T) {
	dir, log := openDir(t)
	v := register(t, log, "the first")
	register(t, log, "the second")
	src, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{blobFile(dir, v.Files[0].Digest), filepath.Join(dir, "models", model, "000000000002.json")} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		damaged := append([]byte(nil), data...)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		dst := registry.NewMem()
		if _, err := registry.Copy(t.Context(), dst, src, nil); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("%s: error is %v", filepath.Base(name), err)
		}
		if _, err := registry.New(dst, nil).Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopyMends copies to a directory where a file is damaged that nobody refers
// to yet.
func TestCopyMends(t *testing.T) {
	src := registry.NewMem()
	v := register(t, registry.New(src, nil), "model")
	dir, log := openDir(t)
	dst, err := registry.OpenDir(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := dst.PutBlob(t.Context(), v.Files[0].Digest, strings.NewReader("model")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blobFile(dir, v.Files[0].Digest), []byte("mod"), 0o600); err != nil {
		t.Fatal(err)
	}
	if report, err := registry.Copy(t.Context(), dst, src, nil); err != nil || report.Blobs != 1 {
		t.Fatalf("%+v, error %v", report, err)
	}
	if _, err := log.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
