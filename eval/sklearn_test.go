package eval_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/fixture"
)

// sklearnCase is what scikit-learn says of some examples
// (internal/sklearn/eval_fixture.py).
type sklearnCase struct {
	Name             string
	Truth, Predicted []int
	Proba            [][]float64
	Weights          []float64
	Report           eval.Report
	Metrics          struct {
		BalancedAccuracy float64 `json:"balanced_accuracy"`
		MCC, Kappa       float64
		QuadraticKappa   float64 `json:"quadratic_kappa"`
	}
	Normalized struct{ True, Pred, All eval.Matrix }
	Micro      *struct { // of some levels
		Levels  []int
		Average eval.Average
	}
	ROCAUC           []*float64   `json:"roc_auc"`
	AveragePrecision []*float64   `json:"average_precision"`
	Lift             []*[]float64 // of the top tenth and third
	Averaged         *struct{ Macro, Weighted float64 }
	Curves           []struct {
		Level, Bins         int
		EqualCount          bool `json:"equal_count"`
		Observed, Predicted []float64
	}
}

// scikitLearn returns the cases, and what the state of each adds up to.
func scikitLearn(t *testing.T, visit func(t *testing.T, c *sklearnCase, e *eval.Evaluation)) {
	var f struct{ Cases []*sklearnCase }
	fixture.Load(t, "eval", &f)
	if len(f.Cases) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Cases {
		t.Run(c.Name, func(t *testing.T) {
			e := newEvaluation(t, []string{"0", "1", "2", "3", "4"}[:len(c.Proba[0])])
			for i := range c.Truth {
				if err := e.AddWeighted(c.Truth[i], c.Predicted[i], c.Proba[i], weightAt(c.Weights, i)); err != nil {
					t.Fatal(err)
				}
			}
			visit(t, c, e)
		})
	}
}

func weightAt(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

func near(want, got float64) bool { return math.Abs(want-got) <= 1e-12 }

// TestEqualsScikitLearn holds all metrics of a Report against scikit-learn's,
// of examples added one by one, merged, and read back.
func TestEqualsScikitLearn(t *testing.T) {
	approx := cmp.Options{
		cmpopts.EquateApprox(0, 1e-12), cmpopts.IgnoreFields(eval.Report{}, "Murphy"),
		cmpopts.IgnoreFields(eval.LevelReport{}, "ROCAUC", "AveragePrecision"),
	}
	scikitLearn(t, func(t *testing.T, c *sklearnCase, e *eval.Evaluation) {
		merged := newEvaluation(t, e.Levels())
		for i := range c.Truth {
			part := newEvaluation(t, e.Levels())
			if err := part.AddWeighted(c.Truth[i], c.Predicted[i], c.Proba[i], weightAt(c.Weights, i)); err != nil {
				t.Fatal(err)
			}
			if err := merged.Merge(part); err != nil {
				t.Fatal(err)
			}
		}
		data, err := e.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		read, err := eval.ParseEvaluation(data)
		if err != nil {
			t.Fatal(err)
		}
		for how, e := range map[string]*eval.Evaluation{"whole": e, "merged": merged, "read": read} {
			got, err := e.Report()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.Report, got, approx); diff != "" {
				t.Errorf("%s (-scikit-learn +riskkit):\n%s", how, diff)
			}
		}
	})
}

// TestEqualsScikitLearnMatrix holds the metrics of a confusion matrix.
func TestEqualsScikitLearnMatrix(t *testing.T) {
	scikitLearn(t, func(t *testing.T, c *sklearnCase, e *eval.Evaluation) {
		r, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Matrix()
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string][2]float64{
			"balanced accuracy": {c.Metrics.BalancedAccuracy, m.BalancedAccuracy()},
			"MCC":               {c.Metrics.MCC, m.MCC()},
			"kappa":             {c.Metrics.Kappa, m.Kappa()},
			"quadratic kappa":   {c.Metrics.QuadraticKappa, m.QuadraticKappa()},
			"accuracy":          {c.Report.Accuracy, m.Accuracy()},
			"macro-F1":          {c.Report.MacroF1, m.Macro().F1},
			"weighted F1":       {c.Report.Weighted.F1, m.Weighted().F1},
		} {
			if !near(v[0], v[1]) {
				t.Errorf("%s is %v, in scikit-learn %v", name, v[1], v[0])
			}
		}
		all := eval.Average{Precision: c.Report.Accuracy, Recall: c.Report.Accuracy, F1: c.Report.Accuracy}
		if diff := cmp.Diff(all, m.Micro(), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("micro average of all levels (-accuracy +riskkit):\n%s", diff)
		}
		if c.Micro != nil {
			if diff := cmp.Diff(c.Micro.Average, m.Micro(c.Micro.Levels...), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Errorf("micro average of levels %v (-scikit-learn +riskkit):\n%s", c.Micro.Levels, diff)
			}
		}
		for name, v := range map[string][2]eval.Matrix{
			"true": {c.Normalized.True, m.ByTruth()}, "pred": {c.Normalized.Pred, m.ByPredicted()}, "all": {c.Normalized.All, m.Shares()},
		} {
			if diff := cmp.Diff(v[0], v[1], cmpopts.EquateApprox(0, 1e-12)); diff != "" {
				t.Errorf("normalised by %s (-scikit-learn +riskkit):\n%s", name, diff)
			}
		}
	})
}

// TestEqualsScikitLearnCurves holds exact areas, lift and reliability curves,
// and that the binned ones enclose them.
func TestEqualsScikitLearnCurves(t *testing.T) {
	scikitLearn(t, func(t *testing.T, c *sklearnCase, e *eval.Evaluation) {
		roc, err := eval.ROCAUC(c.Truth, c.Proba, c.Weights)
		if err != nil {
			t.Fatal(err)
		}
		ap, err := eval.AveragePrecision(c.Truth, c.Proba, c.Weights)
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		for k := range c.ROCAUC {
			check := func(name string, want *float64, exact float64, binned *eval.Binned) {
				t.Helper()
				switch {
				case want == nil && math.IsNaN(exact) && binned == nil:
				case want == nil || binned == nil || !near(*want, exact):
					t.Errorf("%s of level %d is %v, binned %v, in scikit-learn %v", name, k, exact, binned, want)
				case binned.Low > exact+1e-12 || binned.High < exact-1e-12 || binned.Low > binned.Value || binned.Value > binned.High:
					t.Errorf("%s of level %d is %v, binned %+v", name, k, exact, binned)
				}
			}
			check("ROC AUC", c.ROCAUC[k], roc.Levels[k], r.Levels[k].ROCAUC)
			check("average precision", c.AveragePrecision[k], ap.Levels[k], r.Levels[k].AveragePrecision)
			if c.Lift[k] == nil {
				continue
			}
			scores, is := levelScores(c, k)
			for i, share := range []float64{0.1, 1. / 3} {
				want := (*c.Lift[k])[i]
				got, err := eval.Lift(scores, is, c.Weights, share)
				if err != nil || !near(want, got) {
					t.Errorf("lift of level %d at %v is %v, error %v, want %v", k, share, got, err, want)
				}
				b, err := e.Lift(k, share)
				if err != nil || b.Low > want+1e-12 || b.High < want-1e-12 {
					t.Errorf("lift of level %d at %v is %v, binned %+v, error %v", k, share, want, b, err)
				}
			}
		}
		if a := c.Averaged; a != nil && (!near(a.Macro, roc.Macro) || !near(a.Weighted, roc.Weighted)) {
			t.Errorf("ROC AUC is %v and weighted %v, in scikit-learn %+v", roc.Macro, roc.Weighted, *a)
		}
		for _, want := range c.Curves {
			scores, is := levelScores(c, want.Level)
			got, err := eval.Reliability(scores, is, nil, want.Bins, want.EqualCount)
			if err != nil || len(got) != len(want.Observed) {
				t.Errorf("reliability of level %d in %d bins has %d, error %v, want %d", want.Level, want.Bins, len(got), err, len(want.Observed))
				continue
			}
			for i, b := range got {
				if !near(want.Observed[i], b.Observed) || !near(want.Predicted[i], b.Predicted) {
					t.Errorf("bin %d of %d of level %d is %+v, want %v and %v", i, want.Bins, want.Level, b, want.Predicted[i], want.Observed[i])
				}
			}
		}
	})
}

func levelScores(c *sklearnCase, level int) (scores []float64, is []bool) {
	for i, p := range c.Proba {
		scores, is = append(scores, p[level]), append(is, c.Truth[i] == level)
	}
	return scores, is
}

// TestMurphyAddsUp takes the Brier scores of all cases apart.
func TestMurphyAddsUp(t *testing.T) {
	scikitLearn(t, func(t *testing.T, c *sklearnCase, e *eval.Evaluation) {
		r, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		m := r.Murphy
		if sum := m.Reliability - m.Resolution + m.Uncertainty + m.Within; !near(r.Brier, sum) {
			t.Errorf("Brier score %v, parts %+v add up to %v", r.Brier, m, sum)
		}
		if m.Reliability < 0 || m.Resolution < 0 || m.Uncertainty < 0 || math.Abs(m.Within) > 0.05 {
			t.Errorf("parts of the Brier score %v are %+v", r.Brier, m)
		}
		if strings.Contains(c.Name, "ties") && math.Abs(m.Within) > 1e-12 {
			t.Errorf("what lies within bins of equal scores is %v", m.Within)
		}
	})
}

// TestWilsonEqualsStatsmodels holds the interval of a proportion.
func TestWilsonEqualsStatsmodels(t *testing.T) {
	var f struct {
		Wilson []struct {
			Hits, N, Confidence float64
			Interval            eval.Interval
		}
	}
	fixture.Load(t, "eval", &f)
	if len(f.Wilson) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Wilson {
		got, err := eval.Wilson(c.Hits, c.N, c.Confidence)
		if err != nil || !near(c.Interval.Low, got.Low) || !near(c.Interval.High, got.High) {
			t.Errorf("%v of %v at %v: %v, error %v, in statsmodels %v", c.Hits, c.N, c.Confidence, got, err, c.Interval)
		}
	}
}
