package sqltest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// TestDamage changes rows behind the Store's back. Who reads through the
// registry gets ErrCorrupt, and never other bytes than were registered.
func TestDamage(t *testing.T) {
	digest, data := blob(2<<20 + 5000) // three chunks
	for _, c := range []struct {
		name, damage string
	}{
		{"a chunk is missing", "DELETE FROM riskkit_chunks WHERE n = 1"},
		{"the last chunk is missing", "DELETE FROM riskkit_chunks WHERE n = 2"},
		{"all chunks are missing", "DELETE FROM riskkit_chunks"},
		{"a byte is another", "UPDATE riskkit_chunks SET data = substr(data, 1, 1000) || substr(data, 1, 1) || substr(data, 1002) WHERE n = 1"},
		{"a chunk is shorter", "UPDATE riskkit_chunks SET data = substr(data, 1, 1000) WHERE n = 2"},
		{"a chunk is longer", "UPDATE riskkit_chunks SET data = data || data WHERE n = 2"},
		{"a chunk is empty", "UPDATE riskkit_chunks SET data = substr(data, 1, 0) WHERE n = 1"},
		{"the size is smaller", "UPDATE riskkit_blobs SET size = 1000"},
		{"the size is larger", "UPDATE riskkit_blobs SET size = size + 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, fresh newDB) {
				d := fresh(t)
				db := d.open(t, 0)
				store := d.store(t, db, nil)
				log := registry.New(store, nil)
				v, err := log.Register(t.Context(), model, registry.Artifact{"model.bin": data}, nil)
				if err != nil {
					t.Fatal(err)
				}
				result, err := db.Exec(c.damage)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := result.RowsAffected(); err != nil || n == 0 {
					t.Fatalf("damaged %d rows, error %v", n, err)
				}
				got, err := registry.ReadFile(t.Context(), log, v, "model.bin")
				if !errors.Is(err, registry.ErrCorrupt) || got != nil {
					t.Errorf("read %d bytes, error %v", len(got), err)
				}
				// Putting it again mends it.
				if err := store.PutBlob(t.Context(), digest, bytes.NewReader(data)); err != nil {
					t.Fatal(err)
				}
				if got, err := registry.ReadFile(t.Context(), log, v, "model.bin"); err != nil || !bytes.Equal(got, data) {
					t.Errorf("after putting it again: %d bytes, error %v", len(got), err)
				}
			})
		})
	}
}

// TestDamagedEvents loses and changes events.
func TestDamagedEvents(t *testing.T) {
	for _, damage := range []string{
		"DELETE FROM riskkit_events WHERE seq = 1",
		"DELETE FROM riskkit_events WHERE seq = 3",
		"UPDATE riskkit_events SET event = substr(event, 2) WHERE seq = 3",
		"UPDATE riskkit_events SET event = (SELECT e.event FROM riskkit_events e WHERE e.seq = 2) WHERE seq = 3",
	} {
		t.Run(damage, func(t *testing.T) {
			each(t, func(t *testing.T, fresh newDB) {
				d := fresh(t)
				db := d.open(t, 0)
				log := registry.New(d.store(t, db, nil), nil)
				for range 5 {
					if _, err := log.Register(t.Context(), model, registry.Artifact{"model.bin": nil}, nil); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := db.Exec(damage); err != nil {
					t.Fatal(err)
				}
				_, err := registry.New(d.store(t, db, nil), nil).State(t.Context(), model)
				if !errors.Is(err, registry.ErrCorrupt) {
					t.Errorf("error is %v", err)
				}
			})
		})
	}
}

// TestDeletedWhileRead ends a reader with an error, not with the bytes so far.
func TestDeletedWhileRead(t *testing.T) {
	each(t, func(t *testing.T, fresh newDB) {
		d := fresh(t)
		store := d.store(t, d.open(t, 1), nil)
		digest, data := blob(3 << 20)
		if err := store.PutBlob(t.Context(), digest, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		r, err := store.OpenBlob(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := store.DeleteBlob(t.Context(), digest, inAnHour()); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("read %d bytes, error %v", n, err)
		}
	})
}
