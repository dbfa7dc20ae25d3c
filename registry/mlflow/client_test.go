package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// serve returns a client of a server that answers by h.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*ClientOptions)) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := &ClientOptions{URI: s.URL, Retries: -1}
	for _, f := range change {
		f(o)
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		want                    error // of package registry
		code, message           string
		call                    func(context.Context, *Client) error
	}{
		{"missing", "application/json", `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no run"}`, 404, registry.ErrNotFound, "RESOURCE_DOES_NOT_EXIST", "no run", nil},
		{"taken", "application/json", `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"m"}`, 400, registry.ErrConflict, "RESOURCE_ALREADY_EXISTS", "m", nil},
		{"number of a code", "application/json", `{"error_code":3001,"message":"m"}`, 400, registry.ErrConflict, "RESOURCE_ALREADY_EXISTS", "m", nil},
		{"number of a status", "application/json", `{"error_code":404,"message":"m"}`, 404, registry.ErrNotFound, "", "m", nil},
		{"number of a status as text", "application/json", `{"error_code":"404","message":"m"}`, 404, registry.ErrNotFound, "", "m", nil},
		{"bad value", "application/json", `{"error_code":"INVALID_PARAMETER_VALUE","message":"m"}`, 400, registry.ErrInput, "INVALID_PARAMETER_VALUE", "m", nil},
		{"no such alias", "application/json", `{"error_code":"INVALID_PARAMETER_VALUE","message":"m"}`, 400, registry.ErrNotFound, "INVALID_PARAMETER_VALUE", "m",
			func(ctx context.Context, c *Client) error { _, err := c.Alias(ctx, "m", "champion"); return err }},
		{"no such endpoint", "application/json", `{"error_code":"ENDPOINT_NOT_FOUND","message":"m"}`, 404, registry.ErrUnsupported, "ENDPOINT_NOT_FOUND", "m", nil},
		{"no such route", "text/html", "<h1>Not Found</h1>", 404, registry.ErrUnsupported, "", "<h1>Not Found</h1>", nil},
		{"no such artifact", "text/html", "gone", 404, registry.ErrNotFound, "", "gone",
			func(ctx context.Context, c *Client) error {
				_, err := c.OpenArtifact(ctx, "mlflow-artifacts:/0/1/artifacts", "a")
				return err
			}},
		{"wrong method", "text/plain", "", 405, registry.ErrUnsupported, "", "no reason given", nil},
		{"not implemented", "application/json", `{"error_code":"NOT_IMPLEMENTED"}`, 501, registry.ErrUnsupported, "NOT_IMPLEMENTED", "no reason given", nil},
		{"host", "text/plain", "Invalid Host header - possible DNS rebinding attack detected", 403, nil, codeHost, "--allowed-hosts", nil},
		{"artifacts off", "text/plain", "Endpoint: /x disabled due to the mlflow server running with `--no-serve-artifacts`.", 503, registry.ErrUnsupported, codeDisabled, "--no-serve-artifacts", nil},
		{"artifacts off, said by MLflow 3", "application/json", `{"detail":"Artifact serving is disabled. Run with ` + "`--serve-artifacts`" + ` to enable."}`, 503, registry.ErrUnsupported, codeDisabled, "--serve-artifacts", nil},
		{"no such route, said by MLflow 3", "application/json", `{"detail":"Not Found"}`, 404, registry.ErrUnsupported, "", "Not Found", nil},
		{"forbidden", "application/json", `{"error":"insufficient_scope"}`, 403, nil, "", "insufficient_scope", nil},
		{"control characters", "text/plain", "a\x00\x1b[31m\n\nb\xff", 418, nil, "", "a[31m b?", nil},
		{"nonsense for fields", "application/json", `{"error_code":{"a":1},"message":[2]}`, 400, registry.ErrInput, `{"a":1}`, "[2]", nil},
		{"success that is a page", "text/html", "<html>sign in</html>", 200, nil, "", "proxy", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			call := test.call
			if call == nil {
				call = func(ctx context.Context, c *Client) error { _, err := c.Run(ctx, "1"); return err }
			}
			err := call(t.Context(), c)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v", err)
			}
			if e.Status != test.status || e.Code != test.code || !strings.Contains(e.Message, test.message) {
				t.Errorf("error is %+v", e)
			}
			for _, kind := range []error{registry.ErrNotFound, registry.ErrConflict, registry.ErrInput, registry.ErrUnsupported} {
				if errors.Is(err, kind) != (kind == test.want) {
					t.Errorf("error %v matches %v: %t", err, kind, errors.Is(err, kind))
				}
			}
		})
	}
}

// TestRedirects refuses them and keeps the credentials.
func TestRedirects(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.Run(t.Context(), "1")
	var e *Error
	if !errors.As(err, &e) || e.Code != codeRedirect || reached {
		t.Errorf("error is %v, the other server was reached: %t", err, reached)
	}
}

// TestCredentials sends them, and shows them in no error.
func TestCredentials(t *testing.T) {
	const secret = "s3cret/with?signs"
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth("ann", secret)
	want := basic.Header.Get("Authorization")
	for _, test := range []struct {
		name, want string
		options    func(*ClientOptions)
	}{
		{"basic", want, func(o *ClientOptions) { o.Username, o.Password, o.Token = "ann", secret, "other" }},
		{"in the URI", want, func(o *ClientOptions) {
			o.URI = strings.Replace(o.URI, "://", "://"+url.UserPassword("ann", secret).String()+"@", 1)
		}},
		{"token", "Bearer " + secret, func(o *ClientOptions) { o.Token = secret }},
		{"token without a password", "Bearer " + secret, func(o *ClientOptions) { o.Username, o.Token = "ann", secret }},
		{"none", "", func(*ClientOptions) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				w.WriteHeader(500)
				fmt.Fprintf(w, "you sent %q, %s, %s", r.Header, secret, url.QueryEscape(secret))
			}, test.options)
			_, err := c.Run(t.Context(), "1")
			if got != test.want {
				t.Errorf("Authorization is %q, want %q", got, test.want)
			}
			hidden := []string{}
			if test.want != "" {
				hidden = append(hidden, secret, url.QueryEscape(secret), strings.TrimPrefix(test.want, "Basic "))
			}
			for _, s := range hidden {
				if strings.Contains(err.Error(), s) {
					t.Errorf("the error shows the credentials: %v", err)
				}
			}
			// Nobody listens there.
			c.base.Host = "127.0.0.1:1"
			_, err = c.Run(t.Context(), "1")
			if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "run_id") {
				t.Errorf("error is %v", err)
			}
		})
	}
	for _, uri := range []string{"http://ann:" + "s3cret%zz@host", "databricks", "sqlite:///x", "http://", "http://h/?token=s3cret", "", "ftp://ann:s3cret@host"} {
		_, err := NewClient(&ClientOptions{URI: uri})
		if !errors.Is(err, registry.ErrInput) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("of URI %q the error is %v", uri, err)
		}
	}
	if _, err := NewClient(&ClientOptions{URI: "http://h", Token: "s3cret\n"}); !errors.Is(err, registry.ErrInput) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("of a token with a line break the error is %v", err)
	}
}

func TestClientFromEnv(t *testing.T) {
	env := map[string]string{"MLFLOW_TRACKING_URI": "https://h:1/team/", "MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_TRACKING_INSECURE_TLS": "true"}
	c, err := ClientFromEnv(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if c.base.String() != "https://h:1/team" || c.auth != "Bearer t" || !c.http.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify {
		t.Errorf("client is %+v", c)
	}
	env["MLFLOW_TRACKING_INSECURE_TLS"] = "perhaps"
	if _, err := ClientFromEnv(func(name string) string { return env[name] }); !errors.Is(err, registry.ErrInput) {
		t.Errorf("error is %v", err)
	}
}

// TestTLS needs the certificate, or no verification.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "3.0.0") }))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.pem"), filepath.Join(dir, "bad.pem")
	pem := fmt.Sprintf("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", encode64(s.Certificate().Raw))
	if err := errors.Join(os.WriteFile(good, []byte(pem), 0o600), os.WriteFile(bad, []byte("no"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		options ClientOptions
		made    bool
		reached bool
	}{
		{ClientOptions{}, true, false},
		{ClientOptions{InsecureTLS: true}, true, true},
		{ClientOptions{ServerCertPath: good}, true, true},
		{ClientOptions{ServerCertPath: bad}, false, false},
		{ClientOptions{ServerCertPath: filepath.Join(dir, "none")}, false, false},
		{ClientOptions{ServerCertPath: good, InsecureTLS: true}, false, false},
	} {
		test.options.URI, test.options.Retries = s.URL, -1
		c, err := NewClient(&test.options)
		if (err == nil) != test.made {
			t.Errorf("%+v: %v", test.options, err)
		}
		if err != nil {
			continue
		}
		if _, err := c.Version(t.Context()); (err == nil) != test.reached {
			t.Errorf("%+v: %v", test.options, err)
		}
		c.CloseIdle()
	}
}

func encode64(b []byte) string {
	out, _ := json.Marshal(b)
	return strings.Trim(string(out), `"`)
}

// fake is a transport that answers without a network.
type fake func(*http.Request) (*http.Response, error)

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// TestRetries counts the tries and the time that they take.
func TestRetries(t *testing.T) {
	get := func(ctx context.Context, c *Client) error { _, err := c.Run(ctx, "1"); return err }
	create := func(ctx context.Context, c *Client) error { _, err := c.CreateRun(ctx, NewRun{}); return err }
	for _, test := range []struct {
		name   string
		call   func(context.Context, *Client) error
		answer fake
		tries  int
		wait   time.Duration // of all tries together, with no jitter
	}{
		{"unavailable", get, func(*http.Request) (*http.Response, error) { return reply(503, ""), nil }, 4, 350 * time.Millisecond},
		{"server error", get, func(*http.Request) (*http.Response, error) { return reply(500, ""), nil }, 4, 350 * time.Millisecond},
		{"cut connection", get, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 4, 350 * time.Millisecond},
		{"cut answer", get, func(*http.Request) (*http.Response, error) {
			r := reply(200, "")
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"run":`), errReader{}))
			return r, nil
		}, 4, 350 * time.Millisecond},
		{"seconds", get, func(*http.Request) (*http.Response, error) { return reply(429, "", "Retry-After", "3"), nil }, 4, 9 * time.Second},
		{"a date", get, func(*http.Request) (*http.Response, error) {
			return reply(503, "", "Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat)), nil
		}, 4, 6 * time.Second},
		{"too long", get, func(*http.Request) (*http.Response, error) { return reply(429, "", "Retry-After", "3600"), nil }, 1, 0},
		{"nonsense", get, func(*http.Request) (*http.Response, error) { return reply(429, "", "Retry-After", "-soon"), nil }, 4, 350 * time.Millisecond},
		{"never passing", get, func(*http.Request) (*http.Response, error) { return reply(400, ""), nil }, 1, 0},
		{"artifacts off", get, func(*http.Request) (*http.Response, error) { return reply(503, "`--no-serve-artifacts`"), nil }, 1, 0},
		{"create, unavailable", create, func(*http.Request) (*http.Response, error) { return reply(503, ""), nil }, 4, 350 * time.Millisecond},
		{"create, perhaps done", create, func(*http.Request) (*http.Response, error) { return reply(500, ""), nil }, 1, 0},
		{"create, cut connection", create, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 1, 0},
		{"create, cut answer", create, func(*http.Request) (*http.Response, error) {
			r := reply(200, "")
			r.Body = io.NopCloser(errReader{})
			return r, nil
		}, 1, 0},
		{"silent", get, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, 4, 240*time.Second + 350*time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c, err := NewClient(&ClientOptions{URI: "http://h", Retries: 3, Transport: fake(func(r *http.Request) (*http.Response, error) {
					tries++
					return test.answer(r)
				})})
				if err != nil {
					t.Fatal(err)
				}
				c.jitter = func() float64 { return 0 }
				start := time.Now()
				err = test.call(t.Context(), c)
				if took := time.Since(start); err == nil || tries != test.tries || took.Truncate(10*time.Millisecond) != test.wait {
					t.Errorf("%d tries in %v, want %d in %v; error is %v", tries, took, test.tries, test.wait, err)
				}
				if errors.Is(err, context.Canceled) {
					t.Errorf("nobody cancelled, but the error is %v", err)
				}
			})
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestCancel stops a call while it waits.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := NewClient(&ClientOptions{URI: "http://h", Transport: fake(func(*http.Request) (*http.Response, error) {
			return reply(429, "", "Retry-After", "20"), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		if _, err = c.Run(ctx, "1"); !errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v the error is %v", time.Since(start), err)
		}
	})
}
