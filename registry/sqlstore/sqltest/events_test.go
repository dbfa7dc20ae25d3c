package sqltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/sqlstore"
)

// TestManyEvents pages through logs with the only connection, which the consumer
// uses at the same time.
func TestManyEvents(t *testing.T) {
	const events = 1500
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		event := func(seq int64) []byte { return bytes.Repeat([]byte{byte(seq)}, int(seq%7)) } // some empty
		for seq := int64(1); seq <= events; seq++ {
			if err := store.Append(t.Context(), "log", seq, event(seq)); err != nil {
				t.Fatal(err)
			}
		}
		for _, from := range []int64{-1, 1, 2, 9, 700, events, events + 1} {
			next := max(from, 1)
			for e, err := range store.Events(t.Context(), "log", from) {
				if err != nil || !bytes.Equal(e, event(next)) {
					t.Fatalf("event %d is %v, error %v", next, e, err)
				}
				if next++; next%100 == 0 {
					if err := store.Append(t.Context(), "other", next, nil); !errors.Is(err, registry.ErrConflict) {
						t.Errorf("appending meanwhile: %v", err)
					}
				}
			}
			if next != events+1 {
				t.Errorf("from %d, the events end before %d", from, next)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := 0
		for _, err := range store.Events(ctx, "log", 1) {
			if cancel(); err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				break
			}
			seen++
		}
		if seen != 1 {
			t.Errorf("%d events after cancelling", seen)
		}
	})
}

// TestLargeEvents reads events that do not fit a page, and refuses those that
// are too large.
func TestLargeEvents(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		_, data := blob(3 << 20)
		sizes := []int{3 << 20, 10, 3 << 20, 3 << 20, 0, 3 << 20}
		for i, size := range sizes {
			if err := store.Append(t.Context(), "log", int64(i+1), data[:size]); err != nil {
				t.Fatal(err)
			}
		}
		i := 0
		for e, err := range store.Events(t.Context(), "log", 1) {
			if err != nil || !bytes.Equal(e, data[:sizes[i]]) {
				t.Fatalf("event %d has %d bytes, error %v", i+1, len(e), err)
			}
			i++
		}
		if i != len(sizes) {
			t.Errorf("%d events", i)
		}
		if err := store.Append(t.Context(), "log", 7, make([]byte, 16<<20+1)); !errors.Is(err, registry.ErrInput) {
			t.Errorf("too large: error is %v", err)
		}
	})
}

// TestLogNames keeps the order of bytes, whatever order the database has, and
// refuses names that it cannot keep.
func TestLogNames(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		names := []string{"a", "a-b", "a.b", "a_b", "ab", "b", "0", strings.Repeat("z", 128)}
		for i := range 40 {
			names = append(names, fmt.Sprintf("model-%d", i))
		}
		for _, name := range names {
			if err := store.Append(t.Context(), name, 1, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(names)
		var got []string
		for name, err := range store.Logs(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, name)
		}
		if !slices.Equal(got, names) {
			t.Errorf("logs are %q, want %q", got, names)
		}
		for _, name := range []string{"", "\xff", "a\x00b", "é", "Z", strings.Repeat("z", 129)} {
			if err := store.Append(t.Context(), name, 1, nil); !errors.Is(err, registry.ErrInput) {
				t.Errorf("log %q: error is %v", name, err)
			}
			for _, err := range store.Events(t.Context(), name, 1) {
				if !errors.Is(err, registry.ErrInput) {
					t.Errorf("log %q: error is %v", name, err)
				}
			}
		}
	})
}

// TestLocked gives up on a database that another holds locked, when its patience
// or the context ends, and goes on when the lock is gone.
func TestLocked(t *testing.T) {
	d := sqlite(t)
	impatient := d.store(t, d.open(t, 0), &sqlstore.Options{Patience: 50 * time.Millisecond})
	patient := d.store(t, d.open(t, 0), nil)
	other := d.open(t, 1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	digest, data := blob(100)
	for _, err := range []error{
		impatient.Append(t.Context(), "log", 1, nil),
		impatient.PutBlob(t.Context(), digest, bytes.NewReader(data)),
	} {
		if err == nil || !strings.Contains(err.Error(), "database is locked") {
			t.Errorf("error is %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := patient.Append(ctx, "log", 1, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	for range impatient.Events(t.Context(), "log", 1) { // readers are not kept waiting
		t.Error("there is an event")
	}
	done := make(chan error, 1)
	go func() { done <- patient.Append(t.Context(), "log", 1, nil) }()
	if _, err := other.Exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
