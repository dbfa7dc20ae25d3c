package risk

import (
	"fmt"
	"time"
)

// guard calls what a host has given that answers nothing. A panic of it is an
// error that wraps ErrPanic, for whoever can tell of it; the answer at hand
// stands.
func guard(what string, call func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: %v", ErrPanic, what, p)
		}
	}()
	call()
	return nil
}

// takes asks a host's function about a document. One that panics says no.
func takes(f func(Document) bool, doc Document) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f(doc)
}

// clock returns the time by a host's clock, or by that of the machine where it
// is nil or panics.
func clock(now func() time.Time) (t time.Time) {
	if now == nil {
		return time.Now()
	}
	defer func() {
		if recover() != nil {
			t = time.Now()
		}
	}()
	return now()
}

// steady returns a clock that tells the time as clock does.
func steady(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return func() time.Time { return clock(now) }
}
