package eval_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/internal/race"
)

func newEstimate(t testing.TB, levels []string) *eval.Estimate {
	t.Helper()
	e, err := eval.NewEstimate(levels)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// runs scales a number of simulations: a hundred times as many with -thorough.
func runs(n int) int {
	if f := flag.Lookup("thorough"); f != nil && f.Value.String() == "true" {
		return 100 * n
	}
	if testing.Short() || race.Enabled {
		return max(1, n/10)
	}
	return n
}

// TestEstimateEqualsNannyML holds what is estimated from calibrated
// probabilities against NannyML's CBPE (internal/drift/cbpe_fixture.py). Its
// intervals are others: they know of sampling alone.
func TestEstimateEqualsNannyML(t *testing.T) {
	var f struct {
		Cases map[string]struct {
			Levels            []string
			Proba, Calibrated [][]float64
			Predicted         []int
			Accuracy          float64
			MacroF1           float64 `json:"macro_f1"`
			MacroPrecision    float64 `json:"macro_precision"`
			MacroRecall       float64 `json:"macro_recall"`
			Confusion         [][]float64
		}
	}
	fixture.LoadFile(t, "cbpe", &f)
	if len(f.Cases) == 0 {
		t.Fatal("the fixture is empty")
	}
	near := cmpopts.EquateApprox(0, 1e-12)
	for name, c := range f.Cases {
		e := newEstimate(t, c.Levels)
		for i, p := range c.Calibrated {
			if err := e.Add(c.Predicted[i], c.Proba[i], p); err != nil {
				t.Fatal(err)
			}
		}
		r, err := e.Report(nil, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		got := []float64{r.Accuracy.Value, r.MacroF1.Value, 0, 0}
		for _, l := range r.Levels {
			got[2] += l.Precision.Value / float64(len(r.Levels))
			got[3] += l.Recall.Value / float64(len(r.Levels))
		}
		want := []float64{c.Accuracy, c.MacroF1, c.MacroPrecision, c.MacroRecall}
		if diff := cmp.Diff(want, got, near); diff != "" {
			t.Errorf("%s: accuracy, macro-F1, precision, recall (-NannyML +riskkit):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.Confusion, r.Confusion, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
			t.Errorf("%s: confusion (-NannyML +riskkit):\n%s", name, diff)
		}
	}
}

// draw returns a distribution over k levels and a level drawn from it.
func draw(rng *rand.Rand, k int) (p []float64, level int) {
	sum := 0.0
	for range k {
		p = append(p, rng.ExpFloat64())
		sum += p[len(p)-1]
	}
	for i := range p {
		p[i] /= sum
	}
	return p, pick(rng, p)
}

// pick draws a level from p.
func pick(rng *rand.Rand, p []float64) int {
	u := rng.Float64()
	for i, v := range p {
		if u -= v; u < 0 {
			return i
		}
	}
	return len(p) - 1
}

// TestEstimateOfCertainty holds that probabilities which are certain give the
// metrics of an Evaluation with these levels, as intervals of no width.
func TestEstimateOfCertainty(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	near := cmpopts.EquateApprox(0, 1e-12)
	for _, k := range []int{2, 3, 5} {
		levels := []string{"a", "b", "c", "d", "e"}[:k]
		e, known := newEstimate(t, levels), newEvaluation(t, levels)
		for range 200 {
			p, truth := draw(rng, k)
			predicted := rng.IntN(k)
			certain := make([]float64, k)
			certain[truth] = 1
			if err := errors.Join(e.Add(predicted, p, certain), known.Add(truth, predicted, p)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := e.Report(nil, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		want, err := known.Report()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []struct {
			name      string
			estimated eval.Estimated
			real      float64
		}{
			{"accuracy", got.Accuracy, want.Accuracy}, {"macro-F1", got.MacroF1, want.MacroF1},
			{"log loss", got.LogLoss, want.LogLoss}, {"Brier score", got.Brier, want.Brier},
			{"precision", got.Levels[1].Precision, want.Levels[1].Precision},
			{"recall", got.Levels[1].Recall, want.Levels[1].Recall}, {"F1", got.Levels[1].F1, want.Levels[1].F1},
		} {
			is := eval.Estimated{Value: m.real, Interval: eval.Interval{Low: m.real, High: m.real}}
			if diff := cmp.Diff(is, m.estimated, cmpopts.EquateApprox(0, 1e-7)); diff != "" || !cmp.Equal(m.estimated.Value, m.real, near) {
				t.Errorf("%d levels, %s (-real +estimated):\n%s", k, m.name, diff)
			}
		}
	}
}

// TestEstimateIntervals draws labels that follow the probabilities, again and
// again, and counts how often the interval of each metric holds what the labels
// say: the delta method, alone.
func TestEstimateIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	levels := []string{"low", "medium", "high"}
	e := newEstimate(t, levels)
	var probas [][]float64
	var predicted []int
	for range 400 {
		p, level := draw(rng, 3)
		probas, predicted = append(probas, p), append(predicted, level)
		if err := e.Add(level, p, p); err != nil {
			t.Fatal(err)
		}
	}
	r, err := e.Report(nil, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	n, in := 2000, [7]int{}
	for range n {
		known := newEvaluation(t, levels)
		for i, p := range probas {
			if err := known.Add(pick(rng, p), predicted[i], p); err != nil {
				t.Fatal(err)
			}
		}
		is, err := known.Report()
		if err != nil {
			t.Fatal(err)
		}
		for m, held := range []bool{
			r.Accuracy.Contains(is.Accuracy), r.MacroF1.Contains(is.MacroF1), r.LogLoss.Contains(is.LogLoss), r.Brier.Contains(is.Brier),
			r.Levels[0].Precision.Contains(is.Levels[0].Precision), r.Levels[1].Recall.Contains(is.Levels[1].Recall), r.Levels[2].F1.Contains(is.Levels[2].F1),
		} {
			if held {
				in[m]++
			}
		}
	}
	for m, name := range []string{"accuracy", "macro-F1", "log loss", "Brier score", "precision of low", "recall of medium", "F1 of high"} {
		share := float64(in[m]) / float64(n)
		t.Logf("%s: %.1f%% of intervals hold", name, 100*share)
		// Three standard errors of 2,000 tries are 1.5%; shares of 130 examples
		// come in steps.
		if share < 0.925 || share > 0.975 {
			t.Errorf("%s: %.1f%% of intervals hold, want 95%%", name, 100*share)
		}
	}
}

// byBins calibrates each level by the share of examples of it in ten bins of its
// probability.
type byBins [][]float64

func fitBins(p []float64, y []int) (eval.Calibrator, error) {
	const k, bins = 3, 10
	b := make(byBins, k)
	for c := range b {
		hits, n := make([]float64, bins), make([]float64, bins)
		for i, truth := range y {
			at := min(bins-1, int(p[i*k+c]*bins))
			n[at]++
			if truth == c {
				hits[at]++
			}
		}
		for at := range n {
			hits[at] = (hits[at] + 0.5) / (n[at] + 1)
		}
		b[c] = hits
	}
	return b, nil
}

func (b byBins) Apply(p []float64) {
	sum := 0.0
	for c, v := range p {
		p[c] = b[c][min(len(b[c])-1, int(v*float64(len(b[c]))))]
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

// incidents draws n examples of a model that is too sure of itself, at a time
// when levels follow its signs as much more or less clearly as shift says.
func incidents(rng *rand.Rand, n int, shift float64) (proba []float64, truth, predicted []int) {
	for range n {
		p, _ := draw(rng, 3)
		sure, real := make([]float64, 3), make([]float64, 3)
		for c, v := range p {
			sure[c], real[c] = v*v, math.Pow(v, math.Exp(shift))
		}
		normal(sure)
		normal(real)
		proba, truth = append(proba, sure...), append(truth, pick(rng, real))
		level := 0
		if s := sure[1]/2 + sure[2]; s >= 0.6 {
			level = 2
		} else if s >= 0.35 {
			level = 1
		}
		predicted = append(predicted, level)
	}
	return proba, truth, predicted
}

func normal(p []float64) {
	sum := 0.0
	for _, v := range p {
		sum += v
	}
	for i := range p {
		p[i] /= sum
	}
}

// TestReferenceIntervals simulates windows whose labels are not quite as the
// labelled examples had them, time after time, and counts how often intervals
// hold the real figures with what calibration gets wrong and without.
func TestReferenceIntervals(t *testing.T) {
	levels := []string{"low", "medium", "high"}
	for _, c := range []struct {
		name  string
		drift float64 // deviation of the shift from block to block
		least float64
	}{{"all times alike", 0, 0.92}, {"times differ", 0.3, 0.92}} {
		rng := rand.New(rand.NewPCG(3, 3))
		n := runs(200)
		var held, bare, macro int
		width := 0.0
		for range n {
			var proba []float64
			var truth, predicted []int
			for range 10 {
				p, y, level := incidents(rng, 200, c.drift*rng.NormFloat64())
				proba, truth, predicted = append(proba, p...), append(truth, y...), append(predicted, level...)
			}
			r, err := eval.FitReference(levels, proba, truth, predicted, fitBins, nil)
			if err != nil {
				t.Fatal(err)
			}
			calibration, _ := fitBins(proba, truth)
			p, y, level := incidents(rng, 600, c.drift*rng.NormFloat64())
			e, known := newEstimate(t, levels), newEvaluation(t, levels)
			for i := range y {
				answered := p[3*i : 3*i+3]
				calibrated := slices.Clone(answered)
				calibration.Apply(calibrated)
				if err := errors.Join(e.Add(level[i], answered, calibrated), known.Add(y[i], level[i], answered)); err != nil {
					t.Fatal(err)
				}
			}
			with, err := e.Report(r, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			without, err := e.Report(nil, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			is, err := known.Report()
			if err != nil {
				t.Fatal(err)
			}
			width += (with.Accuracy.High - with.Accuracy.Low) / float64(n)
			for _, x := range []struct {
				in    *int
				holds bool
			}{{&held, with.Accuracy.Contains(is.Accuracy)}, {&bare, without.Accuracy.Contains(is.Accuracy)}, {&macro, with.MacroF1.Contains(is.MacroF1)}} {
				if x.holds {
					*x.in++
				}
			}
		}
		t.Logf("%s: accuracy is held by %.1f%%, %.3f wide, macro-F1 by %.1f%%; accuracy without a reference by %.1f%%",
			c.name, 100*float64(held)/float64(n), width, 100*float64(macro)/float64(n), 100*float64(bare)/float64(n))
		if n < 200 {
			continue // too few to tell
		}
		if share := float64(min(held, macro)) / float64(n); share < c.least {
			t.Errorf("%s: %.1f%% of intervals hold, want 95%%", c.name, 100*share)
		}
		if c.drift > 0 && float64(bare)/float64(n) > 0.85 {
			t.Errorf("%s: intervals of sampling alone hold in %d of %d", c.name, bare, n)
		}
	}
}

// TestEstimateMerges holds that parts give what the whole gives, also through
// JSON.
func TestEstimateMerges(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	levels := []string{"a", "b", "c", "d"}
	whole, parts := newEstimate(t, levels), newEstimate(t, levels)
	for range 20 {
		part := newEstimate(t, levels)
		for range rng.IntN(30) {
			p, level := draw(rng, 4)
			q, _ := draw(rng, 4)
			if err := errors.Join(whole.Add(level, p, q), part.Add(level, p, q)); err != nil {
				t.Fatal(err)
			}
		}
		data, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var read eval.Estimate
		if err := errors.Join(json.Unmarshal(data, &read), parts.Merge(&read)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := whole.Report(nil, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parts.Report(nil, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 1e-12)); diff != "" {
		t.Errorf("(-whole +parts):\n%s", diff)
	}
	if err := whole.Merge(newEstimate(t, levels[:3])); !errors.Is(err, eval.ErrInput) {
		t.Errorf("merging other levels: %v", err)
	}
}

func TestEstimateRefuses(t *testing.T) {
	for _, levels := range [][]string{nil, {"a"}, {"a", "a"}} {
		if _, err := eval.NewEstimate(levels); !errors.Is(err, eval.ErrInput) {
			t.Errorf("levels %q: %v", levels, err)
		}
	}
	e, good := newEstimate(t, []string{"a", "b"}), []float64{0.3, 0.7}
	if _, err := e.Report(nil, 0.95); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("no examples: %v", err)
	}
	for _, c := range []struct {
		predicted int
		p, q      []float64
	}{
		{-1, good, good}, {2, good, good}, {0, nil, good}, {0, good, good[:1]}, {0, []float64{math.NaN(), 1}, good},
		{0, good, []float64{0.5, 0.4}}, {0, good, []float64{-0.5, 1.5}}, {0, []float64{math.Inf(1), 0}, good},
	} {
		if err := e.Add(c.predicted, c.p, c.q); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if e.N() != 0 {
		t.Errorf("%d examples were counted", e.N())
	}
	if err := e.Add(0, good, good); err != nil {
		t.Fatal(err)
	}
	for _, confidence := range []float64{0, 1, math.NaN()} {
		if _, err := e.Report(nil, confidence); !errors.Is(err, eval.ErrInput) {
			t.Errorf("confidence %v: %v", confidence, err)
		}
	}
	if _, err := e.Report(&eval.Reference{Levels: []string{"a", "b"}, Blocks: 10}, 0.95); !errors.Is(err, eval.ErrInput) {
		t.Errorf("a reference without errors: %v", err)
	}
	r, err := e.Report(nil, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	// No example is predicted as b.
	if want := (eval.Estimated{Interval: eval.Interval{Low: 0, High: 1}}); r.Levels[1].Precision != want {
		t.Errorf("precision of a level that is not predicted: %+v", r.Levels[1].Precision)
	}
	levels, y := []string{"a", "b"}, make([]int, 40)
	p := slices.Repeat(good, 40)
	fail := errors.New("no")
	for name, f := range map[string]func() error{
		"few": func() error {
			_, err := eval.FitReference(levels, p[:78], y[:39], y[:39], nil, &eval.ReferenceOptions{Blocks: 2})
			return err
		},
		"lengths": func() error {
			_, err := eval.FitReference(levels, p, y, y[:39], nil, &eval.ReferenceOptions{Blocks: 2})
			return err
		},
		"blocks": func() error {
			_, err := eval.FitReference(levels, p, y, y, nil, &eval.ReferenceOptions{Blocks: 1})
			return err
		},
		"levels": func() error {
			_, err := eval.FitReference([]string{"a", "a"}, p, y, y, nil, &eval.ReferenceOptions{Blocks: 2})
			return err
		},
		"truth": func() error {
			_, err := eval.FitReference(levels, p, slices.Repeat([]int{2}, 40), y, nil, &eval.ReferenceOptions{Blocks: 2})
			return err
		},
		"fit": func() error {
			_, err := eval.FitReference(levels, p, y, y, func([]float64, []int) (eval.Calibrator, error) { return nil, fail }, &eval.ReferenceOptions{Blocks: 2})
			if errors.Is(err, fail) {
				return fmt.Errorf("%w: %w", eval.ErrInput, err)
			}
			return err
		},
	} {
		if err := f(); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEstimateAddDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	e, p := newEstimate(t, []string{"a", "b", "c"}), []float64{0.2, 0.3, 0.5}
	if n := testing.AllocsPerRun(100, func() {
		if err := e.Add(1, p, p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

func FuzzEstimateJSON(f *testing.F) {
	f.Add([]byte(`{"levels":["a","b"],"n":1,"confusion":[0.5,0,0.5,0],"pairs":[0.25,0.25,0.25,0.25,0,0,0,0],"loss":[0.7,0.5],"variance":[0,0]}`))
	f.Add([]byte(`{"levels":["a","b"],"n":-1}`))
	f.Add([]byte(`{"levels":["a","b"],"n":1,"confusion":[1e300,0,0,0],"pairs":[0,0,0,0,0,0,0,0]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e eval.Estimate
		if err := json.Unmarshal(data, &e); err != nil {
			return
		}
		if e.N() == 0 {
			return
		}
		r, err := e.Report(nil, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.Accuracy.Low <= r.Accuracy.Value && r.Accuracy.Value <= r.Accuracy.High+1e-4) {
			t.Errorf("accuracy %+v", r.Accuracy)
		}
		again, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		var same eval.Estimate
		if err := json.Unmarshal(again, &same); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func BenchmarkEstimateAdd(b *testing.B) {
	e, p := newEstimate(b, []string{"low", "medium", "high"}), []float64{0.2, 0.3, 0.5}
	for b.Loop() {
		if err := e.Add(1, p, p); err != nil {
			b.Fatal(err)
		}
	}
}
