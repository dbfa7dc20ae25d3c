package risk

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/riskkit/riskkit/internal/jsonobj"
)

// A Method says which kind of scorer decided an Assessment.
type Method string

// The methods.
const (
	MethodHeuristic Method = "heuristic" // a lexicon of risky terms
	MethodML        Method = "ml"        // a trained model
	// MethodEscalation is a second opinion that decided in the place of the
	// first; see Escalation.
	MethodEscalation Method = "escalation"
)

// An Assessment is a Scorer's answer for one Document. Score and Level never
// disagree: the level is the score's place between the thresholds.
type Assessment struct {
	// Score is the expected severity in [0,1]: 0 is surely the lowest level of
	// the scale, 1 surely the highest.
	Score float64 `json:"risk_score"`
	// Level is a level of the scale.
	Level string `json:"risk_label"`
	// Method says which kind of scorer decided.
	Method Method `json:"risk_score_method"`
	// ModelVersion names the version of the model that decided, or of the
	// heuristic's lexicon.
	ModelVersion string `json:"risk_model_version"`
	// Threshold is the cut on Score that decided Level: the one that Score
	// reached, for the lowest level the one that it did not reach.
	Threshold float64 `json:"risk_threshold"`

	// ID is the Document's.
	ID string `json:"id,omitempty"`
	// Probabilities has the probability of each level.
	Probabilities Probabilities `json:"probabilities,omitzero"`
	// Categories says what kind of trouble the text speaks of, the strongest
	// first. Empty where the scorer knows none.
	Categories []Category `json:"categories,omitempty"`
	// Explanation lists the terms that moved the score, the strongest first.
	// Empty unless it was asked for; see Explain.
	Explanation []Contribution `json:"explanation,omitempty"`
	// ModelDigest is the digest of the registered version that decided, if any.
	ModelDigest string `json:"risk_model_digest,omitempty"`
	// FallbackReason says why another scorer than the first choice decided;
	// empty where the first choice did.
	FallbackReason FallbackReason `json:"fallback_reason,omitempty"`
	// Escalated says whether the answer was passed on for a second opinion,
	// and Escalation how that ended; empty where it was not.
	Escalated  bool             `json:"escalated"`
	Escalation EscalationResult `json:"escalation,omitempty"`
	// EscalationReason is the second opinion's reason in its own words, or what is
	// wrong with the opinion: a kilobyte at most. Empty where there is none.
	EscalationReason string `json:"escalation_reason,omitempty"`
	// Rollout is the id of the rollout that was going on, if any, and Arm which
	// side of it answered.
	Rollout string `json:"rollout,omitempty"`
	Arm     Arm    `json:"arm,omitempty"`
	// Truncated says that only the beginning of the text was scored.
	Truncated bool `json:"truncated,omitempty"`
}

// An Arm is a side of a rollout.
type Arm string

// The arms.
const (
	ArmProduction Arm = "production"
	ArmCandidate  Arm = "candidate"
)

// An EscalationResult says how asking for a second opinion ended. The set is
// closed, so that it can label a metric.
type EscalationResult string

// The results.
const (
	EscalationConfirmed EscalationResult = "confirmed"   // the second opinion is the same level
	EscalationChanged   EscalationResult = "changed"     // it is another, which the answer now has
	EscalationInvalid   EscalationResult = "invalid"     // it makes no sense; the first answer stands, as below
	EscalationError     EscalationResult = "error"       // asking failed or panicked
	EscalationTimeout   EscalationResult = "timeout"     // it took too long
	EscalationBudget    EscalationResult = "over_budget" // the budget is spent
	EscalationBreaker   EscalationResult = "breaker"     // asking failed so often that it is left for a while
)

// EscalationResults returns all of them.
func EscalationResults() []EscalationResult {
	return []EscalationResult{
		EscalationConfirmed, EscalationChanged, EscalationInvalid, EscalationError, EscalationTimeout, EscalationBudget, EscalationBreaker,
	}
}

// A Category is a kind of trouble. Share is in (0,1]: for a heuristic the
// category's share of the risk that it found, for a Model the probability that
// the tag fits.
type Category struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// A Contribution says how far one term moved the score: the score with it minus
// the score without it. It is positive for a term that raises the risk.
type Contribution struct {
	Term         string  `json:"term"`
	Contribution float64 `json:"contribution"`
}

// Probabilities is a distribution over the levels of a scale, lowest first. As
// JSON it is an object from level to probability, in that order. It does not
// change, and one of up to four levels needs no memory of its own. The zero
// value is of no levels.
type Probabilities struct {
	levels Scale
	few    [4]float64
	many   []float64 // where few has no room
}

// NewProbabilities returns the distribution that gives each of levels the
// probability in p, of the same length. p is copied; levels is kept and must not
// be changed.
func NewProbabilities(levels Scale, p []float64) Probabilities {
	q := Probabilities{levels: levels[:min(len(levels), len(p))]}
	if len(q.levels) <= len(q.few) {
		copy(q.few[:], p)
	} else {
		q.many = slices.Clone(p)
	}
	return q
}

// Len returns the number of levels.
func (p Probabilities) Len() int { return len(p.levels) }

// At returns level i, from the lowest, and its probability.
func (p Probabilities) At(i int) (level string, probability float64) {
	if p.many != nil {
		return p.levels[i], p.many[i]
	}
	return p.levels[i], p.few[i]
}

// Of returns the probability of level, 0 if it is not in p.
func (p Probabilities) Of(level string) float64 {
	if i := p.levels.Index(level); i >= 0 {
		_, v := p.At(i)
		return v
	}
	return 0
}

// All yields the levels from the lowest and their probabilities.
func (p Probabilities) All() iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for i := range p.levels {
			if !yield(p.At(i)) {
				return
			}
		}
	}
}

// IsZero reports whether p is of no levels.
func (p Probabilities) IsZero() bool { return len(p.levels) == 0 }

// Equal reports whether p and q give the same levels the same probabilities.
func (p Probabilities) Equal(q Probabilities) bool {
	return slices.Equal(p.levels, q.levels) && p.few == q.few && slices.Equal(p.many, q.many)
}

// MarshalJSON writes p as an object in the order of the scale.
func (p Probabilities) MarshalJSON() ([]byte, error) {
	b, err := jsonobj.Marshal(p.All())
	if err != nil {
		return nil, fmt.Errorf("risk: probability of %w", err)
	}
	return b, nil
}

// UnmarshalJSON reads an object from level to probability, keeping its order.
func (p *Probabilities) UnmarshalJSON(data []byte) error {
	var levels Scale
	var values []float64
	if err := jsonobj.Unmarshal(data, func(level string, v float64) {
		levels, values = append(levels, level), append(values, v)
	}); err != nil {
		return fmt.Errorf("risk: probabilities: %w", err)
	}
	*p = NewProbabilities(levels, values)
	return nil
}

// check returns an error that says why a is not a valid answer on scale, or
// nil.
func (a *Assessment) check(scale Scale) error {
	switch {
	case !(a.Score >= 0 && a.Score <= 1):
		return fmt.Errorf("score is %v, want a number in [0,1]", a.Score)
	case scale.Index(a.Level) < 0:
		return fmt.Errorf("level %q is not on the scale %q", a.Level, []string(scale))
	case !finite(a.Threshold):
		return fmt.Errorf("threshold is %v, want a finite number", a.Threshold)
	}
	for i := range a.Probabilities.Len() {
		if level, p := a.Probabilities.At(i); !(p >= 0 && p <= 1) {
			return fmt.Errorf("probability of %q is %v, want a number in [0,1]", level, p)
		}
	}
	for i := range a.Categories {
		if c := &a.Categories[i]; !finite(c.Share) {
			return fmt.Errorf("share of category %q is %v, want a finite number", c.Name, c.Share)
		}
	}
	for i := range a.Explanation {
		if c := &a.Explanation[i]; !finite(c.Contribution) {
			return fmt.Errorf("contribution of %q is %v, want a finite number", c.Term, c.Contribution)
		}
	}
	return nil
}

// finite reports whether x is neither infinite nor NaN, neither of which JSON
// has.
func finite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }
