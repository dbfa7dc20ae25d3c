package riskhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// duplex is a ResponseWriter that a batch can be streamed through.
type duplex struct{ http.ResponseWriter }

func (duplex) EnableFullDuplex() error       { return nil }
func (d duplex) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// stutter returns n bytes at a time at most.
type stutter struct {
	r io.Reader
	n int
}

func (s stutter) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), max(1, s.n))]) }

// batch returns what comes of a batch that is read n bytes at a time.
func batch(t testing.TB, h http.Handler, body string, n int) []riskhttp.Result {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/risk/batch", stutter{strings.NewReader(body), n})
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := httptest.NewRecorder()
	h.ServeHTTP(duplex{w}, r)
	if w.Code != 200 {
		t.Fatalf("%.80q: status %d, %s", body, w.Code, w.Body)
	}
	var all []riskhttp.Result
	for line := range strings.Lines(w.Body.String()) {
		var x riskhttp.Result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&x); err != nil || !strings.HasSuffix(line, "}\n") || (x.Assessment == nil) == (x.Error == nil) {
			t.Fatalf("%.80q: line %q, error %v", body, line, err)
		}
		all = append(all, x)
	}
	return all
}

func TestBatch(t *testing.T) {
	doc := func(text string) string { return `{"id":"1","text":"` + text + `"}` }
	exact := doc(strings.Repeat("x", 9000-len(doc("")))) // a line of 9,000 bytes
	h := riskhttp.New(&fake{}, &riskhttp.Options{MaxLine: 9000, MaxBatch: 6, MaxText: 8999})
	for name, x := range map[string]struct{ body, want string }{
		"nothing":             {"", ""},
		"empty lines":         {"\n \n\t\r\n", ""},
		"one":                 {doc("a"), "1:ok"},
		"ends":                {doc("a") + "\r\n\n" + doc("b") + "\n", "1:ok 3:ok"},
		"a bad line":          {doc("a") + "\n[]\n" + doc("b"), "1:ok 2:400 3:ok"},
		"one that fails":      {doc("a") + "\n" + doc("fail") + "\n" + doc("b"), "1:ok 2:500 3:ok"},
		"just short enough":   {exact + "\n" + exact + "\r\n" + exact, "1:ok 2:ok 3:ok"},
		"a byte too long":     {exact + " \n" + doc("a") + "\n" + exact + " \r\n" + exact + " ", "1:413 2:ok 3:413 4:413"},
		"much too long":       {strings.Repeat("y", 100_000) + "\n" + doc("a") + "\n" + strings.Repeat("y", 50_000), "1:413 2:ok 3:413"},
		"as many as may be":   {strings.Repeat(doc("a")+"\n", 6), "1:ok 2:ok 3:ok 4:ok 5:ok 6:ok"},
		"one too many":        {strings.Repeat(doc("a")+"\n", 9), "1:ok 2:ok 3:ok 4:ok 5:ok 6:ok 7:413"},
		"not UTF-8 in a line": {doc("a") + "\n" + doc("\xff") + "\n" + doc("b"), "1:ok 2:400 3:ok"},
	} {
		for _, n := range []int{1, 7, 4096, 1 << 20} {
			var got []string
			for _, r := range batch(t, h, x.body, n) {
				what := "ok"
				if r.Error != nil {
					what = fmt.Sprint(r.Error.Status)
				}
				got = append(got, fmt.Sprintf("%d:%s", r.Line, what))
			}
			if s := strings.Join(got, " "); s != x.want {
				t.Errorf("%s, %d bytes at a time: %s, want %s", name, n, s, x.want)
			}
		}
	}
	got := batch(t, h, "{}\n{\"text\":\"a\",\"tags\":[1]}", 100)
	if f := got[1].Error.Errors[0]; f.Pointer != "/tags/0" || f.Offset != 20 {
		t.Errorf("the place of a fault is that in its line: %+v", f)
	}
}

// TestBatchStreams has each line answered before the next is sent.
func TestBatchStreams(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s := httptest.NewUnstartedServer(riskhttp.New(&fake{}, nil))
		s.EnableHTTP2 = http2
		s.StartTLS()
		converse(t, s, http2)
		s.Close()
	}
}

func converse(t *testing.T, s *httptest.Server, http2 bool) {
	t.Helper()
	body, lines := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/risk/batch?explain=1", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	go func() { _, _ = io.WriteString(lines, `{"id":"0","text":"a"}`+"\n") }()
	w, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if (w.ProtoMajor == 2) != http2 {
		t.Errorf("the protocol is %s", w.Proto)
	}
	answers := bufio.NewScanner(w.Body)
	for i := range 50 {
		var x riskhttp.Result
		if !answers.Scan() || json.Unmarshal(answers.Bytes(), &x) != nil || x.Line != i+1 || x.Assessment.ID != fmt.Sprint(i) || len(x.Assessment.Explanation) != 1 {
			t.Fatalf("line %d is %s, error %v", i+1, answers.Bytes(), answers.Err())
		}
		if _, err := fmt.Fprintf(lines, `{"id":"%d","text":"a"}`+"\n", i+1); err != nil {
			t.Fatal(err)
		}
	}
	_ = lines.Close()
	for answers.Scan() {
	}
	if err := answers.Err(); err != nil {
		t.Error(err)
	}
}

// TestBatchGone has the client go away in the middle of a batch without end.
func TestBatchGone(t *testing.T) {
	var scored atomic.Int64
	ended := make(chan struct{})
	h := riskhttp.New(&fake{score: func(context.Context, risk.Document) { scored.Add(1) }}, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	endless := readerFunc(func(p []byte) (int, error) { return copy(p, `{"text":"a"}`+"\n"), ctx.Err() })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/risk/batch", endless)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	w, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if _, err := io.CopyN(io.Discard, w.Body, 1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Errorf("the batch goes on, %d lines are scored", scored.Load())
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// FuzzBatch holds each line of a batch against POST /risk, however the lines
// come in.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{"", "\n\n", `{"text":"a"}`, "{\"text\":\"a\"}\r\n[]\n\n \n{\"text\":\"fail\"}\n{\"id\":\"" + strings.Repeat("x", 200) + "\"}\n{\"text\":\"b\"}", "\r\n\xff"} {
		f.Add(s, 3)
	}
	opts := &riskhttp.Options{MaxLine: 100, MaxBatch: 20, NewID: func() string { return "1" }}
	h := riskhttp.New(&fake{}, opts)
	f.Fuzz(func(t *testing.T, body string, n int) {
		got := batch(t, h, body, n)
		for i, line := range strings.Split(body, "\n") {
			line = strings.TrimSuffix(line, "\r")
			if i == opts.MaxBatch && strings.Count(body, "\n") >= opts.MaxBatch {
				if more := strings.SplitN(body, "\n", i+1)[i]; more != "" && (len(got) != 1 || got[0].Line != i+1 || got[0].Error.Status != 413) {
					t.Errorf("%q: after the last line that may be: %+v", body, got)
				}
				return
			}
			if len(bytes.TrimSpace([]byte(line))) == 0 && len(line) <= 100 {
				continue
			}
			if len(got) == 0 || got[0].Line != i+1 {
				t.Fatalf("%q: %+v, want line %d next", body, got, i+1)
			}
			x := got[0]
			got = got[1:]
			r := httptest.NewRequest(http.MethodPost, "/risk", strings.NewReader(line))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			switch {
			case len(line) > 100:
				if x.Error == nil || x.Error.Status != 413 {
					t.Errorf("%q: a long line is answered by %+v", line, x)
				}
			case w.Code == 200:
				var a risk.Assessment
				if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || x.Assessment == nil || x.Assessment.ID != a.ID || !x.Assessment.Probabilities.Equal(a.Probabilities) {
					t.Errorf("%q: %+v, want %s", line, x, w.Body)
				}
			default:
				var p riskhttp.Problem
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || x.Error == nil || x.Error.Detail != p.Detail || x.Error.Type != p.Type {
					t.Errorf("%q: %+v, want %s", line, x, w.Body)
				}
			}
		}
		if len(got) > 0 {
			t.Errorf("%q: there is more: %+v", body, got)
		}
	})
}
