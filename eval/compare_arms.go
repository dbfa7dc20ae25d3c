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
	cells  cells   // of truth*levels + predicted
	n      int64   // of all
	lossy  cell    // those with probabilities
	losses [2]loss // log loss and Brier score
}

// NewArms returns an empty comparison over the named levels, as NewPairs does.
func NewArms(levels []string) (*Arms, error) {
	if err := checkCompared(levels); err != nil {
		return nil, err
	}
	s := &Arms{levels: slices.Clone(levels)}
	for i := range s.arms {
		s.arms[i].cells = make(cells, len(levels)*len(levels))
	}
	return s, nil
}

// Add counts one example with the weight 1; see AddWeighted.
func (s *Arms) Add(arm, truth, predicted int, proba []float64) error {
	return s.AddWeighted(arm, truth, predicted, proba, 1)
}

// AddWeighted counts one example that arm, ArmA or ArmB, answered. proba may be
// nil: then the example is left out of log loss and Brier score. Its weight is 0
// or from 1e-100 to 1e100, as in Evaluation.AddWeighted. An error wraps ErrInput,
// says what is wrong, and leaves s unchanged. It does not allocate.
func (s *Arms) AddWeighted(arm, truth, predicted int, proba []float64, weight float64) error {
	if arm != ArmA && arm != ArmB {
		return fmt.Errorf("%w: arm %d, want %d or %d", ErrInput, arm, ArmA, ArmB)
	}
	r, k := &s.arms[arm], len(s.levels)
	if truth < 0 || truth >= k || predicted < 0 || predicted >= k {
		return fmt.Errorf("%w: example %d of arm %d has true level %d and predicted level %d of %d", ErrInput, r.n, arm, truth, predicted, k)
	}
	if badWeight(weight) {
		return fmt.Errorf("%w: example %d of arm %d has weight %v, want 0 or one from %g to %g", ErrInput, r.n, arm, weight, minWeight, maxWeight)
	}
	if r.n == maxCompared {
		return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
	}
	if proba != nil {
		losses, err := lossesOf(truth, proba, s.levels)
		if err != nil {
			return fmt.Errorf("%w: example %d of arm %d has %w", ErrInput, r.n, arm, err)
		}
		r.lossy.add(weight)
		for i, l := range losses {
			r.losses[i].add(weight, l)
		}
	}
	r.n++
	r.cells[truth*k+predicted].add(weight)
	return nil
}

// N returns the number of examples of each arm.
func (s *Arms) N() (a, b int64) { return s.arms[ArmA].n, s.arms[ArmB].n }

// Merge adds what o counted to s. Both must be over the same levels; otherwise
// the error wraps ErrInput. Counts come out the same in any order, sums to
// rounding.
func (s *Arms) Merge(o *Arms) error {
	if !slices.Equal(s.levels, o.levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.levels, s.levels)
	}
	for i := range s.arms {
		if o.arms[i].n > maxCompared-s.arms[i].n {
			return fmt.Errorf("%w: more than %d examples", ErrInput, int64(maxCompared))
		}
	}
	for i := range s.arms {
		r, q := &s.arms[i], &o.arms[i]
		r.n += q.n
		r.cells.merge(q.cells)
		r.lossy.merge(q.lossy)
		for j := range r.losses {
			r.losses[j].merge(q.losses[j])
		}
	}
	return nil
}

// evidence implements Evidence.
func (s *Arms) evidence() evidence {
	a, b := &s.arms[ArmA], &s.arms[ArmB]
	e := evidence{levels: s.levels, n: a.n + b.n, parts: []int{len(a.cells), 2 * len(a.cells)}}
	e.add(a.cells, func(i int) (int, int) { return i, -1 })
	e.add(b.cells, func(i int) (int, int) { return -1, i })
	nA, nB := effective(a.lossy.weight, a.lossy.squares), effective(b.lossy.weight, b.lossy.squares)
	for i := range e.losses {
		meanA, varA := a.losses[i].mean(a.lossy.weight, nA)
		meanB, varB := b.losses[i].mean(b.lossy.weight, nB)
		e.losses[i] = lossDifference{nA + nB, meanA, meanB, math.Sqrt(varA + varB)}
	}
	return e
}

// armsJSON is Arms as JSON.
type armsJSON struct {
	Levels []string `json:"levels"`
	A      armJSON  `json:"a"`
	B      armJSON  `json:"b"`
}

// armJSON is what one version answered as JSON, without weights where all are 1.
type armJSON struct {
	Counts        []int64    `json:"counts"`
	Weights       []float64  `json:"weights,omitempty"`
	WeightSquares []float64  `json:"weight_squares,omitempty"`
	NLosses       int64      `json:"n_losses"`
	LossWeights   [2]float64 `json:"loss_weights,omitzero"` // and their squares
	Losses        [2]float64 `json:"losses"`                // of weight * log loss and Brier score
	First         [2]float64 `json:"first,omitzero"`        // of weight² * loss
	Squares       [2]float64 `json:"squares"`               // of weight² * loss²
}

// MarshalJSON writes the state.
func (s *Arms) MarshalJSON() ([]byte, error) {
	j := armsJSON{Levels: s.levels}
	for i, to := range []*armJSON{&j.A, &j.B} {
		r := &s.arms[i]
		to.Counts, to.Weights, to.WeightSquares = r.cells.columns()
		to.NLosses = r.lossy.n
		for m, l := range r.losses {
			to.Losses[m], to.First[m], to.Squares[m] = l.sum, l.first, l.second
		}
		if to.LossWeights = [2]float64{r.lossy.weight, r.lossy.squares}; to.Weights == nil {
			to.LossWeights, to.First = [2]float64{}, [2]float64{}
		}
	}
	return json.Marshal(j)
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
	for i, from := range []*armJSON{&j.A, &j.B} {
		if err := q.arms[i].read(from); err != nil {
			return fmt.Errorf("arm %d: %w", i, err)
		}
	}
	*s = *q
	return nil
}

// read sets an empty arm to what was written of one.
func (r *arm) read(from *armJSON) error {
	if err := r.cells.fill(from.Counts, from.Weights, from.WeightSquares); err != nil {
		return err
	}
	all := r.cells.sum()
	if r.n = all.n; r.n > maxCompared {
		return fmt.Errorf("%w: %d examples", ErrInput, r.n)
	}
	if from.Weights == nil {
		n := float64(from.NLosses)
		from.LossWeights, from.First = [2]float64{n, n}, from.Losses
	}
	r.lossy = cell{from.NLosses, from.LossWeights[0], from.LossWeights[1]}
	for m := range r.losses {
		r.losses[m] = loss{from.Losses[m], from.First[m], from.Squares[m]}
	}
	return r.lossy.checkLosses(all, from.Losses[:], slices.Concat(from.First[:], from.Squares[:]))
}
