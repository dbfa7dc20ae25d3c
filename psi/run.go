package psi

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// SchedulerOptions say when a Scheduler sweeps and what it makes of it. The
// zero value means the defaults.
type SchedulerOptions struct {
	// Interval is the time from the beginning of a sweep to that of the next.
	// 0 means a day.
	Interval time.Duration
	// Jitter is the share of Interval by which each is made longer or shorter
	// at random, so that replicas do not all sweep at once. It is below 1. 0
	// means 0.1, less than 0 none.
	Jitter float64
	// Keep is the number of sweeps that Sweeps returns. 0 means 30.
	Keep int
	// MonitorAfter and AlertAfter are how many sweeps in a row must say at
	// least StatusMonitor, and StatusAlert, before a better standing status
	// becomes that. 0 means 2 and 1.
	MonitorAfter, AlertAfter int
	// BetterAfter is how many sweeps in a row must be better than the standing
	// status before it becomes the worst of them. 0 means 2.
	BetterAfter int
	// OnChange are called in their order when the standing status changes; see
	// Scheduler.
	OnChange []func(context.Context, Change) error
	// Last and Standing are the time of the last sweep and the status that
	// stood where a Scheduler before this one, in another process say, left
	// off. Zero means that there was none.
	Last     time.Time
	Standing Status
	// Now tells the time. nil means time.Now.
	Now func() time.Time
	// After returns a channel that is sent to when a time is over. nil means
	// time.After.
	After func(time.Duration) <-chan time.Time
	// Random draws numbers from 0 up to 1. nil means rand.Float64 of
	// math/rand/v2.
	Random func() float64
}

// maxInterval is ten years; glance is how often a waiting Run looks at the
// clock, because timers stand still while a machine is asleep.
const (
	maxInterval = 87660 * time.Hour
	glance      = time.Minute
)

// A Scheduler sweeps a DriftMonitor from time to time, remembers what came of
// it, and tells when the status changed for good. It is made by NewScheduler
// and safe for concurrent use; it starts no goroutines.
//
// The standing status is what counts. It follows the statuses of sweeps slowly,
// as MonitorAfter, AlertAfter and BetterAfter say, so that it does not flap. It
// is StatusInsufficient until one is sure; afterwards sweeps that fail or have
// too few texts do not change it, and do not interrupt a row of others.
//
// When it changes, each OnChange is called once, by the goroutine of Run, with
// its context, or by that of SweepNow while there is no Run. No sweep begins
// before they return. What they return, or panic with, is kept as the HookError
// of the sweep, and does not keep the others from being called. They may ask
// the Scheduler for anything but another sweep.
type Scheduler struct {
	monitor DriftMonitor
	o       SchedulerOptions
	wake    chan struct{} // tells Run that a sweep is asked for

	mu       sync.Mutex
	running  bool
	flight   *flight // the sweep asked for or under way
	standing standing
	sweeps   []Sweep // the last Keep
	last     Sweep   // that did not fail
	judged   Report  // the last one of texts enough to judge
	count    struct {
		sweeps, failures, skipped int64 // that ended, failed, never were
	}
}

// NewScheduler returns a Scheduler of m. The error wraps ErrInput where m is
// nil or opts make no sense. nil opts means the defaults.
func NewScheduler(m DriftMonitor, opts *SchedulerOptions) (*Scheduler, error) {
	var o SchedulerOptions
	if opts != nil {
		o = *opts
	}
	o.Interval = cmp.Or(o.Interval, 24*time.Hour)
	o.Jitter = cmp.Or(o.Jitter, 0.1)
	o.Keep = cmp.Or(o.Keep, 30)
	o.MonitorAfter = cmp.Or(o.MonitorAfter, 2)
	o.AlertAfter = cmp.Or(o.AlertAfter, 1)
	o.BetterAfter = cmp.Or(o.BetterAfter, 2)
	o.Standing = cmp.Or(o.Standing, StatusInsufficient)
	o.OnChange = slices.Clone(o.OnChange)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	switch {
	case m == nil:
		return nil, fmt.Errorf("%w: a Scheduler needs a DriftMonitor", ErrInput)
	case o.Interval < 0 || o.Interval > maxInterval:
		return nil, fmt.Errorf("%w: Interval is %v, want more than 0 and at most ten years", ErrInput, o.Interval)
	case !(o.Jitter < 1):
		return nil, fmt.Errorf("%w: Jitter is %v, want a share of the interval below 1", ErrInput, o.Jitter)
	case o.Keep < 0 || o.Keep > 10000:
		return nil, fmt.Errorf("%w: Keep is %d, want 1 to 10000", ErrInput, o.Keep)
	case o.MonitorAfter < 0 || o.AlertAfter < 0 || o.BetterAfter < 0:
		return nil, fmt.Errorf("%w: MonitorAfter is %d, AlertAfter %d and BetterAfter %d, want at least 1",
			ErrInput, o.MonitorAfter, o.AlertAfter, o.BetterAfter)
	case o.Standing.rank() < 0:
		return nil, fmt.Errorf("%w: Standing is %q, want one of the statuses of this package", ErrInput, o.Standing)
	}
	for i, hook := range o.OnChange {
		if hook == nil {
			return nil, fmt.Errorf("%w: OnChange has nil at %d", ErrInput, i)
		}
	}
	o.Jitter = max(0, o.Jitter)
	return &Scheduler{
		monitor: m, o: o, wake: make(chan struct{}, 1),
		standing: standing{status: o.Standing}, last: Sweep{Time: o.Last, Report: Report{Status: StatusInsufficient}},
	}, nil
}

// Run sweeps until ctx is done and returns its error. The first sweep is due an
// Interval, give or take the Jitter, after the last that did not fail, Last
// included, or after the call where there was none; each other as long after
// the one before. Sweeps that became due while the machine was asleep, the
// process stopped, or a sweep or a hook under way, are made up for by a single
// one.
//
// A clock that is set forward looks like a pause, and one that is set back does
// not make a wait longer. What fails is kept, and the next sweep tries again.
// Run is meant for a goroutine of the host; a second Run beside it returns an
// error that wraps ErrInput.
func (s *Scheduler) Run(ctx context.Context) error {
	s.mu.Lock()
	running, last := s.running, s.last.Time
	s.running = true
	s.mu.Unlock()
	if running {
		return fmt.Errorf("%w: the Scheduler is running already; call Run once", ErrInput)
	}
	defer s.stopped()
	at := s.o.Now()
	left := s.interval()
	if !last.IsZero() {
		left -= elapsed(last, at)
	}
	goOn := func(slept time.Duration) {
		now := s.o.Now()
		left -= max(slept, elapsed(at, now))
		at = now
	}
	for ctx.Err() == nil {
		if goOn(0); left > 0 {
			slept := min(left, glance)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.wake:
				slept = 0
			case <-s.o.After(slept):
			}
			goOn(slept)
		}
		if ctx.Err() != nil {
			break
		}
		due := left <= 0
		if due {
			s.skip(-left / s.o.Interval)
			left = s.interval()
		}
		s.carryOut(ctx, due)
	}
	return ctx.Err()
}

// elapsed returns how far a clock went, by what it shows or by what it counts
// where it is set meanwhile, whichever is more, and at most 73 years.
func elapsed(from, to time.Time) time.Duration {
	return min(max(0, to.Round(0).Sub(from.Round(0)), to.Sub(from)), 1<<61)
}

// interval draws the time until the next sweep.
func (s *Scheduler) interval() time.Duration {
	u := s.o.Random()
	if !(u >= 0 && u <= 1) { // a bad source
		u = 0.5
	}
	return max(1, time.Duration(float64(s.o.Interval)*(1+s.o.Jitter*(2*u-1))))
}

// skip counts sweeps that were due and never were.
func (s *Scheduler) skip(n time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.skipped += int64(n)
}

// Status returns the standing status.
func (s *Scheduler) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.standing.status
}

// Sweeps returns the last sweeps, at most Keep, in the order in which they were
// carried out. Their reports must not be changed.
func (s *Scheduler) Sweeps() []Sweep {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sweeps)
}
