package riskhttp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskhttp"
)

// contract holds answers against openapi.json and notes what it saw.
type contract struct {
	schemas
	t *testing.T
}

func newContract(t *testing.T) *contract {
	t.Helper()
	w := httptest.NewRecorder()
	riskhttp.New(&fake{}, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/risk/openapi.json", nil))
	doc, err := generic(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return &contract{schemas{doc.(map[string]any), map[string]bool{}}, t}
}

// escaped is a path as a part of a pointer.
func escaped(path string) string { return strings.ReplaceAll(path, "/", "~1") }

// holds validates an answer to a request with a body.
func (c *contract) holds(r *http.Request, sent string, w *http.Response) {
	c.t.Helper()
	got, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s with %.60q is %d, %.300s", r.Method, r.URL.Path, sent, w.StatusCode, got)
	operation := "#/paths/" + escaped(r.URL.Path) + "/" + strings.ToLower(r.Method)
	media := w.Header.Get("Content-Type")
	schema, answer := "#/components/schemas/Problem", ""
	if media != "application/problem+json" || w.StatusCode != 404 && w.StatusCode != 405 {
		ref, response, err := c.follow(operation + "/responses/" + strconv.Itoa(w.StatusCode))
		if err != nil {
			c.t.Fatalf("%s: %v", what, err)
		}
		answer = ref + "/content/" + escaped(media)
		schema = answer + "/schema"
		c.seen[operation+"/responses/"+strconv.Itoa(w.StatusCode)] = true
		c.seen[answer] = true
		for name := range response["headers"].(map[string]any) {
			if err := c.header(ref+"/headers/"+name, w.Header.Get(name)); err != nil {
				c.t.Errorf("%s: header %s: %v", what, name, err)
			}
		}
	}
	values := []string{string(got)}
	if media == "application/x-ndjson" {
		values = strings.Split(strings.TrimSuffix(string(got), "\n"), "\n")
	}
	for _, value := range values {
		v, err := generic([]byte(value))
		if err == nil {
			err = c.validate(schema, v)
		}
		if err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	if w.StatusCode != 200 || sent == "" {
		return
	}
	for _, value := range strings.Split(sent, "\n") { // what is taken is what the schema describes
		content := operation + "/requestBody/content/" + escaped(r.Header.Get("Content-Type"))
		if v, err := generic([]byte(value)); err == nil && !strings.Contains(string(got), `"error"`) {
			if err := c.validate(content+"/schema", v); err != nil {
				c.t.Errorf("%s: sent: %v", what, err)
			}
		}
	}
}

// header validates a header.
func (c *contract) header(ref, value string) error {
	ref, _, err := c.follow(ref)
	if err != nil {
		return err
	}
	return c.validate(ref+"/schema", value)
}

// all are the pointers of what has to be seen.
func (c *contract) all() []string {
	want := map[string]bool{}
	for path, item := range c.doc["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			operation := "#/paths/" + escaped(path) + "/" + method
			for status := range o.(map[string]any)["responses"].(map[string]any) {
				want[operation+"/responses/"+status] = true
				ref, response, err := c.follow(operation + "/responses/" + status)
				if err != nil {
					c.t.Fatal(err)
				}
				for media := range response["content"].(map[string]any) {
					want[ref+"/content/"+escaped(media)] = true
				}
			}
		}
	}
	var properties func(ref string, v any)
	properties = func(ref string, v any) {
		m, _ := v.(map[string]any)
		for name, v := range m {
			if name == "properties" {
				for name := range v.(map[string]any) {
					want[ref+"/properties/"+name] = true
				}
			}
			properties(ref+"/"+name, v)
		}
	}
	properties("#/components/schemas", c.doc["components"].(map[string]any)["schemas"])
	return slices.Sorted(maps.Keys(want))
}

// fullAssessment has every field.
func fullAssessment() *risk.Assessment {
	a := assessment()
	a.Categories = []risk.Category{{Name: "payments", Share: 0.5}}
	a.FallbackReason, a.Escalated, a.Escalation, a.EscalationReason = risk.ReasonTimeout, true, risk.EscalationChanged, "Nobody can pay."
	a.Rollout, a.Arm, a.Truncated = "r1", risk.ArmCandidate, true
	return &a
}

// TestOpenAPI has the handlers answer in every way that openapi.json speaks of,
// and in no other.
func TestOpenAPI(t *testing.T) {
	c := newContract(t)
	full := &fake{answer: fullAssessment(), status: risk.ServiceStatus{
		ML: true, Method: risk.MethodML, Model: "incident-risk", Version: "7", Digest: "sha256:abc", Breaker: "closed", Error: "e", Fallbacks: 3, LastFallback: "l",
		Rollout: &risk.RolloutStatus{ID: "r1", Version: "8", Digest: "sha256:def", Share: 0.1, Tags: []string{"beta"}, Paused: true, Shadow: true, Pairs: &risk.ShadowStats{Pairs: 3}, Error: "e"},
	}}
	sweeps := swept()
	sweeps[0].Error = "e"
	broken := &fake{status: risk.ServiceStatus{Method: risk.MethodHeuristic}, feedback: errBroken}
	nan := drift{{Report: psi.Report{Features: []psi.FeatureReport{{Name: "x", PSI: math.NaN()}}}}}
	good := riskhttp.New(full, &riskhttp.Options{Drift: sweeps})
	bad := riskhttp.New(broken, &riskhttp.Options{
		MaxBody: 6000, MaxMemory: 1, MaxLine: 100_000, ReadTimeout: 50 * time.Millisecond, Drift: nan,
		Ready: func(context.Context) error { return errors.New("stopping") },
	})
	const (
		whole    = `{"id":"1","text":"fire","tags":["a","b"],"created_at":"2026-03-01T09:30:00+01:00"}`
		verdict  = `{"id":"1","level":"high","assessed":"low","actor":"a","reason":"r","time":"2026-03-01T09:30:00Z"}`
		json     = "application/json"
		lines    = "application/x-ndjson"
		slowly   = "slowly" // stands for a body that does not come in
		question = "?explain=2"
	)
	long := strings.Repeat("x", 5000)
	for _, x := range []struct {
		h            http.Handler
		method, path string
		media, body  string
		status       int
	}{
		{good, "POST", "/risk" + question, json, whole, 200},
		{good, "POST", "/risk", json + "; charset=UTF-8", `{"text":"a"}`, 200},
		{good, "POST", "/risk", json, `{"text":1}`, 400},
		{good, "POST", "/risk?explain=x", json, whole, 400},
		{bad, "POST", "/risk", json, slowly, 408},
		{bad, "POST", "/risk", json, long + long, 413},
		{bad, "POST", "/risk", json, long, 503},
		{bad, "POST", "/risk", json, `{"text":"fail"}`, 500},
		{good, "POST", "/risk", "text/plain", whole, 415},
		{good, "POST", "/risk/batch" + question, lines, whole + "\n\n" + whole, 200},
		{good, "POST", "/risk/batch", lines, whole + "\nnonsense\n" + whole, 200},
		{good, "POST", "/risk/batch?explain=101", lines, whole, 400},
		{bad, "POST", "/risk/batch", lines, slowly, 408},
		{bad, "POST", "/risk/batch", lines, long, 503},
		{good, "POST", "/risk/batch", json, whole, 415},
		{good, "POST", "/risk/feedback", json, verdict, 200},
		{good, "POST", "/risk/feedback", json, `{"id":"1","level":"high","assessed":"high"}`, 200},
		{good, "POST", "/risk/feedback", json, `{"id":"1","level":"low"}`, 200},
		{good, "POST", "/risk/feedback", json, `{"id":"1","level":"low","assessed":"high"}`, 200},
		{good, "POST", "/risk/feedback", json, `[`, 400},
		{good, "POST", "/risk/feedback?x=1", json, verdict, 400},
		{bad, "POST", "/risk/feedback", json, slowly, 408},
		{bad, "POST", "/risk/feedback", json, long + long, 413},
		{bad, "POST", "/risk/feedback", json, long, 503},
		{good, "POST", "/risk/feedback", "", verdict, 415},
		{good, "POST", "/risk/feedback", json, `{"id":"1","level":"purple"}`, 422},
		{bad, "POST", "/risk/feedback", json, verdict, 500},
		{good, "GET", "/risk/status", "", "", 200},
		{bad, "GET", "/risk/status", "", "", 500},
		{good, "GET", "/risk/openapi.json", "", "", 200},
		{good, "GET", "/healthz", "", "", 200},
		{bad, "GET", "/healthz", "", "", 200},
		{good, "GET", "/readyz", "", "", 200},
		{bad, "GET", "/readyz", "", "", 503},
		{good, "GET", "/risk", "", "", 405},
		{good, "POST", "/healthz", json, "{}", 405},
		{good, "GET", "/", "", "", 404},
		{good, "GET", "/risk/", "", "", 404},
	} {
		r := httptest.NewRequest(x.method, x.path, strings.NewReader(x.body))
		r.Header.Set("Content-Type", strings.Split(x.media, ";")[0])
		answer := served(t, x.h, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			x.method, x.path, x.media, max(len(x.body), 100*strings.Count(x.body, slowly)), strings.ReplaceAll(x.body, slowly, "")))
		if answer.StatusCode != x.status {
			t.Errorf("%s %s with %.40q: %d, want %d", x.method, x.path, x.body, answer.StatusCode, x.status)
		}
		c.holds(r, strings.ReplaceAll(x.body, slowly, ""), answer)
	}
	// A batch that cannot be streamed.
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/risk/batch", strings.NewReader(whole))
	r.Header.Set("Content-Type", lines)
	good.ServeHTTP(w, r) // a recorder cannot
	c.holds(r, "", w.Result())
	for _, want := range c.all() {
		if !c.seen[want] {
			t.Errorf("openapi.json has %s, but no handler was seen to do it", want)
		}
	}
}

// TestOpenAPIWords holds the words that openapi.json has for fields against those
// that there are.
func TestOpenAPIWords(t *testing.T) {
	c := newContract(t)
	var breaker []risk.BreakerState
	for s := risk.BreakerClosed; s.String() != "unknown"; s++ {
		breaker = append(breaker, s)
	}
	drift := []psi.Status{psi.StatusStable, psi.StatusMonitor, psi.StatusAlert, psi.StatusInsufficient}
	for field, want := range map[string]any{
		"Assessment/properties/risk_score_method":     []risk.Method{risk.MethodHeuristic, risk.MethodML, risk.MethodEscalation},
		"Status/properties/risk_score_method":         []risk.Method{risk.MethodHeuristic, risk.MethodML, risk.MethodEscalation},
		"Assessment/properties/fallback_reason":       risk.FallbackReasons(),
		"Assessment/properties/escalation":            risk.EscalationResults(),
		"Assessment/properties/arm":                   []risk.Arm{risk.ArmProduction, risk.ArmCandidate},
		"Verdict/properties/agreement":                risk.Agreements(),
		"Status/properties/breaker":                   breaker,
		"Status/properties/drift/properties/standing": drift,
		"Status/properties/drift/properties/status":   drift,
		"Health/properties/status":                    []string{"ok", "ready"},
	} {
		schema, err := c.at("#/components/schemas/" + field)
		if err != nil {
			t.Fatal(err)
		}
		if got := schema["enum"]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is one of %v, want %v", field, got, want)
		}
	}
}

// served returns what a server answers to a request.
func served(t testing.TB, h http.Handler, request string) *http.Response {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	w, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	w.Body = io.NopCloser(bytes.NewReader(body))
	return w
}
