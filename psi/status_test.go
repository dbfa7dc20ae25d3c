package psi_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/psi"
)

// letters stand for statuses in tests; x is a sweep that fails.
const letters = ".smax"

var byLetter = []psi.Status{psi.StatusInsufficient, psi.StatusStable, psi.StatusMonitor, psi.StatusAlert, ""}

// follow sweeps with the statuses of a script and returns the standing status
// after each, and what the hook was told.
func follow(t testing.TB, script string, o psi.SchedulerOptions) (standing string, told []psi.Change) {
	t.Helper()
	m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
		if script[n] == 'x' {
			return psi.Report{}, errors.New("away")
		}
		return psi.Report{Status: byLetter[strings.IndexByte(letters, script[n])], NRecent: int64(n)}, nil
	}}
	o.OnChange = append(o.OnChange, func(_ context.Context, c psi.Change) error {
		told = append(told, c)
		return nil
	})
	s := scheduler(t, m, o)
	for range script {
		x, err := s.SweepNow(t.Context())
		if (err != nil) != (x.Report.Status == "") || x.Standing != s.Status() {
			t.Fatalf("sweep %+v, error %v, standing %s", x, err, s.Status())
		}
		standing += letters[slices.Index(byLetter, x.Standing):][:1]
	}
	return standing, told
}

func TestStanding(t *testing.T) {
	for _, c := range []struct {
		name, sweeps, standing string
		o                      psi.SchedulerOptions
	}{
		{"stable", "sss", "sss", psi.SchedulerOptions{}},
		{"monitor now and then", "smssm", "sssss", psi.SchedulerOptions{}},
		{"monitor twice", "smmm", "ssmm", psi.SchedulerOptions{}},
		{"alert at once, better after two", "sass", "saas", psi.SchedulerOptions{}},
		{"no flapping", "sasasa", "saaaaa", psi.SchedulerOptions{}},
		{"better by and by", "samss", "saams", psi.SchedulerOptions{}},
		{"what cannot judge is no sweep", "sm.xm", "ssssm", psi.SchedulerOptions{}},
		{"and changes nothing", "sa.x.x", "saaaaa", psi.SchedulerOptions{}},
		{"nothing known", "..x", "...", psi.SchedulerOptions{}},
		{"not sure at first", "mm", ".m", psi.SchedulerOptions{}},
		{"not sure, then well", "ms", ".s", psi.SchedulerOptions{}},
		{"alert at first", "xa", ".a", psi.SchedulerOptions{}},
		{"alert after three", "saaa", "ssma", psi.SchedulerOptions{AlertAfter: 3}},
		{"alert counts as monitor", "sma", "ssm", psi.SchedulerOptions{AlertAfter: 2}},
		{"better at once", "asms", "asss", psi.SchedulerOptions{BetterAfter: 1}},
		{"where it left off", "sss", "ass", psi.SchedulerOptions{Standing: psi.StatusAlert}},
	} {
		standing, told := follow(t, c.sweeps, c.o)
		if standing != c.standing {
			t.Errorf("%s: %s stands after %s, want %s", c.name, standing, c.sweeps, c.standing)
		}
		old := string(letters[max(0, slices.Index(byLetter, c.o.Standing)%4)])
		for i := range standing {
			now := standing[i : i+1]
			if now == old {
				continue
			}
			if len(told) == 0 || told[0].New != byLetter[strings.Index(letters, now)] || told[0].Old != byLetter[strings.Index(letters, old)] || told[0].Report.NRecent != int64(i) || told[0].Time.IsZero() {
				t.Fatalf("%s: after sweep %d, %s to %s, the hook was told %+v", c.name, i, old, now, told)
			}
			old, told = now, told[1:]
		}
		if len(told) > 0 {
			t.Errorf("%s: the hook was told of %+v too", c.name, told)
		}
	}
}

// model is what the standing status must be, said plainly: worse as soon as the
// last few sweeps are all as bad, better as soon as the last few are all
// better, and then as the worst of them.
func model(judged string, standing byte, o psi.SchedulerOptions) byte {
	rank := func(c byte) int { return strings.IndexByte(letters, c) }
	last := func(n int, holds func(c byte) bool) bool {
		if len(judged) < n {
			return false
		}
		for _, c := range []byte(judged[len(judged)-n:]) {
			if !holds(c) {
				return false
			}
		}
		return true
	}
	asBadAs := func(than byte) func(byte) bool { return func(c byte) bool { return rank(c) >= rank(than) } }
	switch {
	case rank(standing) < rank('a') && last(o.AlertAfter, asBadAs('a')):
		return 'a'
	case rank(standing) < rank('m') && last(o.MonitorAfter, asBadAs('m')):
		return 'm'
	case standing == '.' && strings.HasSuffix(judged, "s"):
		return 's'
	case standing != '.' && last(o.BetterAfter, func(c byte) bool { return rank(c) < rank(standing) }):
		worst := byte('s')
		for _, c := range []byte(judged[len(judged)-o.BetterAfter:]) {
			if rank(c) > rank(worst) {
				worst = c
			}
		}
		return worst
	}
	return standing
}

// TestStandingModel compares with the model, on any statuses and any options.
func TestStandingModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	changes := 0
	for range 2000 {
		o := psi.SchedulerOptions{MonitorAfter: 1 + rng.IntN(4), AlertAfter: 1 + rng.IntN(4), BetterAfter: 1 + rng.IntN(4)}
		script := make([]byte, 40)
		for i := range script {
			if script[i] = letters[rng.IntN(len(letters))]; i > 0 && rng.IntN(2) == 0 {
				script[i] = script[i-1]
			}
		}
		got, told := follow(t, string(script), o)
		standing, judged, worse := byte('.'), "", 0
		for i, c := range script {
			before := standing
			if c != '.' && c != 'x' {
				judged += string(c)
				standing = model(judged, standing, o)
			}
			if got[i] != standing {
				t.Fatalf("%+v: %s stands after %s, want %c at %d", o, got, script, standing, i)
			}
			switch {
			case strings.IndexByte(letters, standing) > strings.IndexByte(letters, before):
				worse = len(judged)
			case standing != before && len(judged)-worse < o.BetterAfter:
				t.Fatalf("%+v: better too early at %d of %s: %s", o, i, script, got)
			}
			if before != standing {
				changes++
				if (c == '.' || c == 'x') || len(told) == 0 || told[0].Report.NRecent != int64(i) {
					t.Fatalf("%+v: told %+v of the change at %d of %s", o, told, i, script)
				}
				told = told[1:]
			}
		}
		if len(told) > 0 {
			t.Fatalf("%+v: told %+v without a change in %s", o, told, script)
		}
	}
	if changes < 2000 {
		t.Errorf("only %d changes in all", changes)
	}
}

// TestHooks has hooks that fail, panic, sweep, block and end their goroutine.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *psi.Scheduler
		var called []string
		type key struct{}
		var blocking, quit atomic.Bool
		m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
			return psi.Report{Status: []psi.Status{psi.StatusStable, psi.StatusAlert}[n%2]}, nil
		}}
		hook := func(name string, do func(ctx context.Context) error) func(context.Context, psi.Change) error {
			return func(ctx context.Context, c psi.Change) error {
				called = append(called, name)
				if ctx.Value(key{}) != "host" || c.Report.Status != c.New {
					t.Errorf("hook %s has another context, or %+v", name, c)
				}
				return do(ctx)
			}
		}
		s = scheduler(t, m, psi.SchedulerOptions{Interval: time.Hour, Jitter: -1, BetterAfter: 1, OnChange: []func(context.Context, psi.Change) error{
			hook("fails", func(context.Context) error { return errors.New("no route") }),
			hook("panics", func(context.Context) error { panic("nil map") }),
			hook("sweeps", func(ctx context.Context) error {
				if len(s.Sweeps()) == 0 || s.Status() == psi.StatusInsufficient || len(s.Gauges()) == 0 {
					t.Error("the sweep cannot be seen by its hooks")
				}
				_, err := s.SweepNow(ctx)
				return err
			}),
			hook("blocks", func(ctx context.Context) error {
				if blocking.Load() {
					<-ctx.Done()
				}
				if quit.Load() {
					runtime.Goexit()
				}
				return nil
			}),
		}})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "host"))
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"fails", "panics", "sweeps", "blocks"}, called); diff != "" {
			t.Errorf("called (-want +got):\n%s", diff)
		}
		want := "hook 0: no route\nhook 1: panicked: nil map\nhook 2: psi: invalid input: a hook must not sweep; let it tell another goroutine to"
		if x := s.Sweeps()[0]; x.HookError != want || x.Error != "" || x.Standing != psi.StatusStable {
			t.Errorf("the sweep is %+v", x)
		}
		// While a hook blocks nothing is swept, and what it blocks for can be
		// seen; who waits for a sweep need not wait for ever.
		blocking.Store(true)
		time.Sleep(3 * time.Hour)
		brief, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if _, err := s.SweepNow(brief); !errors.Is(err, context.DeadlineExceeded) || len(s.Sweeps()) != 2 || s.Status() != psi.StatusAlert {
			t.Errorf("SweepNow beside a hook that blocks returns %v; %+v", err, s.Sweeps())
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returns %v", err)
		}
		// A hook that ends the goroutine ends Run, and no more.
		blocking.Store(false)
		quit.Store(true)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = s.Run(context.WithValue(t.Context(), key{}, "host"))
		}()
		<-gone
		quit.Store(false)
		if x, err := s.SweepNow(context.WithValue(t.Context(), key{}, "host")); err != nil || x.Standing != psi.StatusAlert || x.HookError == "" {
			t.Errorf("SweepNow after that returns %+v, error %v", x, err)
		}
	})
}

func TestSweepJSON(t *testing.T) {
	x := psi.Sweep{Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Duration: time.Second, Standing: psi.StatusStable, Error: "away"}
	data, err := json.Marshal(x)
	if want := `{"time":"2026-11-25T12:00:00Z","duration_ns":1000000000,"standing":"stable","error":"away"}`; err != nil || string(data) != want {
		t.Errorf("%s, error %v, want %s", data, err, want)
	}
	x.Report = psi.Report{Status: psi.StatusStable, Features: []psi.FeatureReport{{Name: "f"}}}
	var again psi.Sweep
	if data, err = json.Marshal(x); err != nil || json.Unmarshal(data, &again) != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x, again); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
