package riskhttp

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// A Service is what the handlers answer for. risk.Service is one. One that is
// also a risk.Explainer can explain its answers.
type Service interface {
	risk.Scorer
	Feedback(ctx context.Context, f risk.Feedback) (risk.Agreement, error)
	Status() risk.ServiceStatus
}

// Drift is what GET /risk/status tells of drift. psi.Scheduler is one.
type Drift interface {
	Status() psi.Status
	Sweeps() []psi.Sweep
}

// Options limit requests and say where things come from. The zero value means
// the defaults; so does any size below 1.
type Options struct {
	// MaxBody is the greatest size of a body, and MaxLine that of a line of a
	// batch, in bytes. The default of both is 1 MiB.
	MaxBody, MaxLine int
	// MaxText is the greatest length of a text in bytes. By default the size of
	// its body or line is the only limit.
	MaxText int
	// MaxBatch is the greatest number of lines of a batch. The default is
	// 100,000.
	MaxBatch int
	// MaxMemory bounds what the bodies that are coming in hold together, in
	// bytes, beyond the first 4 KiB of each. What goes beyond is answered by
	// 503. The default is 64 MiB.
	MaxMemory int64
	// ReadTimeout is how long a body, or one line of a batch, may take to come
	// in, and WriteTimeout how long a client may take to take a part of a
	// batch's answers. In their place the timeouts of the http.Server hold
	// where they are below 0. The default is 10 s.
	ReadTimeout, WriteTimeout time.Duration
	// Drift is what the status tells of drift. nil means nothing.
	Drift Drift
	// Ready returns an error while no requests are wanted, such as when the
	// host is about to stop. nil means that they always are: a risk.Service
	// answers whatever happens to its model.
	Ready func(context.Context) error
	// NewID makes the id of a request that has none. nil means crypto/rand.Text.
	NewID func() string
	// OnError is told, on the goroutine of the request, what went wrong behind
	// an answer of 500, which then does not say. nil means that the answer says
	// it. RequestID tells whose answer it is.
	OnError func(context.Context, error)
	// Now tells the time that deadlines are counted from. nil means time.Now.
	Now func() time.Time
}

// The defaults, and what is not an option.
const (
	defaultBody    = 1 << 20
	defaultBatch   = 100_000
	defaultMemory  = 64 << 20
	defaultTimeout = 10 * time.Second
	maxExplain     = 100 // terms
)

// filled returns o with its defaults filled in.
func (o *Options) filled() Options {
	var f Options
	if o != nil {
		f = *o
	}
	f.MaxBody = cmp.Or(max(0, f.MaxBody), defaultBody)
	f.MaxLine = cmp.Or(max(0, f.MaxLine), defaultBody)
	f.MaxText = cmp.Or(max(0, f.MaxText), max(f.MaxBody, f.MaxLine))
	f.MaxBatch = cmp.Or(max(0, f.MaxBatch), defaultBatch)
	f.MaxMemory = cmp.Or(max(0, f.MaxMemory), defaultMemory)
	f.ReadTimeout = cmp.Or(f.ReadTimeout, defaultTimeout)
	f.WriteTimeout = cmp.Or(f.WriteTimeout, defaultTimeout)
	if f.NewID == nil {
		f.NewID = rand.Text
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	return f
}
