package risk

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/riskkit/riskkit/logreg"
)

// A Candidate is a Recipe with a C, and how good it was on examples that were
// held out.
type Candidate struct {
	Recipe
	C float64 `json:"c"`
	// LogLoss is the mean over the folds, before calibration, and StdErr its
	// standard error.
	LogLoss float64 `json:"log_loss"`
	StdErr  float64 `json:"std_err"`
}

// search finds the best of the recipes and values of C on examples held out, and
// returns their probabilities by it. Where there is but one it is not searched
// for.
func (t *trainer) search(ctx context.Context) ([]float64, error) {
	k := len(t.o.Scale)
	fold, err := t.folds()
	if err != nil {
		return nil, err
	}
	t.fold = fold
	cs := strengths()
	if t.o.C > 0 {
		cs = []float64{t.o.C}
	}
	held := make([][][]float64, len(t.recipes)) // by recipe and C, rows x classes
	losses := make([][]float64, len(t.recipes)) // by recipe, C x folds
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for r, recipe := range t.recipes {
		held[r] = make([][]float64, len(cs))
		for c := range cs {
			held[r][c] = make([]float64, len(t.y)*k)
		}
		losses[r] = make([]float64, len(cs)*t.o.Folds)
		for f := range t.o.Folds {
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				if ctx.Err() != nil {
					return
				}
				loss, err := t.holdOut(ctx, recipe, cs, func(i int) bool { return fold[i] != f }, held[r])
				if err != nil {
					cancel(fmt.Errorf("fold %d of %d: %w", f+1, t.o.Folds, err))
					return
				}
				for c, v := range loss {
					losses[r][c*t.o.Folds+f] = v
				}
				mu.Lock()
				defer mu.Unlock()
				t.next("holding out")
			})
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	best, at := -1, 0
	for r, recipe := range t.recipes {
		for c := range cs {
			x := Candidate{Recipe: recipe, C: cs[c]}
			x.LogLoss, x.StdErr = meanOf(losses[r][c*t.o.Folds : (c+1)*t.o.Folds])
			t.report.Candidates = append(t.report.Candidates, x)
			if n := len(t.report.Candidates) - 1; best < 0 || x.LogLoss < t.report.Candidates[best].LogLoss {
				best, at = n, r*len(cs)+c
			}
		}
	}
	x := t.report.Candidates[best]
	t.report.Recipe, t.report.C = x.Recipe, x.C
	return held[at/len(cs)][at%len(cs)], nil
}

// meanOf returns the mean of v and its standard error.
func meanOf(v []float64) (mean, stdErr float64) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		stdErr += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(stdErr / (n - 1) / n)
}

// holdOut fits on the examples that are kept, for each of cs, writes the
// probabilities of the others to held, and returns their mean log losses.
func (t *trainer) holdOut(ctx context.Context, r Recipe, cs []float64, keep func(i int) bool, held [][]float64) ([]float64, error) {
	w, err := t.newWeigher(r, keep)
	if err != nil {
		return nil, err
	}
	x, y, err := t.rows(w, keep)
	if err != nil {
		return nil, err
	}
	k := len(t.o.Scale)
	models, _, err := logreg.FitPath(ctx, x, y, k, cs, &logreg.Options{
		Balanced: t.o.Balanced, SampleWeights: t.weights(r, keep), Tolerance: foldTolerance,
	})
	if err != nil {
		return nil, err
	}
	losses, n := make([]float64, len(cs)), 0.0
	var ind []int32
	var val []float64
	for i, level := range t.y {
		if keep(i) {
			continue
		}
		ind, val = w.append(ind[:0], val[:0], i)
		n++
		for c, m := range models {
			p := m.AppendProba(held[c][i*k:i*k], ind, val)
			losses[c] -= math.Log(max(p[level], 1e-15))
		}
	}
	for c := range losses {
		losses[c] /= n
	}
	return losses, nil
}

// folds assigns each example to a fold, and notes how.
func (t *trainer) folds() ([]int, error) {
	n := len(t.y)
	if t.rank != nil && n >= t.o.Folds {
		parts, err := logreg.ContiguousFolds(n, t.o.Folds)
		if err != nil {
			return nil, err
		}
		fold := make([]int, n)
		for i, rank := range t.rank {
			fold[i] = parts[rank]
		}
		if t.levelsOutside(fold) {
			t.report.FoldsBy = FoldsByTime
			return fold, nil
		}
	}
	t.report.FoldsBy = FoldsByChance
	return logreg.StratifiedFolds(t.y, len(t.o.Scale), t.o.Folds, t.o.Seed)
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

// upTo returns the numbers from 0 on that are less than n.
func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
