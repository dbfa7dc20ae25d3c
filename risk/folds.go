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
// returns the probabilities that it gives to all examples where they are held
// out.
func (t *trainer) search(ctx context.Context) ([]float64, error) {
	cs := strengths()
	if t.o.C > 0 {
		cs = []float64{t.o.C}
	}
	held := make([][][]float64, len(t.recipes)) // by recipe and C, rows x classes
	for r := range held {
		for range cs {
			held[r] = append(held[r], make([]float64, len(t.y)*len(t.o.Scale)))
		}
	}
	losses := make([][]float64, len(t.recipes)*t.o.Folds) // by recipe and fold, of each C
	err := t.sideBySide(ctx, len(losses), func(ctx context.Context, n int) error {
		var err error
		r := n / t.o.Folds
		losses[n], err = t.holdOut(ctx, t.recipes[r], cs, n%t.o.Folds, held[r])
		return err
	})
	if err != nil {
		return nil, err
	}
	var best Candidate
	var chosen []float64
	for r, recipe := range t.recipes {
		for c := range cs {
			x := Candidate{Recipe: recipe, C: cs[c]}
			loss := make([]float64, t.o.Folds)
			for f := range loss {
				loss[f] = losses[r*t.o.Folds+f][c]
			}
			if x.LogLoss, x.StdErr = meanOf(loss); math.IsInf(x.LogLoss, 1) {
				continue // not all folds went so far
			}
			t.report.Candidates = append(t.report.Candidates, x)
			if chosen == nil || x.LogLoss < best.LogLoss {
				best, chosen = x, held[r][c]
			}
		}
	}
	t.report.Recipe, t.report.C = best.Recipe, best.C
	return chosen, nil
}

// sideBySide calls do with each number below n, on as many goroutines as
// GOMAXPROCS allows, and returns the first error.
func (t *trainer) sideBySide(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if ctx.Err() != nil {
				return
			}
			if err := do(ctx, i); err != nil {
				cancel(fmt.Errorf("held-out part %d of %d: %w", i+1, n, err))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			t.next("holding out")
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
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

// worse is how much more log loss than the best so far ends a path of C.
const worse = 0.03

// holdOut fits without a fold, for each of cs, and returns the mean log losses
// of the fold, whose probabilities it writes to held; +Inf where a path has long
// passed its best.
func (t *trainer) holdOut(ctx context.Context, r Recipe, cs []float64, fold int, held [][]float64) ([]float64, error) {
	learn := func(i int) bool { return t.fold[i] != fold }
	w, err := t.newWeigher(r, learn)
	if err != nil {
		return nil, err
	}
	x, y, err := t.rows(w, learn)
	if err != nil {
		return nil, err
	}
	k := len(t.o.Scale)
	opts := &logreg.Options{Balanced: t.o.Balanced, SampleWeights: t.weights(r, learn), Tolerance: foldTolerance}
	losses, least := make([]float64, len(cs)), math.Inf(1)
	judge := t.foldRows(fold)
	var ind []int32
	var val []float64
	for c := range cs {
		if losses[c] = math.Inf(1); c > 0 && losses[c-1] > least*(1+worse) {
			continue
		}
		opts.C = cs[c]
		if opts.Start, _, err = logreg.Fit(ctx, x, y, k, opts); err != nil {
			return nil, err
		}
		losses[c] = 0
		for _, i := range judge {
			ind, val = w.append(ind[:0], val[:0], i)
			p := opts.Start.AppendProba(held[c][i*k:i*k], ind, val)
			losses[c] -= math.Log(max(p[t.y[i]], 1e-15)) / float64(len(judge))
		}
		least = min(least, losses[c])
	}
	return losses, nil
}

// foldRows returns the examples of a fold.
func (t *trainer) foldRows(fold int) (rows []int) {
	for i, f := range t.fold {
		if f == fold {
			rows = append(rows, i)
		}
	}
	return rows
}

// folds assigns each example to a fold, and notes how.
func (t *trainer) folds() error {
	n := len(t.y)
	t.report.FoldsBy = FoldsByTime
	if t.rank != nil && n >= t.o.Folds {
		parts, err := logreg.ContiguousFolds(n, t.o.Folds)
		if err != nil {
			return err
		}
		t.fold = make([]int, n)
		for i, rank := range t.rank {
			t.fold[i] = parts[rank]
		}
		if t.levelsOutside() {
			return nil
		}
	}
	t.report.FoldsBy = FoldsByChance
	var err error
	t.fold, err = logreg.StratifiedFolds(t.y, len(t.o.Scale), t.o.Folds, t.o.Seed)
	return err
}

// levelsOutside reports whether every level occurs outside of every fold.
func (t *trainer) levelsOutside() bool {
	for f := range t.o.Folds {
		inside := make([]int, len(t.o.Scale))
		for _, i := range t.foldRows(f) {
			inside[t.y[i]]++
		}
		for level, n := range inside {
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
