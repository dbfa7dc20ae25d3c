package risk_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// TestDecoratorsMatrix has one thing after the other break at the bottom of the
// usual stack, and wants a valid answer in time that says what was wrong.
func TestDecoratorsMatrix(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		before []string      // what is asked before
		within time.Duration // the caller's deadline
		cancel bool
		closed bool
		reason risk.FallbackReason
		took   time.Duration
	}{
		"all is well":               {},
		"slow":                      {text: "50ms", took: 50 * time.Millisecond},
		"too slow":                  {text: "150ms", reason: risk.ReasonTimeout, took: 100 * time.Millisecond},
		"hanging":                   {text: "forever", reason: risk.ReasonTimeout, took: 100 * time.Millisecond},
		"caller in a hurry":         {text: "forever", within: 20 * time.Millisecond, reason: risk.ReasonTimeout, took: 15 * time.Millisecond},
		"ends with its context":     {text: "obey", reason: risk.ReasonTimeout, took: 100 * time.Millisecond},
		"caller gone":               {text: "forever", cancel: true, reason: risk.ReasonCanceled},
		"panic":                     {text: "panic", reason: risk.ReasonPanic},
		"error":                     {text: "error", reason: risk.ReasonError},
		"bad input":                 {text: "input", reason: risk.ReasonError},
		"not a number":              {text: "nan", reason: risk.ReasonInvalid},
		"closed":                    {closed: true, reason: risk.ReasonUnavailable},
		"hanging twice":             {before: []string{"forever", "forever"}, reason: risk.ReasonOverload},
		"failing often":             {before: []string{"error", "panic", "error"}, reason: risk.ReasonBreaker},
		"failing, but not in a row": {before: []string{"error", "error", "", "error", "error"}},
		"bad input often":           {before: []string{"input", "input", "input", "input"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sleepy{make(chan struct{})}
				deadline := risk.NewDeadline(s, &risk.DeadlineOptions{MaxRunning: 2})
				breaker := &risk.Breaker{Scorer: deadline, BreakerOptions: risk.BreakerOptions{Failures: 3}}
				scale := risk.DefaultScale()
				stack := &risk.Limit{Scorer: &risk.Fallback{
					First: &risk.Canary{
						Production: breaker, Candidate: instant{}, Scale: scale,
						Takes: func(risk.Document) bool { return false },
					},
					Second: heuristic(t), Scale: scale,
				}}
				for _, text := range c.before {
					if _, err := stack.Score(t.Context(), risk.Document{Text: text}); err != nil {
						t.Error(err)
					}
				}
				ctx := t.Context()
				if c.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.within)
					defer cancel()
				}
				if c.cancel {
					var cancel context.CancelFunc
					ctx, cancel = context.WithCancel(ctx)
					cancel()
				}
				if c.closed {
					if err := deadline.Close(ctx); err != nil {
						t.Error(err)
					}
				}
				began := time.Now()
				a, err := stack.Score(ctx, risk.Document{ID: "1", Text: c.text})
				if err != nil || a.ID != "1" || scale.Index(a.Level) < 0 || a.FallbackReason != c.reason {
					t.Errorf("%+v, error %v, want %q", a, err, c.reason)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				close(s.release)
				if err := deadline.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestDecoratorsExplain has terms come through every decorator.
func TestDecoratorsExplain(t *testing.T) {
	h, scale := heuristic(t), risk.DefaultScale()
	deadline := risk.NewDeadline(h, nil)
	defer deadline.Close(t.Context())
	shadow := risk.NewShadow(h, h, nil)
	defer shadow.Close(t.Context())
	e := escalation(t, h, says("high"), risk.EscalationOptions{Levels: scale})
	defer e.Close(t.Context())
	for _, s := range []risk.Scorer{
		&risk.Limit{Scorer: h}, deadline, shadow, e,
		&risk.Breaker{Scorer: h},
		&risk.Fallback{First: h, Second: h, Scale: scale},
		&risk.Canary{Production: h, Candidate: h, Scale: scale, Takes: func(d risk.Document) bool { return d.ID == "c" }},
	} {
		for _, id := range []string{"p", "c"} {
			a, err := risk.Explain(t.Context(), s, risk.Document{ID: id, Text: "Total outage of the shop, and data loss."}, 1)
			if err != nil || len(a.Explanation) != 1 {
				t.Errorf("%s: %+v, error %v", fmt.Sprintf("%T", s), a, err)
			}
		}
	}
}
