package logreg_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/logreg"
)

// TestFitEqualsScikitLearn holds coefficients, intercepts and probabilities
// against scikit-learn's (internal/sklearn/logreg_fixture.py).
func TestFitEqualsScikitLearn(t *testing.T) {
	var f struct {
		Origin string
		Cases  []struct {
			Options struct {
				C           float64
				ClassWeight any `json:"class_weight"`
			}
			Classes   int
			X, Coef   [][]float64
			Y         []int
			Intercept []float64
			Proba     [][]float64
		}
	}
	fixture.Load(t, "logreg", &f)
	const tolerance = 1e-6
	for i, c := range f.Cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			o := &logreg.Options{C: c.Options.C, Tolerance: 1e-16}
			switch w := c.Options.ClassWeight.(type) {
			case string:
				o.Balanced = true
			case []any:
				for _, v := range w {
					o.ClassWeights = append(o.ClassWeights, v.(float64))
				}
			}
			dense := mat.NewDense(len(c.X), len(c.X[0]), nil)
			for i, row := range c.X {
				dense.SetRow(i, row)
			}
			m, res, err := logreg.Fit(t.Context(), dense, c.Y, c.Classes, o)
			if err != nil {
				t.Fatal(err)
			}
			if res.Gap > 1e-12*res.Objective {
				t.Errorf("gap is %g of objective %g, status %v", res.Gap, res.Objective, res.Status)
			}
			// Intercepts are free up to a common constant.
			shift := 0.0
			for k, b := range c.Intercept {
				shift += (b - m.Intercept(m.NumClasses()-len(c.Intercept)+k)) / float64(len(c.Intercept))
			}
			if c.Classes == 2 {
				shift = 0
			}
			for k, row := range c.Coef {
				class := m.NumClasses() - len(c.Coef) + k // one row for two classes
				for j, want := range row {
					if got := m.Coef(class, j); math.Abs(got-want) > tolerance {
						t.Errorf("coefficient of class %d, feature %d is %.9f, scikit-learn has %.9f", class, j, got, want)
					}
				}
				if got, want := m.Intercept(class)+shift, c.Intercept[k]; math.Abs(got-want) > tolerance {
					t.Errorf("intercept of class %d is %.9f, scikit-learn has %.9f", class, got, want)
				}
			}
			for i, row := range c.Proba {
				ind, val := nonZero(c.X[i])
				for k, got := range m.AppendProba(nil, ind, val) {
					if math.Abs(got-row[k]) > tolerance {
						t.Errorf("row %d: probability of class %d is %.9f, scikit-learn has %.9f", i, k, got, row[k])
					}
				}
			}
		})
	}
}

func nonZero(row []float64) (ind []int32, val []float64) {
	for j, v := range row {
		if v != 0 {
			ind, val = append(ind, int32(j)), append(val, v)
		}
	}
	return ind, val
}

// random returns sparse rows with classes that depend on them.
func random(rng *rand.Rand, n, d, classes int) (*logreg.Rows, []int) {
	x := logreg.NewRows(d)
	y := make([]int, n)
	for i := range n {
		var ind []int32
		var val []float64
		for j := range d {
			if rng.IntN(3) == 0 {
				ind, val = append(ind, int32(j)), append(val, rng.Float64())
			}
		}
		if err := x.Append(ind, val); err != nil {
			panic(err)
		}
		y[i] = i % classes
		if len(ind) > 0 && rng.IntN(2) == 0 {
			y[i] = int(ind[0]) % classes
		}
	}
	return x, y
}

// TestGapIsABound holds the solver's own certificate against the optimum that a
// far tighter fit finds.
func TestGapIsABound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		classes := 2 + rng.IntN(4)
		x, y := random(rng, 50+rng.IntN(100), 5+rng.IntN(30), classes)
		c := math.Pow(10, 4*rng.Float64()-2)
		_, best, err := logreg.Fit(t.Context(), x, y, classes, &logreg.Options{C: c, Tolerance: 1e-15})
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{1, 2, 3, 100} {
			_, res, err := logreg.Fit(t.Context(), x, y, classes, &logreg.Options{C: c, MaxIterations: limit})
			if err != nil {
				t.Fatal(err)
			}
			if excess := res.Objective - best.Objective; excess > res.Gap+1e-12*best.Objective {
				t.Errorf("C=%g after %d steps: objective is %g above the optimum, the certificate says %g", c, res.Iterations, excess, res.Gap)
			}
			if early := limit < 3; early && res.Status == logreg.Converged && res.Gap > 1e-6*res.Objective {
				t.Errorf("converged with gap %g", res.Gap)
			}
		}
	}
}

// TestMatrices fits the same data given as Rows, as a dense matrix and as a
// matrix that only knows its rows' non-zero values.
func TestMatrices(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(2, 2)), 60, 9, 3)
	var want []byte
	for name, m := range map[string]mat.Matrix{"rows": x, "dense": mat.DenseCopyOf(x), "sparse": doer{x}} {
		got, _, err := logreg.Fit(t.Context(), m, y, 3, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		data, _ := got.MarshalBinary()
		if want == nil {
			want = data
		}
		if string(data) != string(want) {
			t.Errorf("%s gives another model", name)
		}
	}
}

type doer struct{ x *logreg.Rows }

func (d doer) Dims() (int, int)                                 { return d.x.Dims() }
func (d doer) At(i, j int) float64                              { return d.x.At(i, j) }
func (d doer) T() mat.Matrix                                    { return d.x.T() }
func (d doer) DoRowNonZero(i int, fn func(i, j int, v float64)) { d.x.DoRowNonZero(i, fn) }

func TestFitStatus(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(3, 3)), 200, 20, 3)
	for _, c := range []struct {
		options logreg.Options
		want    logreg.Status
	}{
		{logreg.Options{}, logreg.Converged},
		{logreg.Options{MaxIterations: 1, Tolerance: 1e-12}, logreg.IterationLimit},
		{logreg.Options{Tolerance: 1e-300}, logreg.Stalled},
	} {
		_, res, err := logreg.Fit(t.Context(), x, y, 3, &c.options)
		if err != nil || res.Status != c.want || res.Status.Early() != (c.want != logreg.Converged) {
			t.Errorf("%+v: status %v, error %v, want %v", c.options, res.Status, err, c.want)
		}
	}
}

func TestFitErrors(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(4, 4)), 30, 5, 3)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	nan := mat.NewDense(2, 1, []float64{0, math.NaN()})
	for name, c := range map[string]struct {
		ctx     context.Context
		x       mat.Matrix
		y       []int
		classes int
		opts    *logreg.Options
		want    error
	}{
		"cancelled":     {cancelled, x, y, 3, nil, context.Canceled},
		"C":             {t.Context(), x, y, 3, &logreg.Options{C: -1}, logreg.ErrOptions},
		"NaN C":         {t.Context(), x, y, 3, &logreg.Options{C: math.NaN()}, logreg.ErrOptions},
		"tolerance":     {t.Context(), x, y, 3, &logreg.Options{Tolerance: -1}, logreg.ErrOptions},
		"few weights":   {t.Context(), x, y, 3, &logreg.Options{ClassWeights: []float64{1}}, logreg.ErrOptions},
		"zero weight":   {t.Context(), x, y, 3, &logreg.Options{ClassWeights: []float64{1, 0, 1}}, logreg.ErrOptions},
		"one class":     {t.Context(), x, y, 1, nil, logreg.ErrClasses},
		"absent class":  {t.Context(), x, y, 4, nil, logreg.ErrClasses},
		"unknown class": {t.Context(), x, y, 2, nil, logreg.ErrClasses},
		"few rows":      {t.Context(), x, y[:9], 3, nil, logreg.ErrClasses},
		"NaN":           {t.Context(), nan, []int{0, 1}, 2, nil, logreg.ErrRow},
	} {
		if _, _, err := logreg.Fit(c.ctx, c.x, c.y, c.classes, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
}

// TestDegenerate fits data on which careless solvers divide by zero: constant
// columns, empty rows, classes that a feature separates, huge values.
func TestDegenerate(t *testing.T) {
	for name, rows := range map[string][][]float64{
		"empty rows": {{0}, {0}, {0}, {0}},
		"constant":   {{1}, {1}, {1}, {1}},
		"separable":  {{1}, {-1}, {1}, {-1}},
		"huge":       {{1e12}, {-1e12}, {1e9}, {1e-12}},
		"no columns": {{}, {}, {}, {}},
	} {
		x := logreg.NewRows(len(rows[0]))
		for _, row := range rows {
			ind, val := nonZero(row)
			if err := x.Append(ind, val); err != nil {
				t.Fatal(err)
			}
		}
		m, res, err := logreg.Fit(t.Context(), x, []int{0, 1, 0, 1}, 2, &logreg.Options{C: 1e6})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range rows {
			ind, val := x.Row(i)
			p := m.AppendProba(nil, ind, val)
			if sum := p[0] + p[1]; math.Abs(sum-1) > 1e-12 {
				t.Errorf("%s: probabilities %v, status %v", name, p, res.Status)
			}
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add(uint64(1), uint8(10), uint8(3), uint8(3), 1.0)
	f.Add(uint64(2), uint8(2), uint8(0), uint8(2), 1e8)
	f.Fuzz(func(t *testing.T, seed uint64, n, d, classes uint8, c float64) {
		classes = 2 + classes%6
		x, y := random(rand.New(rand.NewPCG(seed, 0)), int(max(n, classes)), int(d%40), int(classes))
		m, res, err := logreg.Fit(t.Context(), x, y, int(classes), &logreg.Options{C: c, MaxIterations: 30})
		if err != nil {
			if !errors.Is(err, logreg.ErrOptions) && !errors.Is(err, logreg.ErrClasses) {
				t.Fatal(err)
			}
			return
		}
		for i := range x.Len() {
			sum := 0.0
			ind, val := x.Row(i)
			for _, p := range m.AppendProba(nil, ind, val) {
				sum += p
			}
			if !(math.Abs(sum-1) < 1e-9) {
				t.Fatalf("probabilities sum to %v (%+v)", sum, res)
			}
		}
	})
}

func BenchmarkFit(b *testing.B) {
	x, y := random(rand.New(rand.NewPCG(5, 5)), 2000, 200, 3)
	for b.Loop() {
		if _, _, err := logreg.Fit(b.Context(), x, y, 3, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendProba(b *testing.B) {
	x, y := random(rand.New(rand.NewPCG(6, 6)), 300, 200, 3)
	m, _, err := logreg.Fit(b.Context(), x, y, 3, nil)
	if err != nil {
		b.Fatal(err)
	}
	ind, val := x.Row(0)
	p := make([]float64, 0, 3)
	b.ReportAllocs()
	for b.Loop() {
		p = m.AppendProba(p[:0], ind, val)
	}
}
