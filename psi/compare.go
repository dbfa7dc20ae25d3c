package psi

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
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
	switch s {
	case StatusStable:
		return 1
	case StatusMonitor:
		return 2
	case StatusAlert:
		return 3
	case StatusInsufficient:
		return 0
	}
	return -1
}

// CompareOptions say how a distance is judged. The zero value means the
// defaults.
type CompareOptions struct {
	// Monitor and Alert are the lines that PSI must be above for these
	// statuses. 0 means 0.1 and 0.25.
	Monitor, Alert float64
	// Slight is the line that PSI less what chance gives must be above for
	// StatusMonitor where PSI is below Monitor: a rare word that has become
	// common, or a level half as common again, do not reach that. It keeps
	// differences that do not matter out of large samples. It does not hold for
	// unknown_token_ratio, which at training is but an estimate: what each text
	// would be to a model of the others. 0 means a tenth of Monitor; what is not
	// below Monitor switches it off.
	Slight float64
	// MinSample is the least number of recent values of a feature that is
	// judged. 0 means 100.
	MinSample int64
	// Significance is the probability of a false monitor or alert on any
	// feature that is accepted in a sweep. 0 means 0.05.
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
	n.Slight = cmp.Or(n.Slight, n.Monitor/10)
	n.MinSample = cmp.Or(n.MinSample, 100)
	n.Significance = cmp.Or(n.Significance, 0.05)
	if !(n.Monitor > 0 && n.Alert >= n.Monitor && n.Slight > 0 && n.MinSample > 0 && n.Significance > 0 && n.Significance < 1) {
		return n, fmt.Errorf("%w: options %+v, want 0 < Monitor <= Alert, Slight > 0, MinSample > 0, Significance in (0,1)", ErrInput, n)
	}
	return n, nil
}

// A Report is the outcome of a sweep.
type Report struct {
	// Status is that of the feature that is of most concern.
	Status    Status `json:"status"`
	NBaseline int64  `json:"n_baseline"`
	NRecent   int64  `json:"n_recent"`
	// P is the probability that chance alone makes any feature judged differ as
	// much as the strangest does: the least PSingle times their number
	// (Bonferroni), however they depend on one another. It is 1 where none is
	// judged.
	P float64 `json:"p"`
	// Drifted is the share of the features judged that have the status monitor
	// or alert.
	Drifted float64 `json:"drifted"`
	// Features are ordered by concern: by status, then by PSI, both from the
	// worst on, then by name.
	Features []FeatureReport `json:"features"`
	// Words says which words came and went, where they are watched; see
	// Monitor.WatchWords.
	Words *WordsReport `json:"words,omitempty"`
}

// A FeatureReport tells how far one feature moved.
type FeatureReport struct {
	Name   string  `json:"name"`
	PSI    float64 `json:"psi"`
	Status Status  `json:"status"`
	// NBaseline and NRecent are the numbers of values.
	NBaseline int64 `json:"n_baseline"`
	NRecent   int64 `json:"n_recent"`
	// Bins is the number of bins that are not empty on both sides. PSI and what
	// is compared with it are over these.
	Bins int `json:"bins"`
	// Expected is the PSI that chance alone gives on average at these sample
	// sizes, Critical what it exceeds with probability Significance in a single
	// feature, and Excess the PSI less Expected, at least 0.
	Expected float64 `json:"expected"`
	Critical float64 `json:"critical"`
	Excess   float64 `json:"excess"`
	// Low and High are where the PSI of all texts, of which these are samples,
	// lies with a confidence of 1-Significance; see Interval.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Judged is the number of bins that are left once those too rare to judge
	// are merged.
	Judged int `json:"judged_bins"`
	// PSingle is the probability that chance alone makes this feature differ as
	// much, and P the same corrected for the number of features judged
	// (BenjaminiHochberg). P is 1 where the feature is not judged.
	PSingle float64 `json:"p_single"`
	P       float64 `json:"p"`
	// Distances are other measures of the same change.
	Distances Distances `json:"distances"`
	// Moved says in words where the shares changed the most. It is empty unless
	// the status is monitor or alert.
	Moved string `json:"moved,omitempty"`
}

// Distances are measures of how far the counts of one feature moved, besides
// PSI; see the functions of the same names.
type Distances struct {
	JensenShannon float64 `json:"jensen_shannon"`
	Hellinger     float64 `json:"hellinger"`
	ChiSquare     float64 `json:"chi_square"`
	// KolmogorovSmirnov and Wasserstein are of the values that are not missing.
	// They are 0 where a feature is categorical.
	KolmogorovSmirnov float64 `json:"kolmogorov_smirnov"`
	Wasserstein       float64 `json:"wasserstein"`
}

// Compare judges how far a Profile is from its Baseline. A feature drifted only
// where chance hardly explains it: where its P is below the significance, and
// the report's is, without which several features that say the same would count
// as so many witnesses. Then it has the status alert if its PSI is above that
// line, and monitor if it is above the other or its Excess above Slight;
// otherwise it is stable. With fewer than MinSample recent values, its status is
// StatusInsufficient, and so is that of the report where no feature is judged.
// nil opts means the defaults; the error wraps ErrInput where they make no
// sense.
func Compare(p *Profile, opts *CompareOptions) (Report, error) {
	o, err := opts.normalized()
	if err != nil {
		return Report{}, err
	}
	r := compare(p.baseline.features, p.of, o)
	r.NBaseline, r.NRecent = p.baseline.n, p.n
	if len(r.Features) == 0 && p.n >= o.MinSample {
		r.Status = StatusStable
	}
	return r, nil
}

// compare judges features, whose recent counts of appends to a slice.
func compare(features []feature, of func(dst []int64, j int) []int64, o CompareOptions) Report {
	r := Report{Status: StatusInsufficient, Features: make([]FeatureReport, len(features))}
	s := sweep{o: o, z: distuv.UnitNormal.Quantile(1 - o.Significance/2)}
	var recent []int64
	var single []float64
	for j := range features {
		recent = of(recent[:0], j)
		f := &r.Features[j]
		s.measure(f, &features[j], recent)
		if f.NBaseline > 0 && f.NRecent >= o.MinSample {
			single = append(single, f.PSingle)
		}
	}
	corrected := BenjaminiHochberg(single)
	r.P = 1
	for _, p := range single {
		r.P = min(r.P, p*float64(len(single)))
	}
	judged, drifted := 0, 0
	for j := range features {
		f := &r.Features[j]
		f.Status, f.P = StatusInsufficient, 1
		if f.NBaseline == 0 || f.NRecent < o.MinSample {
			continue
		}
		f.P = corrected[judged]
		judged++
		f.Status = o.status(f, max(f.P, r.P))
		if f.Status != StatusStable {
			drifted++
			recent = of(recent[:0], j)
			f.Moved = features[j].moved(f.NBaseline, recent, f.NRecent)
		}
		if f.Status.rank() > r.Status.rank() {
			r.Status = f.Status
		}
	}
	if judged > 0 {
		r.Drifted = float64(drifted) / float64(judged)
	}
	slices.SortFunc(r.Features, func(x, y FeatureReport) int {
		return cmp.Or(cmp.Compare(y.Status.rank(), x.Status.rank()), cmp.Compare(y.PSI, x.PSI), cmp.Compare(x.Name, y.Name))
	})
	return r
}

// status is what a feature with these figures has that chance explains with
// probability p.
func (o *CompareOptions) status(f *FeatureReport, p float64) Status {
	switch {
	case p >= o.Significance:
		return StatusStable
	case f.PSI > o.Alert:
		return StatusAlert
	case f.PSI > o.Monitor || f.Excess > o.Slight && f.Name != unknownRatio:
		return StatusMonitor
	}
	return StatusStable
}

// sweep is what the features of one comparison share.
type sweep struct {
	o         CompareOptions
	z         float64
	evidence  evidence
	quantiles []float64 // by bins; 0 is not known yet
}

// measure fills in r all figures of a feature but what depends on others. There
// are none where a side has no values.
func (s *sweep) measure(r *FeatureReport, f *feature, recent []int64) {
	r.Name, r.PSingle = f.Name, 1
	for i, c := range f.Counts {
		r.NBaseline, r.NRecent = r.NBaseline+c, r.NRecent+recent[i]
	}
	n, m := r.NBaseline, r.NRecent
	if n == 0 || m == 0 {
		return
	}
	d := &r.Distances
	r.Bins, d.ChiSquare = chiSquare(f.Counts, n, recent, m)
	r.PSI, r.Low, r.High = interval(f.Counts, n, recent, m, s.z)
	r.Expected = Expected(r.Bins, n, m)
	r.Critical = noise(n, m) * s.quantile(r.Bins)
	r.Excess = max(0, r.PSI-r.Expected)
	r.PSingle, r.Judged = s.evidence.p(f, n, recent, m)
	d.JensenShannon = jensenShannon(f.Counts, n, recent, m)
	d.Hellinger = hellinger(f.Counts, n, recent, m)
	last := len(f.Counts) - 1
	if n, m := n-f.Counts[last], m-recent[last]; n > 0 && m > 0 && !f.unordered() {
		d.KolmogorovSmirnov = kolmogorovSmirnov(f.Counts[:last], n, recent[:last], m)
		d.Wasserstein = wasserstein(f.Edges, f.Counts[:last], n, recent[:last], m)
	}
}

func (s *sweep) quantile(bins int) float64 {
	if bins < 2 {
		return 0
	}
	for len(s.quantiles) <= bins {
		s.quantiles = append(s.quantiles, 0)
	}
	if s.quantiles[bins] == 0 {
		s.quantiles[bins] = quantile(bins, s.o.Significance)
	}
	return s.quantiles[bins]
}
