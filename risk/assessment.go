package risk

import (
	"errors"
	"fmt"
	"math"

	"github.com/riskkit/riskkit/internal/jsonobj"
)

// A Method says which kind of scorer decided an Assessment.
type Method string

// The methods.
const (
	MethodHeuristic Method = "heuristic" // a lexicon of risky terms
	MethodML        Method = "ml"        // a trained model
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
	// Probabilities has the probability of each level, in the order of the
	// scale.
	Probabilities Probabilities `json:"probabilities,omitempty"`
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
	// Escalated says whether the answer was passed on for a second opinion.
	Escalated bool `json:"escalated"`
}

// A Category is a kind of trouble and its share of the risk found, in (0,1].
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

// A LevelProbability is the probability of one level.
type LevelProbability struct {
	Level string
	P     float64
}

// Probabilities is a distribution over the levels of a scale, lowest first. As
// JSON it is an object from level to probability, in that order.
type Probabilities []LevelProbability

// Of returns the probability of level, 0 if it is not in p.
func (p Probabilities) Of(level string) float64 {
	for _, lp := range p {
		if lp.Level == level {
			return lp.P
		}
	}
	return 0
}

// MarshalJSON writes p as an object in the order of the scale.
func (p Probabilities) MarshalJSON() ([]byte, error) {
	b, err := jsonobj.Marshal(func(yield func(string, float64) bool) {
		for _, lp := range p {
			if !yield(lp.Level, lp.P) {
				return
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("risk: probability of %w", err)
	}
	return b, nil
}

// UnmarshalJSON reads an object from level to probability, keeping its order.
func (p *Probabilities) UnmarshalJSON(data []byte) error {
	*p = nil
	if err := jsonobj.Unmarshal(data, func(level string, v float64) {
		*p = append(*p, LevelProbability{level, v})
	}); err != nil {
		return fmt.Errorf("risk: probabilities: %w", err)
	}
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
	case math.IsNaN(a.Threshold):
		return errors.New("threshold is not a number")
	}
	for _, lp := range a.Probabilities {
		if !(lp.P >= 0 && lp.P <= 1) {
			return fmt.Errorf("probability of %q is %v, want a number in [0,1]", lp.Level, lp.P)
		}
	}
	return nil
}
