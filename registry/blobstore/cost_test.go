package blobstore_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/riskkit/riskkit/registry"
)

// newLog returns a registry on the server's bucket with n events of a model, put
// there behind its back, which it has seen.
func newLog(t testing.TB, srv *server, n int) *registry.Log {
	t.Helper()
	mem := registry.NewMem()
	reg := registry.New(mem, nil)
	for i := range n {
		if _, err := reg.Register(t.Context(), "risk", registry.Artifact{"model.bin": fmt.Append(nil, i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	seq := 0
	for e, err := range mem.Events(t.Context(), "risk", 1) {
		if err != nil {
			t.Fatal(err)
		}
		seq++
		srv.put(t, fmt.Sprintf("models/risk/%012d.json", seq), string(e))
	}
	l := registry.New(srv.store(t), nil)
	if _, err := l.State(t.Context(), "risk"); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestRequests holds what the calls of a registry cost in requests.
func TestRequests(t *testing.T) {
	srv := newServer(t)
	warm := newLog(t, srv, 200)
	artifact := registry.Artifact{"model.bin": []byte("weights")}
	if _, err := warm.Register(t.Context(), "other", artifact, nil); err != nil { // and the probe is written
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		call func() error
		want map[string]int
	}{
		{"cold fold of 200 events", func() error {
			_, err := registry.New(srv.store(t), nil).State(t.Context(), "risk")
			return err
		}, map[string]int{"GET": 3 + 200, "LIST": 1}},
		{"resolve", func() error {
			_, err := warm.Resolve(t.Context(), "risk", "latest")
			return err
		}, map[string]int{"GET": 3}},
		{"models", func() error {
			for _, err := range warm.Models(t.Context()) {
				if err != nil {
					return err
				}
			}
			return nil
		}, map[string]int{"LIST": 1, "HEAD": 2}}, // there are two
		{"register", func() error {
			_, err := warm.Register(t.Context(), "risk", artifact, nil)
			return err
		}, map[string]int{"GET": 3 + 1, "HEAD": 1, "PUT": 2}},
		{"move", func() error {
			_, err := warm.Move(t.Context(), "risk", registry.Move{Version: 1, To: registry.Production})
			return err
		}, map[string]int{"GET": 3, "HEAD": 1, "PUT": 1}},
	} {
		got := srv.counted(func() {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
		})
		if !maps.Equal(got, c.want) {
			t.Errorf("%s takes requests %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkS3(b *testing.B) {
	srv := newServer(b)
	warm := newLog(b, srv, 200)
	b.Run("ColdFold200", func(b *testing.B) {
		store := srv.store(b)
		for b.Loop() {
			if _, err := registry.New(store, nil).State(b.Context(), "risk"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Resolve", func(b *testing.B) {
		for b.Loop() {
			if _, err := warm.Resolve(b.Context(), "risk", "latest"); err != nil {
				b.Fatal(err)
			}
		}
	})
	other := registry.New(srv.store(b), nil)
	artifact := registry.Artifact{"model.bin": []byte("weights")}
	b.Run("Register", func(b *testing.B) {
		for b.Loop() {
			if _, err := other.Register(b.Context(), "other", artifact, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Move", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if _, err := warm.Move(b.Context(), "risk", registry.Move{Version: 1 + n%2, To: registry.Production}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
