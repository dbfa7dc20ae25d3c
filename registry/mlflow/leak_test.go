package mlflow

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// TestLeaks wants no goroutine to be left: after answers that were read, left
// in the middle, cancelled or silent.
func TestLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Length", "1000000")
		io.CopyN(w, zeros{}, 1000000)
	}))
	c, err := NewClient(&ClientOptions{URI: s.URL, Retries: -1, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		r, err := c.OpenArtifact(t.Context(), "mlflow-artifacts:/0", "a")
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			_, err = io.Copy(io.Discard, r)
		} else {
			_, err = r.Read(make([]byte, 10))
		}
		if err != nil {
			t.Error(err)
		}
		r.Close()
		if _, err := c.Version(t.Context()); err == nil {
			t.Error("a silent server answered")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := c.Version(ctx); err == nil {
			t.Error("a silent server answered")
		}
		cancel()
	}
	c.CloseIdle()
	s.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
