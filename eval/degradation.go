package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Status says how a version does.
type Status string

// The statuses of a version.
const (
	StatusInsufficient Status = "insufficient_data" // too few examples to tell
	StatusStable       Status = "stable"            // no metric fell by more than chance explains
	StatusMonitor      Status = "monitor"           // one did, or may have fallen far
	StatusAlert        Status = "alert"             // one fell far
)

// A Performance is how good a version was in a window: from labels, or
// estimated.
type Performance struct {
	// Window names it in reasons, such as "training" or "2024-06".
	Window string `json:"window"`
	N      int64  `json:"n"`
	// Estimated says that no labels were seen.
	Estimated bool       `json:"estimated"`
	Metrics   []Measured `json:"metrics"`
}

// A Measured is a named figure with its interval: windows are compared by those
// of the same name. Loss says that less is better.
// With m metrics that any of which may raise an alarm, intervals of 1 - 0.05/m
// make it false in one window in twenty at most.
type Measured struct {
	Name string `json:"name"`
	Estimated
	Loss bool `json:"loss,omitempty"`
}

// Performance returns the estimated accuracy and macro-F1 as those of a window.
func (r EstimateReport) Performance(window string) Performance {
	return Performance{window, r.N, true, []Measured{{Name: "accuracy", Estimated: r.Accuracy}, {Name: "macro-F1", Estimated: r.MacroF1}}}
}

// Performance returns accuracy and macro-F1, by labels, as those of a window.
// Errors are those of Intervals.
func (e *Evaluation) Performance(window string, opts *IntervalOptions) (Performance, error) {
	i, err := e.Intervals(opts)
	if err != nil {
		return Performance{}, err
	}
	m := e.Matrix()
	return Performance{window, e.n, false, []Measured{
		{Name: "accuracy", Estimated: Estimated{m.Accuracy(), i.Accuracy}}, {Name: "macro-F1", Estimated: Estimated{m.Macro().F1, i.MacroF1}},
	}}, nil
}

// DegradationOptions say what counts as worse. The zero value means the
// defaults.
type DegradationOptions struct {
	// Slight and Far are the differences from which a fall that chance does not
	// explain is monitored and alerts. 0 means 0.01 and 0.05.
	Slight, Far float64
	// Least is the number of examples below which nothing is judged. 0 means
	// 100.
	Least int64
}

// A Fall is how much worse one metric is in a window than it was Against
// another. Worse is above 0 where it is worse; the interval is that of Worse.
type Fall struct {
	Measured string  `json:"metric"`
	Against  string  `json:"against"`
	Was      float64 `json:"was"`
	Is       float64 `json:"is"`
	Worse    float64 `json:"worse"`
	Interval
}

// A Judgement says how a version does in a window, why, and what to do.
type Judgement struct {
	Window string `json:"window"`
	Status Status `json:"status"`
	// Reasons say in words what the status and the recommendation rest on.
	Reasons []string `json:"reasons,omitempty"`
	// Retrain says that the version should be trained again on recent labels:
	// labels show that it has become worse. Label is how many recent examples to
	// label, drawn at random, where something is worrying and there are not as
	// many labels: as many as tell accuracy to half of Far, at 95%.
	Retrain bool   `json:"retrain"`
	Label   int    `json:"label,omitempty"`
	Falls   []Fall `json:"falls"`
	// CannotSee is the constant of that name where there were no labels.
	CannotSee string `json:"cannot_see,omitempty"`
}

// Judge compares what a version does now with what it did before: at training,
// and in the last good window; those that are nil are left out, as are metrics
// that either side has not. signals are of charts that watch its proxies, by
// name. With neither a window before nor signals there is nothing to tell by, and
// it is StatusInsufficient. nil opts means the defaults.
//
// A metric fell where the interval of the difference (MOVER, see Newcombe's in
// Proxies.Report) is above 0: evidence comes first, and then the size. It is
// StatusAlert by Far or more, StatusMonitor by Slight or more, and StatusMonitor
// too where it looks like Far but chance may explain it, or where a signal is
// out. Metrics on held-out examples that thresholds were chosen on look better
// than those of new ones by a little; see ChooseThresholds. The error wraps
// ErrInput where an interval is not around its value, and where no window before
// has one of the metrics.
func Judge(now Performance, training, lastGood *Performance, signals map[string]Signal, opts *DegradationOptions) (Judgement, error) {
	var o DegradationOptions
	if opts != nil {
		o = *opts
	}
	o.Slight, o.Far, o.Least = cmp.Or(o.Slight, 0.01), cmp.Or(o.Far, 0.05), cmp.Or(o.Least, 100)
	if !(o.Slight > 0 && o.Slight <= o.Far && o.Far < 1) {
		return Judgement{}, fmt.Errorf("%w: slight is %v and far is %v, want numbers in (0,1) that ascend", ErrInput, o.Slight, o.Far)
	}
	j := Judgement{Window: now.Window, Status: StatusStable, Falls: []Fall{}}
	if now.Estimated {
		j.CannotSee = CannotSee
	}
	if now.N < o.Least {
		j.Status = StatusInsufficient
		j.Reasons = []string{fmt.Sprintf("%d examples, want %d to tell", now.N, o.Least)}
		return j, nil
	}
	if training == nil && lastGood == nil && len(signals) == 0 {
		j.Status = StatusInsufficient
		j.Reasons = []string{"there is no window before and no chart to compare with"}
		return j, nil
	}
	for _, before := range []*Performance{training, lastGood} {
		if before == nil {
			continue
		}
		for _, is := range now.Metrics {
			at := slices.IndexFunc(before.Metrics, func(m Measured) bool { return m.Name == is.Name })
			if at < 0 {
				continue
			}
			f, err := fall(before.Metrics[at], is, before.Window)
			if err != nil {
				return Judgement{}, err
			}
			j.Falls = append(j.Falls, f)
			j.weigh(f, now.Estimated, &o)
		}
	}
	if len(j.Falls) == 0 && (training != nil || lastGood != nil) {
		return Judgement{}, fmt.Errorf("%w: %s has no metric of the same name as a window before", ErrInput, now.Window)
	}
	names := make([]string, 0, len(signals))
	for name := range signals {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if s := signals[name]; s.Out {
			j.raise(StatusMonitor, fmt.Sprintf("%s: %s", name, s.Reason))
		}
	}
	if j.Status != StatusStable && !j.Retrain {
		// n of which the interval z sqrt(p(1-p)/n) is half of Far, at p = 1/2.
		half := o.Far / 2
		n := int(math.Ceil(1.96 * 1.96 / 4 / half / half))
		switch {
		case now.Estimated:
			j.Label = n
			j.Reasons = append(j.Reasons, fmt.Sprintf("no labels were seen: label %d recent examples, drawn at random, before acting", n))
		case now.N < int64(n):
			j.Label = n
			j.Reasons = append(j.Reasons, fmt.Sprintf("label %d recent examples, not %d, to be sure", n, now.N))
		}
	}
	return j, nil
}

// fall returns how much worse is is than was.
func fall(was, is Measured, against string) (Fall, error) {
	for _, m := range []Measured{was, is} {
		if !(m.Low <= m.Value && m.Value <= m.High) || math.IsInf(m.High-m.Low, 0) {
			return Fall{}, fmt.Errorf("%w: %s is %v in [%v, %v]", ErrInput, m.Name, m.Value, m.Low, m.High)
		}
	}
	f := Fall{Measured: is.Name, Against: against, Was: was.Value, Is: is.Value}
	if is.Loss {
		f.Worse, f.Interval = is.Value-was.Value, differenceOf(is.Estimated, was.Estimated)
	} else {
		f.Worse, f.Interval = was.Value-is.Value, differenceOf(was.Estimated, is.Estimated)
	}
	return f, nil
}

// weigh takes a fall into account.
func (j *Judgement) weigh(f Fall, estimated bool, o *DegradationOptions) {
	how := "is"
	if estimated {
		how = "is estimated as"
	}
	reason := fmt.Sprintf("%s %s %.3f, %.3f in %s: worse by %.3f, %.3f to %.3f", f.Measured, how, f.Is, f.Was, f.Against, f.Worse, f.Low, f.High)
	switch certain := f.Low > 0; {
	case certain && f.Worse >= o.Far:
		j.raise(StatusAlert, reason)
		j.Retrain = j.Retrain || !estimated
	case certain && f.Worse >= o.Slight:
		j.raise(StatusMonitor, reason)
	case f.Worse >= o.Far:
		j.raise(StatusMonitor, reason+", which may be chance")
	}
}

// raise notes a reason for a status no better than s.
func (j *Judgement) raise(s Status, reason string) {
	if j.Status != StatusAlert {
		j.Status = s
	}
	j.Reasons = append(j.Reasons, reason)
}
