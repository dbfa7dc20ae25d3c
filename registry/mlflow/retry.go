package mlflow

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	firstWait = 100 * time.Millisecond // before the first repetition
	maxWait   = 30 * time.Second       // no wait is longer: rather give up
)

// backoff is how long to wait before repetition attempt, from 0: twice as long
// each time, and of that half to all.
func (c *Client) backoff(attempt int) time.Duration {
	d := min(firstWait<<min(attempt, 10), maxWait)
	return d/2 + time.Duration(c.jitter()*float64(d/2))
}

// retryAfter is how long the server wants to be left alone, 0 if it does not
// say.
func retryAfter(status int, h http.Header, now time.Time) time.Duration {
	s := h.Get("Retry-After")
	if s == "" || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), 1<<30)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// A watch cancels a request when nothing has moved for a while.
type watch struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
}

var errSilent = errors.New("the server is silent")

func (c *Client) watch(parent context.Context) *watch {
	ctx, cancel := context.WithCancelCause(parent)
	return &watch{ctx, cancel, time.AfterFunc(c.timeout, func() { cancel(errSilent) }), c.timeout}
}

// moved notes that something came or went.
func (w *watch) moved() {
	if w.timer.Stop() {
		w.timer.Reset(w.timeout)
	}
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watch) silent() bool { return context.Cause(w.ctx) == errSilent }

// watchedReader tells a watch of what is read.
type watchedReader struct {
	watch *watch
	io.Reader
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.moved()
	}
	return n, err
}
