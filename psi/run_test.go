package psi_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/psi"
)

// scripted is a DriftMonitor that says what a test wants, and notices sweeps
// that overlap.
type scripted struct {
	sweep func(ctx context.Context, n int) (psi.Report, error) // n from 0
	n     atomic.Int32
	busy  atomic.Bool
	both  atomic.Bool // two at once
}

func (s *scripted) Observe(string) {}

func (s *scripted) Sweep(ctx context.Context) (psi.Report, error) {
	if s.busy.Swap(true) {
		s.both.Store(true)
	}
	defer s.busy.Store(false)
	return s.sweep(ctx, int(s.n.Add(1))-1)
}

// stable is a DriftMonitor of texts that do not drift.
func stable() *scripted {
	return &scripted{sweep: func(context.Context, int) (psi.Report, error) { return psi.Report{Status: psi.StatusStable}, nil }}
}

func scheduler(t testing.TB, m psi.DriftMonitor, o psi.SchedulerOptions) *psi.Scheduler {
	t.Helper()
	s, err := psi.NewScheduler(m, &o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start runs s until the test calls what it returns, which waits for its end.
func start(t testing.TB, s *psi.Scheduler) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ends with %v", err)
		}
	}
}

// begun returns when sweeps began, counted from when the test did.
func begun(s *psi.Scheduler, from time.Time) (at []time.Duration) {
	for _, x := range s.Sweeps() {
		at = append(at, x.Time.Sub(from))
	}
	return at
}

func gauge(t testing.TB, s *psi.Scheduler, name string) float64 {
	t.Helper()
	for _, g := range s.Gauges() {
		if g.Name == name {
			return g.Value
		}
	}
	t.Fatalf("there is no gauge %s", name)
	return 0
}

// TestRunInterval sweeps as often as it should, each time as far from the last
// as the jitter allows.
func TestRunInterval(t *testing.T) {
	for _, jitter := range []float64{-1, 0, 0.3, 0.99} {
		synctest.Test(t, func(t *testing.T) {
			from := time.Now()
			rng := rand.New(rand.NewPCG(1, 1))
			s := scheduler(t, stable(), psi.SchedulerOptions{Interval: time.Hour, Jitter: jitter, Keep: 1000, Random: rng.Float64})
			stop := start(t, s)
			time.Sleep(200*time.Hour + time.Minute)
			stop()
			at := begun(s, from)
			share := map[float64]float64{-1: 0, 0: 0.1}[jitter]
			if jitter > 0 {
				share = jitter
			}
			// The mean of 200 waits has a standard deviation of share/√3/√200.
			if n := float64(len(at)); math.Abs(n-200) > 200*3*share/math.Sqrt(600)+1e-9 {
				t.Errorf("jitter %v: %v sweeps in 200 hours", jitter, n)
			}
			least, most, last := math.Inf(1), 0.0, time.Duration(0)
			for _, x := range at {
				wait := (x - last).Hours()
				least, most, last = min(least, wait), max(most, wait), x
			}
			if least < 1-share-1e-9 || most > 1+share+1e-9 || share > 0 && (least > 1-0.8*share || most < 1+0.8*share) {
				t.Errorf("jitter %v: waits from %v to %v hours", jitter, least, most)
			}
			again := scheduler(t, stable(), psi.SchedulerOptions{Interval: time.Hour, Jitter: jitter, Keep: 1000, Random: rand.New(rand.NewPCG(1, 1)).Float64})
			from = time.Now()
			stop = start(t, again)
			time.Sleep(200*time.Hour + time.Minute)
			stop()
			if diff := cmp.Diff(at, begun(again, from)); diff != "" {
				t.Errorf("jitter %v: the same seed sweeps at other times (-first +second):\n%s", jitter, diff)
			}
		})
	}
}

// clock is time.Now, set forward or back as a test likes.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) set(d time.Duration) { c.offset.Add(int64(d)) }

// TestRunClock has pauses and clocks that are set: a pause, however long, is
// made up for by one sweep, and no clock makes a wait longer or stops it.
func TestRunClock(t *testing.T) {
	for name, c := range map[string]struct {
		jump    time.Duration // half an hour after the start
		want    []time.Duration
		skipped float64
	}{
		"none":            {0, []time.Duration{60, 120, 180}, 0},
		"back a little":   {-20 * time.Minute, []time.Duration{60, 120, 180}, 0},
		"back for ever":   {-50000 * time.Hour, []time.Duration{60, 120, 180}, 0},
		"a short sleep":   {10 * time.Minute, []time.Duration{50, 110, 170}, 0},
		"a night asleep":  {8*time.Hour + 15*time.Minute, []time.Duration{31, 91, 151, 211}, 7},
		"a century ahead": {100 * 365 * 24 * time.Hour, []time.Duration{31, 91, 151, 211}, 1<<61/float64(time.Hour) - 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from := time.Now()
				var (
					k  clock
					mu sync.Mutex
					at []time.Duration // by the clock that is never set
				)
				m := &scripted{sweep: func(context.Context, int) (psi.Report, error) {
					mu.Lock()
					defer mu.Unlock()
					at = append(at, time.Since(from).Round(time.Second)/time.Minute)
					return psi.Report{Status: psi.StatusStable}, nil
				}}
				s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1, Now: k.now})
				stop := start(t, s)
				time.Sleep(30*time.Minute + time.Second)
				k.set(c.jump)
				time.Sleep(3*time.Hour + 2*time.Minute - 30*time.Minute)
				stop()
				want := slices.DeleteFunc(c.want, func(d time.Duration) bool { return d > 182 })
				if diff := cmp.Diff(want, at); diff != "" {
					t.Errorf("sweeps in minute (-want +got):\n%s", diff)
				}
				if got := gauge(t, s, "data_drift_sweeps_skipped_total"); math.Abs(got-c.skipped) > 1 || c.skipped < 10 && got != c.skipped {
					t.Errorf("%v sweeps skipped, want %v", got, c.skipped)
				}
				if s.Sweeps()[0].Duration != 0 {
					t.Errorf("the first took %v", s.Sweeps()[0].Duration)
				}
			})
		})
	}
}

// TestRunLast goes on where a process before this one left off.
func TestRunLast(t *testing.T) {
	for name, c := range map[string]struct {
		ago, first time.Duration
		skipped    float64
	}{
		"a while ago":   {20 * time.Minute, 40 * time.Minute, 0},
		"long ago":      {150 * time.Minute, 0, 1},
		"in the future": {-time.Hour, time.Hour, 0},
		"in Rome":       {2e6 * time.Hour, 0, 2e6 - 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			from := time.Now()
			s := scheduler(t, stable(), psi.SchedulerOptions{Interval: time.Hour, Jitter: -1, Last: from.Add(-c.ago), Standing: psi.StatusAlert})
			if got := gauge(t, s, "last_data_drift_sweep_timestamp_seconds"); s.Status() != psi.StatusAlert || got != float64(from.Add(-c.ago).Unix()) {
				t.Errorf("%s: status %s, last sweep at %v", name, s.Status(), got)
			}
			stop := start(t, s)
			time.Sleep(c.first + time.Second)
			stop()
			if diff := cmp.Diff([]time.Duration{c.first}, begun(s, from)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if got := gauge(t, s, "data_drift_sweeps_skipped_total"); c.ago < 1e6*time.Hour && got != c.skipped {
				t.Errorf("%s: %v sweeps skipped, want %v", name, got, c.skipped)
			}
			// So does a second Run of the same Scheduler.
			time.Sleep(20 * time.Minute)
			stop = start(t, s)
			time.Sleep(45 * time.Minute)
			stop()
			if diff := cmp.Diff([]time.Duration{c.first, c.first + time.Hour}, begun(s, from)); diff != "" {
				t.Errorf("%s, run again (-want +got):\n%s", name, diff)
			}
		})
	}
}

// TestSlowSweep has a sweep that takes longer than the interval: none overlaps
// it, and one makes up for those it kept from beginning.
func TestSlowSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
			if n == 0 {
				time.Sleep(210 * time.Minute)
			}
			return psi.Report{Status: psi.StatusStable}, nil
		}}
		s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1})
		stop := start(t, s)
		time.Sleep(time.Hour + 210*time.Minute + 61*time.Minute)
		stop()
		want := []time.Duration{time.Hour, 270 * time.Minute, 330 * time.Minute}
		if diff := cmp.Diff(want, begun(s, from)); diff != "" || m.both.Load() {
			t.Errorf("sweeps (-want +got), overlapping %v:\n%s", m.both.Load(), diff)
		}
		if got := gauge(t, s, "data_drift_sweeps_skipped_total"); got != 2 || s.Sweeps()[0].Duration != 210*time.Minute {
			t.Errorf("%v sweeps skipped, the first took %v", got, s.Sweeps()[0].Duration)
		}
	})
}

// TestRunGoesOn has sweeps that fail, panic and make no sense, and keeps the
// last few.
func TestRunGoesOn(t *testing.T) {
	away := errors.New("the store is away")
	synctest.Test(t, func(t *testing.T) {
		m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
			switch n {
			case 1:
				return psi.Report{Status: psi.StatusAlert}, away
			case 2:
				panic("no such bin")
			case 3:
				return psi.Report{Status: "fine"}, nil
			case 4:
				return psi.Report{}, context.DeadlineExceeded // of a context of its own
			}
			return psi.Report{Status: psi.StatusStable, NRecent: int64(n)}, nil
		}}
		s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1, Keep: 5})
		stop := start(t, s)
		time.Sleep(6*time.Hour + time.Minute)
		stop()
		var got []string
		for _, x := range s.Sweeps() {
			got = append(got, fmt.Sprint(x.Report.Status, "|", x.Standing, "|", x.Error))
		}
		want := []string{
			"|stable|the store is away", "|stable|psi: the sweep panicked: no such bin",
			`|stable|psi: invalid input: the DriftMonitor reports status "fine", want one of the statuses of this package`,
			"|stable|context deadline exceeded", "stable|stable|",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sweeps (-want +got):\n%s", diff)
		}
		if n, failed := gauge(t, s, "data_drift_sweeps_total"), gauge(t, s, "data_drift_sweep_failures_total"); n != 6 || failed != 4 {
			t.Errorf("%v sweeps, %v failed", n, failed)
		}
		m.n.Store(1)
		if x, err := s.SweepNow(t.Context()); !errors.Is(err, away) || x.Error != away.Error() {
			t.Errorf("SweepNow returns %+v, error %v", x, err)
		}
	})
}

// TestCancelled ends Run while it waits and while it sweeps; a sweep that is
// called off is no failure.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		m := &scripted{sweep: func(ctx context.Context, _ int) (psi.Report, error) {
			<-ctx.Done()
			return psi.Report{}, fmt.Errorf("counting: %w", ctx.Err())
		}}
		s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1})
		for range 2 { // it can be run again
			before := time.Now()
			stop := start(t, s)
			time.Sleep(30 * time.Minute)
			stop()
			if time.Since(before) != 30*time.Minute || m.n.Load() != 0 {
				t.Errorf("stopped after %v, %d sweeps", time.Since(before), m.n.Load())
			}
		}
		stop := start(t, s)
		time.Sleep(61 * time.Minute)
		waiting := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := s.SweepNow(ctx)
			waiting <- err
		}()
		synctest.Wait()
		stop() // who waits for the sweep now sweeps alone
		synctest.Wait()
		if m.n.Load() != 2 || len(s.Sweeps()) != 0 || gauge(t, s, "data_drift_sweep_failures_total") != 0 {
			t.Errorf("%d sweeps begun, kept %+v", m.n.Load(), s.Sweeps())
		}
		// Asked for while Run ends, a sweep is not lost.
		m.sweep = func(context.Context, int) (psi.Report, error) { return psi.Report{Status: psi.StatusStable}, nil }
		quick := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour})
		for range 20 {
			ending, end := context.WithCancel(t.Context())
			over := make(chan error, 1)
			go func() { over <- quick.Run(ending) }()
			synctest.Wait()
			end()
			if x, err := quick.SweepNow(t.Context()); err != nil || x.Standing != psi.StatusStable {
				t.Errorf("SweepNow beside the end of Run returns %+v, error %v", x, err)
			}
			<-over
		}
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "counting") {
			t.Errorf("SweepNow returns %v", err)
		}
		n := m.n.Load()
		if _, err := s.SweepNow(ctx); !errors.Is(err, context.Canceled) || m.n.Load() != n {
			t.Errorf("SweepNow with a context that is done returns %v", err)
		}
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) || m.n.Load() != n {
			t.Errorf("Run with a context that is done returns %v", err)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Run(late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run with a deadline returns %v", err)
		}
	})
}

// TestInjected drives Run by a clock and a timer of the test's own.
func TestInjected(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	var waits []time.Duration
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := scheduler(t, stable(), psi.SchedulerOptions{
		Interval: 150 * time.Second, Jitter: 0.2,
		Now:    func() time.Time { return now },
		Random: func() float64 { return math.NaN() }, // which counts as the middle
		After: func(d time.Duration) <-chan time.Time {
			if waits = append(waits, d); len(waits) == 6 {
				cancel()
			}
			now = now.Add(d)
			c := make(chan time.Time, 1)
			c <- now
			return c
		},
	})
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returns %v", err)
	}
	m := time.Minute
	if diff := cmp.Diff([]time.Duration{m, m, m / 2, m, m, m / 2}, waits); diff != "" || len(s.Sweeps()) != 1 {
		t.Errorf("%d sweeps, waits (-want +got):\n%s", len(s.Sweeps()), diff)
	}
}

func TestSchedulerOptions(t *testing.T) {
	for name, c := range map[string]struct {
		o    psi.SchedulerOptions
		want string
	}{
		"interval":      {psi.SchedulerOptions{Interval: -1}, "Interval is -1ns"},
		"long interval": {psi.SchedulerOptions{Interval: math.MaxInt64}, "ten years"},
		"jitter":        {psi.SchedulerOptions{Jitter: 1}, "Jitter is 1"},
		"jitter NaN":    {psi.SchedulerOptions{Jitter: math.NaN()}, "Jitter is NaN"},
		"keep":          {psi.SchedulerOptions{Keep: -1}, "Keep is -1"},
		"much":          {psi.SchedulerOptions{Keep: 10001}, "Keep is 10001"},
		"monitor":       {psi.SchedulerOptions{MonitorAfter: -1}, "MonitorAfter is -1"},
		"alert":         {psi.SchedulerOptions{AlertAfter: -2}, "AlertAfter -2"},
		"better":        {psi.SchedulerOptions{BetterAfter: -3}, "BetterAfter -3"},
		"standing":      {psi.SchedulerOptions{Standing: "well"}, `Standing is "well"`},
		"hook":          {psi.SchedulerOptions{OnChange: make([]func(context.Context, psi.Change) error, 1)}, "nil at 0"},
	} {
		if s, err := psi.NewScheduler(stable(), &c.o); s != nil || !errors.Is(err, psi.ErrInput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := psi.NewScheduler(nil, nil); !errors.Is(err, psi.ErrInput) {
		t.Errorf("no monitor: error is %v", err)
	}
	synctest.Test(t, func(t *testing.T) { // the defaults
		s, err := psi.NewScheduler(stable(), nil)
		if err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		stop := start(t, s)
		time.Sleep(100 * 24 * time.Hour)
		stop()
		n := gauge(t, s, "data_drift_sweeps_total")
		if n < 95 || n > 105 || len(s.Sweeps()) != 30 || s.Status() != psi.StatusStable || s.Sweeps()[29].Time.Sub(from) < 98*24*time.Hour {
			t.Errorf("in 100 days: %v sweeps, %d kept, %s", n, len(s.Sweeps()), s.Status())
		}
	})
}
