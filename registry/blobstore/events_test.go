package blobstore_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// TestGaps takes one event out of a log and reads it from every position.
func TestGaps(t *testing.T) {
	const n = 14
	for _, gap := range []int64{1, 2, 3, 8, 9, 12, 13} {
		srv := newServer(t)
		store := srv.store(t)
		key := func(seq int64) string { return fmt.Sprintf("models/risk/%012d.json", seq) }
		for seq := int64(1); seq <= n; seq++ {
			if seq != gap {
				srv.put(t, key(seq), fmt.Sprint(seq))
			}
		}
		for from := int64(0); from <= n+2; from++ {
			got, err := events(t, store, "risk", from)
			first, end := max(1, from), int64(n+1)
			if from <= gap {
				is(t, err, registry.ErrCorrupt, fmt.Sprintf("reading from %d with %d missing", from, gap))
				if !strings.Contains(err.Error(), fmt.Sprintf("event %d of log", gap)) {
					t.Errorf("error is %v, want one that names event %d", err, gap)
				}
				end = gap
			} else if err != nil {
				t.Errorf("reading from %d with %d missing: %v", from, gap, err)
			}
			var want []string
			for seq := first; seq < end; seq++ {
				want = append(want, fmt.Sprint(seq))
			}
			if !slices.Equal(got, want) {
				t.Errorf("from %d with %d missing: %q, want %q", from, gap, got, want)
			}
		}
		if names, err := logs(t, store); err != nil || !slices.Equal(names, []string{"risk"}) {
			t.Errorf("a log with a gap is listed as %q, %v", names, err)
		}
	}
}

// TestAppendedMeanwhile reads an event just before it is appended, and those
// behind it just after.
func TestAppendedMeanwhile(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	var want []string
	for seq := range 14 {
		srv.put(t, fmt.Sprintf("models/risk/%012d.json", seq+1), fmt.Sprint(seq+1))
		want = append(want, fmt.Sprint(seq+1))
	}
	for early := 2; early < 14; early++ {
		late := fmt.Sprintf("/%012d.json", early)
		var seen atomic.Bool
		srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, late) && seen.CompareAndSwap(false, true) {
				fail(w, http.StatusNotFound, "NoSuchKey")
			} else {
				next.ServeHTTP(w, r)
			}
		})
		if got, err := events(t, store, "risk", 2); err != nil || !slices.Equal(got, want[1:]) {
			t.Errorf("with event %d appended meanwhile: %q, %v", early, got, err)
		}
	}
}

// TestPages reads a log and lists blobs over several pages of a listing.
func TestPages(t *testing.T) {
	const n = 1100
	srv := newServer(t)
	store := srv.store(t)
	blobs := map[registry.Digest]bool{}
	for i := range n {
		srv.put(t, fmt.Sprintf("models/risk/%012d.json", i+1), fmt.Sprint(i+1))
		srv.put(t, fmt.Sprintf("models/m%04d/000000000001.json", i), "1")
		d := registry.DigestOf(fmt.Append(nil, i))
		digits := strings.TrimPrefix(d.String(), "sha256:")
		srv.put(t, "blobs/"+digits[:2]+"/"+digits, fmt.Sprint(i))
		blobs[d] = true
	}
	got, err := events(t, store, "risk", 1)
	if err != nil || len(got) != n {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for i, e := range got {
		if e != fmt.Sprint(i+1) {
			t.Fatalf("event %d is %q", i+1, e)
		}
	}
	if names, err := logs(t, store); err != nil || len(names) != n+1 || !slices.IsSorted(names) {
		t.Errorf("%d logs, %v", len(names), err)
	}
	for b, err := range store.Blobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !blobs[b.Digest] {
			t.Fatalf("blob %v is listed, and should not be, or not twice", b.Digest)
		}
		delete(blobs, b.Digest)
	}
	if len(blobs) > 0 {
		t.Errorf("%d blobs are not listed", len(blobs))
	}
}

// TestStop stops reading everywhere within the first events.
func TestStop(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	for seq := range 30 {
		srv.put(t, fmt.Sprintf("models/risk/%012d.json", seq+1), "event")
	}
	for _, from := range []int64{1, 2} {
		for stop := range 10 {
			n := 0
			for _, err := range store.Events(t.Context(), "risk", from) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n > stop {
					break
				}
			}
			idle(t)
		}
	}
	got := srv.counted(func() {
		for range store.Events(t.Context(), "risk", 2) {
			break
		}
	})
	if got["GET"] > 3 {
		t.Errorf("%d events read for one", got["GET"])
	}
}

// TestLarge stores events as large as they can be, and larger ones.
func TestLarge(t *testing.T) {
	const most = 16<<20 - 1
	srv := newServer(t)
	store := srv.store(t)
	large := bytes.Repeat([]byte("e"), most+1)
	is(t, store.Append(t.Context(), "risk", 1, large), registry.ErrInput, "appending too much")
	if err := store.Append(t.Context(), "risk", 1, large[:most]); err != nil {
		t.Fatal(err)
	}
	is(t, store.Append(t.Context(), "risk", 1, large[:most]), registry.ErrConflict, "appending it again")
	if got, err := events(t, store, "risk", 1); err != nil || len(got) != 1 || got[0] != string(large[:most]) {
		t.Errorf("%d events, %v", len(got), err)
	}
	srv.put(t, "models/risk/000000000002.json", string(large))
	for name, m := range map[string]middleware{
		"too much": func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) },
		"what says at once that it is too much": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<40))
			w.Write(large[:1])
			http.NewResponseController(w).Flush()
			hangUp()
		},
		"what does not say that it is too much": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.NewResponseController(w).Flush() // without a length
			w.Write(large)
		},
	} {
		srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/000000000002.json") {
				m(w, r, next)
			} else {
				next.ServeHTTP(w, r)
			}
		})
		got, err := events(t, store, "risk", 1)
		if is(t, err, registry.ErrCorrupt, "reading "+name); len(got) != 1 {
			t.Errorf("%d events", len(got))
		}
	}
}
