package eval

import "fmt"

// ReviewBudget is the objective of the best thresholds by another one among
// those that predict at most the Share of all examples as Level or a higher one:
// where people look at those, no more than they can. Of N reviews a day, with M
// examples a day, Share is N/M.
type ReviewBudget struct {
	Level int
	Share float64
	// Objective is what is best within the budget. nil means MacroF1.
	Objective Objective
}

func (b ReviewBudget) objective() Objective {
	if b.Objective == nil {
		return MacroF1{}
	}
	return b.Objective
}

// String returns the objective and the budget.
func (b ReviewBudget) String() string {
	return fmt.Sprintf("%s with at most %g of examples at level %d or above", b.objective(), b.Share, b.Level)
}

// Check returns an error unless Level is one above the lowest, Share is in [0,1]
// and the objective makes sense.
func (b ReviewBudget) Check(levels int) error {
	if b.Level < 1 || b.Level >= levels || !(b.Share >= 0 && b.Share <= 1) {
		return fmt.Errorf("%w: at most %v of examples at level %d of %d or above", ErrInput, b.Share, b.Level, levels)
	}
	return b.objective().Check(levels)
}

// Worth returns that of the objective.
func (b ReviewBudget) Worth(level int, predicted, support []int) float64 {
	return b.objective().Worth(level, predicted, support)
}

// Allows reports whether n of all are within the budget, and within that of the
// objective if it has one.
func (b ReviewBudget) Allows(level, n, all int) bool {
	if level == b.Level && float64(n) > b.Share*float64(all) {
		return false
	}
	inner, ok := b.objective().(Limited)
	return !ok || inner.Allows(level, n, all)
}
