package mlflow_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/mlflowtest"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
	"github.com/riskkit/riskkit/registry/registrytest"
)

func newStore(t testing.TB, c *mlflow.Client, experiment string) *mlflow.Store {
	t.Helper()
	s, err := mlflow.NewStore(c, &mlflow.StoreOptions{Experiment: experiment})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreConforms(t *testing.T) {
	c := newClient(t, servers.Start(t, mlflowtest.Env))
	empty := func() (registry.Store, error) { return newStore(t, c, newSpace(t)), nil }
	if err := registrytest.TestStore(t.Context(), empty); err != nil {
		t.Error(err)
	}
	if err := registrytest.TestFaults(t.Context(), empty, 67); err != nil { // each takes seconds
		t.Error(err)
	}
}

// TestWritersApart appends through a store for each writer, as processes of
// their own would: all find the same log, and each position has one winner.
func TestWritersApart(t *testing.T) {
	for _, env := range []string{mlflowtest.Env, mlflowtest.Env2} {
		t.Run(env, func(t *testing.T) {
			s := servers.Start(t, env)
			space := newSpace(t)
			const writers, each = 8, 3
			var wg sync.WaitGroup
			won := make([][each]bool, writers)
			errs := make([]error, writers)
			for w := range writers {
				store := newStore(t, newClient(t, s), space)
				wg.Go(func() {
					for i := range each {
						err := store.Append(t.Context(), model, int64(i+1), fmt.Appendf(nil, "%d", w%2)) // many are equal
						for ; errors.Is(err, registry.ErrConflict) && !holds(t, store, i+1); pause() {
							// The winner of the position before is not done yet.
							err = store.Append(t.Context(), model, int64(i+1), fmt.Appendf(nil, "%d", w%2))
						}
						if won[w][i] = err == nil; err != nil && !errors.Is(err, registry.ErrConflict) {
							errs[w] = err
							return
						}
					}
				})
			}
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			for i := range each {
				winners := 0
				for w := range writers {
					if won[w][i] {
						winners++
					}
				}
				if winners != 1 {
					t.Errorf("position %d has %d winners", i+1, winners)
				}
			}
			store := newStore(t, newClient(t, s), space)
			if got, err := read(t, store, 1); err != nil || len(got) != each {
				t.Errorf("events are %q: %v", got, err)
			}
			if names := collect(t, store.Logs(t.Context())); !slices.Equal(names, []string{model}) {
				t.Errorf("logs are %q", names)
			}
		})
	}
}

func pause() { time.Sleep(time.Millisecond) }

// holds reports whether a log has n events.
func holds(t testing.TB, s *mlflow.Store, n int) bool {
	have := 0
	for _, err := range s.Events(t.Context(), model, 1) {
		if err != nil {
			t.Error(err)
			return true
		}
		have++
	}
	return have >= n
}

// logRun returns the run that a log is kept in.
func logRun(t testing.TB, c *mlflow.Client, experiment string) mlflow.Run {
	t.Helper()
	e := must[mlflow.Experiment](t)(c.Experiment(t.Context(), experiment+"/"+model))
	return must[mlflow.Run](t)(c.Run(t.Context(), e.Tags["riskkit.log.run"]))
}

// read returns the events from a position, and the error that ends them.
func read(t testing.TB, s *mlflow.Store, from int64) (all []string, err error) {
	for e, err := range s.Events(t.Context(), model, from) {
		if err != nil {
			return all, err
		}
		all = append(all, string(e))
	}
	return all, nil
}

// TestDamage finds what somebody else changed.
func TestDamage(t *testing.T) {
	c, space := newClient(t, servers.Start(t, mlflowtest.Env)), newSpace(t)
	ctx := t.Context()
	store := newStore(t, c, space)
	for i := range int64(3) {
		if err := store.Append(ctx, model, i+1, fmt.Appendf(nil, "event %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	run := logRun(t, c, space)
	_, nonce, _ := strings.Cut(run.Params["000000000002"], " ")
	name := "events/000000000002-" + nonce + ".json"
	if err := c.PutArtifact(ctx, run.ArtifactURI, name, strings.NewReader("evemt 2"), 7); err != nil {
		t.Fatal(err)
	}
	fresh := newStore(t, c, space)
	got, err := read(t, fresh, 1)
	if !errors.Is(err, registry.ErrCorrupt) || len(got) != 1 {
		t.Errorf("after the artifact was changed: %q, %v", got, err)
	}
	if err := c.PutArtifact(ctx, run.ArtifactURI, name, strings.NewReader("event 2"), 7); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, fresh, 1); err != nil || len(got) != 3 {
		t.Errorf("after it was mended: %q, %v", got, err)
	}
	if err := c.LogParam(ctx, run.ID, "000000000005", run.Params["000000000003"]); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{1, 4} {
		if got, err := read(t, fresh, from); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("with a gap from %d: %q, %v", from, got, err)
		}
	}
	if err := c.DeleteRun(ctx, run.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, fresh, 1); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("with the run deleted: %v", err)
	}
	if err := store.Append(ctx, model, 4, []byte("event 4")); err == nil || errors.Is(err, registry.ErrConflict) {
		t.Errorf("appending to a deleted run: %v", err)
	}
}

// TestBlobs cuts uploads, damages blobs and puts large ones.
func TestBlobs(t *testing.T) {
	s := servers.Start(t, mlflowtest.Env)
	c, space := newClient(t, s), newSpace(t)
	ctx := t.Context()
	store := newStore(t, c, space)
	get := func(d registry.Digest) (string, error) {
		r, err := store.OpenBlob(ctx, d)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	large := strings.Repeat("0123456789abcdef", 5<<16) // 5 MiB: waits in a file
	d := registry.DigestOf([]byte(large))
	if err := store.PutBlob(ctx, d, strings.NewReader(large)); err != nil {
		t.Fatal(err)
	}
	if got, err := get(d); err != nil || got != large {
		t.Errorf("a large blob has %d bytes: %v", len(got), err)
	}
	e := must[mlflow.Experiment](t)(c.Experiment(ctx, space))
	h := fmt.Sprintf("%x", d[:])
	name := "blobs/" + h[:2] + "/" + h
	if err := c.PutArtifact(ctx, e.ArtifactURI, name, strings.NewReader(large[1:]), int64(len(large)-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := get(d); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("of a damaged blob the error is %v", err)
	}
	if err := store.PutBlob(ctx, d, strings.NewReader(large)); err != nil {
		t.Fatal(err)
	}
	if got, err := get(d); err != nil || got != large {
		t.Errorf("a mended blob has %d bytes: %v", len(got), err)
	}
	// An upload that is cut in the middle.
	small := strings.Repeat("x", 1000)
	d = registry.DigestOf([]byte(small))
	h = fmt.Sprintf("%x", d[:])
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URI, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT /api/2.0/mlflow-artifacts/artifacts/%s/blobs/%s/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n%s", e.ID, h[:2], h, small[:100])
	conn.Close()
	if got, err := get(d); !errors.Is(err, registry.ErrCorrupt) && !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("of a cut upload %d bytes are read, error %v", len(got), err)
	}
	if err := store.PutBlob(ctx, d, strings.NewReader(small)); err != nil {
		t.Fatal(err)
	}
	if got, err := get(d); err != nil || got != small {
		t.Errorf("after that it has %d bytes: %v", len(got), err)
	}
}

// TestManyEvents appends to a log with many events.
func TestManyEvents(t *testing.T) {
	c, space := newClient(t, servers.Start(t, mlflowtest.Env)), newSpace(t)
	ctx := t.Context()
	const many = 2000 // 10,000 work as well, but take a minute to write
	store := newStore(t, c, space)
	if err := store.Append(ctx, model, 1, []byte("first")); err != nil {
		t.Fatal(err)
	}
	run := logRun(t, c, space)
	params := map[string]string{}
	for seq := 2; seq < many; seq++ {
		params[fmt.Sprintf("%012d", seq)] = registry.DigestOf(nil).String() + " none"
	}
	if err := c.LogBatch(ctx, run.ID, mlflow.Batch{Params: params}); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(ctx, model, many-1, nil); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("appending where an event is: %v", err)
	}
	if err := store.Append(ctx, model, many, []byte("last")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := read(t, newStore(t, c, space), many)
	if err != nil || !slices.Equal(got, []string{"last"}) {
		t.Errorf("the last event is %q: %v", got, err)
	}
	t.Logf("reading the last of %d events of a fresh store took %v", many, time.Since(began))
}

// TestServerLimits asks servers for what they do not do.
func TestServerLimits(t *testing.T) {
	shared := servers.Start(t, mlflowtest.Env)
	ctx := t.Context()
	// A name that the server does not know itself by.
	c, err := mlflow.NewClient(&mlflow.ClientOptions{URI: shared.URI, Transport: renamed("evil.example")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Experiment(ctx, "Default")
	var e *mlflow.Error
	if !errors.As(err, &e) || e.Code != "INVALID_HOST" || e.Status != 403 {
		t.Errorf("with another Host header: %v", err)
	}
	// Deleted experiments.
	c = newClient(t, shared)
	space := newSpace(t)
	id := must[string](t)(c.CreateExperiment(ctx, space, nil))
	resp, err := http.Post(shared.URI+"/api/2.0/mlflow/experiments/delete", "application/json", strings.NewReader(`{"experiment_id":"`+id+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	err = newStore(t, c, space).Append(ctx, model, 1, []byte("x"))
	if err == nil || errors.Is(err, registry.ErrConflict) || !strings.Contains(err.Error(), "restore") {
		t.Errorf("in a deleted experiment: %v", err)
	}
	// Artifacts that the server does not serve.
	s, err := mlflowtest.Launch(shared.Python, "--no-serve-artifacts")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	d := registry.DigestOf([]byte("x"))
	if err := newStore(t, newClient(t, s), "").PutBlob(ctx, d, strings.NewReader("x")); !errors.Is(err, registry.ErrUnsupported) {
		t.Errorf("without artifacts: %v", err)
	}
	if _, err := newClient(t, s).ReadArtifact(ctx, "mlflow-artifacts:/0/x", "a", 1); !errors.Is(err, registry.ErrUnsupported) {
		t.Errorf("without artifacts: %v", err)
	}
}

// renamed is a transport that sends another Host header.
type renamed string

func (host renamed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = string(host)
	return http.DefaultTransport.RoundTrip(r)
}
