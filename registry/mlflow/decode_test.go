package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/registry"
)

// TestHostile feeds answers that are too long, cut, or lead elsewhere.
func TestHostile(t *testing.T) {
	const uri = "mlflow-artifacts:/1/2/artifacts"
	body := ""
	cut := false
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if cut {
			w.Header().Set("Content-Length", "1000")
		}
		io.WriteString(w, body)
	})
	ctx := t.Context()
	for _, name := range []string{"../x", "/etc/passwd", "a/b", "..", ".", "", `a\b`, "c:x", "a\x00"} {
		body = fmt.Sprintf(`{"files":[{"path":%s,"file_size":"3"}]}`, jsonText(name))
		if _, err := c.ListArtifacts(ctx, uri, "model"); !errors.Is(err, registry.ErrCorrupt) {
			t.Errorf("listing %q: %v", name, err)
		}
		if _, err := c.OpenArtifact(ctx, uri, name); name != "a/b" && !errors.Is(err, registry.ErrInput) {
			t.Errorf("opening %q: %v", name, err)
		}
	}
	body = `{"files":[{"path":"a b%","file_size":"3"},{"path":"d","is_dir":true}]}`
	got, err := c.ListArtifacts(ctx, uri, "model")
	if diff := cmp.Diff([]ArtifactInfo{{"model/a b%", false, 3}, {"model/d", true, 0}}, got); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	body = strings.Repeat("x", 101)
	if _, err := c.ReadArtifact(ctx, uri, "a", 100); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("reading too much: %v", err)
	}
	if b, err := c.ReadArtifact(ctx, uri, "a", 101); err != nil || len(b) != 101 {
		t.Errorf("reading all: %d bytes, %v", len(b), err)
	}
	for _, uri := range []string{"s3://bucket/x", "/local", "file:///x", "mlflow-artifacts://elsewhere/1"} {
		if _, err := c.ListArtifacts(ctx, uri, ""); !errors.Is(err, registry.ErrUnsupported) {
			t.Errorf("listing %s: %v", uri, err)
		}
	}
	cut = true
	r, err := c.OpenArtifact(ctx, uri, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading a cut artifact: %v", err)
	}
	r.Close()
}

// TestAbsentArtifacts tells those that are not there from servers that fail, as
// MLflow 2 does not.
func TestAbsentArtifacts(t *testing.T) {
	for _, test := range []struct {
		name, list string
		gets       int
		want       error
	}{{"not listed", `{"files":[{"path":"b"}]}`, 1, registry.ErrNotFound}, {"listed", `{"files":[{"path":"a"}]}`, 3, nil}} {
		gets := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("path") {
				io.WriteString(w, test.list)
				return
			}
			gets++
			http.Error(w, "No such file or directory", http.StatusInternalServerError)
		}, func(o *ClientOptions) { o.Retries = 1 })
		_, err := c.ReadArtifact(t.Context(), "mlflow-artifacts:/1/artifacts", "dir/a", 1)
		if err == nil || errors.Is(err, registry.ErrNotFound) != (test.want != nil) || gets != test.gets {
			t.Errorf("%s: %v after %d tries", test.name, err, gets)
		}
	}
}

// TestLargeAnswer gives up on an answer that does not end.
func TestLargeAnswer(t *testing.T) {
	c, err := NewClient(&ClientOptions{URI: "http://h", Transport: fake(func(*http.Request) (*http.Response, error) {
		r := reply(200, "")
		r.Body, r.ContentLength = io.NopCloser(zeros{}), -1
		return r, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	if c.limit != maxAnswer {
		t.Errorf("the limit is %d", c.limit)
	}
	c.limit = 1 << 16
	if _, err := c.Run(t.Context(), "1"); err == nil || !strings.Contains(err.Error(), "is over") {
		t.Errorf("error is %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBatches keeps to MLflow's limits and loses nothing.
func TestBatches(t *testing.T) {
	var parts []batchWire
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var part batchWire
		if err := json.Unmarshal(b, &part); err != nil || len(b) > 1_000_000 {
			t.Errorf("a batch of %d bytes: %v", len(b), err)
		}
		if len(part.Metrics) > 1000 || len(part.Params) > 100 || len(part.Tags) > 100 || len(part.Metrics)+len(part.Params)+len(part.Tags) > 1000 {
			t.Errorf("a batch of %d metrics, %d parameters and %d tags", len(part.Metrics), len(part.Params), len(part.Tags))
		}
		parts = append(parts, part)
		io.WriteString(w, "{}")
	})
	b := Batch{Params: map[string]string{}, Tags: map[string]string{}}
	for i := range 2100 {
		b.Metrics = append(b.Metrics, Metric{Key: fmt.Sprintf("m%d", i), Value: math.NaN()})
	}
	for i := range 150 {
		b.Params[fmt.Sprintf("p%d", i)] = strings.Repeat("\x01", 6000*(i%2))
		b.Tags[fmt.Sprintf("t%d", i)] = strings.Repeat("ü", 8000*(i%2))
	}
	if err := c.LogBatch(t.Context(), "1", b); err != nil {
		t.Fatal(err)
	}
	var metrics, params, tags int
	for _, part := range parts {
		metrics, params, tags = metrics+len(part.Metrics), params+len(part.Params), tags+len(part.Tags)
	}
	if metrics != 2100 || params != 150 || tags != 150 {
		t.Errorf("%d metrics, %d parameters and %d tags were sent", metrics, params, tags)
	}
	parts = nil
	long := strings.Repeat("x", 8001)
	for _, b := range []Batch{
		{Params: map[string]string{"p": long[:6001]}}, {Tags: map[string]string{"t": long}}, {Metrics: []Metric{{Key: long[:251]}}},
		{Params: map[string]string{"": ""}}, {Tags: map[string]string{"t": "\xff"}}, {Metrics: []Metric{{Key: ""}}},
	} {
		if err := c.LogBatch(t.Context(), "1", b); !errors.Is(err, registry.ErrInput) {
			t.Errorf("error is %v", err)
		}
	}
	if len(parts) > 0 {
		t.Errorf("%d batches were sent that MLflow would not take", len(parts))
	}
}

// TestDecode reads the answers of several kinds of servers.
func TestDecode(t *testing.T) {
	want := Run{
		ID: "r", ExperimentID: "7", Status: "FINISHED", Start: time.UnixMilli(1700000000123).UTC(), Params: map[string]string{"p": "1"},
		Tags: map[string]string{}, Metrics: []Metric{{Key: "f1", Value: 0.5, Step: 3, Time: time.UnixMilli(5).UTC()}},
	}
	for _, body := range []string{
		`{"run":{"info":{"run_id":"r","experiment_id":"7","status":"FINISHED","start_time":1700000000123},"data":{"params":[{"key":"p","value":"1"}],"metrics":[{"key":"f1","value":0.5,"timestamp":5,"step":3}]}}}`,
		`{"run":{"info":{"run_uuid":"r","experiment_id":7,"status":"FINISHED","start_time":"1700000000123","end_time":null},"data":{"params":[{"key":"p","value":"1"}],"metrics":[{"key":"f1","value":"0.5","timestamp":"5","step":"3"}]},"inputs":null}}`,
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		got, err := c.Run(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzAnswer decodes anything into what the calls decode into.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		`{"run":{"info":{"run_id":"r","start_time":"5"},"data":{"metrics":[{"key":"k","value":"NaN","step":1e3}]},"inputs":{"dataset_inputs":[{"dataset":{"name":"n"}}]}}}`,
		`{"model_version":{"version":3,"tags":[{"key":"a"}],"aliases":["b"]}}`, `{"registered_model":{"aliases":[{"alias":"a","version":"1"}]}}`,
		`{"error_code":404,"message":{}}`, `{"experiment":{"experiment_id":null}}`, `<html>`, `{"error_code":"\u0000"}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := NewClient(&ClientOptions{URI: "http://h", Retries: -1, Transport: fake(func(r *http.Request) (*http.Response, error) {
			status := 200
			if strings.HasSuffix(r.URL.Path, "alias") {
				status = 400
			}
			return reply(status, string(body)), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		if run, err := c.Run(ctx, "r"); err == nil && (run.Params == nil || run.Tags == nil) {
			t.Error("a run without maps")
		}
		if m, err := c.Model(ctx, "m"); err == nil && m.Aliases == nil {
			t.Error("a model without a map")
		}
		if v, err := c.ModelVersion(ctx, "m", "1"); err == nil && v.Tags == nil {
			t.Error("a version without a map")
		}
		var e *Error
		if _, err := c.Alias(ctx, "m", "a"); !errors.As(err, &e) || e.Status != 400 || strings.ContainsAny(e.Error(), "\x00\n\x1b") || len(e.Error()) > 2000 {
			t.Errorf("error is %q", err)
		}
		if all, err := c.ListArtifacts(ctx, "mlflow-artifacts:/1", ""); err == nil {
			for _, a := range all {
				if checkPath(a.Path) != nil {
					t.Errorf("listed %q", a.Path)
				}
			}
		}
	})
}
