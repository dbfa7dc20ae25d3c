package risk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// holdOut returns the probabilities of each example by a model that was fitted
// on the other folds.
func (t *trainer) holdOut(ctx context.Context) ([]float64, error) {
	k := len(t.o.Scale)
	fold := t.folds()
	held := make([]float64, len(t.y)*k)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for n := range t.o.Folds {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if ctx.Err() != nil {
				return
			}
			f, err := t.fit(ctx, func(i int) bool { return fold[i] == n }, foldTolerance)
			if err != nil {
				cancel(fmt.Errorf("fold %d of %d: %w", n+1, t.o.Folds, err))
				return
			}
			var ind []int32
			var val, p []float64
			for i, s := range t.texts {
				if fold[i] != n {
					continue
				}
				ind, val = f.vectorizer.AppendFeatures(ind[:0], val[:0], s)
				p = f.classifier.AppendProba(p[:0], ind, val)
				copy(held[i*k:], p)
			}
			mu.Lock()
			defer mu.Unlock()
			t.next("holding out")
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return held, nil
}

// folds assigns each example to a fold, and notes how.
func (t *trainer) folds() []int {
	n := len(t.y)
	fold := make([]int, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	t.report.FoldsBy = FoldsByTime
	if !t.report.First.IsZero() {
		slices.SortStableFunc(order, func(a, b int) int { return t.times[a].Compare(t.times[b]) })
		for rank, i := range order {
			fold[i] = rank * t.o.Folds / n
		}
		if t.levelsOutside(fold) {
			return fold
		}
	}
	t.report.FoldsBy = FoldsByChance
	rng := rand.New(rand.NewPCG(t.o.Seed, 0))
	rng.Shuffle(n, func(a, b int) { order[a], order[b] = order[b], order[a] })
	next := 0 // goes round the folds level by level, so that each gets its share
	for level := range t.o.Scale {
		for _, i := range order {
			if t.y[i] == level {
				fold[i] = next % t.o.Folds
				next++
			}
		}
	}
	return fold
}

// levelsOutside reports whether every level occurs outside of every fold.
func (t *trainer) levelsOutside(fold []int) bool {
	inside := make([][]int, t.o.Folds)
	for f := range inside {
		inside[f] = make([]int, len(t.o.Scale))
	}
	for i, y := range t.y {
		inside[fold[i]][y]++
	}
	for _, counts := range inside {
		for level, n := range counts {
			if n == t.report.Labels[level] {
				return false
			}
		}
	}
	return true
}
