package riskllm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// The errors of an Escalator.
var (
	ErrOptions = errors.New("riskllm: invalid options")
	// ErrStatus says that the server did not answer with success; the error is a
	// *StatusError.
	ErrStatus = errors.New("riskllm: the server refused the request")
	// ErrWait says that the server wanted to be left alone for a while, and
	// that it is: no request was made.
	ErrWait = errors.New("riskllm: the server wants to be asked later")
	// ErrRefused says that the model would not answer.
	ErrRefused = errors.New("riskllm: the model refused to answer")
	// ErrAnswer says that the answer is not what was asked for.
	ErrAnswer = errors.New("riskllm: invalid answer")
)

// Options configure an Escalator.
type Options struct {
	// Scale has the levels to choose from. nil means risk.DefaultScale.
	Scale risk.Scale
	// Key returns the key that the server wants as a bearer token; it is called
	// for each request. nil means that there is none. Where a server says it
	// back, errors and opinions have [key] in its place.
	Key func(context.Context) (string, error)
	// Redact returns what of a text or a tag may leave the process. nil means
	// all of it.
	Redact func(string) string
	// Prompt returns what the model is told for a document, which is redacted
	// and cut already. nil means DefaultPrompt.
	Prompt func(doc risk.Document, first risk.Assessment, scale risk.Scale) (Prompt, error)
	// MaxText is how many bytes of the redacted text are sent, and at most as
	// many of all tags together. 0 means 16 KiB.
	MaxText int
	// MaxTokens is how long an answer may be, those tokens included that a model
	// thinks with. 0 means 1024.
	MaxTokens int
	// MaxResponse is how many bytes of a response are read; a longer one is an
	// error. 0 means 256 KiB.
	MaxResponse int64
	// Fields are added to the request, such as "temperature", or "max_tokens"
	// for a server that does not know max_completion_tokens; nil as a value takes
	// a field out. They must be JSON.
	Fields map[string]any
	// Client makes the requests. It follows no redirects, which would take the
	// incident elsewhere, unless its CheckRedirect says so. nil means one of its
	// own.
	Client *http.Client
	// Now tells the time, for Retry-After. nil means time.Now.
	Now func() time.Time
}

// An Escalator is the risk.Escalator that asks a language model. It is made by
// New and safe for concurrent use.
type Escalator struct {
	url, model string
	o          Options
	until      atomic.Int64 // when the server may be asked again, in Unix nanoseconds
}

// New returns an Escalator that asks model at base, an address such as
// https://llm.example/v1 under which there is chat/completions. nil opts means
// the defaults. The error wraps ErrOptions.
func New(base, model string, opts *Options) (*Escalator, error) {
	e := &Escalator{model: model}
	if opts != nil {
		e.o = *opts
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%w: base is not an address such as https://llm.example/v1", ErrOptions) // it may have a password
	}
	if model == "" {
		return nil, fmt.Errorf("%w: no model is named", ErrOptions)
	}
	e.url = u.JoinPath("chat", "completions").String()
	o := &e.o
	if o.Scale == nil {
		o.Scale = risk.DefaultScale()
	}
	if err := o.Scale.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if _, err := json.Marshal(o.Fields); err != nil {
		return nil, fmt.Errorf("%w: Fields: %w", ErrOptions, err)
	}
	if o.Prompt == nil {
		o.Prompt = DefaultPrompt
	}
	if o.MaxText <= 0 {
		o.MaxText = 16 << 10
	}
	if o.MaxTokens <= 0 {
		o.MaxTokens = 1024
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = 256 << 10
	}
	var client http.Client
	if o.Client != nil {
		client = *o.Client
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	o.Client = &client
	if o.Now == nil {
		o.Now = time.Now
	}
	return e, nil
}

// Escalate asks the model about doc. The error wraps one of the errors above, or
// is that of Options.Key, Options.Prompt or the HTTP client. Tokens in the
// Opinion is what the server counted, with an error too, and -1 where it did not
// say or says what no call can take, such as 2^24 tokens.
func (e *Escalator) Escalate(ctx context.Context, doc risk.Document, first risk.Assessment) (risk.Opinion, error) {
	if until := e.until.Load(); until > 0 {
		if rest := time.Unix(0, until).Sub(e.o.Now()); rest > 0 && rest <= maxWait {
			return risk.Opinion{}, fmt.Errorf("%w: in %v", ErrWait, rest.Round(time.Second))
		}
		e.until.CompareAndSwap(until, 0)
	}
	req, key, err := e.request(ctx, doc, first)
	if err != nil {
		return risk.Opinion{}, err
	}
	resp, err := e.o.Client.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the address, which may have a key
		}
		return risk.Opinion{Tokens: -1}, fmt.Errorf("riskllm: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, min(e.o.MaxResponse, math.MaxInt64-1)+1))
	if resp.StatusCode != http.StatusOK {
		return risk.Opinion{}, e.refused(resp, body, key)
	}
	if err != nil {
		return risk.Opinion{Tokens: -1}, fmt.Errorf("riskllm: reading the answer: %w", err)
	}
	if int64(len(body)) > e.o.MaxResponse {
		return risk.Opinion{Tokens: -1}, fmt.Errorf("%w: more than %d bytes", ErrAnswer, e.o.MaxResponse)
	}
	return parse(body, key)
}

// request returns the request for an opinion on doc, and the key in it.
func (e *Escalator) request(ctx context.Context, doc risk.Document, first risk.Assessment) (_ *http.Request, key secret, err error) {
	prompt, err := e.o.Prompt(e.shown(doc), first, e.o.Scale)
	if err != nil {
		return nil, "", fmt.Errorf("riskllm: prompt: %w", err)
	}
	body, err := json.Marshal(e.fields(prompt))
	if err != nil {
		return nil, "", fmt.Errorf("riskllm: request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("riskllm: request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if e.o.Key != nil {
		k, err := e.o.Key(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("riskllm: key: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+k)
		key = secret(k)
	}
	return req, key, nil
}

// A secret is a key, which servers say back when it is wrong.
type secret string

// hide returns s without the key. What is shorter than 8 bytes guards nothing,
// such as "none", and may be a word of s.
func (k secret) hide(s string) string {
	if len(k) < 8 {
		return s
	}
	return strings.ReplaceAll(s, string(k), "[key]")
}

// A StatusError is a response that is not a success.
type StatusError struct {
	Status     int
	Message    string        // what the server says, cut; it may quote the request
	RetryAfter time.Duration // how long the server wants to be left alone; 0 where it does not say
}

// Error says what the server said.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: status %d: %s", ErrStatus, e.Status, e.Message)
}

// Is reports whether target is ErrStatus.
func (e *StatusError) Is(target error) bool { return target == ErrStatus }

// maxWait is how long a server is left alone at most, whatever it says.
const maxWait = 10 * time.Minute

// refused returns the error of a response, and minds its Retry-After.
func (e *Escalator) refused(resp *http.Response, body []byte, key secret) error {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &said) // what is not JSON is told as it stands
	message := said.Error.Message
	if message == "" {
		message = string(body)
	}
	s := &StatusError{Status: resp.StatusCode, Message: cut(strings.TrimSpace(key.hide(message)), 200)}
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return s
	}
	after := resp.Header.Get("Retry-After")
	now := e.o.Now()
	if sec, err := strconv.ParseUint(after, 10, 64); err == nil {
		s.RetryAfter = time.Duration(min(sec, uint64(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		s.RetryAfter = max(0, at.Sub(now))
	}
	s.RetryAfter = min(s.RetryAfter, maxWait)
	if s.RetryAfter > 0 {
		e.until.Store(now.Add(s.RetryAfter).UnixNano())
	}
	return s
}
