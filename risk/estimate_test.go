package risk_test

import (
	"encoding/json"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
)

// between yields the examples of a stream from one month on, up to another.
func between(t *testing.T, examples iter.Seq2[risk.Example, error], from, to string) iter.Seq2[risk.Example, error] {
	t.Helper()
	month := func(s string) time.Time {
		at, err := time.Parse("2006-01", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	start, end := month(from), month(to)
	return func(yield func(risk.Example, error) bool) {
		for x, err := range examples {
			if err == nil && (x.CreatedAt.Before(start) || !x.CreatedAt.Before(end)) {
				continue
			}
			if !yield(x, err) {
				return
			}
		}
	}
}

// TestEstimatedAgainstReal trains on the real incidents up to March 2024,
// calibrates on April and May, and estimates each month of the recent ones: the
// estimated accuracy must be within 0.03 of the real one, and the interval must
// contain it.
func TestEstimatedAgainstReal(t *testing.T) {
	train, recent := realData(t)
	old, later := risk.DatasetFile(train, nil).Examples(), risk.DatasetFile(recent, nil).Examples()
	m, _, err := risk.Train(t.Context(), between(t, old, "1990-01", "2024-04"), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := risk.FitEstimator(t.Context(), m, between(t, old, "2024-04", "2024-06"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, month := range [][2]string{{"2024-06", "2024-07"}, {"2024-07", "2024-08"}, {"2024-08", "2024-09"}} {
		got, err := risk.Estimate(t.Context(), m, between(t, later, month[0], month[1]), e, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		real, err := risk.Evaluate(t.Context(), m, between(t, later, month[0], month[1]), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d incidents: accuracy %.4f [%.4f, %.4f], really %.4f; macro-F1 %.4f [%.4f, %.4f], really %.4f; log loss %.4f [%.4f, %.4f], really %.4f",
			month[0], got.N, got.Accuracy.Value, got.Accuracy.Low, got.Accuracy.High, real.Accuracy,
			got.MacroF1.Value, got.MacroF1.Low, got.MacroF1.High, real.MacroF1,
			got.LogLoss.Value, got.LogLoss.Low, got.LogLoss.High, real.LogLoss)
		for i, l := range got.Levels {
			t.Logf("  %s: F1 %.4f [%.4f, %.4f], really %.4f", l.Level, l.F1.Value, l.F1.Low, l.F1.High, real.Levels[i].F1)
		}
		if d := got.Accuracy.Value - real.Accuracy; d < -0.03 || d > 0.03 || !got.Accuracy.Contains(real.Accuracy) {
			t.Errorf("%s: accuracy is estimated as %+v, it is %.4f", month[0], got.Accuracy, real.Accuracy)
		}
	}
}

// TestEstimateEqualsNannyML holds the whole way, from labelled answers to an
// estimate, against NannyML's CBPE (internal/drift/cbpe_fixture.py), which
// eval's test of that name begins at calibrated probabilities.
func TestEstimateEqualsNannyML(t *testing.T) {
	var f struct {
		Cases map[string]struct {
			Levels    risk.Scale
			Reference struct {
				Proba            [][]float64
				Truth, Predicted []int
			}
			Proba, Calibrated [][]float64
			Predicted         []int
			Accuracy          float64
			MacroF1           float64 `json:"macro_f1"`
		}
	}
	dir := filepath.Join("..", "eval", "testdata")
	if fresh := os.Getenv("RISKKIT_FIXTURES"); fresh != "" {
		dir = fresh
	}
	data, err := os.ReadFile(filepath.Join(dir, "cbpe.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil || len(f.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(f.Cases), err)
	}
	for name, c := range f.Cases {
		proba, predicted := c.Reference.Proba, c.Reference.Predicted
		s := scorerFunc(func(d risk.Document) (risk.Assessment, error) { // the id is the row
			i, err := strconv.Atoi(d.ID)
			return risk.Assessment{ID: d.ID, Level: c.Levels[predicted[i]], Probabilities: risk.NewProbabilities(c.Levels, proba[i])}, err
		})
		var labelled, window []risk.Example
		for i, y := range c.Reference.Truth {
			labelled = append(labelled, risk.Example{Document: risk.Document{ID: strconv.Itoa(i)}, Label: c.Levels[y]})
		}
		for i := range c.Proba {
			window = append(window, risk.Example{Document: risk.Document{ID: strconv.Itoa(i)}})
		}
		e, err := risk.FitEstimator(t.Context(), s, risk.ExampleSlice(labelled), &risk.EstimatorOptions{Scale: c.Levels})
		if err != nil {
			t.Fatal(err)
		}
		proba, predicted = c.Proba, c.Predicted
		got, err := risk.Estimate(t.Context(), s, risk.ExampleSlice(window), e, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Accuracy.Value-c.Accuracy) > 1e-12 || math.Abs(got.MacroF1.Value-c.MacroF1) > 1e-12 {
			t.Errorf("%s: accuracy %v and macro-F1 %v, NannyML has %v and %v", name, got.Accuracy.Value, got.MacroF1.Value, c.Accuracy, c.MacroF1)
		}
		for i, p := range c.Proba {
			e.Calibrate(p)
			for k := range p {
				if math.Abs(p[k]-c.Calibrated[i][k]) > 1e-12 {
					t.Fatalf("%s: calibrated probabilities %d are %v, NannyML has %v", name, i, p, c.Calibrated[i])
				}
			}
		}
	}
}

// TestEstimator estimates what a model does on incidents like those before, in
// parts and through JSON.
func TestEstimator(t *testing.T) {
	m, _ := trained()
	e, err := risk.FitEstimator(t.Context(), m, risk.ExampleSlice(usual(2, 500)), &risk.EstimatorOptions{Blocks: 5})
	if err != nil {
		t.Fatal(err)
	}
	recent := usual(3, 400)
	want, err := risk.Estimate(t.Context(), m, risk.ExampleSlice(recent), e, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	real, err := risk.Evaluate(t.Context(), m, risk.ExampleSlice(recent), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accuracy %+v, really %v; macro-F1 %+v, really %v", want.Accuracy, real.Accuracy, want.MacroF1, real.MacroF1)
	if !want.Accuracy.Contains(real.Accuracy) || !want.MacroF1.Contains(real.MacroF1) || want.Accuracy.High-want.Accuracy.Low > 0.2 {
		t.Errorf("accuracy %+v, really %v; macro-F1 %+v, really %v", want.Accuracy, real.Accuracy, want.MacroF1, real.MacroF1)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var read risk.Estimator
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	state, err := read.NewEstimate()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range recent {
		a, err := m.Score(t.Context(), x.Document)
		if err != nil {
			t.Fatal(err)
		}
		if err := read.Add(state, &a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := read.Report(state, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-at once +through JSON):\n%s", diff)
	}
	a, err := m.Score(t.Context(), recent[0].Document)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = read.Add(state, &a) }); n > 0 && !race.Enabled {
		t.Errorf("Add allocates %v times", n)
	}
	a.Level = "grave"
	wantError(t, "a level beyond", read.Add(state, &a), risk.ErrInvalid, "grave")
	a.Level, a.Probabilities = "low", risk.Probabilities{}
	wantError(t, "no probabilities", read.Add(state, &a), risk.ErrInvalid, "sum to 0")
}

func TestEstimatorErrors(t *testing.T) {
	m, _ := trained()
	good := usual(2, 300)
	bad := usual(2, 300)
	bad[7].Label = "grave"
	for name, c := range map[string]struct {
		examples []risk.Example
		opts     *risk.EstimatorOptions
		want     error
		mention  string
	}{
		"few":         {good[:50], nil, eval.ErrInput, "50 labelled examples"},
		"none":        {nil, nil, eval.ErrInput, "0 labelled examples"},
		"label":       {bad, nil, risk.ErrLabel, "example 8"},
		"scale":       {good, &risk.EstimatorOptions{Scale: risk.Scale{"a"}}, risk.ErrScale, ""},
		"other scale": {good, &risk.EstimatorOptions{Scale: risk.Scale{"a", "b"}}, risk.ErrLabel, "example 1"},
		"calibration": {good, &risk.EstimatorOptions{Calibration: "magic"}, logreg.ErrOptions, "magic"},
	} {
		_, err := risk.FitEstimator(t.Context(), m, risk.ExampleSlice(c.examples), c.opts)
		wantError(t, name, err, c.want, c.mention)
	}
}

func FuzzEstimatorJSON(f *testing.F) {
	m, _ := trained()
	e, err := risk.FitEstimator(f.Context(), m, risk.ExampleSlice(usual(2, 100)), &risk.EstimatorOptions{Blocks: 2, Calibration: logreg.CalibrationTemperature})
	if err != nil {
		f.Fatal(err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"scale":["a","b"],"calibration":{"method":"temperature","temperature":1},"reference":null}`))
	a, err := m.Score(f.Context(), usual(3, 1)[0].Document)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e risk.Estimator
		if json.Unmarshal(data, &e) != nil {
			return
		}
		state, err := e.NewEstimate()
		if err != nil {
			t.Fatal(err)
		}
		if e.Add(state, &a) != nil {
			return // another scale
		}
		r, err := e.Report(state, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !(r.Accuracy.Low <= r.Accuracy.Value && r.Accuracy.Value <= r.Accuracy.High) {
			t.Errorf("accuracy %+v", r.Accuracy)
		}
	})
}
