package main

import (
	"context"
	"fmt"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// training is what fitting a model takes. Times are in seconds; Gap bounds from
// above how far Objective is over its optimum, as a share of it.
type training struct {
	Documents  int     `json:"documents"`
	Features   int     `json:"features"`
	Values     int     `json:"nnz"`
	Vectorise  float64 `json:"vectorise_s"`
	Fit        float64 `json:"fit_s"`
	Iterations int     `json:"iterations"`
	Objective  float64 `json:"objective"`
	Gap        float64 `json:"gap"`
}

// train turns texts into vectors and fits a model to them.
func (c *config) train(ctx context.Context, x examples) (v *tfidf.Vectorizer, m *logreg.Model, t training, err error) {
	var rows *logreg.Rows
	t.Vectorise = timed(func() { v, rows, err = c.vectorise(x.texts) })
	if err != nil {
		return nil, nil, t, err
	}
	var r logreg.Result
	t.Fit = timed(func() {
		m, r, err = logreg.Fit(ctx, rows, x.y, len(risk.DefaultScale()), &logreg.Options{C: c.c, Balanced: c.balanced, Tolerance: 1e-6})
	})
	if err != nil {
		return nil, nil, t, err
	}
	if r.Status.Early() {
		return nil, nil, t, fmt.Errorf("the fit ended early: %v", r.Status)
	}
	t.Documents, t.Features = len(x.texts), v.NumFeatures()
	for i := range rows.Len() {
		ind, _ := rows.Row(i)
		t.Values += len(ind)
	}
	t.Iterations, t.Objective, t.Gap = r.Iterations, r.Objective, r.Gap/r.Objective
	return v, m, t, nil
}

// vectorise is what scikit-learn's fit_transform does.
func (c *config) vectorise(texts []string) (*tfidf.Vectorizer, *logreg.Rows, error) {
	corpus, err := tfidf.NewCorpus(&c.features)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range texts {
		corpus.Add(s)
	}
	selection, err := corpus.Select(nil, nil)
	if err != nil {
		return nil, nil, err
	}
	v, err := selection.Vectorizer()
	if err != nil {
		return nil, nil, err
	}
	rows := logreg.NewRows(selection.NumFeatures())
	rows.Grow(len(texts), selection.NumValues())
	var ind []int32
	var val []float64
	for i := range texts {
		ind, val = selection.AppendFeatures(ind[:0], val[:0], i)
		if err := rows.Append(ind, val); err != nil {
			return nil, nil, err
		}
	}
	return v, rows, nil
}
