package eval

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// A Choice is thresholds with what they are worth: Apparent on the examples that
// they were chosen on, CrossFitted on examples that they were not chosen on,
// which is what to expect of new ones. Confusion counts the examples of each
// true level (row) for which each level (column) was predicted by the latter.
type Choice struct {
	Thresholds  []float64 `json:"thresholds"`
	Apparent    float64   `json:"apparent"`
	CrossFitted float64   `json:"cross_fitted"`
	Confusion   [][]int   `json:"confusion"`
}

// ChooseOptions say how ChooseThresholds corrects for the choice. The zero value
// means the defaults.
type ChooseOptions struct {
	// Folds is the number of parts. 0 means 10.
	Folds int
	// Seed draws the parts, each with its share of every level.
	Seed uint64
}

// ChooseThresholds is Thresholds with a fair measure of how good they are: each
// of several parts of the examples is cut by thresholds that were chosen on the
// others, and the predictions of all parts are judged together (Stone,
// Cross-Validatory Choice and Assessment of Statistical Predictions, 1974). The
// sums are those of Objective.Worth, macro-F1 being the sum of the levels' F1
// and not their mean; of a recall floor and a budget they are those of what is
// best within it. The limit itself can be missed there, as it can be on new
// examples; Confusion shows by how much. nil opts means the defaults.
// The errors are those of Thresholds; ErrInput too where a part leaves too
// little to choose on.
func ChooseThresholds(scores []float64, truth []int, levels int, o Objective, opts *ChooseOptions) (Choice, error) {
	folds, seed := 10, uint64(0)
	if opts != nil {
		folds, seed = cmp.Or(opts.Folds, folds), opts.Seed
	}
	var c Choice
	var err error
	if c.Thresholds, err = Thresholds(scores, truth, levels, o); err != nil {
		return Choice{}, err
	}
	if folds < 2 || folds > len(scores) {
		return Choice{}, fmt.Errorf("%w: %d examples in %d folds", ErrInput, len(scores), folds)
	}
	apparent := square(levels)
	for i, s := range scores {
		apparent[truth[i]][levelAt(c.Thresholds, s)]++
	}
	c.Apparent = worthOf(apparent, goalOf(o))
	c.Confusion = square(levels)
	fold := assignFolds(truth, folds, seed)
	for f := range folds {
		var s []float64
		var y []int
		for i := range scores {
			if fold[i] != f {
				s, y = append(s, scores[i]), append(y, truth[i])
			}
		}
		thresholds, err := Thresholds(s, y, levels, o)
		if err != nil {
			return Choice{}, fmt.Errorf("without part %d of %d: %w", f+1, folds, err)
		}
		for i, s := range scores {
			if fold[i] == f {
				c.Confusion[truth[i]][levelAt(thresholds, s)]++
			}
		}
	}
	c.CrossFitted = worthOf(c.Confusion, goalOf(o))
	return c, nil
}

// goalOf returns what an objective seeks where its limits may be missed.
func goalOf(o Objective) Objective {
	switch o := o.(type) {
	case RecallFloor:
		return MacroF1{}
	case ReviewBudget:
		return goalOf(o.objective())
	}
	return o
}

// worthOf returns the worth of a confusion matrix, true levels by row.
func worthOf(confusion [][]int, o Objective) (worth float64) {
	support, predicted := make([]int, len(confusion)), make([]int, len(confusion))
	for k, row := range confusion {
		support[k] = total(row)
	}
	for level := range confusion {
		for k, row := range confusion {
			predicted[k] = row[level]
		}
		worth += o.Worth(level, predicted, support)
	}
	return worth
}

func square(levels int) [][]int {
	m := make([][]int, levels)
	for k := range m {
		m[k] = make([]int, levels)
	}
	return m
}

// levelAt returns the level of a score.
func levelAt(thresholds []float64, score float64) int {
	n, found := slices.BinarySearch(thresholds, score)
	for found && n < len(thresholds) && thresholds[n] == score {
		n++ // a threshold belongs to the level above it, of equal ones to the last
	}
	return n
}

// assignFolds deals the examples of each level, shuffled, to the folds.
func assignFolds(truth []int, folds int, seed uint64) []int {
	order := rand.New(rand.NewPCG(seed, 0)).Perm(len(truth))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(truth[a], truth[b]) })
	fold := make([]int, len(truth))
	for at, i := range order {
		fold[i] = at % folds
	}
	return fold
}
