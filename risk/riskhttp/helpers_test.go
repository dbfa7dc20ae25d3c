package riskhttp_test

import (
	"context"
	"errors"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// errBroken is what a fake fails with.
var errBroken = errors.New("the disk at /secret is full")

// fake is a service that answers what it is told to. A text of "fail" fails.
type fake struct {
	answer   *risk.Assessment // nil means assessment()
	feedback error
	status   risk.ServiceStatus
	score    func(ctx context.Context, doc risk.Document) // called first, if not nil
}

func (f *fake) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	if f.score != nil {
		f.score(ctx, doc)
	}
	if doc.Text == "fail" {
		return risk.Assessment{}, errBroken
	}
	a := assessment()
	if f.answer != nil {
		a = *f.answer
	}
	a.ID = doc.ID
	return a, nil
}

func (f *fake) Explain(ctx context.Context, doc risk.Document, n int) (risk.Assessment, error) {
	a, err := f.Score(ctx, doc)
	if err == nil {
		a.Explanation = []risk.Contribution{{Term: "down", Contribution: 0.25}, {Term: "minor", Contribution: -0.125}}[:min(n, 2)]
	}
	return a, err
}

func (f *fake) Feedback(_ context.Context, fb risk.Feedback) (risk.Agreement, error) {
	if err := fb.Check(risk.DefaultScale()); err != nil {
		return "", err
	}
	return fb.Agreement(risk.DefaultScale()), f.feedback
}

func (f *fake) Status() risk.ServiceStatus { return f.status }

// levels is shared, as a model's are.
var levels = risk.DefaultScale()

func assessment() risk.Assessment {
	return risk.Assessment{
		Score: 0.8125, Level: "high", Method: risk.MethodML, ModelVersion: "7", Threshold: 0.625,
		Probabilities: risk.NewProbabilities(levels, []float64{0.125, 0.125, 0.75}), ModelDigest: "sha256:abc",
	}
}

// drift is a Drift.
type drift []psi.Sweep

func (d drift) Status() psi.Status  { return psi.StatusMonitor }
func (d drift) Sweeps() []psi.Sweep { return d }

// swept is a drift with one sweep.
func swept() drift {
	return drift{{
		Time: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC), Standing: psi.StatusMonitor,
		Report: psi.Report{Status: psi.StatusAlert, Features: []psi.FeatureReport{{Name: "words", PSI: 0.5}, {Name: "length", PSI: 0.125}}},
	}}
}
