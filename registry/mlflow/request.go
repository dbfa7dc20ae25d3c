package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
)

// maxAnswer bounds what is read of one answer in JSON.
const maxAnswer = 64 << 20

// A request is one call of the server.
type request struct {
	name   string // for errors, such as runs/create
	method string
	path   string // escaped, behind the base
	query  url.Values
	json   any         // what to send
	body   io.ReaderAt // or these bytes
	size   int64
	accept string
	repeat bool // carrying it out twice does no harm
	alias  bool // an invalid parameter means that there is no such alias
	doubt  bool // a server error may mean that it is not there, so it is not tried again
}

// api returns a request of MLflow's REST interface.
func api(method, name string) request {
	return request{name: name, method: method, path: "/api/2.0/mlflow/" + name, repeat: true}
}

// get sends a GET with fields in the query.
func (c *Client) get(ctx context.Context, name string, query url.Values, out any) error {
	r := api(http.MethodGet, name)
	r.query = query
	return c.do(ctx, r, out)
}

// post sends a POST that can be repeated.
func (c *Client) post(ctx context.Context, name string, in, out any) error {
	r := api(http.MethodPost, name)
	r.json = in
	return c.do(ctx, r, out)
}

// do sends r and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	return c.send(ctx, r, func(a *answer) error {
		b, err := a.read(c.limit)
		if err != nil || out == nil {
			return err
		}
		if err := json.Unmarshal(b, out); err != nil {
			return &Error{Status: a.status, Call: r.name, Message: "the answer is not what MLflow answers, perhaps a page of a proxy that wants to be signed in to: " + c.scrub(err.Error())}
		}
		return nil
	})
}

// send sends r, again where it failed for a passing reason, and has handle read
// the answer, which it closes unless handle keeps it.
func (c *Client) send(ctx context.Context, r request, handle func(*answer) error) error {
	var body []byte
	if r.json != nil {
		var err error
		if body, err = json.Marshal(r.json); err != nil {
			return fmt.Errorf("mlflow: %s: %w", r.name, err)
		}
		r.body, r.size = bytes.NewReader(body), int64(len(body))
	}
	for attempt := 0; ; attempt++ {
		wait, err := c.try(ctx, r, handle)
		if err == nil {
			return nil
		}
		if cerr := ctx.Err(); cerr != nil {
			return fmt.Errorf("mlflow: %s: %w", r.name, cerr)
		}
		if wait < 0 || attempt >= c.retries {
			return err
		}
		if wait = max(wait, c.backoff(attempt)); wait > maxWait {
			return err
		}
		if err := pause.For(ctx, wait); err != nil {
			return fmt.Errorf("mlflow: %s: %w", r.name, err)
		}
	}
}

// try sends r once. After a failure, wait is how long the server wants to be
// left alone, and negative if trying again is of no use.
func (c *Client) try(ctx context.Context, r request, handle func(*answer) error) (wait time.Duration, err error) {
	watch := c.watch(ctx)
	kept := false
	defer func() {
		if !kept {
			watch.stop()
		}
	}()
	req, err := c.build(watch, r)
	if err != nil {
		return -1, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		again := time.Duration(-1)
		if r.repeat || notSent(err) {
			again = 0
		}
		return again, c.failed(watch, r, err)
	}
	a := &answer{watch: watch, status: resp.StatusCode, header: resp.Header, body: resp.Body, size: resp.ContentLength}
	defer func() {
		if kept = a.kept; !kept {
			drain(resp.Body)
			resp.Body.Close()
		}
	}()
	if resp.StatusCode >= 300 {
		e := c.refused(r, a)
		if wait = retryAfter(e.Status, resp.Header, time.Now()); !e.passing(r) {
			wait = -1
		}
		return wait, e
	}
	if err := handle(a); err != nil {
		wait = -1
		var cut *cutError
		if errors.As(err, &cut) {
			if err = c.failed(watch, r, cut.error); r.repeat {
				wait = 0
			}
		}
		return wait, err
	}
	return 0, nil
}

// build makes the HTTP request of one try.
func (c *Client) build(watch *watch, r request) (*http.Request, error) {
	target := *c.base
	path, err := url.PathUnescape(r.path)
	if err != nil {
		return nil, fmt.Errorf("mlflow: %s: %w", r.name, err)
	}
	target.Path, target.RawPath = c.base.Path+path, (&url.URL{Path: c.base.Path}).EscapedPath()+r.path
	target.RawQuery = r.query.Encode()
	var body io.Reader
	if r.body != nil {
		body = &watchedReader{watch, io.NewSectionReader(r.body, 0, r.size)}
	}
	if r.size == 0 {
		body = nil // otherwise its length would be unknown
	}
	req, err := http.NewRequestWithContext(watch.ctx, r.method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("mlflow: %s: the request cannot be made", r.name)
	}
	req.ContentLength = r.size
	if r.json != nil {
		req.Header.Set("Content-Type", "application/json")
	} else if r.body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if r.accept != "" {
		req.Header.Set("Accept-Encoding", r.accept)
	}
	req.Header.Set("User-Agent", "riskkit")
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	return req, nil
}

// failed describes a request that got no whole answer.
func (c *Client) failed(watch *watch, r request, err error) error {
	if watch.silent() {
		return fmt.Errorf("mlflow: %s: %s did not answer for %v", r.name, c.base.Host, c.timeout)
	}
	var u *url.Error
	if errors.As(err, &u) { // its text has the whole URL
		err = u.Err
	}
	return fmt.Errorf("mlflow: %s at %s: %w", r.name, c.base.Host, err)
}

// notSent reports whether a request surely did not reach a server.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// An answer is one that the server means as a success, or the error to read.
type answer struct {
	watch  *watch
	status int
	header http.Header
	body   io.ReadCloser
	size   int64 // negative if unknown
	kept   bool  // somebody else closes it
}

// A cutError says that an answer broke off.
type cutError struct{ error }

// read returns the whole answer, if it is not over limit bytes.
func (a *answer) read(limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(&watchedReader{a.watch, a.body}, limit+1))
	if err != nil {
		return nil, &cutError{err}
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("mlflow: the answer is over %d bytes", limit)
	}
	return b, nil
}
