package riskhttp

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// A Problem says why there is no answer: problem details after RFC 9457, of the
// content type application/problem+json.
type Problem struct {
	// Type is a URI that names the kind of problem and tells of it.
	Type string `json:"type"`
	// Title is the same for all problems of a Type, Status that of the answer.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says what is wrong this time.
	Detail string `json:"detail"`
	// Instance is the path that was asked for, and RequestID the X-Request-ID.
	// A line of a batch has neither.
	Instance  string `json:"instance,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Errors name the places in the body.
	Errors []Fault `json:"errors,omitempty"`

	allow string // the methods that a path has
}

// A Fault is what is wrong at one place of a body, or of a line of a batch.
type Fault struct {
	// Pointer is the JSON Pointer (RFC 6901) of the value; "" is the whole.
	Pointer string `json:"pointer"`
	// Offset is the place in bytes, from 0.
	Offset int    `json:"offset"`
	Detail string `json:"detail"`

	kind *kind
}

// A kind is what problems of one Type have in common.
type kind struct {
	name, title string
	status      int
}

// page is where the types are told of.
const page = "https://github.com/riskkit/riskkit/blob/main/docs/http.md#"

// The kinds of problems; docs/http.md lists them.
var (
	notFound    = &kind{"not-found", "There is nothing at this path", http.StatusNotFound}
	badMethod   = &kind{"method", "The path has other methods", http.StatusMethodNotAllowed}
	badType     = &kind{"media-type", "The body is of another content type", http.StatusUnsupportedMediaType}
	badQuery    = &kind{"query", "The query makes no sense", http.StatusBadRequest}
	badBody     = &kind{"body", "The body is not what it has to be", http.StatusBadRequest}
	badFeedback = &kind{"feedback", "The feedback makes no sense", http.StatusUnprocessableEntity}
	tooLarge    = &kind{"too-large", "The body is too large", http.StatusRequestEntityTooLarge}
	tooSlow     = &kind{"too-slow", "The body took too long to come in", http.StatusRequestTimeout}
	overload    = &kind{"overload", "Too much is coming in at once", http.StatusServiceUnavailable}
	notReady    = &kind{"not-ready", "No requests are wanted", http.StatusServiceUnavailable}
	failure     = &kind{"failure", "The service failed", http.StatusInternalServerError}
)

// problem returns a Problem of kind k.
func (k *kind) problem(detail string) *Problem {
	return &Problem{Type: page + k.name, Title: k.title, Status: k.status, Detail: detail}
}

// problem returns the Problem that f is.
func (f *Fault) problem() *Problem {
	p := f.kind.problem(f.Detail)
	if f.Pointer != "" {
		p.Detail = f.Pointer + ": " + f.Detail
	}
	p.Detail += " (byte " + strconv.Itoa(f.Offset) + ")"
	p.Errors = []Fault{*f}
	return p
}

// append appends p as JSON.
func (p *Problem) append(b []byte) []byte {
	j, _ := json.Marshal(p) // strings and numbers always can be
	return append(b, j...)
}
