package risk_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
)

// shadows is the Observer that keeps what a candidate said.
type shadows struct {
	risk.NopObserver
	mu  sync.Mutex
	all []risk.Shadowed
}

func (s *shadows) Shadowed(_ context.Context, x *risk.Shadowed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, *x)
}

// harsh says that all is of the highest level.
type harsh struct{ sleepy }

func (h harsh) Score(ctx context.Context, d risk.Document) (risk.Assessment, error) {
	a, err := h.sleepy.Score(ctx, d)
	if err == nil && a.Score == 0.5 {
		a.Score, a.Level = 0.9, "high"
	}
	return a, err
}

func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &shadows{}
		hang := sleepy{make(chan struct{})}
		s := risk.NewShadow(instant{}, harsh{hang}, &risk.ShadowOptions{
			Rollout: "r7", Observer: o, Takes: func(d risk.Document) bool { return d.ID != "not" },
		})
		texts := []string{"", "error", "panic", "nan", "forever", "10ms"}
		tags := []string{"a", "b"}
		began := time.Now()
		for i, text := range texts {
			a, err := s.Score(t.Context(), risk.Document{ID: fmt.Sprint(i), Text: text, Tags: tags})
			if err != nil || a.Level != "medium" || a.ID != fmt.Sprint(i) {
				t.Errorf("%q: %+v, error %v", text, a, err)
			}
		}
		tags[0] = "changed by the caller afterwards"
		if _, err := s.Score(t.Context(), risk.Document{ID: "not"}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("answers waited %v", took)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want := risk.ShadowStats{Pairs: 2, Disagreements: 2, Errors: 4}
		if got := s.Stats(); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
		errs := []error{nil, errBroken, risk.ErrPanic, risk.ErrInvalid, risk.ErrTimeout, nil}
		if len(o.all) != len(errs) {
			t.Fatalf("told %d times, want %d", len(o.all), len(errs))
		}
		seen := map[string]bool{}
		for _, x := range o.all {
			var i int
			fmt.Sscan(x.Document.ID, &i)
			seen[x.Document.ID] = true
			if x.Rollout != "r7" || x.Production.ID != x.Document.ID || x.Dropped || !x.Time.Equal(began) {
				t.Errorf("%+v", x)
			}
			if d := cmp.Diff([]string{"a", "b"}, x.Document.Tags); d != "" {
				t.Errorf("tags of %d: %s", i, d)
			}
			if errs[i] == nil && (x.Err != nil || !x.Disagree() || x.Candidate.Level != "high") {
				t.Errorf("%d: %+v", i, x)
			}
			if errs[i] != nil {
				wantError(t, x.Document.Text, x.Err, errs[i], "")
			}
		}
		if len(seen) != len(errs) {
			t.Errorf("told of %v", seen)
		}
		close(hang.release)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if a := score(t, s); a.Level != "medium" {
			t.Errorf("after Close: %+v", a)
		}
		if got := s.Stats(); got.Dropped != 1 {
			t.Errorf("after Close: %+v", got)
		}
	})
}

// TestShadowDrops has more documents than the queue holds wait for a candidate
// that hangs.
func TestShadowDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &shadows{}
		hang := sleepy{make(chan struct{})}
		s := risk.NewShadow(instant{}, hang, &risk.ShadowOptions{Queue: 10, Timeout: time.Hour, Observer: o})
		first := risk.Document{Text: "forever"}
		if _, err := s.Score(t.Context(), first); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		for i := range 25 {
			if a, err := s.Score(t.Context(), risk.Document{ID: fmt.Sprint(i)}); err != nil || a.ID != fmt.Sprint(i) {
				t.Errorf("%+v, error %v", a, err)
			}
		}
		if got := s.Stats(); got.Dropped != 15 || len(o.all) != 15 {
			t.Errorf("%+v, told %d times", got, len(o.all))
		}
		for _, x := range o.all {
			if !x.Dropped || x.Disagree() || x.Production.ID != x.Document.ID {
				t.Errorf("%+v", x)
			}
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantError(t, "Close while the candidate hangs", s.Close(brief), context.DeadlineExceeded, "")
		close(hang.release)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		want := risk.ShadowStats{Pairs: 1, Dropped: 25}
		if got := s.Stats(); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
	})
}

// TestShadowLosesNothing counts under load: each document is a pair or dropped.
func TestShadowLosesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	const callers, each = 6, 2000
	s := risk.NewShadow(instant{}, instant{}, &risk.ShadowOptions{Queue: 64, Workers: 2})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Score(context.Background(), risk.Document{Tags: []string{"x"}}); err != nil {
					t.Error(err)
				}
				if i%32 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	st := s.Stats()
	if st.Pairs+st.Dropped+st.Errors != callers*each || st.Pairs == 0 {
		t.Errorf("%+v of %d", st, callers*each)
	}
	t.Logf("%+v", st)
	ended(t, before, "shadow")
}

func TestShadowDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	var told, entered atomic.Int64
	var gate atomic.Pointer[chan struct{}]
	shut := func() func() {
		c := make(chan struct{})
		gate.Store(&c)
		return func() { close(c) }
	}
	candidate := scorerFunc(func(d risk.Document) (risk.Assessment, error) {
		entered.Add(1)
		<-*gate.Load()
		return instant{}.Score(context.Background(), d)
	})
	open := shut()
	s := risk.NewShadow(instant{}, candidate, &risk.ShadowOptions{Queue: 300, Timeout: time.Hour, Observer: counting{told: &told}})
	doc := risk.Document{ID: "1", Tags: []string{"a", "b"}}
	ask := func() {
		if _, err := s.Score(context.Background(), doc); err != nil {
			t.Error(err)
		}
	}
	for range 600 { // the queue fills, and its tags find room
		ask()
	}
	if s.Stats().Dropped == 0 {
		t.Error("nothing was dropped")
	}
	if n := testing.AllocsPerRun(100, ask); n > 0 {
		t.Errorf("dropping: %v allocations", n)
	}
	until := func(what string, reached func() bool) {
		for deadline := time.Now().Add(10 * time.Second); !reached(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited for %s: %+v", what, s.Stats())
			}
		}
	}
	open()
	until("the queue to drain", func() bool { return s.Stats().Pairs >= 300 })
	before := entered.Load()
	open = shut()
	ask()
	until("the worker to be held", func() bool { return entered.Load() > before })
	dropped := s.Stats().Dropped
	if n := testing.AllocsPerRun(200, ask); n > 0 {
		t.Errorf("waiting: %v allocations", n)
	}
	if now := s.Stats().Dropped; now > dropped {
		t.Errorf("%d of those were dropped", now-dropped)
	}
	open()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// counting is the Observer that counts.
type counting struct {
	risk.NopObserver
	told *atomic.Int64
}

func (c counting) Shadowed(context.Context, *risk.Shadowed) { c.told.Add(1) }
