package eval

import (
	"fmt"
	"strings"
)

// An Outcome is what a Gate, or one of its reasons, comes to.
type Outcome string

// The outcomes.
const (
	Pass         Outcome = "pass"
	Fail         Outcome = "fail"
	Inconclusive Outcome = "inconclusive"
)

// A Verdict is what a Gate decided, and why. It is small and as JSON can be kept
// as the evidence of a promotion.
type Verdict struct {
	Outcome Outcome  `json:"outcome"`
	N       int64    `json:"n"`     // labelled examples, of both versions where each had its own
	Alpha   float64  `json:"alpha"` // the greatest probability of a wrong verdict
	Once    bool     `json:"once,omitempty"`
	Reasons []Reason `json:"reasons"`
}

// A Reason is what one check, guard, limit or minimum came to. Old and New are
// the metric, rate or number that it is about; of a minimum, New is what there
// is.
type Reason struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Old     float64 `json:"old,omitempty"`
	New     float64 `json:"new,omitempty"`
	// Gain is by how much the new version is better in a check, whether more or
	// less is better. It surely is at least Low to pass, and at most High to
	// fail: the bounds are one-sided, and High allows for all the other checks.
	// Want is what it had to be more than.
	Gain float64 `json:"gain,omitempty"`
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
	Want float64 `json:"want,omitempty"`
	Text string  `json:"text"`
}

// String returns the verdict in words, a line for each reason.
func (v Verdict) String() string {
	var b strings.Builder
	switch v.Outcome {
	case Pass:
		fmt.Fprintf(&b, "pass: the new version may take the place of the old one, by %d labelled examples", v.N)
	case Fail:
		fmt.Fprintf(&b, "fail: the new version may not take the place of the old one, by %d labelled examples", v.N)
	default:
		fmt.Fprintf(&b, "inconclusive: there is no sufficient evidence for or against the new version in %d labelled examples", v.N)
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(&b, "\n  %s: %s: %s", r.Outcome, r.Name, r.Text)
	}
	return b.String()
}

// words returns the metric in words.
func (m Metric) words() string {
	switch m {
	case MetricMacroF1:
		return "macro-F1"
	case MetricF1:
		return "F1"
	case MetricMCC:
		return "Matthews correlation"
	case MetricBrier:
		return "Brier score"
	}
	return strings.ReplaceAll(string(m), "_", " ")
}
