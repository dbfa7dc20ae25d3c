package blobstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
)

// TestProbe has the server do what it should not with a conditional write.
func TestProbe(t *testing.T) {
	isPut := func(r *http.Request) bool { return r.Method == http.MethodPut }
	once := func(m middleware) middleware {
		var seen atomic.Bool
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if isPut(r) && seen.CompareAndSwap(false, true) {
				m(w, r, next)
			} else {
				next.ServeHTTP(w, r)
			}
		}
	}
	for name, c := range map[string]struct {
		fault middleware
		want  string // what the error must say, "" for none
	}{
		"a proxy takes the condition away": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		}, "If-None-Match"},
		"the server does not know the condition": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Header.Get("If-None-Match") != "" {
				fail(w, http.StatusNotImplemented, "NotImplemented")
			} else {
				next.ServeHTTP(w, r)
			}
		}, "no conditional writes"},
		"the answer to the first write is lost": {once(lostAnswer), ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			store := newStore(t, srv.bucket(t), &blobstore.Options{Name: "s3://models"})
			srv.through(c.fault)
			err := store.Append(t.Context(), "risk", 1, []byte("event"))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if is(t, err, registry.ErrUnsupported, "appending"); !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "s3://models") {
				t.Errorf("error is %v", err)
			}
			for kind := range srv.counted(func() { is(t, store.Append(t.Context(), "risk", 1, nil), registry.ErrUnsupported, "appending again") }) {
				t.Errorf("a request %s for what is known", kind)
			}
			if got, there := srv.object(t, firstEvent); there {
				t.Errorf("stored is %q", got)
			}
			if _, err := events(t, store, "risk", 1); err != nil {
				t.Errorf("reading: %v", err)
			}
		})
	}

	t.Run("an error is not the last word", func(t *testing.T) {
		srv := newServer(t)
		store := srv.store(t)
		srv.through(failing(500, "InternalError"))
		if err := store.Append(t.Context(), "risk", 1, []byte("event")); err == nil || errors.Is(err, registry.ErrUnsupported) {
			t.Errorf("error is %v", err)
		}
		srv.through(nil)
		if err := store.Append(t.Context(), "risk", 1, []byte("event")); err != nil {
			t.Error(err)
		}
	})
	t.Run("one request tells where it was tried before", func(t *testing.T) {
		srv := newServer(t)
		for want := 3; want >= 2; want-- { // two probes and an event, then a probe and an event
			store := srv.store(t)
			if got := srv.counted(func() {
				if err := store.Append(t.Context(), fmt.Sprint(want), 1, []byte("event")); err != nil {
					t.Fatal(err)
				}
			}); got["PUT"] != want || len(got) != 1 {
				t.Errorf("requests are %v, want %d puts", got, want)
			}
		}
	})
	t.Run("all who wait for it can give up", func(t *testing.T) {
		srv := newServer(t)
		store := srv.store(t)
		began := make(chan struct{}, 100)
		srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			io.Copy(io.Discard, r.Body) // or the server does not see that the client goes away
			began <- struct{}{}
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		for range 4 {
			go func() { errs <- store.Append(ctx, "risk", 1, []byte("event")) }()
		}
		<-began
		cancel()
		for range 4 {
			is(t, <-errs, context.Canceled, "appending")
		}
	})
}
