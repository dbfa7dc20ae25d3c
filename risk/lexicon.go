package risk

import (
	_ "embed" // for the default lexicon
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/riskkit/riskkit/internal/text"
)

// A Lexicon is what a Heuristic knows: terms that speak of risk and words that
// change their meaning. It is plain data, which a host can write as JSON, adapt
// from DefaultLexicon, or build.
type Lexicon struct {
	// Version names the lexicon in the answers that come of it.
	Version string `json:"version"`
	// Scale and Thresholds turn the score into a level; see Cut.
	Scale      Scale     `json:"scale"`
	Thresholds []float64 `json:"thresholds"`
	// Doubt, in [0,1), is how far the lexicon is to be believed: the share of
	// the probability that is spread evenly over the levels whatever it finds.
	Doubt float64       `json:"doubt"`
	Terms []LexiconTerm `json:"terms"`
	// Modifiers are words and phrases that multiply the evidence of the next
	// term within three words of the same sentence: above 1 they strengthen it,
	// below 1 they weaken it. 0 denies it, and further terms as well. At most
	// 100.
	Modifiers map[string]float64 `json:"modifiers"`
}

// A LexiconTerm is a word or phrase of at most 16 words. Weight, in (-1,1), is
// the probability that an incident with this term, and nothing else, is severe;
// below 0 it takes risk away.
type LexiconTerm struct {
	Term     string  `json:"term"`
	Weight   float64 `json:"weight"`
	Category string  `json:"category,omitempty"`
}

// ErrLexicon says that a Lexicon makes no sense.
var ErrLexicon = errors.New("risk: invalid lexicon")

//go:embed lexicon.json
var defaultLexicon []byte

// DefaultLexicon returns the lexicon that comes with riskkit: English terms of
// IT incidents and vulnerabilities, weighted by hand. The copy belongs to the
// caller.
func DefaultLexicon() (*Lexicon, error) {
	var l Lexicon
	if err := json.Unmarshal(defaultLexicon, &l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	return &l, l.Validate()
}

// ReadLexicon reads a lexicon from JSON. Unknown fields are errors, since they
// are likely to be misspelt; the error wraps ErrLexicon.
func ReadLexicon(r io.Reader) (*Lexicon, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var l Lexicon
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	return &l, l.Validate()
}

// Validate returns an error wrapping ErrLexicon that says what is wrong with l,
// or nil.
func (l *Lexicon) Validate() error {
	if err := l.Scale.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	if err := checkThresholds(l.Scale, l.Thresholds); err != nil {
		return fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	if !(l.Doubt >= 0 && l.Doubt < 1) {
		return fmt.Errorf("%w: doubt is %v, want a number in [0,1)", ErrLexicon, l.Doubt)
	}
	if _, err := text.NewPhrases(l.phrases()); err != nil {
		return fmt.Errorf("%w: term: %w", ErrLexicon, err)
	}
	if _, err := text.NewPhrases(slices.Sorted(maps.Keys(l.Modifiers))); err != nil {
		return fmt.Errorf("%w: modifier: %w", ErrLexicon, err)
	}
	for i, t := range l.Terms {
		if !(t.Weight > -1 && t.Weight < 1) {
			return fmt.Errorf("%w: term %d, %q, has weight %v, want a number in (-1,1)", ErrLexicon, i, t.Term, t.Weight)
		}
	}
	for m, f := range l.Modifiers {
		if !(f >= 0 && f <= maxFactor) {
			return fmt.Errorf("%w: modifier %q has factor %v, want a number from 0 to %d", ErrLexicon, m, f, maxFactor)
		}
	}
	return nil
}

// maxFactor is the greatest factor of a modifier.
const maxFactor = 100

// phrases returns the terms alone.
func (l *Lexicon) phrases() []string {
	phrases := make([]string, len(l.Terms))
	for i, t := range l.Terms {
		phrases[i] = t.Term
	}
	return phrases
}

// Risky returns the terms that raise the risk, for drift features.
func (l *Lexicon) Risky() []string {
	var risky []string
	for _, t := range l.Terms {
		if t.Weight > 0 {
			risky = append(risky, t.Term)
		}
	}
	return risky
}
