package psi

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Status is the outcome of a comparison.
type Status string

// The statuses, in ascending order of concern after StatusInsufficient.
const (
	StatusInsufficient Status = "insufficient_data" // too few recent texts to tell
	StatusStable       Status = "stable"
	StatusMonitor      Status = "monitor" // something moved; look again soon
	StatusAlert        Status = "alert"   // much moved; the model may be out of its depth
)

func (s Status) rank() int {
	return slices.Index([]Status{StatusInsufficient, StatusStable, StatusMonitor, StatusAlert}, s)
}

// CompareOptions say how a distance is judged. The zero value means the
// defaults.
type CompareOptions struct {
	// Monitor and Alert are the lines that PSI must be above for these
	// statuses. 0 means 0.1 and 0.25.
	Monitor, Alert float64
	// MinSample is the least number of recent texts that is judged. 0 means
	// 100.
	MinSample int64
	// Significance is the probability of a false monitor or alert on any
	// feature that is accepted. 0 means 0.05.
	Significance float64
}

// Validate returns an error wrapping ErrInput that says what makes no sense in
// o, which may be nil, or nil.
func (o *CompareOptions) Validate() error {
	_, err := o.normalized()
	return err
}

func (o *CompareOptions) normalized() (CompareOptions, error) {
	var n CompareOptions
	if o != nil {
		n = *o
	}
	n.Monitor = cmp.Or(n.Monitor, 0.1)
	n.Alert = cmp.Or(n.Alert, 0.25)
	n.MinSample = cmp.Or(n.MinSample, 100)
	n.Significance = cmp.Or(n.Significance, 0.05)
	if !(n.Monitor > 0 && n.Alert >= n.Monitor && n.MinSample > 0 && n.Significance > 0 && n.Significance < 1) {
		return n, fmt.Errorf("%w: options %+v, want 0 < Monitor <= Alert, MinSample > 0, Significance in (0,1)", ErrInput, n)
	}
	return n, nil
}

// A Report is the outcome of a sweep.
type Report struct {
	// Status is that of the feature that is of most concern.
	Status    Status `json:"status"`
	NBaseline int64  `json:"n_baseline"`
	NRecent   int64  `json:"n_recent"`
	// Features are ordered by concern: by status, then by PSI, both from the
	// worst on, then by name.
	Features []FeatureReport `json:"features"`
}

// A FeatureReport tells how far one feature moved.
type FeatureReport struct {
	Name   string  `json:"name"`
	PSI    float64 `json:"psi"`
	Status Status  `json:"status"`
	// Expected is the PSI that chance alone gives on average at these sample
	// sizes.
	Expected float64 `json:"expected"`
	// P is the probability that chance alone makes any of the features differ
	// as much: Homogeneity, times the number of features (Bonferroni), at most
	// 1.
	P float64 `json:"p"`
	// Moved says in words which bin's share changed the most. It is empty
	// unless the status is monitor or alert.
	Moved string `json:"moved,omitempty"`
}

// Compare judges how far a Profile is from its Baseline. A feature has the
// status monitor or alert if its PSI is above the line and its P below the
// significance. With fewer than MinSample texts all statuses are
// StatusInsufficient. nil opts means the defaults; the error wraps ErrInput
// where they make no sense.
func Compare(p *Profile, opts *CompareOptions) (Report, error) {
	o, err := opts.normalized()
	if err != nil {
		return Report{}, err
	}
	b := p.baseline
	r := Report{Status: StatusInsufficient, NBaseline: b.n, NRecent: p.n, Features: make([]FeatureReport, len(b.features))}
	var recent []int64
	for j := range b.features {
		recent = p.of(recent[:0], j)
		r.Features[j] = b.features[j].compare(recent, sumOf(b.features[j].Counts), sumOf(recent), len(b.features), o)
		if s := r.Features[j].Status; s.rank() > r.Status.rank() {
			r.Status = s
		}
	}
	if len(b.features) == 0 && p.n >= o.MinSample {
		r.Status = StatusStable
	}
	slices.SortFunc(r.Features, func(x, y FeatureReport) int {
		return cmp.Or(cmp.Compare(y.Status.rank(), x.Status.rank()), cmp.Compare(y.PSI, x.PSI), cmp.Compare(x.Name, y.Name))
	})
	return r, nil
}

func sumOf(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func (f *feature) compare(recent []int64, n, m int64, features int, o CompareOptions) FeatureReport {
	r := FeatureReport{Name: f.Name, Status: StatusInsufficient, P: 1}
	if m == 0 || n == 0 {
		return r
	}
	bins, worst, most := 0, 0, 0.0
	for i, c := range f.Counts {
		if c > 0 || recent[i] > 0 {
			bins++
		}
		t := term(c, n, recent[i], m)
		r.PSI += t
		if t > most {
			worst, most = i, t
		}
	}
	r.Expected = Expected(bins, n, m)
	r.P = min(1, float64(features)*homogeneity(f.Counts, n, recent, m))
	significant := r.P < o.Significance
	switch {
	case m < o.MinSample:
		return r
	case r.PSI > o.Alert && significant:
		r.Status = StatusAlert
	case r.PSI > o.Monitor && significant:
		r.Status = StatusMonitor
	default:
		r.Status = StatusStable
		return r
	}
	r.Moved = f.moved(worst, recent, n, m)
	return r
}

// moved says in words how the share of a bin changed.
func (f *feature) moved(bin int, recent []int64, n, m int64) string {
	now, before := recent[bin], f.Counts[bin]
	what := f.Name + " is " + f.describe(bin)
	if term, ok := strings.CutPrefix(f.Name, termPrefix); ok { // 0 or 1
		zero := f.bin(0)
		now, before = m-recent[zero], n-f.Counts[zero]
		what = strconv.Quote(term) + " occurs"
	}
	return fmt.Sprintf("%s in %.1f%% of recent texts, %.1f%% at training", what, 100*float64(now)/float64(m), 100*float64(before)/float64(n))
}

// describe says what values a bin holds.
func (f *feature) describe(bin int) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	exact := func(bin int) bool {
		return 0 < bin && bin < len(f.Edges) && math.Nextafter(f.Edges[bin], -math.MaxFloat64) == f.Edges[bin-1]
	}
	if f.Kind == categorical {
		switch n := len(f.Categories); bin {
		case n:
			return "another category"
		case n + 1:
			return "missing"
		}
		return strconv.Quote(f.Categories[bin])
	}
	switch last := len(f.Edges); {
	case bin > last:
		return "missing"
	case last == 0:
		return "any number"
	case exact(bin):
		return number(f.Edges[bin])
	case bin == 0 && exact(1):
		return "below " + number(f.Edges[1])
	case bin == 0:
		return "at most " + number(f.Edges[0])
	case bin == last:
		return "over " + number(f.Edges[last-1])
	}
	return "over " + number(f.Edges[bin-1]) + " up to " + number(f.Edges[bin])
}
