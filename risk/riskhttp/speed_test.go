package riskhttp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// plain decodes and encodes what /risk does, as anybody would write it.
func plain(a risk.Assessment) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var doc risk.Document
		if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := a
		answer.ID = doc.ID
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// sink is a ResponseWriter that keeps nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) Flush()                           {}

// incident is a body of the length that incidents have.
var incident = `{"id":"INC-20731","text":"` + strings.Repeat("The checkout is down for all customers since the upgrade of the payment service. ", 4) +
	`","tags":["payments","eu"],"created_at":"2026-03-01T09:30:00Z"}`

// again is a request that can be served any number of times.
func again(body string) (r *http.Request, rewind func()) {
	b := bytes.NewReader([]byte(body))
	r = &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/risk"}, Body: io.NopCloser(b), ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
	return r, func() { b.Reset([]byte(body)) }
}

// TestAllocations holds what a request costs beside what the service takes.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector drops pooled memory")
	}
	a := assessment()
	svc := &fake{answer: &a}
	h := riskhttp.New(svc, &riskhttp.Options{NewID: func() string { return "1" }})
	r, _ := again(incident)
	w := &sink{http.Header{}}
	body := []byte(incident)
	b := bytes.NewReader(body)
	r.Body = io.NopCloser(b)
	n := testing.AllocsPerRun(1000, func() {
		b.Reset(body)
		h.ServeHTTP(w, r)
	})
	// The id of the request, as a header and in the context, takes 3, the document 6 (id, text, two tags and their
	// slice, twice), the answer's headers 3.
	if n > 12 {
		t.Errorf("%v allocations a request, want at most 12", n)
	}
}

// TestSpeed holds all that riskhttp does beside the service to less time than
// decoding and encoding alone takes as anybody would write it; it is a third.
func TestSpeed(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector slows some code more than other")
	}
	a := assessment()
	handlers := [2]http.Handler{plain(a), riskhttp.New(&fake{answer: &a}, nil)}
	var least [2]time.Duration
	for round := range 20 {
		for i, h := range handlers {
			r, rewind := again(incident)
			w := &sink{http.Header{}}
			start := time.Now()
			for range 200 {
				rewind()
				h.ServeHTTP(w, r)
			}
			if took := time.Since(start); round == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	if least[1] > least[0] {
		t.Errorf("200 requests take %v, decoding and encoding alone %v", least[1], least[0])
	}
}

func BenchmarkHandler(b *testing.B) {
	a := assessment()
	for name, h := range map[string]http.Handler{"plain": plain(a), "riskhttp": riskhttp.New(&fake{answer: &a}, nil)} {
		b.Run(name, func(b *testing.B) {
			r, rewind := again(incident)
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				rewind()
				h.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkBatch(b *testing.B) {
	a := assessment()
	h := riskhttp.New(&fake{answer: &a}, nil)
	lines := []byte(strings.Repeat(incident+"\n", 1000))
	body := bytes.NewReader(lines)
	r, _ := again("")
	r.URL.Path, r.Body, r.ContentLength = "/risk/batch", io.NopCloser(body), int64(len(lines))
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := duplex{&sink{http.Header{}}}
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(lines)
		h.ServeHTTP(w, r)
	}
}

func BenchmarkLoopback(b *testing.B) {
	a := assessment()
	for name, h := range map[string]http.Handler{"plain": plain(a), "riskhttp": riskhttp.New(&fake{answer: &a}, nil)} {
		b.Run(name, func(b *testing.B) {
			s := httptest.NewServer(h)
			defer s.Close()
			for b.Loop() {
				resp, err := http.Post(s.URL+"/risk", "application/json", strings.NewReader(incident))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
