package eval_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/eval"
)

// accuracy is a window of so many hits.
func accuracy(t testing.TB, window string, hits, n int, estimated bool) eval.Performance {
	t.Helper()
	i, err := eval.Wilson(float64(hits), float64(n), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	return eval.Performance{Window: window, N: int64(n), Estimated: estimated,
		Metrics: []eval.Measured{{Name: "accuracy", Estimated: eval.Estimated{Value: float64(hits) / float64(n), Interval: i}}}}
}

func TestJudge(t *testing.T) {
	training := accuracy(t, "training", 8000, 10000, false)
	out := map[string]eval.Signal{"escalated": {Out: true, Reason: "12.0%, out of 5.0% to 9.0%"}, "level low": {}}
	for _, c := range []struct {
		name    string
		now     eval.Performance
		signals map[string]eval.Signal
		status  eval.Status
		retrain bool
		label   bool
		words   string
	}{
		{"as before", accuracy(t, "May", 795, 1000, false), nil, eval.StatusStable, false, false, ""},
		{"better", accuracy(t, "May", 900, 1000, false), nil, eval.StatusStable, false, false, ""},
		{"far worse", accuracy(t, "May", 700, 1000, false), nil, eval.StatusAlert, true, false, "accuracy is 0.700, 0.800 in training: worse by 0.100"},
		{"slightly worse", accuracy(t, "May", 7800, 10000, false), nil, eval.StatusMonitor, false, false, "worse by 0.020"},
		{"worse by next to nothing", accuracy(t, "May", 792_000, 1_000_000, false), nil, eval.StatusStable, false, false, ""},
		{"few, and far worse perhaps", accuracy(t, "May", 74, 100, false), nil, eval.StatusMonitor, false, true, "may be chance"},
		{"estimated far worse", accuracy(t, "May", 700, 1000, true), nil, eval.StatusAlert, false, true, "before acting"},
		{"too few", accuracy(t, "May", 10, 99, false), out, eval.StatusInsufficient, false, false, "99 examples"},
		{"a signal", accuracy(t, "May", 800, 1000, true), out, eval.StatusMonitor, false, true, "escalated: 12.0%, out of"},
	} {
		j, err := eval.Judge(c.now, &training, nil, c.signals, nil)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Join(j.Reasons, "; ")
		if j.Status != c.status || j.Retrain != c.retrain || (j.Label > 0) != c.label || !strings.Contains(words, c.words) || (c.words == "") != (words == "") {
			t.Errorf("%s: %+v", c.name, j)
		}
		if (j.CannotSee != "") != c.now.Estimated {
			t.Errorf("%s: blind to %q", c.name, j.CannotSee)
		}
	}
	// A loss is worse where it is more; the last good window counts too.
	loss := func(window string, v float64) eval.Performance {
		return eval.Performance{Window: window, N: 1000, Metrics: []eval.Measured{{Name: "log loss", Loss: true,
			Estimated: eval.Estimated{Value: v, Interval: eval.Interval{Low: v - 0.02, High: v + 0.02}}}}}
	}
	good := loss("April", 0.5)
	j, err := eval.Judge(loss("May", 0.6), &training, &good, nil, nil)
	if err != nil || j.Status != eval.StatusAlert || len(j.Falls) != 1 || j.Falls[0].Against != "April" {
		t.Errorf("log loss: %+v, %v", j, err)
	}
	// Half of Far is 0.025: 1.96²/4/0.025² = 1536.64.
	if j, err := eval.Judge(accuracy(t, "May", 74, 100, false), &training, nil, nil, nil); err != nil || j.Label != 1537 {
		t.Errorf("label %d: %v", j.Label, err)
	}
	if j, err := eval.Judge(training, nil, nil, nil, nil); err != nil || j.Status != eval.StatusInsufficient || len(j.Reasons) != 1 {
		t.Errorf("nothing to compare with: %+v, %v", j, err)
	}
	if _, err := eval.Judge(good, &training, nil, nil, nil); !errors.Is(err, eval.ErrInput) {
		t.Errorf("no metric of the same name: %v", err)
	}
	spoilt := accuracy(t, "May", 800, 1000, false)
	spoilt.Metrics[0].Low = math.NaN()
	if _, err := eval.Judge(spoilt, &training, nil, nil, nil); !errors.Is(err, eval.ErrInput) {
		t.Errorf("an interval of NaN: %v", err)
	}
	if _, err := eval.Judge(training, &training, nil, nil, &eval.DegradationOptions{Slight: 0.1}); !errors.Is(err, eval.ErrInput) {
		t.Errorf("slight above far: %v", err)
	}
}

// TestJudgeByChance counts how often a version that is as it was is judged to
// have become worse, and how often one that is worse by 0.1 is not.
func TestJudgeByChance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	window := func(name string, n int, p float64) eval.Performance {
		hits := 0
		for range n {
			if rng.Float64() < p {
				hits++
			}
		}
		return accuracy(t, name, hits, n, false)
	}
	times := runs(500)
	alarms, missed := 0, 0
	for range times {
		training := window("training", 5000, 0.75)
		for _, now := range []struct {
			p       float64
			counter *int
			want    eval.Status
		}{{0.75, &alarms, eval.StatusAlert}, {0.65, &missed, eval.StatusAlert}} {
			j, err := eval.Judge(window("now", 1000, now.p), &training, nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if (j.Status == now.want) == (now.p == 0.75) {
				*now.counter++
			}
		}
	}
	t.Logf("%d false alerts and %d missed falls of 0.1, of %d each", alarms, missed, times)
	if alarms > times/50 || missed > times/50 {
		t.Errorf("%d false alerts and %d missed falls of 0.1, of %d each", alarms, missed, times)
	}
}

// TestJudgeAnEstimate goes from a state to a judgement.
func TestJudgeAnEstimate(t *testing.T) {
	e := newEstimate(t, []string{"low", "high"})
	for range 500 {
		if err := e.Add(1, []float64{0.4, 0.6}, []float64{0.4, 0.6}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := e.Report(nil, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	training := accuracy(t, "training", 900, 1000, false)
	j, err := eval.Judge(r.Performance("now"), &training, nil, nil, nil)
	if err != nil || j.Status != eval.StatusAlert || j.Retrain || !slices.ContainsFunc(j.Reasons, func(s string) bool { return strings.Contains(s, "estimated as 0.600") }) {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestJudgeByLabels goes from labelled examples to a judgement, weighted and not.
func TestJudgeByLabels(t *testing.T) {
	performance := func(window string, seed uint64, n int, weight float64, right int) eval.Performance {
		t.Helper()
		rng := rand.New(rand.NewPCG(seed, 8))
		e := newEvaluation(t, levels)
		for range n {
			truth := rng.IntN(3)
			predicted := truth
			if rng.IntN(100) >= right {
				predicted = (truth + 1) % 3
			}
			if err := e.AddWeighted(truth, predicted, []float64{0.2, 0.3, 0.5}, weight); err != nil {
				t.Fatal(err)
			}
		}
		p, err := e.Performance(window, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	training, now := performance("training", 1, 2000, 1, 80), performance("May", 2, 1000, 3, 70)
	j, err := eval.Judge(now, &training, nil, nil, nil)
	if err != nil || j.Status != eval.StatusAlert || !j.Retrain || len(j.Falls) != 2 || now.N != 1000 || now.Estimated {
		t.Errorf("%+v, %v", j, err)
	}
	// Windows that a metric is at its end in, or that a level is absent from.
	for name, c := range map[string]struct{ levels, miss int }{"all right": {3, 1 << 30}, "all wrong": {3, 1}, "a level absent": {2, 5}, "one level": {1, 5}} {
		e := newEvaluation(t, levels)
		for i := range 200 {
			truth := i % c.levels
			predicted := truth
			if i%c.miss == c.miss-1 {
				predicted = (truth + 1) % 3
			}
			if err := e.Add(truth, predicted, []float64{0.2, 0.3, 0.5}); err != nil {
				t.Fatal(err)
			}
		}
		p, err := e.Performance(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := eval.Judge(p, &training, &p, nil, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		i, err := e.Intervals(nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, l := range r.Levels {
			if in := i.Levels[k]; !in.Precision.Contains(l.Precision) || !in.Recall.Contains(l.Recall) || !in.F1.Contains(l.F1) {
				t.Errorf("%s: %+v in %+v", name, l.Average, in)
			}
		}
		if !i.MacroF1.Contains(r.MacroF1) || !i.Weighted.Precision.Contains(r.Weighted.Precision) || !i.MCC.Contains(e.Matrix().MCC()) {
			t.Errorf("%s: %+v in %+v", name, r, i)
		}
	}
	if _, err := newEvaluation(t, levels).Performance("empty", nil); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("without examples: %v", err)
	}
}
