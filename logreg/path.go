package logreg

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// FitPath fits a Model for each of cs, values of C that ascend, each from where
// the one before ended, which takes less time than as many fits from
// nowhere. opts.C does not count, opts.Start begins the first. Errors are those
// of Fit, and ErrOptions where cs do not ascend.
func FitPath(ctx context.Context, x mat.Matrix, y []int, classes int, cs []float64, opts *Options) ([]*Model, []Result, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	rows, err := rowsOf(x)
	if err != nil {
		return nil, nil, err
	}
	models, results := make([]*Model, len(cs)), make([]Result, len(cs))
	for i, c := range cs {
		if !(c > 0) || i > 0 && !(c > cs[i-1]) {
			return nil, nil, fmt.Errorf("%w: values of C are %v, want them positive and ascending", ErrOptions, cs)
		}
		o.C = c
		if models[i], results[i], err = Fit(ctx, rows, y, classes, &o); err != nil {
			return nil, nil, err
		}
		o.Start = models[i]
	}
	return models, results, nil
}

// A Path is what CrossValidate finds for each C.
type Path struct {
	Points []PathPoint
}

// A PathPoint tells how good a C is on rows that were held out.
type PathPoint struct {
	C float64
	// LogLoss is the mean over the folds of the mean loss of their rows, and
	// StdErr its standard error, from the differences between folds.
	LogLoss, StdErr float64
	// Folds has the mean loss of each fold.
	Folds []float64
	// Proba has the probabilities of all rows, one a class, each by the model
	// that was fitted without its fold. A calibration can be learned from them.
	Proba []float64
}

// CrossValidate fits a path over cs, ascending, without each fold in turn, and
// predicts that fold. fold has the number of each row's fold, from 0, as
// StratifiedFolds or ContiguousFolds give it; every class must occur outside of
// each fold. Folds are fitted side by side on as many goroutines as GOMAXPROCS
// allows, which have ended when it returns; the numbers do not depend on how
// many those are. Errors are those of FitPath.
func CrossValidate(ctx context.Context, x mat.Matrix, y []int, classes int, fold []int, cs []float64, opts *Options) (*Path, error) {
	rows, err := rowsOf(x)
	if err != nil {
		return nil, err
	}
	if len(fold) != rows.Len() || len(y) != rows.Len() {
		return nil, fmt.Errorf("%w: %d rows with %d classes and %d folds", ErrClasses, rows.Len(), len(y), len(fold))
	}
	folds := 0
	for i, f := range fold {
		if f < 0 || f >= len(fold) {
			return nil, fmt.Errorf("%w: row %d has fold %d", ErrOptions, i, f)
		}
		folds = max(folds, f+1)
	}
	p := &Path{Points: make([]PathPoint, len(cs))}
	for i := range p.Points {
		p.Points[i] = PathPoint{C: cs[i], Folds: make([]float64, folds), Proba: make([]float64, len(y)*classes)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for f := range folds {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if err := p.fold(ctx, rows, y, classes, fold, f, cs, opts); err != nil {
				cancel(fmt.Errorf("fold %d of %d: %w", f, folds, err))
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i := range p.Points {
		p.Points[i].summarise()
	}
	return p, nil
}

// fold fits without fold f and predicts it.
func (p *Path) fold(ctx context.Context, rows *Rows, y []int, classes int, fold []int, f int, cs []float64, opts *Options) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	weights := o.SampleWeights
	if weights != nil && len(weights) != len(y) {
		return fmt.Errorf("%w: %d SampleWeights for %d rows", ErrOptions, len(weights), len(y))
	}
	o.SampleWeights = nil
	train := NewRows(rows.features)
	var classesOf []int
	for i, c := range y {
		if fold[i] == f {
			continue
		}
		ind, val := rows.Row(i)
		if err := train.Append(ind, val); err != nil {
			return err
		}
		classesOf = append(classesOf, c)
		if weights != nil {
			o.SampleWeights = append(o.SampleWeights, weights[i])
		}
	}
	models, _, err := FitPath(ctx, train, classesOf, classes, cs, &o)
	if err != nil {
		return err
	}
	for k, m := range models {
		loss, total := 0.0, 0.0
		for i, c := range y {
			if fold[i] != f {
				continue
			}
			weight := 1.0
			if weights != nil {
				weight = weights[i]
			}
			ind, val := rows.Row(i)
			at := p.Points[k].Proba[i*classes : i*classes : (i+1)*classes]
			proba := m.AppendProba(at, ind, val)
			loss -= weight * math.Log(max(proba[c], smallest))
			total += weight
		}
		p.Points[k].Folds[f] = loss / total
	}
	return nil
}

// summarise sets LogLoss and StdErr. A fold of no weight does not count.
func (q *PathPoint) summarise() {
	n := 0.0
	for _, v := range q.Folds {
		if !math.IsNaN(v) {
			q.LogLoss += v
			n++
		}
	}
	q.LogLoss /= n
	square := 0.0
	for _, v := range q.Folds {
		if !math.IsNaN(v) {
			square += (v - q.LogLoss) * (v - q.LogLoss)
		}
	}
	q.StdErr = math.Sqrt(square / (n - 1) / n)
}

// Best returns the point with the least LogLoss, the first among equals. It is
// -1 if there are no points.
func (p *Path) Best() int {
	best := -1
	for i, q := range p.Points {
		if best < 0 || q.LogLoss < p.Points[best].LogLoss {
			best = i
		}
	}
	return best
}

// OneStandardError returns the point with the least C, the simplest model, whose
// LogLoss is within one standard error of the best one's (Breiman et al.,
// Classification and Regression Trees, 1984). It is -1 if there are no points.
func (p *Path) OneStandardError() int {
	best := p.Best()
	if best < 0 {
		return -1
	}
	limit := p.Points[best].LogLoss + p.Points[best].StdErr
	return slices.IndexFunc(p.Points, func(q PathPoint) bool { return q.LogLoss <= limit || q.C == p.Points[best].C })
}
