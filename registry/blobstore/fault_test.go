package blobstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/registry"
)

const firstEvent = "models/risk/000000000001.json"

// onEvents applies m to the first n writes of an event, and lets all else pass.
func onEvents(n int, m middleware) middleware {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isEvent(r) && seen.Add(1) <= int64(n) {
			m(w, r, next)
		} else {
			next.ServeHTTP(w, r)
		}
	}
}

const always = 1 << 30

// The ways in which a write can go wrong.
func lostAnswer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer(r, next)
	hangUp()
}

func lostRequest(http.ResponseWriter, *http.Request, http.Handler) { hangUp() }

func failing(status int, code string) middleware {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { fail(w, status, code) }
}

func failingAfter(status int, code string) middleware {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer(r, next)
		fail(w, status, code)
	}
}

// TestAppendFaults appends an event while the network or the server fails. What
// is acknowledged must be there, and what is not must not be, where that can be
// known.
func TestAppendFaults(t *testing.T) {
	// others stores what another writer would have, before m is applied.
	others := func(srv *server, data string, m middleware) middleware {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			srv.putBy(t, "another", firstEvent, data)
			m(w, r, next)
		}
	}
	busy := failing(http.StatusConflict, "ConditionalRequestConflict")
	failure := errors.New("any error but a conflict")
	unknown := errors.New("an error that says that nothing is known")
	for name, c := range map[string]struct {
		fault func(*server) middleware
		want  error
		holds string
	}{
		"the answer is lost once, and the retry is refused": {func(*server) middleware { return onEvents(1, lostAnswer) }, nil, "event"},
		"all answers are lost":                              {func(*server) middleware { return onEvents(always, lostAnswer) }, nil, "event"},
		"the request is lost once":                          {func(*server) middleware { return onEvents(1, lostRequest) }, nil, "event"},
		"all requests are lost":                             {func(*server) middleware { return onEvents(always, lostRequest) }, failure, ""},
		"an internal error once":                            {func(*server) middleware { return onEvents(1, failing(500, "InternalError")) }, nil, "event"},
		"internal errors":                                   {func(*server) middleware { return onEvents(always, failing(500, "InternalError")) }, failure, ""},
		"an internal error after it was stored":             {func(*server) middleware { return onEvents(1, failingAfter(500, "InternalError")) }, nil, "event"},
		"internal errors after it was stored":               {func(*server) middleware { return onEvents(always, failingAfter(500, "InternalError")) }, nil, "event"},
		"slow down once":                                    {func(*server) middleware { return onEvents(1, failing(503, "SlowDown")) }, nil, "event"},
		"slow down":                                         {func(*server) middleware { return onEvents(always, failing(503, "SlowDown")) }, failure, ""},
		"another write is on its way and fails":             {func(*server) middleware { return onEvents(2, busy) }, nil, "event"},
		"another write is on its way for ever":              {func(*server) middleware { return onEvents(always, busy) }, failure, ""},
		"another write is on its way and succeeds":          {func(s *server) middleware { return onEvents(1, others(s, "theirs", busy)) }, registry.ErrConflict, "theirs"},
		"refused though nothing is there":                   {func(*server) middleware { return onEvents(always, failing(412, "PreconditionFailed")) }, failure, ""},
		"forbidden":                                         {func(*server) middleware { return onEvents(always, failing(403, "AccessDenied")) }, failure, ""},
		"another was first":                                 {func(s *server) middleware { return onEvents(1, others(s, "theirs", lostAnswer)) }, registry.ErrConflict, "theirs"},
		"another was first with the same bytes":             {func(s *server) middleware { return onEvents(1, others(s, "event", lostAnswer)) }, registry.ErrConflict, "event"},
		"another was first, and the requests are lost":      {func(s *server) middleware { return onEvents(always, others(s, "event", lostRequest)) }, registry.ErrConflict, "event"},
		"the answer is lost, and metadata are too": {func(*server) middleware {
			return onEvents(always, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				r.Header.Del("X-Amz-Meta-Attempt")
				lostAnswer(w, r, next)
			})
		}, unknown, "event"},
		"another was first, and metadata are lost": {func(s *server) middleware {
			return onEvents(1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				s.put(t, firstEvent, "theirs")
				lostAnswer(w, r, next)
			})
		}, registry.ErrConflict, "theirs"},
		"the answer is lost and reading back fails": {func(*server) middleware {
			write := onEvents(1, lostAnswer)
			return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodHead {
					w.WriteHeader(500)
					return
				}
				write(w, r, next)
			}
		}, unknown, "event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			store := srv.store(t)
			srv.through(c.fault(srv))
			err := store.Append(t.Context(), "risk", 1, []byte("event"))
			switch {
			case c.want != failure && c.want != unknown:
				is(t, err, c.want, "appending")
			case err == nil || (c.want == unknown) != strings.Contains(err.Error(), "it is not known whether event 1") || errors.Is(err, registry.ErrConflict) || errors.Is(err, registry.ErrUnsupported) || !strings.Contains(err.Error(), `event 1 of log "risk"`):
				t.Errorf("error is %v", err)
			}
			srv.through(nil)
			if got, _ := srv.object(t, firstEvent); got != c.holds {
				t.Errorf("stored is %q, want %q", got, c.holds)
			}
			if err != nil && strings.Contains(err.Error(), "secret-of-the-test") {
				t.Errorf("error has the credentials: %v", err)
			}
			// Whatever happened, who looks again can go on.
			seq := int64(1)
			if c.holds != "" {
				seq++
			}
			if err := store.Append(t.Context(), "risk", seq, []byte("next")); err != nil {
				t.Errorf("appending after that: %v", err)
			}
		})
	}
}

// TestCancelled gives up every call when the server has the request and does
// not answer.
func TestCancelled(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	if err := store.Append(t.Context(), "risk", 1, []byte("event")); err != nil {
		t.Fatal(err)
	}
	d := registry.DigestOf([]byte("blob"))
	put := func(ctx context.Context) error { return store.PutBlob(ctx, d, strings.NewReader("blob")) }
	if err := put(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"PutBlob":    put,
		"Append":     func(ctx context.Context) error { return store.Append(ctx, "risk", 2, []byte("event")) },
		"DeleteBlob": func(ctx context.Context) error { return store.DeleteBlob(ctx, d, time.Now().Add(time.Hour)) },
		"OpenBlob": func(ctx context.Context) error {
			r, err := store.OpenBlob(ctx, d)
			if err == nil {
				err = r.Close()
			}
			return err
		},
		"Events": func(ctx context.Context) (err error) {
			for _, err = range store.Events(ctx, "risk", 1) {
			}
			return err
		},
		"Events from the second": func(ctx context.Context) (err error) {
			for _, err = range store.Events(ctx, "risk", 2) {
			}
			return err
		},
		"Logs": func(ctx context.Context) (err error) {
			for _, err = range store.Logs(ctx) {
			}
			return err
		},
		"Blobs": func(ctx context.Context) (err error) {
			for _, err = range store.Blobs(ctx) {
			}
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		srv.through(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		is(t, call(ctx), context.Canceled, name)
		is(t, call(ctx), context.Canceled, name+" again")
		late, stop := context.WithDeadline(t.Context(), time.Now())
		is(t, call(late), context.DeadlineExceeded, name)
		stop()
		idle(t)
	}
	srv.through(nil)
	if got, err := events(t, store, "risk", 1); err != nil || len(got) != 1 {
		t.Errorf("events are %q, %v", got, err)
	}
}

// TestCancelledBody gives up while a body is on its way.
func TestCancelledBody(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	data := strings.Repeat("0123456789abcdef", 1<<16)
	d := registry.DigestOf([]byte(data))
	if err := store.PutBlob(t.Context(), d, strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		whole := answer(r, next)
		half(w, whole.Header(), whole.Body.Bytes())
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := store.OpenBlob(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(time.Millisecond, cancel) // most likely in the middle of a read
	_, err = io.ReadAll(r)
	is(t, err, context.Canceled, "reading a blob")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestCancelledReader reads on after the context is done, with a driver that
// does not know of contexts.
func TestCancelledReader(t *testing.T) {
	store := newStore(t, memBucket(t), nil)
	d := registry.DigestOf([]byte("blob"))
	if err := store.PutBlob(t.Context(), d, strings.NewReader("blob")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := store.OpenBlob(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = r.Read(make([]byte, 2))
	is(t, err, context.Canceled, "reading on")
}

// half answers with the head and half of a body.
func half(w http.ResponseWriter, head http.Header, body []byte) {
	for k, v := range head {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body[:len(body)/2])
	http.NewResponseController(w).Flush()
}

// TestCutBodies breaks connections in the middle of an object.
func TestCutBodies(t *testing.T) {
	srv := newServer(t)
	store := srv.store(t)
	want := []string{"the first event", "the second event", "the third event"}
	for i, e := range want {
		if err := store.Append(t.Context(), "risk", int64(i+1), []byte(e)); err != nil {
			t.Fatal(err)
		}
	}
	d := registry.DigestOf([]byte("the blob"))
	if err := store.PutBlob(t.Context(), d, strings.NewReader("the blob")); err != nil {
		t.Fatal(err)
	}
	srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/000000000001.json") && kind(r) != "LIST" {
			whole := answer(r, next)
			half(w, whole.Header(), whole.Body.Bytes())
			hangUp()
		}
		next.ServeHTTP(w, r)
	})
	got, err := events(t, store, "risk", 1)
	is(t, err, io.ErrUnexpectedEOF, "reading events")
	if errors.Is(err, registry.ErrCorrupt) || !slices.Equal(got, want[:1]) {
		t.Errorf("events are %q, %v", got, err)
	}
	r, err := store.OpenBlob(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(r)
	is(t, err, io.ErrUnexpectedEOF, "reading a blob")
	r.Close()
	srv.through(nil)
	if got, err := events(t, store, "risk", 1); err != nil || !slices.Equal(got, want) {
		t.Errorf("events are %q, %v", got, err)
	}
}

// TestReadErrors wants an error, and not an empty registry, where the server
// does not answer as it should.
func TestReadErrors(t *testing.T) {
	for name, fault := range map[string]middleware{
		"forbidden":      failing(http.StatusForbidden, "AccessDenied"),
		"no bucket":      failing(http.StatusNotFound, "NoSuchBucket"),
		"internal error": failing(http.StatusInternalServerError, "InternalError"),
		"slow down":      failing(http.StatusServiceUnavailable, "SlowDown"),
		"hung up":        lostRequest,
		"nonsense":       func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { io.WriteString(w, "<html>Welcome!") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			store := srv.store(t)
			if err := store.Append(t.Context(), "risk", 1, []byte("event")); err != nil {
				t.Fatal(err)
			}
			srv.through(fault)
			if got, err := events(t, store, "risk", 1); err == nil || errors.Is(err, registry.ErrCorrupt) {
				t.Errorf("events are %q, %v", got, err)
			}
			if got, err := logs(t, store); err == nil {
				t.Errorf("logs are %q", got)
			}
			for b, err := range store.Blobs(t.Context()) {
				if err == nil {
					t.Errorf("blob %+v", b)
				}
			}
			if err := store.PutBlob(t.Context(), registry.DigestOf(nil), strings.NewReader("")); err == nil && name != "nonsense" {
				t.Error("a blob is stored")
			}
		})
	}
}

// TestConcurrent has eight writers append while every third answer is lost.
// Each event that was acknowledged is there once, and no other.
func TestConcurrent(t *testing.T) {
	const writers, each = 8, 6
	srv := newServer(t)
	var seen atomic.Int64
	srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isEvent(r) && seen.Add(1)%3 == 0 {
			lostAnswer(w, r, next)
		}
		next.ServeHTTP(w, r)
	})
	acknowledged := make([]string, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		store := srv.store(t)
		wg.Go(func() {
			for i := range each {
				seq, event := int64(1), fmt.Sprintf("%d %d", w, i)
				for {
					for _, err := range store.Events(t.Context(), "risk", seq) {
						if err != nil {
							t.Error(err)
							return
						}
						seq++
					}
					err := store.Append(t.Context(), "risk", seq, []byte(event))
					if err == nil {
						acknowledged[seq-1] = event
						break
					}
					if !errors.Is(err, registry.ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got, err := events(t, srv.store(t), "risk", 1); err != nil || !slices.Equal(got, acknowledged) {
		t.Errorf("events are %q, %v, want %q", got, err, acknowledged)
	}
}

// TestRegisterFaults registers by several processes while every other answer to
// a write of an event is lost: no version comes twice.
func TestRegisterFaults(t *testing.T) {
	const writers, each = 4, 3
	srv := newServer(t)
	var seen atomic.Int64
	srv.through(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isEvent(r) && seen.Add(1)%2 == 0 {
			lostAnswer(w, r, next)
		}
		next.ServeHTTP(w, r)
	})
	var wg sync.WaitGroup
	for w := range writers {
		reg := registry.New(srv.store(t), nil)
		wg.Go(func() {
			for i := range each {
				if _, err := reg.Register(t.Context(), "risk", registry.Artifact{"m": fmt.Append(nil, w, i)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	state, err := registry.New(srv.store(t), nil).State(t.Context(), "risk")
	if err != nil {
		t.Fatal(err)
	}
	digests := map[registry.Digest]bool{}
	for _, v := range state.Versions {
		digests[v.Digest] = true
	}
	if len(state.Versions) != writers*each || len(digests) != writers*each {
		t.Errorf("%d versions, %d different ones, want %d", len(state.Versions), len(digests), writers*each)
	}
}
