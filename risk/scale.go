package risk

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A Scale is an ordered list of levels, lowest first. A valid one has 2 to 100
// levels, all different, none empty.
type Scale []string

// DefaultScale returns the scale that is used where none is given: low, medium,
// high.
func DefaultScale() Scale { return Scale{"low", "medium", "high"} }

// ErrScale says that a list of levels is not a Scale, or not the expected one.
var ErrScale = errors.New("risk: invalid scale")

// Validate returns an error wrapping ErrScale that says what is wrong with s,
// or nil.
func (s Scale) Validate() error {
	if len(s) < 2 || len(s) > 100 {
		return fmt.Errorf("%w: %d levels, want 2 to 100", ErrScale, len(s))
	}
	for i, level := range s {
		if level == "" || !utf8.ValidString(level) {
			return fmt.Errorf("%w: level %d is %q, want text", ErrScale, i, level)
		}
		if slices.Index(s, level) < i {
			return fmt.Errorf("%w: level %q stands twice", ErrScale, level)
		}
	}
	return nil
}

// Index returns the rank of level on the scale, 0 for the lowest, and -1 if it
// is not on it.
func (s Scale) Index(level string) int { return slices.Index(s, level) }

// Severity returns the expected severity under the probabilities p, one for
// each level: the mean rank divided by the highest rank, so 0 is surely the
// lowest level and 1 surely the highest. It is NaN if p has NaN in it.
func (s Scale) Severity(p []float64) float64 {
	sum := 0.0
	for i, v := range p {
		sum += float64(i) * v
	}
	return min(1, max(0, sum/float64(len(s)-1)))
}

// Cut returns the rank of the level that score belongs to and the threshold
// that decided it. thresholds holds one cut between each two neighbouring
// levels, in ascending order; level i starts at thresholds[i-1], which belongs
// to it. The deciding threshold is the one that the score reached, for the
// lowest level the one that it did not reach.
//
// Without thresholds there is one level, and 0 for the threshold. A NaN reaches
// no threshold.
func Cut(thresholds []float64, score float64) (rank int, threshold float64) {
	if len(thresholds) == 0 {
		return 0, 0
	}
	for rank < len(thresholds) && score >= thresholds[rank] {
		rank++
	}
	return rank, thresholds[max(0, rank-1)]
}

// checkThresholds returns an error unless thresholds hold one cut between each
// two neighbouring levels of s, ascending, in [0,1].
func checkThresholds(s Scale, thresholds []float64) error {
	if len(thresholds) != len(s)-1 {
		return fmt.Errorf("%w: %d thresholds between %d levels", ErrScale, len(thresholds), len(s))
	}
	for i, t := range thresholds {
		if !(t >= 0 && t <= 1) || i > 0 && t < thresholds[i-1] {
			return fmt.Errorf("%w: thresholds are %v, want ascending numbers in [0,1]", ErrScale, thresholds)
		}
	}
	return nil
}
