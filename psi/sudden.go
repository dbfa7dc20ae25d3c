package psi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
)

// A Direction is the way in which a stream changed. The zero value is neither.
type Direction string

// The directions.
const (
	Up   Direction = "up"
	Down Direction = "down"
)

// A PageHinkley notices at once when the mean of a stream of numbers, such as
// the scores or the errors of a model, changes, long before a sweep over a
// window does (Page, Continuous inspection schemes, Biometrika 41, 1954). With
// the mean x̄ of what it saw since the last change, it sums how far each x is
// above it, but for an allowance, and forgets slowly:
//
//	s ← Alpha·s + (x - x̄ - Delta)
//
// and sees a rise when s is more than Lambda above its least value so far. A
// fall is the same upside down. Then it starts again.
//
// Delta and Lambda are in the unit of the stream. What they come to, for normal
// streams with a standard deviation of σ: how many values it takes to a false
// alarm without any change (run length), and, after 500 values without an alarm,
// from a change of one σ until it is seen (delay); means of 400 simulated
// streams, each of at most 50,000 values.
//
//	σ     Lambda  run length  delay
//	0.10  50      50,000+     1089
//	0.10  10      20,434       109
//	0.25  50      39,586+      237
//	0.25  20       7,816        76
//	0.50  50       8,845        96
//	1.00  50       1,614        38
//
// So the default Lambda suits errors counted as 0 or 1; scores that spread less
// want a lower one.
//
// It is made by NewPageHinkley or UnmarshalJSON and must not be used from
// several goroutines at once. Its JSON is its whole state, so that it survives
// a restart.
type PageHinkley struct {
	o PageHinkleyOptions
	s pageHinkleyState
}

// PageHinkleyOptions say how soon a PageHinkley speaks up. The zero value means
// the defaults.
type PageHinkleyOptions struct {
	// MinSample is how many values it sees before it judges. 0 means 30.
	MinSample int64 `json:"min_sample"`
	// Delta is how far from the mean a value may be without adding to the sum.
	// 0 means 0.005.
	Delta float64 `json:"delta"`
	// Lambda is how far the sum must move. 0 means 50.
	Lambda float64 `json:"lambda"`
	// Alpha is what is left of the sum after each value, above 0 and at most
	// 1. 0 means 0.9999.
	Alpha float64 `json:"alpha"`
	// Only is the one direction that matters. Empty means both.
	Only Direction `json:"only,omitempty"`
}

// pageHinkleyState is what a PageHinkley knows of the stream since the last
// change. All zero is the start: the first value makes the sums -Delta and
// Delta.
type pageHinkleyState struct {
	N        int64   `json:"n"`
	Mean     float64 `json:"mean"`
	Rise     float64 `json:"rise"`      // the sum that a rise moves up
	LeastSum float64 `json:"least_sum"` // the least that it was
	Fall     float64 `json:"fall"`      // the sum that a fall moves down
	MostSum  float64 `json:"most_sum"`  // the most that it was
}

// extreme is the greatest magnitude of a value that a stream may have, so that
// no sum of them overflows.
const extreme = 1e100

// NewPageHinkley returns a PageHinkley that has seen nothing. nil opts means the
// defaults; the error wraps ErrInput where they make no sense.
func NewPageHinkley(opts *PageHinkleyOptions) (*PageHinkley, error) {
	var o PageHinkleyOptions
	if opts != nil {
		o = *opts
	}
	o.MinSample = cmp.Or(o.MinSample, 30)
	o.Delta = cmp.Or(o.Delta, 0.005)
	o.Lambda = cmp.Or(o.Lambda, 50)
	o.Alpha = cmp.Or(o.Alpha, 0.9999)
	valid := o.MinSample > 0 && o.Delta > 0 && o.Delta <= extreme && o.Lambda > 0 && o.Lambda <= extreme && o.Alpha > 0 && o.Alpha <= 1
	if !valid || o.Only != "" && o.Only != Up && o.Only != Down {
		return nil, fmt.Errorf("%w: options %+v, want MinSample, Delta and Lambda > 0, Alpha in (0,1], Only up, down or empty", ErrInput, o)
	}
	return &PageHinkley{o: o}, nil
}

// Observe takes the next value and returns the direction in which the stream
// has changed, or neither. After a change it has forgotten all it saw. It takes
// the same short time for any value, and does not allocate. What is not a number
// of a magnitude of at most 1e100 does not count: NaN, infinities.
func (p *PageHinkley) Observe(x float64) Direction {
	if !(math.Abs(x) <= extreme) {
		return ""
	}
	s := &p.s
	s.N++
	// Each product is rounded, so that all machines have the same bits.
	s.Mean += float64(1 / float64(s.N) * (x - s.Mean))
	d := x - s.Mean
	s.Rise = float64(p.o.Alpha*s.Rise) + d - p.o.Delta
	s.Fall = float64(p.o.Alpha*s.Fall) + d + p.o.Delta
	s.LeastSum = min(s.LeastSum, s.Rise)
	s.MostSum = max(s.MostSum, s.Fall)
	if s.N < p.o.MinSample {
		return ""
	}
	up, down := s.Rise-s.LeastSum, s.MostSum-s.Fall
	change := Direction("")
	switch {
	case up > p.o.Lambda && p.o.Only != Down && (up >= down || p.o.Only == Up):
		change = Up
	case down > p.o.Lambda && p.o.Only != Up:
		change = Down
	}
	if change != "" {
		p.s = pageHinkleyState{}
	}
	return change
}

// N returns the number of values counted since the last change.
func (p *PageHinkley) N() int64 { return p.s.N }

// Mean returns the mean of the values counted since the last change, 0 where
// there are none.
func (p *PageHinkley) Mean() float64 { return p.s.Mean }

const pageHinkleyFormat = "riskkit-page-hinkley/1"

type pageHinkleyJSON struct {
	Format  string             `json:"format"`
	Options PageHinkleyOptions `json:"options"`
	State   pageHinkleyState   `json:"state"`
}

// MarshalJSON writes the options and the state of p in a format that
// UnmarshalJSON reads, now and in later versions.
func (p *PageHinkley) MarshalJSON() ([]byte, error) {
	return json.Marshal(pageHinkleyJSON{pageHinkleyFormat, p.o, p.s})
}

// UnmarshalJSON makes p go on where the one that wrote data was. The error wraps
// ErrInput and says what is wrong; p is then unchanged.
func (p *PageHinkley) UnmarshalJSON(data []byte) error {
	var j pageHinkleyJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: Page-Hinkley state: %w", ErrInput, err)
	}
	if j.Format != pageHinkleyFormat {
		return fmt.Errorf("%w: format of the Page-Hinkley state is %q, want %q", ErrInput, j.Format, pageHinkleyFormat)
	}
	n, err := NewPageHinkley(&j.Options)
	if err != nil {
		return err
	}
	n.s = j.State
	if !n.s.possible() {
		return fmt.Errorf("%w: Page-Hinkley state %+v is none that values lead to", ErrInput, n.s)
	}
	*p = *n
	return nil
}

// possible reports whether s may be the state of a stream, at least in order and
// magnitude.
func (s *pageHinkleyState) possible() bool {
	if s.N == 0 {
		return *s == pageHinkleyState{}
	}
	ends := extreme * 3 * float64(s.N)
	return s.N > 0 && math.Abs(s.Mean) <= extreme && s.LeastSum <= min(s.Rise, 0) && max(s.Fall, 0) <= s.MostSum &&
		s.LeastSum >= -ends && s.Rise <= ends && s.Fall >= -ends && s.MostSum <= ends
}
