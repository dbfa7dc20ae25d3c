package riskhttp

import (
	"context"
	_ "embed"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

//go:embed openapi.json
var openapi []byte

// The content types.
const (
	typeJSON    = "application/json"
	typeLines   = "application/x-ndjson"
	typeProblem = "application/problem+json"
)

// handler is what New returns.
type handler struct {
	service Service
	o       Options
	routes  map[string]route
	free    atomic.Int64 // what is left of MaxMemory
	pool    sync.Pool    // of *exchange
}

// A route is what a path answers. serve either answers or returns why not.
type route struct {
	method string
	takes  string // the content type of bodies
	serve  func(*handler, *exchange) *Problem
}

// New returns a handler that answers for svc under the paths that the package
// comment lists, and by a Problem under any other. It goes to the host's mux
// for these paths, behind http.StripPrefix where they are to begin otherwise.
// It is safe for concurrent use and starts no goroutines. nil opts means the
// defaults.
func New(svc Service, opts *Options) http.Handler {
	h := &handler{service: svc, o: opts.filled()}
	h.free.Store(h.o.MaxMemory)
	h.routes = map[string]route{
		"/risk":              {http.MethodPost, typeJSON, (*handler).one},
		"/risk/batch":        {http.MethodPost, typeLines, (*handler).batch},
		"/risk/feedback":     {http.MethodPost, typeJSON, (*handler).feedback},
		"/risk/status":       {http.MethodGet, "", (*handler).status},
		"/risk/openapi.json": {http.MethodGet, "", (*handler).openapi},
		"/healthz":           {http.MethodGet, "", (*handler).alive},
		"/readyz":            {http.MethodGet, "", (*handler).ready},
	}
	return h
}

// ServeHTTP answers a request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := h.begin(w, r)
	defer h.end(x)
	if p := h.serve(x); p != nil {
		x.fail(p)
	}
}

func (h *handler) serve(x *exchange) *Problem {
	route, ok := h.routes[x.r.URL.Path]
	if !ok {
		return notFound.problem("there is nothing at this path; GET /risk/openapi.json tells what there is")
	}
	get := route.method == http.MethodGet
	if x.r.Method != route.method && !(get && x.r.Method == http.MethodHead) {
		p := badMethod.problem("the method is " + quote([]byte(x.r.Method)) + ", want " + route.method)
		if p.allow = route.method; get {
			p.allow += ", HEAD"
		}
		return p
	}
	if !get {
		if p := takes(x.r.Header, route.takes); p != nil {
			return p
		}
	}
	return route.serve(h, x)
}

// takes returns a Problem unless a body is of a content type, in UTF-8 and not
// compressed.
func takes(header http.Header, want string) *Problem {
	if c := header["Content-Encoding"]; len(c) > 0 && !strings.EqualFold(c[0], "identity") {
		return badType.problem("the body must not be compressed")
	}
	given := header.Get("Content-Type")
	if given == want {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(given)
	charset, ok := parameters["charset"]
	if err != nil || media != want || ok && !strings.EqualFold(charset, "utf-8") {
		return badType.problem("the content type is " + quote([]byte(given)) + ", want " + want)
	}
	return nil
}

// explained returns the number of terms that ?explain= asks for.
func explained(r *http.Request) (n int, p *Problem) {
	if r.URL.RawQuery == "" {
		return 0, nil
	}
	query, bad := url.ParseQuery(r.URL.RawQuery)
	n, err := strconv.Atoi(query.Get("explain"))
	if bad != nil || err != nil || n < 0 || n > maxExplain || len(query) > 1 || len(query["explain"]) > 1 {
		return 0, badQuery.problem("the query may have explain=, a number from 0 to " + strconv.Itoa(maxExplain) + ", and nothing else")
	}
	return n, nil
}

// requestID returns the request's own id if it is sane: up to 128 visible
// characters of ASCII. Otherwise it makes one.
func (h *handler) requestID(r *http.Request) string {
	if v := r.Header["X-Request-Id"]; len(v) > 0 && 0 < len(v[0]) && len(v[0]) <= 128 &&
		!slices.ContainsFunc([]byte(v[0]), func(c byte) bool { return c <= ' ' || c > '~' }) {
		return v[0]
	}
	return h.o.NewID()
}

// idKey is the key under which a context has the id of its request.
type idKey struct{}

// RequestID returns the X-Request-ID of the request that a context belongs to,
// as a Service and its observers get it, and "" of any other.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}
