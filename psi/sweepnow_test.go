package psi_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/psi"
)

// TestSweepNow asks for sweeps while Run waits, while it sweeps, and without
// it.
func TestSweepNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
			time.Sleep(time.Minute)
			return psi.Report{Status: psi.StatusStable, NRecent: int64(n)}, nil
		}}
		s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1})
		ask := func(n int) (got []int64) {
			answers := make([]int64, n)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					x, err := s.SweepNow(t.Context())
					if err != nil {
						t.Error(err)
					}
					answers[i] = x.Report.NRecent
				})
			}
			wg.Wait()
			return answers
		}
		check := func(name string, got []int64, want int64, at time.Duration) {
			t.Helper()
			for _, n := range got {
				if n != want {
					t.Errorf("%s: the sweeps are %v, want %d each", name, got, want)
				}
			}
			if time.Since(from) != at {
				t.Errorf("%s: it is %v, want %v", name, time.Since(from), at)
			}
		}
		check("without Run", ask(3), 0, time.Minute)
		stop := start(t, s)
		time.Sleep(10 * time.Minute)
		check("while Run waits", ask(3), 1, 12*time.Minute)
		time.Sleep(48*time.Minute + 30*time.Second) // Run sweeps an hour after the first
		check("while Run sweeps", ask(3), 2, 61*time.Minute)
		// Who no longer waits does not end the sweep of Run.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.SweepNow(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SweepNow returns %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := s.Run(t.Context()); !errors.Is(err, psi.ErrInput) {
			t.Errorf("a second Run returns %v", err)
		}
		time.Sleep(time.Hour)
		stop()
		want := []time.Duration{0, 11, 60, 61, 120}
		var got []time.Duration
		for _, d := range begun(s, from) {
			got = append(got, d/time.Minute)
		}
		if diff := cmp.Diff(want, got); diff != "" || m.both.Load() {
			t.Errorf("sweeps in minute (-want +got), overlapping %v:\n%s", m.both.Load(), diff)
		}
	})
}

// TestRunJoins has Run find a sweep under way that somebody began before.
func TestRunJoins(t *testing.T) {
	for _, calledOff := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &scripted{sweep: func(ctx context.Context, _ int) (psi.Report, error) {
				select {
				case <-ctx.Done():
					return psi.Report{}, ctx.Err()
				case <-time.After(2 * time.Hour):
					return psi.Report{Status: psi.StatusStable}, nil
				}
			}}
			s := scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = s.SweepNow(ctx) })
			synctest.Wait()
			stop := start(t, s)
			time.Sleep(90 * time.Minute)
			want := 1
			if calledOff {
				cancel() // and Run does it, as it is due
				want = 2
			}
			synctest.Wait()
			if n := int(m.n.Load()); n != want || m.both.Load() {
				t.Errorf("called off %v: %d sweeps, want %d", calledOff, n, want)
			}
			stop()
			wg.Wait()
		})
	}
}

// TestHammered asks for everything from many goroutines at once.
func TestHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		statuses := []psi.Status{psi.StatusStable, psi.StatusAlert, psi.StatusInsufficient}
		m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
			time.Sleep(time.Duration(n%7) * time.Second)
			return psi.Report{Status: statuses[n/5%3], Features: []psi.FeatureReport{{Name: "f", PSI: float64(n)}}}, nil
		}}
		var hooks atomic.Int32
		s := scheduler(t, m, psi.SchedulerOptions{Interval: 5 * time.Second, Jitter: 0.5, Keep: 3, OnChange: []func(context.Context, psi.Change) error{
			func(_ context.Context, c psi.Change) error {
				if c.Old == c.New {
					t.Error("told of no change")
				}
				hooks.Add(1)
				time.Sleep(time.Second)
				return nil
			},
		}})
		var wg sync.WaitGroup
		for g := range 6 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(7, uint64(g)))
				for range 60 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rng.IntN(20))*time.Second)
					switch rng.IntN(4) {
					case 0:
						if err := s.Run(ctx); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, psi.ErrInput) {
							t.Errorf("Run: %v", err)
						}
					case 1:
						if x, err := s.SweepNow(ctx); err == nil && x.Time.IsZero() || err != nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("SweepNow: %+v, %v", x, err)
						}
					case 2:
						psiOf, n := gauge(t, s, "last_data_drift_status"), len(s.Sweeps())
						if psiOf < -1 || n > 3 {
							t.Errorf("status %v, %d sweeps kept", psiOf, n)
						}
					case 3:
						time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		if m.both.Load() || m.n.Load() < 20 || hooks.Load() < 2 {
			t.Errorf("%d sweeps, overlapping %v, %d hooks", m.n.Load(), m.both.Load(), hooks.Load())
		}
	})
}
