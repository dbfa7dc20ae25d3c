package psi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Sweep is one that a Scheduler carried out.
type Sweep struct {
	// Time is when it began, as the clock said, and Duration how long it took
	// without the hooks.
	Time     time.Time     `json:"time"`
	Duration time.Duration `json:"duration_ns"`
	Report   Report        `json:"report,omitzero"`
	// Standing is the status that stood afterwards.
	Standing Status `json:"standing"`
	// Error says why the sweep failed, in which case there is no Report, and
	// HookError what went wrong in the hooks. Empty means that all is well.
	Error     string `json:"error,omitempty"`
	HookError string `json:"hook_error,omitempty"`
}

// flight is a sweep that is asked for or under way.
type flight struct {
	byRun bool          // who carries it out: Run, or the SweepNow that made it
	done  chan struct{} // closed at the end

	// Good once done.
	again bool // it came to nothing; who waits for it asks anew
	sweep Sweep
	err   error
}

// inHook is the key under which the context of a hook has its Scheduler.
type inHook struct{}

// SweepNow sweeps at once, which does not move the next sweep of Run. While Run
// runs it is Run that sweeps, and goes on should ctx be done. A call during a
// sweep waits for that one and returns it. The error is the sweep's; it wraps
// ErrInput where the call comes, by its context, from a hook of the Scheduler.
func (s *Scheduler) SweepNow(ctx context.Context) (Sweep, error) {
	if ctx.Value(inHook{}) == s {
		return Sweep{}, fmt.Errorf("%w: a hook must not sweep; let it tell another goroutine to", ErrInput)
	}
	for {
		if err := ctx.Err(); err != nil {
			return Sweep{}, err
		}
		f, mine := s.ask()
		if mine {
			s.fly(ctx, f)
			return f.sweep, f.err
		}
		select {
		case <-ctx.Done():
			return Sweep{}, ctx.Err()
		case <-f.done:
			if !f.again {
				return f.sweep, f.err
			}
		}
	}
}

// ask returns the sweep under way, or a new one, and whether the caller must
// carry it out.
func (s *Scheduler) ask() (f *flight, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight, false
	}
	s.flight = newFlight(s.running)
	if s.running {
		select {
		case s.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return s.flight, !s.running
}

func newFlight(byRun bool) *flight {
	return &flight{byRun: byRun, done: make(chan struct{}), again: true}
}

// carryOut sweeps, for Run, if that is due or asked for. A sweep of somebody
// else's is waited for.
func (s *Scheduler) carryOut(ctx context.Context, due bool) {
	s.mu.Lock()
	if s.flight == nil && due {
		s.flight = newFlight(true)
	}
	f := s.flight
	s.mu.Unlock()
	switch {
	case f == nil:
	case f.byRun:
		s.fly(ctx, f)
	case due:
		select {
		case <-ctx.Done():
		case <-f.done:
			if f.again {
				s.carryOut(ctx, due)
			}
		}
	}
}

// stopped ends Run. Who waits for a sweep by it is sent to sweep alone.
func (s *Scheduler) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if f := s.flight; f != nil && f.byRun {
		s.flight = nil
		close(f.done)
	}
}

// fly carries out f and tells who waits for it.
func (s *Scheduler) fly(ctx context.Context, f *flight) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flight = nil
		close(f.done)
	}()
	start := s.o.Now()
	report, err := s.sweep(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		f.err = err // called off, which is no failure
		return
	}
	sweep := Sweep{Time: start.Round(0), Duration: elapsed(start, s.o.Now()), Report: report}
	if err != nil {
		sweep.Error = err.Error()
	}
	change, changed := s.record(&sweep)
	if changed && len(s.o.OnChange) > 0 {
		if err := s.tell(ctx, change); err != nil {
			sweep.HookError = err.Error()
			s.mu.Lock()
			s.sweeps[len(s.sweeps)-1] = sweep
			s.mu.Unlock()
		}
	}
	f.sweep, f.err, f.again = sweep, err, false
}

// sweep sweeps once. A panic is an error.
func (s *Scheduler) sweep(ctx context.Context) (r Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("psi: the sweep panicked: %v", p)
		}
	}()
	r, err = s.monitor.Sweep(ctx)
	if err == nil && r.Status.rank() < 0 {
		err = fmt.Errorf("%w: the DriftMonitor reports status %q, want one of the statuses of this package", ErrInput, r.Status)
	}
	if err != nil {
		return Report{}, err
	}
	return r, nil
}

// record remembers a sweep, with the status that stands after it, and reports
// whether that changed.
func (s *Scheduler) record(sweep *Sweep) (c Change, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.standing.status
	s.count.sweeps++
	if sweep.Error != "" {
		s.count.failures++
	} else {
		s.standing.see(sweep.Report.Status, &s.o)
		s.last = *sweep
		if sweep.Report.Status != StatusInsufficient {
			s.judged = sweep.Report
		}
	}
	sweep.Standing = s.standing.status
	if len(s.sweeps) == s.o.Keep {
		s.sweeps = slices.Delete(s.sweeps, 0, 1)
	}
	s.sweeps = append(s.sweeps, *sweep)
	return Change{Old: old, New: sweep.Standing, Report: sweep.Report, Time: sweep.Time}, old != sweep.Standing
}

// tell calls the hooks and returns what went wrong.
func (s *Scheduler) tell(ctx context.Context, c Change) error {
	ctx = context.WithValue(ctx, inHook{}, s)
	var errs []error
	for i, hook := range s.o.OnChange {
		if err := callHook(ctx, hook, c); err != nil {
			errs = append(errs, fmt.Errorf("hook %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// callHook calls a hook. A panic is an error.
func callHook(ctx context.Context, hook func(context.Context, Change) error, c Change) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v", p)
		}
	}()
	return hook(ctx, c)
}
