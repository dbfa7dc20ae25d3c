package riskhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// do has h answer a request with a body of JSON.
func do(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func problem(t testing.TB, w *httptest.ResponseRecorder) riskhttp.Problem {
	t.Helper()
	var p riskhttp.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" || p.Status != w.Code {
		t.Errorf("%d %s, %v, is not a problem: %v", w.Code, w.Body, w.Header(), err)
	}
	return p
}

func TestRequestID(t *testing.T) {
	var seen string
	h := riskhttp.New(&fake{score: func(ctx context.Context, _ risk.Document) { seen = riskhttp.RequestID(ctx) }}, &riskhttp.Options{NewID: func() string { return "new" }})
	for id, want := range map[string]string{
		"abc-7": "abc-7", strings.Repeat("x", 128): strings.Repeat("x", 128), "": "new", strings.Repeat("x", 129): "new", "a b": "new", "a\x00": "new", "é": "new", `a"b\`: `a"b\`,
	} {
		w := do(h, "POST", "/risk", `{"text":"a"}`, "X-Request-ID", id)
		if got := w.Header().Get("X-Request-ID"); got != want || seen != want {
			t.Errorf("id %q: answered with %q, the service got %q, want %q", id, got, seen, want)
		}
		if p := problem(t, do(h, "POST", "/risk?x=1", `{}`, "X-Request-ID", id)); p.RequestID != want || p.Instance != "/risk" || !strings.Contains(p.Type, "docs/http.md#query") {
			t.Errorf("id %q: problem %+v", id, p)
		}
	}
	if riskhttp.RequestID(t.Context()) != "" {
		t.Error("a context without a request has an id")
	}
	a, b := do(riskhttp.New(&fake{}, nil), "GET", "/healthz", ""), do(riskhttp.New(&fake{}, nil), "GET", "/healthz", "")
	if x, y := a.Header().Get("X-Request-ID"), b.Header().Get("X-Request-ID"); len(x) < 16 || x == y {
		t.Errorf("ids are %q and %q", x, y)
	}
}

func TestMethodsAndTypes(t *testing.T) {
	h := riskhttp.New(&fake{}, nil)
	for _, x := range []struct {
		method, path, media, encoding, allow string
		status                               int
	}{
		{"GET", "/risk", "", "", "POST", 405},
		{"PUT", "/risk/batch", "", "", "POST", 405},
		{"DELETE", "/risk/status", "", "", "GET, HEAD", 405},
		{"OPTIONS", "/readyz", "", "", "GET, HEAD", 405},
		{"post", "/risk", "application/json", "", "POST", 405},
		{"POST", "/risk", "application/json", "", "", 200},
		{"POST", "/risk", "Application/JSON; Charset=\"utf-8\"", "identity", "", 200},
		{"POST", "/risk", "application/json; charset=latin1", "", "", 415},
		{"POST", "/risk", "application/json;;", "", "", 415},
		{"POST", "/risk", "application/x-www-form-urlencoded", "", "", 415},
		{"POST", "/risk", "", "", "", 415},
		{"POST", "/risk", "application/json", "gzip", "", 415},
		{"POST", "/risk//", "application/json", "", "", 404},
		{"GET", "/risk/openapi", "", "", "", 404},
	} {
		w := do(h, x.method, x.path, `{"text":"a"}`, "Content-Type", x.media, "Content-Encoding", x.encoding)
		if x.encoding == "" {
			r := httptest.NewRequest(x.method, x.path, strings.NewReader(`{"text":"a"}`))
			r.Header.Set("Content-Type", x.media)
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
		}
		if w.Code != x.status || w.Header().Get("Allow") != x.allow {
			t.Errorf("%+v: %d, Allow %q", x, w.Code, w.Header().Get("Allow"))
		}
		if w.Code != 200 {
			problem(t, w)
		}
	}
	for _, path := range []string{"/risk/status", "/risk/openapi.json", "/healthz", "/readyz"} {
		get, head := do(h, "GET", path, ""), do(h, "HEAD", path, "")
		if head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") || get.Body.Len() == 0 {
			t.Errorf("HEAD %s: %d %v, %d bytes", path, head.Code, head.Header(), head.Body.Len())
		}
	}
	for _, query := range []string{"explain=-1", "explain=101", "explain=", "explain=x", "explain=1&explain=2", "x=1", "explain=1&x=1", "%zz", "explain=1&%zz"} {
		if w := do(h, "POST", "/risk?"+query, `{"text":"a"}`); w.Code != 400 {
			t.Errorf("?%s: %d", query, w.Code)
		}
	}
}

// TestExplain asks services that explain and one that cannot.
func TestExplain(t *testing.T) {
	for name, x := range map[string]struct {
		svc  riskhttp.Service
		want int
	}{"explainer": {&fake{}, 2}, "no explainer": {mute{&fake{}}, 0}} {
		w := do(riskhttp.New(x.svc, nil), "POST", "/risk?explain=5", `{"id":"1","text":"a"}`)
		var a risk.Assessment
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || len(a.Explanation) != x.want || a.ModelVersion != "7" || a.ID != "1" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// mute is a service that cannot explain.
type mute struct{ f *fake }

func (m mute) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	return m.f.Score(ctx, doc)
}
func (m mute) Feedback(ctx context.Context, f risk.Feedback) (risk.Agreement, error) {
	return m.f.Feedback(ctx, f)
}
func (m mute) Status() risk.ServiceStatus { return m.f.Status() }

// TestFailures has what a client must not know told to the host alone.
func TestFailures(t *testing.T) {
	nan := assessment()
	nan.Score = math.NaN()
	for name, x := range map[string]struct {
		svc        *fake
		path, body string
	}{
		"score": {&fake{}, "/risk", `{"text":"fail"}`}, "explain": {&fake{}, "/risk?explain=1", `{"text":"fail"}`},
		"NaN": {&fake{answer: &nan}, "/risk", `{"text":"a"}`}, "feedback": {&fake{feedback: errBroken}, "/risk/feedback", `{"id":"1","level":"low"}`},
	} {
		want := errBroken
		if name == "NaN" {
			want = risk.ErrInvalid
		}
		if p := problem(t, do(riskhttp.New(x.svc, nil), "POST", x.path, x.body)); p.Status != 500 || !strings.Contains(p.Detail, want.Error()) {
			t.Errorf("%s: %+v", name, p)
		}
		var told error
		var id string
		h := riskhttp.New(x.svc, &riskhttp.Options{OnError: func(ctx context.Context, err error) { told, id = err, riskhttp.RequestID(ctx) }})
		if p := problem(t, do(h, "POST", x.path, x.body)); p.Status != 500 || strings.Contains(p.Detail, "secret") || !errors.Is(told, want) || id != p.RequestID {
			t.Errorf("%s: %+v, told %v under %q", name, p, told, id)
		}
	}
}

// TestMount has the handler on a mux of the host, under a prefix.
func TestMount(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/ml/", http.StripPrefix("/ml", riskhttp.New(&fake{}, nil)))
	if w := do(mux, "POST", "/ml/risk", `{"text":"a"}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(mux, "GET", "/ml/nothing", ""); problem(t, w).Status != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
