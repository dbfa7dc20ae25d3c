package blobstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
)

func TestCollector(t *testing.T) {
	for name, open := range drivers() {
		t.Run(name, func(t *testing.T) {
			s, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			store := s.(*blobstore.Store)
			d := registry.DigestOf([]byte("blob"))
			is(t, store.DeleteBlob(t.Context(), d, time.Now().Add(time.Hour)), registry.ErrNotFound, "deleting what is not there")
			begin := time.Now()
			put := func() registry.Blob {
				t.Helper()
				if err := store.PutBlob(t.Context(), d, strings.NewReader("blob")); err != nil {
					t.Fatal(err)
				}
				var all []registry.Blob
				for b, err := range store.Blobs(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, b)
				}
				if len(all) != 1 || all[0].Digest != d || all[0].Size != 4 || all[0].Time.Before(begin.Add(-time.Second)) || all[0].Time.After(time.Now()) {
					t.Fatalf("blobs are %+v", all)
				}
				return all[0]
			}
			b := put()
			is(t, store.DeleteBlob(t.Context(), d, b.Time), registry.ErrConflict, "deleting what was put then")
			is(t, store.DeleteBlob(t.Context(), d, begin), registry.ErrConflict, "deleting what was put later")
			if err := store.DeleteBlob(t.Context(), d, b.Time.Add(2*time.Second)); err != nil {
				t.Fatal(err)
			}
			_, err = store.OpenBlob(t.Context(), d)
			is(t, err, registry.ErrNotFound, "opening what was deleted")
			for b, err := range store.Blobs(t.Context()) {
				t.Errorf("blob %+v, %v", b, err)
			}
			put()
		})
	}
}
