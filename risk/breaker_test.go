package risk_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// plainBreaker is what a Breaker is held against: one call at a time, in the
// words of the documentation.
type plainBreaker struct {
	failures int
	opened   time.Time
	open     bool
	changes  []risk.BreakerState
}

// call takes whether the scorer would succeed, fail or neither, and returns
// whether it is asked.
func (p *plainBreaker) call(now time.Time, limit int, pause time.Duration, result string) bool {
	half := p.open && now.Sub(p.opened) >= pause
	if p.open && !half {
		return false
	}
	if half && (len(p.changes) == 0 || p.changes[len(p.changes)-1] != risk.BreakerHalfOpen) {
		p.changes = append(p.changes, risk.BreakerHalfOpen)
	}
	switch result {
	case "success":
		p.failures = 0
		if p.open {
			p.open = false
			p.changes = append(p.changes, risk.BreakerClosed)
		}
	case "failure":
		if p.failures++; half || p.failures == limit {
			p.open, p.opened, p.failures = true, now, 0
			p.changes = append(p.changes, risk.BreakerOpen)
		}
	}
	return true
}

func TestBreakerEqualsThePlainOne(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(2, seed))
		now := time.Unix(1e9, 0)
		limit, pause := 1+rng.IntN(4), time.Duration(1+rng.IntN(20))*time.Second
		var plain plainBreaker
		var changes []risk.BreakerState
		asked := false
		var answer error
		b := &risk.Breaker{
			Scorer: scorerFunc(func(risk.Document) (risk.Assessment, error) {
				asked = true
				if answer == risk.ErrPanic {
					panic("on purpose")
				}
				return risk.Assessment{}, answer
			}),
			BreakerOptions: risk.BreakerOptions{
				Failures: limit, Pause: pause, Now: func() time.Time { return now },
				OnChange: func(s risk.BreakerState) { changes = append(changes, s) },
			},
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 400 {
			now = now.Add(time.Duration(rng.IntN(3000)) * time.Millisecond)
			ctx, result := t.Context(), ""
			switch rng.IntN(8) {
			case 0, 1, 2:
				answer, result = errBroken, "failure"
			case 3:
				answer, result = risk.ErrPanic, "failure"
			case 4:
				answer = fmt.Errorf("%w: too short", risk.ErrInput)
			case 5:
				ctx, answer = canceled, context.Canceled
			case 6:
				answer = risk.ErrOverload
			default:
				answer, result = nil, "success"
			}
			asked = false
			_, err := b.Score(ctx, risk.Document{})
			if want := plain.call(now, limit, pause, result); asked != want {
				t.Fatalf("seed %d, call %d: asked %v, want %v", seed, i, asked, want)
			}
			if want := answer; asked && !errors.Is(err, want) || !asked && !errors.Is(err, risk.ErrBreaker) {
				t.Fatalf("seed %d, call %d: asked %v, error %v, the scorer's %v", seed, i, asked, err, want)
			}
			if !slices.Equal(changes, plain.changes) {
				t.Fatalf("seed %d, call %d: changes %v, want %v", seed, i, changes, plain.changes)
			}
			if len(changes) > 0 && b.State() != changes[len(changes)-1] {
				t.Fatalf("seed %d, call %d: state %v after %v", seed, i, b.State(), changes)
			}
		}
	}
}

// TestBreakerLetsOneThrough has many callers at a half-open breaker, whose
// scorer is slow.
func TestBreakerLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		fail := true
		b := &risk.Breaker{
			Scorer: scorerFunc(func(risk.Document) (risk.Assessment, error) {
				asked++
				time.Sleep(time.Second)
				if fail {
					return risk.Assessment{}, errBroken
				}
				return risk.Assessment{}, nil
			}),
			BreakerOptions: risk.BreakerOptions{Failures: 1, Pause: 5 * time.Second},
		}
		score := func() error {
			_, err := b.Score(t.Context(), risk.Document{})
			return err
		}
		wantError(t, "the first", score(), errBroken, "")
		wantError(t, "open", score(), risk.ErrBreaker, "")
		fail = false
		time.Sleep(5 * time.Second)
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			wg.Go(func() { errs[i] = score() })
		}
		synctest.Wait()
		if asked != 2 || b.State() != risk.BreakerHalfOpen {
			t.Errorf("asked %d times, state %v", asked, b.State())
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if errors.Is(err, risk.ErrBreaker) {
				refused++
			}
		}
		if refused != 19 || b.State() != risk.BreakerClosed {
			t.Errorf("%d refused, state %v", refused, b.State())
		}
	})
}

// TestBreakerIgnoresOldNews has a call that began before the breaker opened
// succeed while it is half-open.
func TestBreakerIgnoresOldNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &risk.Breaker{Scorer: sleepy{}, BreakerOptions: risk.BreakerOptions{Failures: 1, Pause: time.Second}}
		score := func(text string) { _, _ = b.Score(t.Context(), risk.Document{Text: text}) }
		var wg sync.WaitGroup
		wg.Go(func() { score("2s") })
		synctest.Wait()
		score("error")
		time.Sleep(time.Second)
		wg.Go(func() { score("3s") }) // the probe
		time.Sleep(1500 * time.Millisecond)
		if b.State() != risk.BreakerHalfOpen {
			t.Errorf("state %v", b.State())
		}
		wg.Wait()
		if b.State() != risk.BreakerClosed {
			t.Errorf("state %v after the probe", b.State())
		}
	})
}

// TestBreakerClockSetBack wants a breaker not to stay open longer than Pause by
// the clock as it is now.
func TestBreakerClockSetBack(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := &risk.Breaker{Scorer: sleepy{}, BreakerOptions: risk.BreakerOptions{Failures: 1, Pause: time.Second, Now: func() time.Time { return now }}}
	_, _ = b.Score(t.Context(), risk.Document{Text: "error"})
	now = now.Add(-24 * time.Hour)
	_, err := b.Score(t.Context(), risk.Document{})
	wantError(t, "set back", err, risk.ErrBreaker, "")
	now = now.Add(time.Second)
	if _, err := b.Score(t.Context(), risk.Document{}); err != nil {
		t.Error(err)
	}
}
