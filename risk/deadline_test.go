package risk_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// sleepy is a Scorer that takes as long as the text says, "forever" until it is
// released, and does not look at its context.
type sleepy struct{ release chan struct{} }

func (s sleepy) Score(ctx context.Context, d risk.Document) (risk.Assessment, error) {
	switch d.Text {
	case "forever":
		<-s.release
	case "panic":
		panic("on purpose")
	case "error":
		return risk.Assessment{}, errBroken
	case "input":
		return risk.Assessment{}, fmt.Errorf("%w: it is empty", risk.ErrInput)
	case "nan":
		a, _ := instant{}.Score(ctx, d)
		zero := 0.0
		a.Score = zero / zero
		return a, nil
	case "obey":
		<-ctx.Done()
		return risk.Assessment{}, ctx.Err()
	default:
		if took, err := time.ParseDuration(d.Text); err == nil {
			time.Sleep(took)
		}
	}
	return instant{}.Score(ctx, d)
}

var errBroken = errors.New("broken")

func TestDeadline(t *testing.T) {
	type call struct {
		text    string
		timeout time.Duration // of the caller's context, 0 for none, less than 0 for canceled then
		want    error
		not     error
		took    time.Duration
	}
	for name, c := range map[string]call{
		"in time":                      {text: "99ms", took: 99 * time.Millisecond},
		"too late":                     {text: "200ms", want: risk.ErrTimeout, took: 100 * time.Millisecond},
		"never":                        {text: "forever", want: risk.ErrTimeout, took: 100 * time.Millisecond},
		"looks at its context":         {text: "obey", want: risk.ErrTimeout, took: 100 * time.Millisecond},
		"panic":                        {text: "panic", want: risk.ErrPanic},
		"error":                        {text: "error", want: errBroken},
		"caller's time, all but 20 ms": {text: "forever", timeout: 90 * time.Millisecond, want: risk.ErrTimeout, took: 70 * time.Millisecond},
		"little of it, a quarter":      {text: "forever", timeout: 4 * time.Millisecond, want: risk.ErrTimeout, took: 3 * time.Millisecond},
		"more than needed":             {text: "forever", timeout: time.Hour, want: risk.ErrTimeout, took: 100 * time.Millisecond},
		"canceled":                     {text: "forever", timeout: -50 * time.Millisecond, want: context.Canceled, not: risk.ErrTimeout, took: 50 * time.Millisecond},
	} {
		for _, local := range []bool{false, true} {
			if local && c.text == "obey" {
				continue // that is what Local promises not to do
			}
			t.Run(fmt.Sprintf("%s, local %v", name, local), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := sleepy{make(chan struct{})}
					d := risk.NewDeadline(s, &risk.DeadlineOptions{Local: local})
					for i := range 3 { // workers are used again
						ctx, cancel := t.Context(), context.CancelFunc(func() {})
						if c.timeout > 0 {
							ctx, cancel = context.WithTimeout(ctx, c.timeout)
						} else if c.timeout < 0 {
							ctx, cancel = context.WithCancel(ctx)
							time.AfterFunc(-c.timeout, cancel)
						}
						began := time.Now()
						a, err := d.Score(ctx, risk.Document{ID: "7", Text: c.text})
						if took := time.Since(began); took != c.took {
							t.Errorf("call %d took %v, want %v", i, took, c.took)
						}
						if c.want == nil && (err != nil || a.ID != "7") || c.want != nil && !errors.Is(err, c.want) || c.not != nil && errors.Is(err, c.not) {
							t.Errorf("call %d: %+v, error %v, want %v", i, a, err, c.want)
						}
						cancel()
					}
					close(s.release)
					if err := d.Close(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestDeadlineIsExact has calls of random length, with a random deadline of
// their caller's, one after the other and a few at a time, so that timers are
// left over from calls that ended in time. It wants each to end to the
// nanosecond when the documentation says.
func TestDeadlineIsExact(t *testing.T) {
	const timeout = 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		d := risk.NewDeadline(sleepy{}, &risk.DeadlineOptions{Timeout: timeout, Local: true})
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(5, uint64(caller)))
				for i := range 500 {
					time.Sleep(time.Duration(rng.Int64N(int64(150 * time.Millisecond))))
					length := 1 + time.Duration(rng.Int64N(int64(150*time.Millisecond)))
					ctx, cancel, wait := t.Context(), context.CancelFunc(func() {}), timeout
					if rng.IntN(2) == 0 {
						within := time.Duration(rng.Int64N(int64(200 * time.Millisecond)))
						ctx, cancel = context.WithTimeout(ctx, within)
						wait = max(0, min(wait, within-min(20*time.Millisecond, within/4)))
					}
					began := time.Now()
					_, err := d.Score(ctx, risk.Document{Text: length.String()})
					cancel()
					if took := time.Since(began); took != min(length, wait) {
						t.Errorf("caller %d, call %d of %v took %v, want at most %v", caller, i, length, took, wait)
					}
					if late := errors.Is(err, risk.ErrTimeout); length != wait && late != (length > wait) {
						t.Errorf("caller %d, call %d of %v within %v: %v", caller, i, length, wait, err)
					}
				}
			})
		}
		wg.Wait()
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestDeadlineExplains has the terms come through.
func TestDeadlineExplains(t *testing.T) {
	d := risk.NewDeadline(heuristic(t), nil)
	defer d.Close(t.Context())
	a, err := d.Explain(t.Context(), risk.Document{Text: "Total outage of the shop."}, 2)
	if err != nil || len(a.Explanation) == 0 {
		t.Errorf("%+v, error %v", a, err)
	}
}

func TestDeadlineBoundsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepy{make(chan struct{})}
		d := risk.NewDeadline(s, &risk.DeadlineOptions{MaxRunning: 3})
		ask := func(text string) error {
			_, err := d.Score(t.Context(), risk.Document{Text: text})
			return err
		}
		for range 3 {
			wantError(t, "hanging", ask("forever"), risk.ErrTimeout, "")
		}
		began := time.Now()
		wantError(t, "a fourth", ask(""), risk.ErrOverload, "3")
		if time.Since(began) != 0 {
			t.Error("overload was not told at once")
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		close(s.release)
		synctest.Wait()
		for range 10 {
			if err := ask(""); err != nil {
				t.Errorf("after the calls have returned: %v", err)
			}
		}
		if err := d.Close(brief); err != nil {
			t.Error(err)
		}
		wantError(t, "after Close", ask(""), risk.ErrClosed, "")
	})
}

func TestDeadlineClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sleepy{make(chan struct{})}
		d := risk.NewDeadline(s, nil)
		for range 2 {
			_, err := d.Score(t.Context(), risk.Document{Text: "forever"})
			wantError(t, "hanging", err, risk.ErrTimeout, "")
		}
		if _, err := d.Score(t.Context(), risk.Document{}); err != nil {
			t.Error(err)
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantError(t, "Close while two hang", d.Close(brief), context.DeadlineExceeded, "2 calls")
		go func() {
			time.Sleep(time.Minute)
			close(s.release)
		}()
		began := time.Now()
		if err := d.Close(t.Context()); err != nil || time.Since(began) != time.Minute {
			t.Errorf("second Close after %v: %v", time.Since(began), err)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if err := risk.NewDeadline(instant{}, nil).Close(t.Context()); err != nil {
			t.Errorf("Close of an unused one: %v", err)
		}
	})
}

// TestDeadlineNeverMixesAnswersUp has many callers with little time, so that
// answers come just before, at and after the deadline, and wants each to get its
// own or none.
func TestDeadlineNeverMixesAnswersUp(t *testing.T) {
	before := runtime.NumGoroutine()
	var served, lost, busy atomic.Int64
	s := scorerFunc(func(d risk.Document) (risk.Assessment, error) {
		n, err := strconv.Atoi(d.Text)
		for began := time.Now(); time.Since(began) < time.Duration(n)*time.Microsecond; {
			runtime.Gosched()
		}
		return risk.Assessment{ID: d.ID, Level: d.Text}, err
	})
	d := risk.NewDeadline(s, &risk.DeadlineOptions{Timeout: 150 * time.Microsecond, MaxRunning: 16, Local: true})
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(caller)))
			for i := range 1500 {
				doc := risk.Document{ID: fmt.Sprintf("%d/%d", caller, i), Text: strconv.Itoa(rng.IntN(300))}
				ctx, cancel := context.Background(), context.CancelFunc(func() {})
				if i%3 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(200))*time.Microsecond)
				}
				a, err := d.Score(ctx, doc)
				cancel()
				switch {
				case err == nil && a.ID == doc.ID && a.Level == doc.Text:
					served.Add(1)
				case errors.Is(err, risk.ErrTimeout):
					lost.Add(1)
				case errors.Is(err, risk.ErrOverload):
					busy.Add(1)
				default:
					t.Errorf("%q got %+v, error %v", doc.ID, a, err)
				}
			}
		})
	}
	wg.Wait()
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if served.Load() == 0 || lost.Load() == 0 {
		t.Errorf("%d served, %d too late, %d refused; the test tests nothing", served.Load(), lost.Load(), busy.Load())
	}
	t.Logf("%d served, %d too late, %d refused", served.Load(), lost.Load(), busy.Load())
	ended(t, before, "deadline")
}
