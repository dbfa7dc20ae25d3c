package risk_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// TestBudget takes at random times and holds the budget against a list of all
// that was taken: never more than the limit in any minute or day, and nothing
// refused that would fit even if a step were counted late.
func TestBudget(t *testing.T) {
	type spent struct {
		at     time.Time
		tokens int
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(4, seed))
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		o := risk.BudgetOptions{
			CallsPerMinute: 3 + rng.IntN(5), TokensPerMinute: 1000 + rng.IntN(1000),
			CallsPerDay: 50 + rng.IntN(200), TokensPerDay: 20_000 + rng.IntN(20_000),
			TokensPerCall: 100 + rng.IntN(200), Now: func() time.Time { return now },
		}
		b, err := risk.NewBudget(&o)
		if err != nil {
			t.Fatal(err)
		}
		var all []spent
		sum := func(within time.Duration) (calls, tokens int) {
			for _, s := range all {
				if now.Sub(s.at) < within {
					calls, tokens = calls+1, tokens+s.tokens
				}
			}
			return calls, tokens
		}
		taken, refused := 0, 0
		for range 3000 {
			now = now.Add(time.Duration(rng.ExpFloat64() * float64(20*time.Second)))
			mc, mt := sum(time.Minute)
			dc, dt := sum(24 * time.Hour)
			fits := mc < o.CallsPerMinute && mt+o.TokensPerCall <= o.TokensPerMinute && dc < o.CallsPerDay && dt+o.TokensPerCall <= o.TokensPerDay
			lmc, lmt := sum(time.Minute + time.Second)
			ldc, ldt := sum(24*time.Hour + 30*time.Minute)
			fitsLate := lmc < o.CallsPerMinute && lmt+o.TokensPerCall <= o.TokensPerMinute && ldc < o.CallsPerDay && ldt+o.TokensPerCall <= o.TokensPerDay
			settle, err := b.Take()
			if err != nil {
				wantError(t, "spent", err, risk.ErrBudget, "are spent")
				if refused++; fitsLate {
					t.Fatalf("seed %d: refused %d calls and %d tokens a minute, %d and %d a day of %+v: %v", seed, mc, mt, dc, dt, o, err)
				}
				continue
			}
			if taken++; !fits {
				t.Fatalf("seed %d: allowed beside %d calls and %d tokens a minute, %d and %d a day of %+v", seed, mc, mt, dc, dt, o)
			}
			cost := rng.IntN(o.TokensPerCall + 1) // what is less comes back
			if rng.IntN(4) == 0 {
				settle(-1)
				cost = o.TokensPerCall
			} else {
				settle(cost)
			}
			all = append(all, spent{now, cost})
		}
		if taken == 0 || refused == 0 {
			t.Errorf("seed %d: %d taken, %d refused; the test tests nothing", seed, taken, refused)
		}
	}
}

func TestBudgetSettle(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	b, err := risk.NewBudget(&risk.BudgetOptions{TokensPerCall: 100, TokensPerMinute: 250, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	take := func() func(int) {
		t.Helper()
		settle, err := b.Take()
		if err != nil {
			t.Fatal(err)
		}
		return settle
	}
	want := func(calls, tokens int) {
		t.Helper()
		if minute, _ := b.Spent(); minute != (risk.Spending{Calls: calls, Tokens: tokens}) {
			t.Errorf("spent %+v in a minute, want %d calls and %d tokens", minute, calls, tokens)
		}
	}
	a, c := take(), take()
	want(2, 200)
	now = now.Add(30 * time.Second)
	c(180)
	want(2, 280)
	_, err = b.Take()
	wantError(t, "tokens", err, risk.ErrBudget, "280 of 250 tokens a minute")
	now = now.Add(40 * time.Second) // only what c cost later is left
	a(20)
	want(0, 80)
	now = now.Add(-time.Hour) // the clock is set back: nothing comes back, but not for ever
	want(0, 80)
	now = now.Add(61 * time.Second)
	want(0, 0)
	if _, day := b.Spent(); day != (risk.Spending{Calls: 2, Tokens: 200}) {
		t.Errorf("a day: %+v", day)
	}
	now = time.Time{}
	if _, err := b.Take(); err != nil {
		t.Errorf("at the beginning of time: %v", err)
	}
}

// TestBudgetSettleAbsurd settles what no call can have cost, twice at once.
func TestBudgetSettleAbsurd(t *testing.T) {
	b, err := risk.NewBudget(nil)
	if err != nil {
		t.Fatal(err)
	}
	var settle [2]func(int)
	for i := range settle {
		if settle[i], err = b.Take(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range settle {
		s(math.MaxInt)
	}
	_, err = b.Take()
	wantError(t, "absurd", err, risk.ErrBudget, "tokens a minute are spent")
	if minute, day := b.Spent(); minute.Tokens <= 0 || day.Tokens <= 0 {
		t.Errorf("spent %+v in a minute, %+v in a day", minute, day)
	}
}

func TestBudgetOptions(t *testing.T) {
	_, err := risk.NewBudget(&risk.BudgetOptions{TokensPerMinute: 500})
	wantError(t, "one call is too much", err, risk.ErrBudget, "1000 tokens, more than the limit of 500")
	b, err := risk.NewBudget(&risk.BudgetOptions{CallsPerMinute: -1, TokensPerMinute: -1, CallsPerDay: -1, TokensPerDay: -1})
	if err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		if _, err := b.Take(); err != nil {
			t.Fatal(err)
		}
	}
	if b, err = risk.NewBudget(nil); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if _, err := b.Take(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.Take()
	wantError(t, "the default", err, risk.ErrBudget, "60 of 60 calls a minute")
}
