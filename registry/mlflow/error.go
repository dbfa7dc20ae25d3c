package mlflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/riskkit/riskkit/registry"
)

// An Error is what the server answered instead of doing what it was asked for.
// It matches registry.ErrNotFound, ErrConflict, ErrInput or ErrUnsupported
// where it means that.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is MLflow's error code, such as RESOURCE_DOES_NOT_EXIST; empty if it
	// gave none.
	Code string
	// Message is what the server said.
	Message string
	// Call is what was asked for, such as runs/create.
	Call string

	kind error
}

// Error says what was asked for and what the server answered.
func (e *Error) Error() string {
	code := e.Code
	if code == "" {
		code = http.StatusText(e.Status)
	}
	return fmt.Sprintf("mlflow: %s: %s (%d): %s", e.Call, code, e.Status, e.Message)
}

// Is reports whether target is the error of package registry that e means.
func (e *Error) Is(target error) bool { return e.kind != nil && target == e.kind }

// maxError bounds what is read of an error.
const maxError = 64 << 10

// Codes that are not MLflow's.
const (
	codeHost     = "INVALID_HOST"
	codeDisabled = "ENDPOINT_DISABLED"
	codeRedirect = "REDIRECTED"
)

// kinds says what MLflow's error codes mean.
var kinds = map[string]error{
	"RESOURCE_DOES_NOT_EXIST": registry.ErrNotFound,
	"NOT_FOUND":               registry.ErrNotFound,
	"RESOURCE_ALREADY_EXISTS": registry.ErrConflict,
	"ALREADY_EXISTS":          registry.ErrConflict,
	"RESOURCE_CONFLICT":       registry.ErrConflict,
	"ABORTED":                 registry.ErrConflict,
	"INVALID_PARAMETER_VALUE": registry.ErrInput,
	"BAD_REQUEST":             registry.ErrInput,
	"MALFORMED_REQUEST":       registry.ErrInput,
	"ENDPOINT_NOT_FOUND":      registry.ErrUnsupported,
	"NOT_IMPLEMENTED":         registry.ErrUnsupported,
	codeDisabled:              registry.ErrUnsupported,
}

// numbers are the codes that servers send as numbers.
var numbers = map[int]string{
	1: "INTERNAL_ERROR", 2: "TEMPORARILY_UNAVAILABLE", 4: "BAD_REQUEST", 5: "ENDPOINT_NOT_FOUND", 8: "REQUEST_LIMIT_EXCEEDED",
	16: "RESOURCE_DOES_NOT_EXIST", 1000: "INVALID_PARAMETER_VALUE", 3001: "RESOURCE_ALREADY_EXISTS",
}

// refused reads the error that a is.
func (c *Client) refused(r request, a *answer) *Error {
	e := &Error{Status: a.status, Call: r.name}
	body, _ := a.read(maxError) // without a text, the status says it
	fields, isJSON := decodeError(body)
	e.Code, e.Message = fields.code, c.scrub(fields.message)
	switch {
	case a.status < 400:
		e.Code = codeRedirect
		e.Message = "redirects are not followed, because the credentials are for this server alone; set the tracking URI to where it moved"
		if u, err := url.Parse(a.header.Get("Location")); err == nil && u.Host != "" {
			e.Message += ", " + c.scrub(clean(u.Host, 200))
		}
	case isJSON:
	case a.status == http.StatusForbidden && strings.Contains(e.Message, "Invalid Host header"):
		e.Code = codeHost
		e.Message += fmt.Sprintf("; start the server with --allowed-hosts and %s among them", c.base.Host)
	case a.status == http.StatusServiceUnavailable && (strings.Contains(e.Message, "-serve-artifacts") || strings.Contains(e.Message, "-artifacts-only")):
		e.Code = codeDisabled
	}
	if e.Message == "" {
		e.Message = "no reason given"
	}
	e.kind = kindOf(e, r, isJSON)
	return e
}

// kindOf returns the error of package registry that e means, nil if none.
func kindOf(e *Error, r request, isJSON bool) error {
	if r.alias && e.Code == "INVALID_PARAMETER_VALUE" {
		return registry.ErrNotFound // the alias was checked before
	}
	if kind := kinds[e.Code]; kind != nil {
		return kind
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return registry.ErrInput
	case http.StatusNotFound:
		if isJSON || strings.HasPrefix(r.name, "artifacts") {
			return registry.ErrNotFound
		}
		return registry.ErrUnsupported // no such route
	case http.StatusConflict:
		return registry.ErrConflict
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return registry.ErrUnsupported
	}
	return nil
}

// passing reports whether the same request may succeed a little later. Of one
// that must not be carried out twice, only errors that say that it was not.
func (e *Error) passing(r request) bool {
	if e.Code == codeDisabled || e.kind == registry.ErrUnsupported {
		return false
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusInternalServerError:
		return r.repeat && !r.doubt
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout:
		return r.repeat
	}
	return false
}

// errorFields are those of an error of the server.
type errorFields struct{ code, message string }

// decodeError reads the body of an error, and reports whether it is MLflow's
// JSON.
func decodeError(body []byte) (errorFields, bool) {
	var in struct {
		Code    json.RawMessage `json:"error_code"`
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
		Detail  json.RawMessage `json:"detail"` // what MLflow 3 says of artifacts
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &in) != nil {
		return errorFields{message: clean(string(body), 300)}, false
	}
	text := func(raw json.RawMessage) string {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		return s
	}
	f := errorFields{code: clean(text(in.Code), 100), message: clean(text(in.Message), 1000)}
	known := in.Code != nil || in.Message != nil
	for _, other := range []json.RawMessage{in.Error, in.Detail} {
		if f.message == "" {
			f.message = clean(text(other), 1000)
		}
	}
	if n, err := strconv.Atoi(f.code); err == nil {
		f.code = numbers[n] // an HTTP status has no name here, and needs none
	}
	return f, known
}

// clean makes one line of text that is at most n bytes long.
func clean(s string, n int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// scrub takes credentials out of what the server says.
func (c *Client) scrub(s string) string {
	for _, secret := range c.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	return s
}
