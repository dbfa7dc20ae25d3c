package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// drivers are those that can be appended to, each with a function that opens an
// empty store.
func drivers() map[string]func(t *testing.T) (registry.Store, error) {
	return map[string]func(t *testing.T) (registry.Store, error){
		"s3":        func(t *testing.T) (registry.Store, error) { return newServer(t).store(t), nil },
		"s3 prefix": func(t *testing.T) (registry.Store, error) { return newStore(t, newServer(t).bucket(t), prefixed), nil },
		"mem":       func(t *testing.T) (registry.Store, error) { return newStore(t, memBucket(t), nil), nil },
		"mem prefix": func(t *testing.T) (registry.Store, error) {
			return newStore(t, blob.PrefixedBucket(memBucket(t), "deep/down/"), prefixed), nil
		},
	}
}

var prefixed = &blobstore.Options{Prefix: "teams/Fraud_1", Name: "s3://models"}

func memBucket(t testing.TB) *blob.Bucket {
	b := memblob.OpenBucket(nil)
	t.Cleanup(func() { b.Close() })
	return b
}

func TestConformance(t *testing.T) {
	for name, open := range drivers() {
		if name == "s3 prefix" {
			continue // mem prefix tells the same, in less time
		}
		t.Run(name, func(t *testing.T) {
			if err := registrytest.TestStore(t.Context(), func() (registry.Store, error) { return open(t) }); err != nil {
				t.Error(err)
			}
			idle(t)
			if strings.HasSuffix(name, "prefix") {
				return // what comes above the Store is the same
			}
			if err := registrytest.TestRegistry(t.Context(), func() (registry.Registry, error) {
				s, err := open(t)
				return registry.New(s, &registry.LogOptions{Poll: time.Millisecond}), err
			}); err != nil {
				t.Error(err)
			}
			if err := registrytest.TestFaults(t.Context(), func() (registry.Store, error) { return open(t) }, 7); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLayout(t *testing.T) {
	srv := newServer(t)
	store := newStore(t, srv.bucket(t), prefixed)
	d := registry.DigestOf([]byte("blob"))
	if err := errors.Join(
		store.PutBlob(t.Context(), d, strings.NewReader("blob")),
		store.Append(t.Context(), "risk", 1, []byte("one")),
		store.Append(t.Context(), "risk", 2, []byte("two")),
	); err != nil {
		t.Fatal(err)
	}
	digits := strings.TrimPrefix(d.String(), "sha256:")
	want := []string{
		"teams/Fraud_1/blobs/" + digits[:2] + "/" + digits, "teams/Fraud_1/models/risk/000000000001.json",
		"teams/Fraud_1/models/risk/000000000002.json", "teams/Fraud_1/tmp/probe",
	}
	if got := srv.keys(t); !slices.Equal(got, want) {
		t.Errorf("keys are %q, want %q", got, want)
	}
}

// TestDirectory copies a registry from a directory to a bucket, which appends
// to it, and to a bucket of fileblob, which can read it and no more.
func TestDirectory(t *testing.T) {
	root := t.TempDir()
	dir, err := registry.OpenDir(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	reg := registry.New(dir, nil)
	for i := range 3 {
		if _, err := reg.Register(t.Context(), "risk", registry.Artifact{"m": fmt.Append(nil, i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	files, err := fileblob.OpenBucket(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	readable := newStore(t, files, &blobstore.Options{Name: "file:///models"})
	check := func(s registry.Store, versions int) {
		t.Helper()
		state, err := registry.New(s, nil).State(t.Context(), "risk")
		if err != nil {
			t.Fatal(err)
		}
		if len(state.Versions) != versions {
			t.Errorf("%d versions, want %d", len(state.Versions), versions)
		}
		for name, err := range s.Logs(t.Context()) {
			if name != "risk" || err != nil {
				t.Errorf("log %q, %v", name, err)
			}
		}
	}
	check(readable, 3)
	err = readable.Append(t.Context(), "risk", 4, []byte("event"))
	is(t, err, registry.ErrUnsupported, "appending to files")
	for _, part := range []string{"bucket file:///models", "fileblob", "registry.OpenDir"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}

	mem := memBucket(t)
	for objects := files.List(nil); ; {
		o, err := objects.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := files.ReadAll(t.Context(), o.Key)
		if err == nil {
			err = mem.WriteAll(t.Context(), o.Key, data, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	store := newStore(t, mem, nil)
	if _, err := registry.New(store, nil).Register(t.Context(), "risk", registry.Artifact{"m": []byte("3")}, nil); err != nil {
		t.Fatal(err)
	}
	check(store, 4)
}

func TestNew(t *testing.T) {
	b := memBucket(t)
	for _, prefix := range []string{"/", "a/", "/a", "a//b", ".", "..", "a/../b", "a b", `a\b`, "a\x00", "ü", "-a", strings.Repeat("a", 129), strings.Repeat("a/", 300) + "a"} {
		_, err := blobstore.New(b, &blobstore.Options{Prefix: prefix})
		is(t, err, registry.ErrInput, "prefix "+prefix)
	}
	for _, prefix := range []string{"", "a", "A/b.c/d-e_f", "2026"} {
		if _, err := blobstore.New(b, &blobstore.Options{Prefix: prefix}); err != nil {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
	_, err := blobstore.New(nil, nil)
	is(t, err, registry.ErrInput, "no bucket")
}

func TestNames(t *testing.T) {
	store := newServer(t).store(t)
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "../a", "Upper", "ü", "-a", "a b", "a\x00", strings.Repeat("a", 129)} {
		is(t, store.Append(t.Context(), name, 1, []byte("e")), registry.ErrInput, "appending to "+name)
		_, err := events(t, store, name, 1)
		is(t, err, registry.ErrInput, "reading "+name)
	}
	// A driver escapes "../".
	want := []string{"a", "a-", "a.", "a..", "a...", "a..b", "ab", "b.json", strings.Repeat("c", 128)}
	for _, name := range slices.Backward(want) {
		for seq := range int64(2) {
			if err := store.Append(t.Context(), name, seq+1, []byte(name)); err != nil {
				t.Fatalf("appending to %q: %v", name, err)
			}
		}
		if got, err := events(t, store, name, 1); err != nil || !slices.Equal(got, []string{name, name}) {
			t.Errorf("log %q is %q, %v", name, got, err)
		}
	}
	if got, err := logs(t, store); err != nil || !slices.Equal(got, want) {
		t.Errorf("logs are %q, %v, want %q", got, err, want)
	}
}

func logs(t testing.TB, s registry.Store) (names []string, err error) {
	for name, err := range s.Logs(t.Context()) {
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// TestForeign puts objects beside those of the store.
func TestForeign(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	if err := store.Append(t.Context(), "risk", 1, []byte("one")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"README", "models/", "models/file", "models/empty/", "models/notes/readme.md", "models/Upper/000000000001.json",
		"models/risk/2.json", "models/risk/000000000000.json", "models/risk/000000000002.txt", "models/risk/00000000000x.json",
		"models/risk/sub/000000000002.json", "models/risk/-00000000001.json", "blobs/README", "blobs/00/00", "blobs/aa/" + strings.Repeat("ab", 32),
	} {
		srv.put(t, key, "foreign")
	}
	if got, err := events(t, store, "risk", 1); err != nil || !slices.Equal(got, []string{"one"}) {
		t.Errorf("events are %q, %v", got, err)
	}
	if got, err := logs(t, store); err != nil || !slices.Equal(got, []string{"risk"}) {
		t.Errorf("logs are %q, %v", got, err)
	}
	for b, err := range store.Blobs(t.Context()) {
		t.Errorf("blob %+v, %v", b, err)
	}
}

// TestPutBlob stores blobs of one request and of several parts, and has the
// store refuse them.
func TestPutBlob(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	broken := errors.New("broken reader")
	for _, size := range []int{0, 1, 17 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		d := registry.DigestOf(data)
		for name, try := range map[string]struct {
			r    func(cancel func()) io.Reader
			want error
		}{
			"more than that": {func(func()) io.Reader { return io.MultiReader(bytes.NewReader(data), strings.NewReader("more")) }, registry.ErrCorrupt},
			"a broken reader": {func(func()) io.Reader {
				return io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))
			}, broken},
			"a reader that goes away": {func(cancel func()) io.Reader {
				return io.MultiReader(bytes.NewReader(data), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
			}, context.Canceled},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			err := store.PutBlob(ctx, d, try.r(cancel))
			cancel()
			is(t, err, try.want, fmt.Sprintf("%s, %d bytes", name, size))
			_, err = store.OpenBlob(t.Context(), d)
			is(t, err, registry.ErrNotFound, fmt.Sprintf("opening what was refused: %s, %d bytes", name, size))
		}
		if err := store.PutBlob(t.Context(), d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		r, err := store.OpenBlob(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
			t.Errorf("a blob of %d bytes reads back as %d, %v", size, len(got), err)
		}
	}
	idle(t)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestDamage changes one byte of each object of a registry.
func TestDamage(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	artifact := registry.Artifact{"model.bin": []byte("weights")}
	for range 2 {
		if _, err := registry.New(store, nil).Register(t.Context(), "risk", artifact, nil); err != nil {
			t.Fatal(err)
		}
	}
	use := func() error {
		reg := registry.New(store, nil)
		v, err := reg.Resolve(t.Context(), "risk", "2")
		if err == nil {
			_, err = registry.ReadFile(t.Context(), reg, v, "model.bin")
		}
		return err
	}
	if err := use(); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, key := range srv.keys(t) {
		if key == "tmp/probe" {
			continue
		}
		good, _ := srv.object(t, key)
		bad := []byte(good)
		bad[len(bad)/2] ^= 1
		srv.put(t, key, string(bad))
		is(t, use(), registry.ErrCorrupt, "using a damaged "+key)
		srv.put(t, key, good[:len(good)-1])
		is(t, use(), registry.ErrCorrupt, "using a shortened "+key)
		srv.put(t, key, good)
		damaged++
	}
	if damaged != 3 {
		t.Errorf("%d objects, want 3", damaged)
	}
	// Putting a damaged blob again mends it.
	d := registry.DigestOf(artifact["model.bin"])
	digits := strings.TrimPrefix(d.String(), "sha256:")
	srv.put(t, "blobs/"+digits[:2]+"/"+digits, "damaged")
	if err := errors.Join(store.PutBlob(t.Context(), d, bytes.NewReader(artifact["model.bin"])), use()); err != nil {
		t.Error(err)
	}
}
