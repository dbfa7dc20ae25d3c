package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Arms is the state of a comparison of two versions, a and b, that answered
// different labelled examples, as in a canary rollout: the confusion matrix of
// each and sums of its losses. Which version answers an example must be left to
// chance. Where both can answer the same ones, Pairs need far fewer. Arms are
// made by NewArms, add, merge, and are kept as JSON. They must not be used from
// several goroutines at once.
type Arms struct {
	levels []string
	arms   [2]arm
}

// The arms of a comparison.
const (
	ArmA = 0 // the old version
	ArmB = 1 // the new version
)

// arm is what one version answered.
type arm struct {
	Counts  []int64    `json:"counts"` // of truth*levels + predicted
	N       int64      `json:"-"`
	NLosses int64      `json:"n_losses"`
	Losses  [2]float64 `json:"losses"` // sums of log losses and Brier scores
	Squares [2]float64 `json:"squares"`
}

// NewArms returns an empty comparison over the named levels, as NewPairs does.
func NewArms(levels []string) (*Arms, error) {
	if err := checkCompared(levels); err != nil {
		return nil, err
	}
	s := &Arms{levels: slices.Clone(levels)}
	for i := range s.arms {
		s.arms[i].Counts = make([]int64, len(levels)*len(levels))
	}
	return s, nil
}

// Add counts one example that arm, ArmA or ArmB, answered. proba may be nil:
// then the example is left out of log loss and Brier score. An error wraps
// ErrInput, says what is wrong, and leaves s unchanged. Add does not allocate.
func (s *Arms) Add(arm, truth, predicted int, proba []float64) error {
	if arm != ArmA && arm != ArmB {
		return fmt.Errorf("%w: arm %d, want %d or %d", ErrInput, arm, ArmA, ArmB)
	}
	r, k := &s.arms[arm], len(s.levels)
	if truth < 0 || truth >= k || predicted < 0 || predicted >= k {
		return fmt.Errorf("%w: example %d of arm %d has true level %d and predicted level %d of %d", ErrInput, r.N, arm, truth, predicted, k)
	}
	if r.N == maxCompared {
		return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
	}
	if proba != nil {
		losses, err := lossesOf(truth, proba, s.levels)
		if err != nil {
			return fmt.Errorf("%w: example %d of arm %d has %w", ErrInput, r.N, arm, err)
		}
		r.NLosses++
		for i, l := range losses {
			r.Losses[i] += l
			r.Squares[i] += l * l
		}
	}
	r.N++
	r.Counts[truth*k+predicted]++
	return nil
}

// N returns the number of examples of each arm.
func (s *Arms) N() (a, b int64) { return s.arms[ArmA].N, s.arms[ArmB].N }

// Merge adds what o counted to s. Both must be over the same levels; otherwise
// the error wraps ErrInput. Counts come out the same in any order, sums to
// rounding.
func (s *Arms) Merge(o *Arms) error {
	if !slices.Equal(s.levels, o.levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, s.levels)
	}
	for i := range s.arms {
		if o.arms[i].N > maxCompared-s.arms[i].N {
			return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
		}
	}
	for i := range s.arms {
		r, q := &s.arms[i], &o.arms[i]
		r.N += q.N
		r.NLosses += q.NLosses
		for j, c := range q.Counts {
			r.Counts[j] += c
		}
		for j := range r.Losses {
			r.Losses[j] += q.Losses[j]
			r.Squares[j] += q.Squares[j]
		}
	}
	return nil
}

// hits returns the number of examples that an arm has right.
func (r *arm) hits(levels int) (n int64) {
	for c := range levels {
		n += r.Counts[c*levels+c]
	}
	return n
}

// mean returns the mean of a loss and the square of its standard error.
func (r *arm) mean(loss int) (mean, variance float64) {
	n := float64(r.NLosses)
	if n > 0 {
		mean = r.Losses[loss] / n
	}
	if n > 1 {
		variance = max(0, r.Squares[loss]/n-mean*mean) / (n - 1)
	}
	return mean, variance
}

// evidence implements Evidence.
func (s *Arms) evidence() evidence {
	k2 := len(s.levels) * len(s.levels)
	e := evidence{levels: s.levels, cells: make([]evidenceCell, 0, 2*k2), parts: []int{k2, 2 * k2}}
	for i, n := range s.arms[ArmA].Counts {
		e.cells = append(e.cells, evidenceCell{float64(n), i, -1})
	}
	for i, n := range s.arms[ArmB].Counts {
		e.cells = append(e.cells, evidenceCell{float64(n), -1, i})
	}
	for i := range e.losses {
		a, varA := s.arms[ArmA].mean(i)
		b, varB := s.arms[ArmB].mean(i)
		n := float64(s.arms[ArmA].NLosses + s.arms[ArmB].NLosses)
		e.losses[i] = lossDifference{n, a, b, math.Sqrt(varA + varB)}
	}
	return e
}

// armsJSON is Arms as JSON.
type armsJSON struct {
	Levels []string `json:"levels"`
	A      arm      `json:"a"`
	B      arm      `json:"b"`
}

// MarshalJSON writes the state.
func (s *Arms) MarshalJSON() ([]byte, error) {
	return json.Marshal(armsJSON{s.levels, s.arms[ArmA], s.arms[ArmB]})
}

// UnmarshalJSON reads the state and checks it; errors wrap ErrInput.
func (s *Arms) UnmarshalJSON(data []byte) error {
	var j armsJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: arms: %w", ErrInput, err)
	}
	q, err := NewArms(j.Levels)
	if err != nil {
		return err
	}
	for i, r := range []arm{j.A, j.B} {
		if len(r.Counts) != len(q.arms[i].Counts) {
			return fmt.Errorf("%w: arm %d has %d counts for %d levels", ErrInput, i, len(r.Counts), len(j.Levels))
		}
		if r.N, err = sumOfCounts(r.Counts); err != nil {
			return fmt.Errorf("%w: arm %d: %w", ErrInput, i, err)
		}
		bad := func(v float64) bool { return !(v >= 0 && v <= maxLoss*float64(r.NLosses)) }
		if r.NLosses < 0 || r.NLosses > r.N || slices.ContainsFunc(slices.Concat(r.Losses[:], r.Squares[:]), bad) {
			return fmt.Errorf("%w: arm %d has losses %v and squares %v of %d examples", ErrInput, i, r.Losses, r.Squares, r.NLosses)
		}
		q.arms[i] = r
	}
	*s = *q
	return nil
}
