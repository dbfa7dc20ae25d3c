package riskhttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// An exchange is one request and its answer. Its memory is used again.
type exchange struct {
	h       *handler
	w       http.ResponseWriter
	r       *http.Request
	control http.ResponseController
	id      string

	in, out []byte
	held    int  // of MaxMemory
	whole   bool // the body is read to its end
	reader  reader
}

// base is the size of the first buffer of an exchange, which MaxMemory does not
// count; larger ones than keep are not kept for other exchanges.
const (
	base = 4 << 10
	keep = 64 << 10
)

func (h *handler) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x, _ := h.pool.Get().(*exchange)
	if x == nil {
		x = new(exchange)
	}
	x.h, x.w, x.r, x.control, x.id = h, w, r, *http.NewResponseController(w), h.requestID(r)
	w.Header()["X-Request-Id"] = []string{x.id}
	if x.in == nil || !x.hold(cap(x.in)-base) {
		x.in = make([]byte, 0, base)
	}
	return x
}

func (h *handler) end(x *exchange) {
	h.free.Add(int64(x.held))
	x.h, x.w, x.r, x.control, x.id, x.held, x.whole = nil, nil, nil, http.ResponseController{}, "", 0, false
	x.reader.data = nil
	if cap(x.in)+cap(x.out)+cap(x.reader.scratch) <= keep {
		x.in, x.out = x.in[:0], x.out[:0]
		h.pool.Put(x)
	}
}

// ctx returns the context that the service gets.
func (x *exchange) ctx() context.Context { return context.WithValue(x.r.Context(), idKey{}, x.id) }

// hold takes n bytes of MaxMemory, if there are as many.
func (x *exchange) hold(n int) bool {
	if n > 0 && x.h.free.Add(-int64(n)) < 0 {
		x.h.free.Add(int64(n))
		return false
	}
	x.held += n
	return true
}

// body reads the whole body into x.in.
func (x *exchange) body() *Problem {
	most := x.h.o.MaxBody
	if x.r.ContentLength > int64(most) {
		return x.large(most)
	}
	x.readBy(x.h.o.ReadTimeout)
	for {
		if p := x.room(most + 1); p != nil {
			return p
		}
		err := x.read()
		switch {
		case len(x.in) > most:
			return x.large(most)
		case err == io.EOF:
			x.whole = true
			x.readBy(0) // or else it would end the context of the request
			return nil
		case err != nil:
			return x.unread(err)
		}
	}
}

// room makes room for at least one more byte in x.in, which is to hold at most
// most.
func (x *exchange) room(most int) *Problem {
	if len(x.in) < cap(x.in) {
		return nil
	}
	size := min(2*cap(x.in), max(most, cap(x.in)+1))
	if !x.hold(size - cap(x.in)) {
		return overload.problem("other large bodies are coming in; try again")
	}
	x.in = append(make([]byte, 0, size), x.in...)
	return nil
}

// read reads more of the body into x.in.
func (x *exchange) read() error {
	n, err := x.r.Body.Read(x.in[len(x.in):cap(x.in)])
	x.in = x.in[:len(x.in)+n]
	return err
}

// readBy says by when what is read next has to be there; 0 means whenever. Where
// a ResponseWriter of the host knows no deadlines, those of the http.Server
// hold.
func (x *exchange) readBy(d time.Duration) { x.by(d, x.h.o.ReadTimeout, x.control.SetReadDeadline) }

// writeBy says the same of what is written.
func (x *exchange) writeBy(d time.Duration) { x.by(d, x.h.o.WriteTimeout, x.control.SetWriteDeadline) }

func (x *exchange) by(d, option time.Duration, set func(time.Time) error) {
	if option < 0 {
		return
	}
	var t time.Time
	if d > 0 {
		t = x.h.o.Now().Add(d)
	}
	_ = set(t)
}

func (x *exchange) large(most int) *Problem {
	return tooLarge.problem("the body has more than " + strconv.Itoa(most) + " bytes")
}

// unread returns why a body could not be read.
func (x *exchange) unread(err error) *Problem {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return tooSlow.problem("the body or line did not come in within " + x.h.o.ReadTimeout.String())
	}
	return badBody.problem("the body cannot be read: " + err.Error())
}

// failed returns the Problem of an error of the service, and tells the host.
func (x *exchange) failed(ctx context.Context, err error) *Problem {
	switch {
	case x.h.o.OnError == nil:
		return failure.problem(err.Error())
	case !errors.Is(ctx.Err(), context.Canceled): // or else there is nobody left who asked
		x.h.o.OnError(ctx, err)
	}
	return failure.problem("what went wrong is in the records of the service, under the id of the request")
}

// fail answers by a Problem.
func (x *exchange) fail(p *Problem) {
	p.Instance, p.RequestID = x.r.URL.EscapedPath(), x.id
	header := x.w.Header()
	switch p.Status {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", p.allow)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	if !x.whole && x.r.ContentLength != 0 {
		header.Set("Connection", "close") // rather than wait for the rest of the body,
		x.readBy(time.Second)             // of which net/http passes over what comes soon
	}
	x.out = p.append(x.out[:0])
	x.reply(p.Status, typeProblem)
}

// reply writes x.out. That it cannot be written is the doing of the client, who
// has gone away.
func (x *exchange) reply(status int, media string) {
	header := x.w.Header()
	header["Content-Type"] = []string{media}
	header["Content-Length"] = []string{strconv.Itoa(len(x.out))}
	if status != http.StatusOK {
		x.w.WriteHeader(status)
	}
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(x.out)
	}
}
