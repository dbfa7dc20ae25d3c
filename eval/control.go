package eval

import (
	"fmt"
	"math"
	"slices"
)

// A Chart is a control chart for a rate, window after window: it knows what the
// rate was and how much it varied while all was well, and says which windows are
// not like that. It is made by NewChart or decoded from JSON and must not be
// used from several goroutines at once.
//
// One window out of the limits tells of a sudden change; the exponentially
// weighted moving average (EWMA) tells of one that is too small for that and
// stays. Where all is well about one window in 240 is out by chance, which with
// windows of a day is once or twice a year; more where less than five hits are
// expected in a window, as counts are then far from normal.
type Chart struct {
	// Hits and N are of all windows that the chart was made from, and Windows is
	// their number.
	Hits    int64 `json:"hits"`
	N       int64 `json:"n"`
	Windows int   `json:"windows"`
	// Spread is how much windows vary beyond what chance explains: 1 for no
	// more, 2 for a deviation twice as large.
	Spread float64 `json:"spread"`
	// Average is the EWMA of Seen windows in standard deviations of theirs, and
	// Pull how many of them it would be off if the rate of the chart were off by
	// one standard deviation of its own.
	Average float64 `json:"average"`
	Pull    float64 `json:"pull"`
	Seen    int     `json:"seen"`
}

// The limits of a Chart: three standard deviations; for the EWMA, in which the
// last window weighs a fifth, 2.962 of its own, which makes an alarm by chance
// as rare as one in 500 windows (Lucas and Saccucci, Exponentially Weighted
// Moving Average Control Schemes, 1990).
const (
	chartLimit  = 3
	chartWeight = 0.2
	ewmaLimit   = 2.962
)

// NewChart returns a Chart of windows, oldest first, in which all was well. One
// is enough, such as the time of training; from two on it also learns how much
// the rate varies beyond chance, by the mean moving range of standardised rates
// (Laney, Improved Control Charts for Attributes, 2002), never less than chance;
// ten or more tell well. Windows without examples are passed over. The error wraps ErrInput
// where hits exceed their window, or is ErrEmpty.
func NewChart(windows []Tally) (*Chart, error) {
	c := &Chart{Spread: 1}
	windows = slices.Clone(windows)
	windows = slices.DeleteFunc(windows, func(w Tally) bool { return w == Tally{} })
	for i, w := range windows {
		if !w.valid() || w.N > math.MaxInt64-c.N {
			return nil, fmt.Errorf("%w: window %d has %d hits of %d", ErrInput, i, w.Hits, w.N)
		}
		c.Hits += w.Hits
		c.N += w.N
	}
	if c.N == 0 {
		return nil, ErrEmpty
	}
	c.Windows = len(windows)
	if c.Windows < 2 {
		return c, nil
	}
	p := c.center()
	z := func(w Tally) float64 { return (w.Rate() - p) / math.Sqrt(p*(1-p)/float64(w.N)) }
	ranges := 0.0
	for i := 1; i < len(windows); i++ {
		ranges += math.Abs(z(windows[i])-z(windows[i-1])) / float64(len(windows)-1)
	}
	c.Spread = max(1, ranges/1.128) // the mean range of two normal values
	return c, nil
}

// valid reports whether c is what NewChart can make, as a decoded one may not
// be.
func (c *Chart) valid() bool {
	const far = 1e100 // much more than there can be
	return Tally{c.Hits, c.N}.valid() && c.N > 0 && c.Spread > 0 && c.Spread < far && c.Pull >= 0 && c.Pull < far &&
		math.Abs(c.Average) < far && c.Seen >= 0
}

// center returns the rate, kept off 0 and 1, where nothing would vary.
func (c *Chart) center() float64 { return (float64(c.Hits) + 0.5) / (float64(c.N) + 1) }

// Limits returns between which rates a window of n is like those before: three
// standard deviations about a rate which is uncertain itself, with the variance
// p(1-p)(1/n + 1/N) times Spread².
func (c *Chart) Limits(n int64) Interval {
	if n <= 0 || !c.valid() {
		return Interval{0, 1}
	}
	p := c.center()
	half := chartLimit * c.Spread * math.Sqrt(p*(1-p)*(1/float64(n)+1/float64(c.N)))
	return Interval{max(0, p-half), min(1, p+half)}
}

// A Signal is what a Chart says of one window.
type Signal struct {
	Tally
	Rate float64 `json:"rate"`
	// Center is the rate of the chart, Limits is what windows of this size are
	// in.
	Center float64  `json:"center"`
	Limits Interval `json:"limits"`
	// Average is the EWMA so far as a rate of windows of this size, within
	// AverageLimits where all is well.
	Average       float64  `json:"average"`
	AverageLimits Interval `json:"average_limits"`
	// Out says that the window or the average is out of its limits, Reason how;
	// it is empty otherwise.
	Out    bool   `json:"out"`
	Reason string `json:"reason,omitempty"`
}

// Add judges the next window and takes it into the average. One without examples
// changes nothing and is never out. The error wraps ErrInput where hits exceed
// the window.
func (c *Chart) Add(w Tally) (Signal, error) {
	if !w.valid() || !c.valid() {
		return Signal{}, fmt.Errorf("%w: a window of %d hits of %d on a chart of %d of %d", ErrInput, w.Hits, w.N, c.Hits, c.N)
	}
	p := c.center()
	s := Signal{Tally: w, Rate: w.Rate(), Center: p, Limits: c.Limits(w.N), Average: p, AverageLimits: Interval{0, 1}}
	if w.N == 0 {
		return s, nil
	}
	// That the rate of the chart is uncertain moves all windows alike, which an
	// average does not even out.
	deviation := c.Spread * math.Sqrt(p*(1-p)/float64(w.N))
	c.Average = chartWeight*(s.Rate-p)/deviation + (1-chartWeight)*c.Average
	c.Pull = chartWeight*math.Sqrt(float64(w.N)/float64(c.N)) + (1-chartWeight)*c.Pull
	c.Seen++
	own := chartWeight / (2 - chartWeight) * (1 - math.Pow(1-chartWeight, 2*float64(c.Seen)))
	half := ewmaLimit * math.Sqrt(own+c.Pull*c.Pull)
	s.Average = min(1, max(0, p+c.Average*deviation))
	s.AverageLimits = Interval{max(0, p-half*deviation), min(1, p+half*deviation)}
	switch {
	case !s.Limits.Contains(s.Rate):
		s.Reason = fmt.Sprintf("%.2f%%, out of %.2f%% to %.2f%%", 100*s.Rate, 100*s.Limits.Low, 100*s.Limits.High)
	case math.Abs(c.Average) > half:
		s.Reason = fmt.Sprintf("%.2f%%, and lately %.2f%% on average, out of %.2f%% to %.2f%%",
			100*s.Rate, 100*s.Average, 100*s.AverageLimits.Low, 100*s.AverageLimits.High)
	}
	s.Out = s.Reason != ""
	return s, nil
}
