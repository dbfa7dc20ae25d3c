package risk_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/risk"
)

// TestCompare has the metrics of both versions that Evaluate gives each alone.
func TestCompare(t *testing.T) {
	m, _ := trained()
	h := heuristic(t)
	examples := risk.ExampleSlice(usual(2, 300))
	p, err := risk.Compare(t.Context(), h, m, examples, nil, &eval.PairsOptions{Flips: 3})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Compare(nil)
	if err != nil {
		t.Fatal(err)
	}
	var want [2]eval.Report
	for i, s := range []risk.Scorer{h, m} {
		if want[i], err = risk.Evaluate(t.Context(), s, examples, nil); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for _, d := range got.Differences {
		var a, b float64
		switch d.Metric {
		case eval.MetricAccuracy:
			a, b = want[0].Accuracy, want[1].Accuracy
		case eval.MetricMacroF1:
			a, b = want[0].MacroF1, want[1].MacroF1
		case eval.MetricLogLoss:
			a, b = want[0].LogLoss, want[1].LogLoss
		case eval.MetricBrier:
			a, b = want[0].Brier, want[1].Brier
		default:
			continue
		}
		if seen++; math.Abs(d.A-a) > 1e-12 || math.Abs(d.B-b) > 1e-12 {
			t.Errorf("%s is %v and %v, by Evaluate %v and %v", d.Metric, d.A, d.B, a, b)
		}
	}
	if seen != 4 || got.NA != 300 || got.Differences[0].Better() != 1 || len(got.Flips.Better.Examples) != 3 || got.Flips.Better.Examples[0].ID == "" {
		t.Errorf("comparison %+v", got)
	}
}

func TestCompareErrors(t *testing.T) {
	h := heuristic(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	good := usual(1, 1)
	bad := []risk.Example{good[0], {Document: risk.Document{ID: "x", Text: "a"}, Label: "huge"}}
	for name, c := range map[string]struct {
		ctx      context.Context
		examples []risk.Example
		scale    risk.Scale
		want     error
		mention  string
	}{
		"label":     {t.Context(), bad, nil, risk.ErrLabel, `example 2, id "x"`},
		"scale":     {t.Context(), good, risk.Scale{good[0].Label, "other"}, risk.ErrInvalid, "INC-1-0001"},
		"one level": {t.Context(), good, risk.Scale{"low"}, eval.ErrInput, ""},
		"ended":     {ended, good, nil, context.Canceled, ""},
	} {
		_, err := risk.Compare(c.ctx, h, h, risk.ExampleSlice(c.examples), c.scale, nil)
		wantError(t, name, err, c.want, c.mention)
	}
	p, err := risk.Compare(t.Context(), h, h, risk.ExampleSlice(nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Compare(nil); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("no examples: error is %v", err)
	}
}
