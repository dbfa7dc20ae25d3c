package logreg_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/riskkit/riskkit/logreg"
)

// TestFitPath wants each model of a path to be that of a fit from nowhere, for
// less work.
func TestFitPath(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(7, 7)), 400, 60, 3)
	cs := []float64{0.01, 0.03, 0.1, 0.3, 1}
	opts := &logreg.Options{Tolerance: 1e-10}
	models, results, err := logreg.FitPath(t.Context(), x, y, 3, cs, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cs {
		_, alone, err := logreg.Fit(t.Context(), x, y, 3, &logreg.Options{C: c, Tolerance: 1e-10})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(results[i].Objective-alone.Objective) > 1e-9*alone.Objective || models[i].NumClasses() != 3 {
			t.Errorf("C=%g: objective %v on the path, %v alone", c, results[i].Objective, alone.Objective)
		}
	}
	for _, cs := range [][]float64{{0}, {1, 1}, {2, 1}, {math.NaN()}} {
		if _, _, err := logreg.FitPath(t.Context(), x, y, 3, cs, nil); !errors.Is(err, logreg.ErrOptions) {
			t.Errorf("C %v: error is %v", cs, err)
		}
	}
}

// TestCrossValidate holds the losses against fits by hand, on any number of
// cores.
func TestCrossValidate(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(8, 8)), 300, 30, 3)
	fold, err := logreg.ContiguousFolds(len(y), 4)
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float64, len(y))
	for i := range weights {
		weights[i] = float64(1 + i%3)
	}
	cs := []float64{0.001, 0.1, 10, 1000} // with a tolerance of 1e-12, so that the path does not matter
	var first *logreg.Path
	for _, procs := range []int{1, 4} {
		before := runtime.GOMAXPROCS(procs)
		p, err := logreg.CrossValidate(t.Context(), x, y, 3, fold, cs, &logreg.Options{SampleWeights: weights, Tolerance: 1e-12})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = p
		}
		if fmt.Sprint(p) != fmt.Sprint(first) {
			t.Errorf("on %d cores the path differs", procs)
		}
	}
	for k, c := range cs {
		for f := range 4 {
			train := logreg.NewRows(30)
			var some []int
			var w []float64
			for i := range y {
				if fold[i] != f {
					ind, val := x.Row(i)
					if err := train.Append(ind, val); err != nil {
						t.Fatal(err)
					}
					some, w = append(some, y[i]), append(w, weights[i])
				}
			}
			m, _, err := logreg.Fit(t.Context(), train, some, 3, &logreg.Options{C: c, SampleWeights: w, Tolerance: 1e-12})
			if err != nil {
				t.Fatal(err)
			}
			loss, total := 0.0, 0.0
			for i := range y {
				if fold[i] == f {
					ind, val := x.Row(i)
					p := m.AppendProba(nil, ind, val)
					loss -= weights[i] * math.Log(p[y[i]])
					total += weights[i]
					if got := first.Points[k].Proba[3*i]; math.Abs(got-p[0]) > 1e-3 {
						t.Errorf("C=%g, row %d: probability %v, want %v", c, i, got, p[0])
					}
				}
			}
			if got := first.Points[k].Folds[f]; math.Abs(got-loss/total) > 1e-4 {
				t.Errorf("C=%g, fold %d: loss %v, want %v", c, f, got, loss/total)
			}
		}
	}
	best, simple := first.Best(), first.OneStandardError()
	limit := first.Points[best].LogLoss + first.Points[best].StdErr
	if simple > best || first.Points[simple].LogLoss > limit || simple > 0 && first.Points[simple-1].LogLoss <= limit {
		t.Errorf("best is %d, within one standard error %d: %+v", best, simple, first.Points)
	}
	if p := new(logreg.Path); p.Best() != -1 || p.OneStandardError() != -1 {
		t.Error("a path of nothing has a best point")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := logreg.CrossValidate(cancelled, x, y, 3, fold, cs, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error is %v", err)
	}
	if _, err := logreg.CrossValidate(t.Context(), x, y, 3, fold[1:], cs, nil); !errors.Is(err, logreg.ErrClasses) {
		t.Errorf("few folds: error is %v", err)
	}
}

// TestPartialFit fits most of the rows, learns the rest online, and wants
// to be near the fit of all, far nearer than without.
func TestPartialFit(t *testing.T) {
	for _, o := range []logreg.Options{{C: 1}, {C: 1, OneVsRest: true}} {
		for _, classes := range []int{2, 3, 4} {
			x, y := random(rand.New(rand.NewPCG(9, uint64(classes))), 900, 40, classes)
			part := func(from, to int) (*logreg.Rows, []int) {
				r := logreg.NewRows(40)
				for i := from; i < to; i++ {
					ind, val := x.Row(i)
					if err := r.Append(ind, val); err != nil {
						t.Fatal(err)
					}
				}
				return r, y[from:to]
			}
			fit := func(to int) *logreg.Model {
				x, y := part(0, to)
				m, _, err := logreg.Fit(t.Context(), x, y, classes, &o)
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			old, full := fit(600), fit(900)
			newX, newY := part(600, 900)
			oldX, _ := part(0, 600)
			online, err := logreg.NewOnline(old, oldX, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := online.PartialFit(t.Context(), newX, newY, nil)
			if err != nil {
				t.Fatal(err)
			}
			m := online.Model()
			loss := func(m *logreg.Model) float64 {
				sum := 0.0
				for i := range y {
					ind, val := x.Row(i)
					sum -= math.Log(m.AppendProba(nil, ind, val)[y[i]])
				}
				return sum / float64(len(y))
			}
			if res.Status != logreg.Converged || loss(m) > loss(old) || loss(m)-loss(full) > 0.5*(loss(old)-loss(full)) {
				t.Errorf("%d classes, one-vs-rest %t: loss before %.5f, after %.5f, of all %.5f (%v)", classes, o.OneVsRest, loss(old), loss(m), loss(full), res.Status)
			}
			if again := fit(600); fmt.Sprint(again) != fmt.Sprint(old) {
				t.Error("PartialFit changed the model that it began with")
			}
		}
	}
	x, y := random(rand.New(rand.NewPCG(9, 9)), 60, 5, 3)
	m, _, err := logreg.Fit(t.Context(), x, y, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	one := logreg.NewRows(5)
	if err := one.Append([]int32{1}, []float64{1}); err != nil {
		t.Fatal(err)
	}
	for class := range 3 { // a single example pulls towards its class, by no more than it weighs
		online, err := logreg.NewOnline(m, x, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := online.PartialFit(t.Context(), one, []int{class}, []float64{3}); err != nil {
			t.Fatal(err)
		}
		before, after := m.AppendProba(nil, []int32{1}, []float64{1})[class], online.Model().AppendProba(nil, []int32{1}, []float64{1})[class]
		if !(after > before && after < before+0.3) {
			t.Errorf("class %d: probability %v before, %v after", class, before, after)
		}
	}
	online, err := logreg.NewOnline(m, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := online.PartialFit(t.Context(), logreg.NewRows(5), nil, nil); err != nil || fmt.Sprint(online.Model()) != fmt.Sprint(m) {
		t.Errorf("no examples change the model, or are an error: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		x       *logreg.Rows
		y       []int
		weights []float64
		want    error
	}{
		"cancelled":      {cancelled, one, []int{0}, nil, context.Canceled},
		"other features": {t.Context(), logreg.NewRows(4), nil, nil, logreg.ErrRow},
		"class":          {t.Context(), one, []int{3}, nil, logreg.ErrClasses},
		"few classes":    {t.Context(), one, nil, nil, logreg.ErrClasses},
		"weight":         {t.Context(), one, []int{0}, []float64{math.NaN()}, logreg.ErrOptions},
		"few weights":    {t.Context(), one, []int{0}, []float64{}, logreg.ErrOptions},
	} {
		if _, err := online.PartialFit(c.ctx, c.x, c.y, c.weights); !errors.Is(err, c.want) || fmt.Sprint(online.Model()) != fmt.Sprint(m) {
			t.Errorf("%s: error is %v, want %v, the model unchanged", name, err, c.want)
		}
	}
	for _, c := range []float64{-1, math.Inf(1), math.NaN()} {
		if _, err := logreg.NewOnline(m, nil, &logreg.Options{C: c}); !errors.Is(err, logreg.ErrOptions) {
			t.Errorf("C %v: error is %v", c, err)
		}
	}
	data, err := online.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again logreg.Online
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if data2, _ := again.MarshalBinary(); string(data2) != string(data) {
		t.Error("saved again, the bytes differ")
	}
	for i := range data {
		if err := again.UnmarshalBinary(data[:i]); !errors.Is(err, logreg.ErrFormat) {
			t.Fatalf("cut at %d: error is %v", i, err)
		}
	}
}

// TestLoadVersion1 loads what was written before there was OneVsRest.
func TestLoadVersion1(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "model_v1.bin"))
	if err != nil {
		t.Fatal(err)
	}
	var m logreg.Model
	if err := m.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	p := m.AppendProba(nil, []int32{0, 1}, []float64{0.5, 0.5})
	// ExampleFit's model, by the code that wrote the file.
	for k, want := range []float64{0.0969961, 0.8633755, 0.0396283} {
		if math.Abs(p[k]-want) > 1e-5 {
			t.Errorf("probabilities %v", p)
			break
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(10, 10)), 60, 9, 3)
	for _, o := range []*logreg.Options{nil, {OneVsRest: true}} {
		m, _, err := logreg.Fit(t.Context(), x, y, 3, o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var n logreg.Model
		if err := n.UnmarshalBinary(data); err != nil || fmt.Sprint(n.OneVsRest(), n.AppendProba(nil, []int32{1}, []float64{1})) != fmt.Sprint(m.OneVsRest(), m.AppendProba(nil, []int32{1}, []float64{1})) {
			t.Errorf("%+v: another model comes back, error %v", o, err)
		}
		for i := range data {
			damaged := append([]byte(nil), data...)
			damaged[i] ^= 1 << (i % 8)
			if err := n.UnmarshalBinary(damaged); !errors.Is(err, logreg.ErrFormat) {
				t.Fatalf("bit flipped in byte %d: error is %v", i, err)
			}
			if err := n.UnmarshalBinary(data[:i]); !errors.Is(err, logreg.ErrFormat) {
				t.Fatalf("cut at %d: error is %v", i, err)
			}
		}
	}
}
