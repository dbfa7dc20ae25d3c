package sqltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// blob returns n bytes that do not compress.
func blob(n int) (registry.Digest, []byte) {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data) // cannot fail
	return registry.DigestOf(data), data
}

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

// count returns the rows of a table.
func count(t *testing.T, d database, table string) (n int) {
	t.Helper()
	if err := d.open(t, 0).QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBlobSizes puts blobs of sizes around those of chunks, from readers that
// give little at a time, and reads them through small buffers.
func TestBlobSizes(t *testing.T) {
	const chunk = 1 << 20
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk - 1, 3 * chunk} {
			digest, data := blob(size)
			if err := store.PutBlob(t.Context(), digest, iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data)))); err != nil {
				t.Fatal(err)
			}
			r, err := store.OpenBlob(t.Context(), digest)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, 4099)); err != nil || !bytes.Equal(got.Bytes(), data) {
				t.Errorf("%d bytes read back as %d, error %v", size, got.Len(), err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("behind the end: %d bytes, error %v", n, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("after Close: error %v", err)
			}
		}
		if n := count(t, d, "riskkit_chunks"); n != 0+1+1+1+2+3+3 {
			t.Errorf("%d chunks", n)
		}
	})
}

// TestFailedPut leaves nothing of a blob whose reader fails, panics, is cancelled
// or has another end, and no connection in use.
func TestFailedPut(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		digest, data := blob(3 << 20)
		broken := errors.New("broken")
		front := func() io.Reader { return bytes.NewReader(data[:2<<20+5]) }
		ctx, cancel := context.WithCancel(t.Context())
		for _, c := range []struct {
			name string
			ctx  context.Context
			r    io.Reader
			want error
		}{
			{"fails", t.Context(), io.MultiReader(front(), iotest.ErrReader(broken)), broken},
			{"fails as if cut off", t.Context(), io.MultiReader(front(), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
			{"ends early", t.Context(), front(), registry.ErrCorrupt},
			{"ends late", t.Context(), io.MultiReader(bytes.NewReader(data), strings.NewReader("!")), registry.ErrCorrupt},
			{"is cancelled", ctx, io.MultiReader(front(), readerFunc(func([]byte) (int, error) {
				cancel()
				return 0, nil
			}), bytes.NewReader(data[2<<20+5:])), context.Canceled},
			{"panics", t.Context(), io.MultiReader(front(), readerFunc(func([]byte) (int, error) { panic(broken) })), broken},
		} {
			err := func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = p.(error)
					}
				}()
				return store.PutBlob(c.ctx, digest, c.r)
			}()
			if !errors.Is(err, c.want) {
				t.Errorf("reader that %s: error is %v, want %v", c.name, err, c.want)
			}
			if _, err := store.OpenBlob(t.Context(), digest); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("after a reader that %s: error is %v", c.name, err)
			}
			if n := count(t, d, "riskkit_chunks"); n != 0 {
				t.Errorf("after a reader that %s: %d chunks", c.name, n)
			}
		}
		if err := store.PutBlob(t.Context(), digest, bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
	})
}

// readerFunc is a Reader that is cancelled at its first read, and ends then.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) {
	if n, err := f(p); n > 0 || err != nil {
		return n, err
	}
	return 0, io.EOF
}

// TestConcurrentPuts puts and deletes the same blob from all sides. What is
// there in the end is whole, and nothing else is left.
func TestConcurrentPuts(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 0), nil)
		digest, data := blob(2<<20 + 1)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				if i%4 == 3 {
					errs[i] = store.DeleteBlob(t.Context(), digest, inAnHour())
					if errors.Is(errs[i], registry.ErrNotFound) {
						errs[i] = nil
					}
					return
				}
				errs[i] = store.PutBlob(t.Context(), digest, bytes.NewReader(data))
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		blobs, chunks := count(t, d, "riskkit_blobs"), count(t, d, "riskkit_chunks")
		if chunks != 3*blobs {
			t.Errorf("%d blobs in %d chunks", blobs, chunks)
		}
		r, err := store.OpenBlob(t.Context(), digest)
		if errors.Is(err, registry.ErrNotFound) && blobs == 0 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, error %v", len(got), err)
		}
	})
}

// TestCollector lists blobs over several pages, and deletes what is old.
func TestCollector(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		want := map[registry.Digest]int64{}
		for i := range 60 {
			data := strings.Repeat("x", i)
			want[registry.DigestOf([]byte(data))] = int64(i)
			if err := store.PutBlob(t.Context(), registry.DigestOf([]byte(data)), strings.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		}
		times := map[registry.Digest]time.Time{}
		for b, err := range store.Blobs(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if size, ok := want[b.Digest]; !ok || size != b.Size {
				t.Errorf("blob %v has %d bytes, want %d", b.Digest, b.Size, size)
			}
			if since := time.Since(b.Time); since < -time.Minute || since > time.Hour {
				t.Errorf("blob was put at %v, %v ago", b.Time, since)
			}
			times[b.Digest] = b.Time
			if _, err := store.OpenBlob(t.Context(), b.Digest); err != nil { // with the only connection
				t.Error(err)
			}
		}
		if len(times) != len(want) {
			t.Errorf("%d blobs listed, want %d", len(times), len(want))
		}
		d1, data1 := registry.DigestOf([]byte("x")), "x"
		is := func(err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("error is %v, want %v", err, want)
			}
		}
		is(store.DeleteBlob(t.Context(), d1, times[d1].Add(-time.Hour)), registry.ErrConflict)
		is(store.DeleteBlob(t.Context(), d1, times[d1]), registry.ErrConflict)
		// Put again it is new.
		time.Sleep(3 * time.Millisecond) // for clocks of milliseconds
		is(store.PutBlob(t.Context(), d1, strings.NewReader(data1)), nil)
		is(store.DeleteBlob(t.Context(), d1, times[d1].Add(time.Microsecond)), registry.ErrConflict)
		is(store.DeleteBlob(t.Context(), d1, inAnHour()), nil)
		is(store.DeleteBlob(t.Context(), d1, inAnHour()), registry.ErrNotFound)
		_, err := store.OpenBlob(t.Context(), d1)
		is(err, registry.ErrNotFound)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		is(store.DeleteBlob(ctx, registry.DigestOf(nil), inAnHour()), context.Canceled)
		for _, err := range store.Blobs(ctx) {
			is(err, context.Canceled)
		}
		if n := count(t, d, "riskkit_chunks"); n != 60-2 { // the empty one has none
			t.Errorf("%d chunks left", n)
		}
	})
}
