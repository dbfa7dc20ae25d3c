package logreg

import (
	"fmt"
	"math/rand/v2"
)

// StratifiedFolds assigns each of the classes y, from 0 to classes-1, to one of
// k folds, which it draws by the seed: each fold gets its share of every class,
// and neither the folds nor a class's rows in them differ by more than 1 in
// number. Each class needs at least two rows, so that one of them is outside of
// every fold. The same input always gives the same folds.
//
// It is for rows that do not depend on each other, in time or otherwise; else
// what is held out is too easy and ContiguousFolds are fairer. The errors wrap
// ErrOptions or ErrClasses.
func StratifiedFolds(y []int, classes, k int, seed uint64) ([]int, error) {
	if err := checkFolds(len(y), k); err != nil {
		return nil, err
	}
	if classes < 1 || classes > len(y)/2 {
		return nil, fmt.Errorf("%w: %d in %d rows, want at least 1 and two rows of each", ErrClasses, classes, len(y))
	}
	rows := make([][]int, classes)
	for i, c := range y {
		if c < 0 || c >= classes {
			return nil, fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, classes)
		}
	}
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	for _, i := range order {
		rows[y[i]] = append(rows[y[i]], i)
	}
	fold := make([]int, len(y))
	next := 0 // goes round the folds class by class
	for c, rows := range rows {
		if len(rows) < 2 {
			return nil, fmt.Errorf("%w: class %d has %d rows, want at least 2, so that one is outside of every fold", ErrClasses, c, len(rows))
		}
		for _, i := range rows {
			fold[i] = next % k
			next++
		}
	}
	return fold, nil
}

// ContiguousFolds assigns each of n rows to one of k folds in their order: fold
// 0 has the first, fold k-1 the last, and none has more than 1 more than
// another. It is for rows in order of time, of which those near each other are
// alike: a fold is then a stretch of time that its model has not seen. A class
// may occur in one fold alone. The error wraps ErrOptions.
func ContiguousFolds(n, k int) ([]int, error) {
	if err := checkFolds(n, k); err != nil {
		return nil, err
	}
	fold := make([]int, n)
	for i := range fold {
		fold[i] = int(int64(i) * int64(k) / int64(n))
	}
	return fold, nil
}

func checkFolds(n, k int) error {
	if k < 2 || k > n {
		return fmt.Errorf("%w: %d folds of %d rows, want at least 2 and no more than there are rows", ErrOptions, k, n)
	}
	return nil
}
