package risk

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// BudgetOptions say what may be spent. In each field 0 means the default, less
// than 0 that there is no limit.
type BudgetOptions struct {
	CallsPerMinute  int // 60
	TokensPerMinute int // 100,000
	CallsPerDay     int // 1,000
	TokensPerDay    int // 1,000,000
	// TokensPerCall is what a call is taken to cost until it tells. 0 means
	// 1,000, less than 0 nothing.
	TokensPerCall int
	// Now tells the time. nil means time.Now, as does a panic.
	Now func() time.Time
}

// ErrBudget says that a Budget is spent, or makes no sense.
var ErrBudget = errors.New("risk: over budget")

// A Budget limits calls and tokens, over any minute and any 24 hours. It may be
// shared by all who spend from it, and is safe for concurrent use.
//
// It counts a minute in steps of a second and a day in steps of half an hour,
// the step under way included, so what was spent comes back up to a step late.
// A clock that is set back gives nothing back, and keeps nothing longer than a
// minute or a day by the new time.
type Budget struct {
	o BudgetOptions

	mu     sync.Mutex
	minute window
	day    window
}

// Spending is what was spent.
type Spending struct {
	Calls, Tokens int
}

// NewBudget returns a Budget that nothing is spent of. nil opts means the
// defaults. The error wraps ErrBudget where one call is over the limits.
func NewBudget(opts *BudgetOptions) (*Budget, error) {
	b := &Budget{
		minute: window{step: time.Second, spent: make([]Spending, 61)},
		day:    window{step: 30 * time.Minute, spent: make([]Spending, 49)},
	}
	if opts != nil {
		b.o = *opts
	}
	o := &b.o
	o.CallsPerMinute = orDefault(o.CallsPerMinute, 60)
	o.TokensPerMinute = orDefault(o.TokensPerMinute, 100_000)
	o.CallsPerDay = orDefault(o.CallsPerDay, 1000)
	o.TokensPerDay = orDefault(o.TokensPerDay, 1_000_000)
	o.TokensPerCall = max(0, orDefault(o.TokensPerCall, 1000))
	o.Now = steady(o.Now)
	for _, limit := range []int{o.TokensPerMinute, o.TokensPerDay} {
		if limit >= 0 && o.TokensPerCall > limit {
			return nil, fmt.Errorf("%w: a call takes %d tokens, more than the limit of %d", ErrBudget, o.TokensPerCall, limit)
		}
	}
	return b, nil
}

// Take takes a call and TokensPerCall tokens. Once the call has told what it
// cost, settle puts that right; less than 0 means that nobody knows. The error
// wraps ErrBudget and says which limit is in the way.
func (b *Budget) Take() (settle func(tokens int), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	minute, day := b.minute.sum(now), b.day.sum(now)
	for _, l := range []struct {
		spent, more, limit int
		what               string
	}{
		{minute.Calls, 1, b.o.CallsPerMinute, "calls a minute"},
		{minute.Tokens, b.o.TokensPerCall, b.o.TokensPerMinute, "tokens a minute"},
		{day.Calls, 1, b.o.CallsPerDay, "calls a day"},
		{day.Tokens, b.o.TokensPerCall, b.o.TokensPerDay, "tokens a day"},
	} {
		if l.limit >= 0 && l.spent > l.limit-l.more {
			return nil, fmt.Errorf("%w: %d of %d %s are spent", ErrBudget, l.spent, l.limit, l.what)
		}
	}
	m, d := b.minute.add(Spending{1, b.o.TokensPerCall}), b.day.add(Spending{1, b.o.TokensPerCall})
	return func(tokens int) { b.settle(m, d, tokens) }, nil
}

// settle corrects what was taken in step m of the minutes and d of the days.
func (b *Budget) settle(m, d int64, tokens int) {
	const most = 1 << 24 // more than any call takes, and sums of it do not overflow
	more := min(tokens, most) - b.o.TokensPerCall
	if tokens < 0 || more == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	b.minute.sum(now)
	b.day.sum(now)
	if more > 0 {
		b.minute.add(Spending{Tokens: more})
		b.day.add(Spending{Tokens: more})
		return
	}
	b.minute.refund(m, -more)
	b.day.refund(d, -more)
}

// Spent returns what was spent in the last minute and the last 24 hours.
func (b *Budget) Spent() (minute, day Spending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	return b.minute.sum(now), b.day.sum(now)
}

// window is what was spent in the latest steps of time: the one numbered last
// and as many before it as there is room for, each at its number modulo the
// length.
type window struct {
	step  time.Duration
	spent []Spending
	last  int64
}

// sum moves the window to now and returns what was spent in it.
func (w *window) sum(now time.Time) (s Spending) {
	at, n := max(0, now.UnixNano()/int64(w.step)), int64(len(w.spent))
	back := at < w.last
	for i := max(w.last+1, at-n+1); i <= at; i++ {
		w.spent[i%n] = Spending{}
	}
	for _, x := range w.spent {
		s.Calls += x.Calls
		s.Tokens += x.Tokens
	}
	if back { // all of it may be as new as now
		clear(w.spent)
		w.spent[at%n] = s
	}
	w.last = at
	return s
}

// add spends in the step of the last sum, and returns its number.
func (w *window) add(s Spending) int64 {
	x := &w.spent[w.last%int64(len(w.spent))]
	x.Calls += s.Calls
	x.Tokens += s.Tokens
	return w.last
}

// refund gives tokens of a step back, if it is still in the window.
func (w *window) refund(step int64, tokens int) {
	if n := int64(len(w.spent)); step <= w.last && step > w.last-n {
		x := &w.spent[step%n]
		x.Tokens = max(0, x.Tokens-tokens)
	}
}
