package risk

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/riskkit/riskkit/logreg"
)

// MaxCategories is the greatest number of categories that a Model learns to
// tell.
const MaxCategories = 50

// A CategoryReport tells how well a Model tells a category. Precision is the
// share of texts said to have the tag that have it, Recall the share of texts
// that have it that are said to, 0 where there are none. They are measured on
// the newest fold, by a fit on the others.
type CategoryReport struct {
	Name      string  `json:"name"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	// Support is the number of examples that have the tag.
	Support int `json:"support"`
}

// categories fits a classifier for each of the most frequent tags; none where
// too few examples have any.
func (t *trainer) categories(ctx context.Context, f *fitted) ([]string, TagClassifier, error) {
	support := map[string]int{}
	for _, tags := range t.tags {
		slices.Sort(tags)
		for _, tag := range slices.Compact(tags) {
			support[tag]++
		}
	}
	last := t.o.Folds - 1
	held := t.foldRows(last)
	newest := map[string]int{}
	for i, tags := range t.tags {
		for _, tag := range slices.Compact(tags) {
			if t.fold[i] == last {
				newest[tag]++
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(support), func(a, b string) int {
		return cmp.Or(cmp.Compare(support[b], support[a]), cmp.Compare(a, b))
	})
	names = slices.DeleteFunc(names, func(tag string) bool {
		older := support[tag] - newest[tag]
		return tag == "" || support[tag] < t.o.Categories || support[tag] == len(t.y) || older == 0 || older == len(t.y)-len(held)
	})
	names = names[:min(len(names), MaxCategories)]
	if len(names) == 0 {
		return nil, nil, nil
	}
	slices.Sort(names)
	labels := make([][]int, len(t.tags))
	for i, tags := range t.tags {
		for _, tag := range slices.Compact(tags) {
			if k, ok := slices.BinarySearch(names, tag); ok {
				labels[i] = append(labels[i], k)
			}
		}
	}
	opts := &logreg.Options{C: t.report.C, SampleWeights: t.weights(t.report.Recipe, nil), Tolerance: foldTolerance}
	if err := t.judgeCategories(ctx, f, names, labels, opts, last); err != nil {
		return nil, nil, err
	}
	m, _, err := logreg.FitLabels(ctx, f.rows, labels, len(names), opts)
	if err != nil {
		return nil, nil, err
	}
	if f.weigher.scale != nil {
		if m, err = m.Rescaled(f.weigher.scale); err != nil {
			return nil, nil, err
		}
	}
	for k := range names {
		t.report.Categories[k].Support = support[names[k]]
	}
	return names, m, nil
}

// judgeCategories measures how well a fit without a fold tells the categories
// there.
func (t *trainer) judgeCategories(ctx context.Context, f *fitted, names []string, labels [][]int, opts *logreg.Options, fold int) error {
	x := logreg.NewRows(f.rows.NumFeatures())
	var older [][]int
	o := *opts
	o.SampleWeights = nil
	for i := range labels {
		if t.fold[i] == fold {
			continue
		}
		ind, val := f.rows.Row(i)
		if err := x.Append(ind, val); err != nil {
			return err
		}
		older = append(older, labels[i])
		if opts.SampleWeights != nil {
			o.SampleWeights = append(o.SampleWeights, opts.SampleWeights[i])
		}
	}
	m, _, err := logreg.FitLabels(ctx, x, older, len(names), &o)
	if err != nil {
		return err
	}
	said, has, both := make([]int, len(names)), make([]int, len(names)), make([]int, len(names))
	var p []float64
	for _, i := range t.foldRows(fold) {
		ind, val := f.rows.Row(i)
		p = m.AppendLogistic(p[:0], ind, val)
		for k, v := range p {
			_, tagged := slices.BinarySearch(labels[i], k)
			if tagged {
				has[k]++
			}
			if v >= 0.5 {
				said[k]++
				if tagged {
					both[k]++
				}
			}
		}
	}
	t.report.Categories = make([]CategoryReport, len(names))
	for k, name := range names {
		t.report.Categories[k] = CategoryReport{
			Name: name, Precision: float64(both[k]) / float64(max(1, said[k])), Recall: float64(both[k]) / float64(max(1, has[k])),
		}
	}
	return nil
}
