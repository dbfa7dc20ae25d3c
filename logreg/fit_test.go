package logreg_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/logreg"
)

// peer is what scikit-learn fits (internal/sklearn/logreg_fixture.py).
type peer struct {
	Origin string
	Data   map[string]struct {
		X       [][]float64
		Y       []int
		Classes int
	}
	Cases []struct {
		Options struct {
			C            *float64  // nil without a penalty
			L1Ratio      float64   `json:"l1_ratio"`
			ClassWeight  any       `json:"class_weight"`
			SampleWeight []float64 `json:"sample_weight"`
			OneVsRest    bool      `json:"one_vs_rest"`
		}
		Data      string
		Coef      [][]float64
		Intercept []float64
		Proba     [][]float64
		Objective float64
	}
}

// options returns those of a case of the peer.
func (f *peer) options(i int) *logreg.Options {
	c := f.Cases[i].Options
	o := &logreg.Options{C: math.Inf(1), L1Ratio: c.L1Ratio, OneVsRest: c.OneVsRest, SampleWeights: c.SampleWeight}
	if c.C != nil {
		o.C = *c.C
	}
	switch w := c.ClassWeight.(type) {
	case string:
		o.Balanced = true
	case []any:
		for _, v := range w {
			o.ClassWeights = append(o.ClassWeights, v.(float64))
		}
	}
	return o
}

// TestFitEqualsScikitLearn holds coefficients, intercepts, probabilities and the
// objective against scikit-learn's.
func TestFitEqualsScikitLearn(t *testing.T) {
	var f peer
	fixture.Load(t, "logreg", &f)
	const tolerance = 1e-6
	for i, c := range f.Cases {
		data, o := f.Data[c.Data], f.options(i)
		o.Tolerance, o.MaxIterations = 1e-16, 100000
		multinomial := data.Classes > 2 && !o.OneVsRest
		penalty := !math.IsInf(o.C, 1)
		t.Run(fmt.Sprintf("%d %s C=%v L1=%v", i, c.Data, o.C, o.L1Ratio), func(t *testing.T) {
			x := logreg.NewRows(len(data.X[0]))
			for _, row := range data.X {
				if err := x.Append(nonZero(row)); err != nil {
					t.Fatal(err)
				}
			}
			m, res, err := logreg.Fit(t.Context(), x, data.Y, data.Classes, o)
			if err != nil {
				t.Fatal(err)
			}
			if bound := map[bool]float64{true: 1e-12, false: 1e-6}[penalty]; !(res.Gap <= bound*res.Objective) {
				t.Errorf("gap is %g of objective %g, status %v", res.Gap, res.Objective, res.Status)
			}
			if math.Abs(res.Objective-c.Objective) > 1e-11*c.Objective {
				t.Errorf("objective is %.15g, scikit-learn has %.15g", res.Objective, c.Objective)
			}
			for i, row := range c.Proba {
				ind, val := nonZero(data.X[i])
				for k, got := range m.AppendProba(nil, ind, val) {
					if math.Abs(got-row[k]) > tolerance {
						t.Errorf("row %d: probability of class %d is %.9f, scikit-learn has %.9f", i, k, got, row[k])
					}
				}
			}
			// Of an even number of classes the L1 norm may leave two medians that
			// one number can be taken from all weights of a feature between.
			if multinomial && o.L1Ratio == 1 && data.Classes%2 == 0 {
				return
			}
			first := m.NumClasses() - len(c.Coef) // one row for two classes
			for j := range c.Coef[0] {
				got, want := make([]float64, len(c.Coef)), make([]float64, len(c.Coef))
				for k := range c.Coef {
					got[k], want[k] = m.Coef(first+k, j), c.Coef[k][j]
				}
				if multinomial && !penalty {
					centre(got)
					centre(want)
				}
				for k := range got {
					if math.Abs(got[k]-want[k]) > tolerance {
						t.Errorf("coefficient of class %d, feature %d is %.9f, scikit-learn has %.9f", first+k, j, got[k], want[k])
					}
				}
			}
			got := make([]float64, len(c.Intercept))
			for k := range got {
				got[k] = m.Intercept(first + k)
			}
			if multinomial {
				centre(got)
				centre(c.Intercept)
			}
			for k, want := range c.Intercept {
				if math.Abs(got[k]-want) > tolerance {
					t.Errorf("intercept of class %d is %.9f, scikit-learn has %.9f", first+k, got[k], want)
				}
			}
		})
	}
}

// centre takes their mean from all v.
func centre(v []float64) { floats.AddConst(-floats.Sum(v)/float64(len(v)), v) }

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

// penalties are options of each kind.
var penalties = map[string]logreg.Options{
	"L2":                      {},
	"L1":                      {L1Ratio: 1},
	"elastic net":             {L1Ratio: 0.5},
	"nearly L1":               {L1Ratio: 0.999},
	"none":                    {C: math.Inf(1)},
	"L2, one vs rest":         {OneVsRest: true},
	"L1, one vs rest":         {OneVsRest: true, L1Ratio: 1, Balanced: true},
	"none, one vs rest":       {OneVsRest: true, C: math.Inf(1)},
	"balanced elastic net":    {L1Ratio: 0.2, Balanced: true},
	"strong L1":               {L1Ratio: 1, C: 1e-3},
	"strong L2":               {C: 1e-3},
	"L1 as good as none":      {L1Ratio: 1, C: 1e8},
	"elastic as good as none": {L1Ratio: 0.5, C: 1e8},
}

// TestGapIsABound holds the solver's own certificate against the optimum that a
// far tighter fit finds.
func TestGapIsABound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 60 {
		classes := 2 + rng.IntN(4)
		x, y := random(rng, 50+rng.IntN(100), 5+rng.IntN(30), classes)
		o := logreg.Options{
			C:         math.Pow(10, 4*rng.Float64()-2),
			L1Ratio:   []float64{0, 1, 0.5, 0.1, 0.99}[i%5],
			OneVsRest: i%3 == 0, Balanced: i%4 == 0,
		}
		if i%2 == 0 {
			for range y {
				o.SampleWeights = append(o.SampleWeights, max(0.01, rng.ExpFloat64()))
			}
		}
		tight := o
		tight.Tolerance, tight.MaxIterations = 1e-15, 100000
		_, best, err := logreg.Fit(t.Context(), x, y, classes, &tight)
		if err != nil {
			t.Fatal(err)
		}
		if !(best.Gap <= 1e-12*best.Objective) {
			t.Errorf("%d: the tight fit ends with a gap of %g, %v", i, best.Gap/best.Objective, best.Status)
		}
		for _, limit := range []int{1, 2, 3, 10, 100} {
			o.MaxIterations = limit
			_, res, err := logreg.Fit(t.Context(), x, y, classes, &o)
			if err != nil {
				t.Fatal(err)
			}
			if excess := res.Objective - best.Objective; excess > res.Gap+1e-12*best.Objective {
				t.Errorf("%d: C=%g L1=%v after %d steps: objective is %g above the optimum, the certificate says %g", i, o.C, o.L1Ratio, res.Iterations, excess, res.Gap)
			}
			if !(res.Gap >= 0) || res.Status == logreg.Converged && res.Gap > 1e-6*res.Objective {
				t.Errorf("%d: %v with gap %g", i, res.Status, res.Gap)
			}
			if o.L1Ratio > 0 && !o.OneVsRest && res.Iterations > limit {
				t.Errorf("%d: %d iterations of at most %d", i, res.Iterations, limit)
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
		tolerance float64
		limit     int
		want      logreg.Status
	}{
		{0, 0, logreg.Converged},
		{1e-12, 1, logreg.IterationLimit},
		{1e-300, 100000, logreg.Stalled},
	} {
		for name, o := range penalties {
			if name == "strong L1" {
				continue // at the optimum before it begins
			}
			o.Tolerance, o.MaxIterations = c.tolerance, c.limit
			_, res, err := logreg.Fit(t.Context(), x, y, 3, &o)
			if err != nil || res.Status != c.want || res.Status.Early() != (c.want != logreg.Converged) {
				t.Errorf("%s, %+v: status %v, error %v", name, c, res.Status, err)
			}
		}
	}
}

// TestSeparable fits classes that hyperplanes separate: without a penalty the
// weights have no optimum, and the fit must end all the same.
func TestSeparable(t *testing.T) {
	x := logreg.NewRows(2)
	var y []int
	for i := range 60 {
		if err := x.Append([]int32{0, 1}, []float64{float64(i), 1 + float64(i%7)}); err != nil {
			t.Fatal(err)
		}
		y = append(y, i/20)
	}
	for name, o := range penalties {
		m, res, err := logreg.Fit(t.Context(), x, y, 3, &o)
		if err != nil || res.Status == logreg.NotRun {
			t.Errorf("%s: %+v, error %v", name, res, err)
			continue
		}
		if !math.IsInf(o.C, 1) {
			continue
		}
		for i, c := range y {
			ind, val := x.Row(i)
			if p := m.AppendProba(nil, ind, val); !o.OneVsRest && p[c] < 0.99 {
				t.Errorf("%s: row %d of class %d has probabilities %v, %+v", name, i, c, p, res)
			}
		}
	}
}

// TestStart begins at the optimum of another C: the result is the same, sooner.
func TestStart(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(7, 7)), 300, 30, 3)
	for name, o := range penalties {
		if math.IsInf(o.C, 1) || o.C == 1e8 || name == "strong L1" {
			continue // no length, or no way, to the optimum
		}
		o.Tolerance = 1e-10
		cold, coldRes, err := logreg.Fit(t.Context(), x, y, 3, &o)
		if err != nil {
			t.Fatal(name, err)
		}
		o.Start = cold
		_, again, err := logreg.Fit(t.Context(), x, y, 3, &o)
		if err != nil {
			t.Fatal(name, err)
		}
		near := o
		near.C = 1.05 * max(o.C, 1)
		if o.C > 0 {
			near.C = 1.05 * o.C
		}
		near.Start = nil
		if o.Start, _, err = logreg.Fit(t.Context(), x, y, 3, &near); err != nil {
			t.Fatal(name, err)
		}
		warm, warmRes, err := logreg.Fit(t.Context(), x, y, 3, &o)
		if err != nil {
			t.Fatal(name, err)
		}
		if coldRes.Status.Early() || warmRes.Status.Early() || math.Abs(coldRes.Objective-warmRes.Objective) > 1e-9*coldRes.Objective {
			t.Errorf("%s: %+v from nowhere, %+v from near", name, coldRes, warmRes)
		}
		if again.Iterations >= coldRes.Iterations || o.L1Ratio > 0 && (again.Iterations > 1 || warmRes.Iterations >= coldRes.Iterations) {
			t.Errorf("%s: %d iterations from nowhere, %d from near, %d from the optimum", name, coldRes.Iterations, warmRes.Iterations, again.Iterations)
		}
		for i := range y {
			ind, val := x.Row(i)
			p, q := cold.AppendProba(nil, ind, val), warm.AppendProba(nil, ind, val)
			if d := floats.Distance(p, q, math.Inf(1)); d > 1e-3 {
				t.Fatalf("%s: row %d has probabilities %v from nowhere, %v from near", name, i, p, q)
			}
		}
	}
}

// expiring is cancelled when it has been asked so many times.
type expiring struct {
	context.Context
	left int
}

func (c *expiring) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancel cancels fits wherever they ask for it.
func TestCancel(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(8, 8)), 60, 8, 3)
	before := runtime.NumGoroutine()
	for name, o := range penalties {
		o.Tolerance = 1e-9
		asked := 0
		for ; ; asked++ {
			m, res, err := logreg.Fit(&expiring{t.Context(), asked}, x, y, 3, &o)
			if err == nil {
				if asked < res.Iterations {
					t.Errorf("%s: the context was asked %d times in %d iterations", name, asked, res.Iterations)
				}
				break
			}
			if m != nil || !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: model %v, error %v", name, m, err)
			}
			if asked > 50 {
				asked += asked / 4
			}
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
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
		"empty rows":        {{0}, {0}, {0}, {0}},
		"constant":          {{1}, {1}, {1}, {1}},
		"constant and not":  {{1, 0.5}, {1, 0.3}, {1, 0.4}, {1, 0.2}},
		"separable":         {{1}, {-1}, {1}, {-1}},
		"huge":              {{1e12}, {-1e12}, {1e9}, {1e-12}},
		"tiny":              {{1e-200}, {-1e-200}, {1e-190}, {1e-300}},
		"beyond squares":    {{1e200, 1}, {-1e200, 2}, {1e190, 3}, {1e300, 4}},
		"no columns":        {{}, {}, {}, {}},
		"an empty column":   {{0, 1}, {0, 2}, {0, 3}, {0, 2}},
		"twice the same":    {{1, 1}, {2, 2}, {4, 4}, {3, 3}},
		"only one row used": {{0, 0}, {0, 1e6}, {0, 0}, {0, 0}},
	} {
		x := logreg.NewRows(len(rows[0]))
		for _, row := range rows {
			if err := x.Append(nonZero(row)); err != nil {
				t.Fatal(err)
			}
		}
		for kind, o := range penalties {
			for _, weights := range [][]float64{nil, {1, 0.5, 0, 2}, {1e-9, 1e9, 1, 1}} {
				for _, c := range []float64{1e-300, 1e-6, 1, 1e6, 1e300} {
					o := o
					o.SampleWeights = weights
					if o.C == 0 {
						o.C = c
					}
					m, res, err := logreg.Fit(t.Context(), x, []int{0, 1, 0, 1}, 2, &o)
					if err != nil {
						if o.C < 1e100 || !errors.Is(err, logreg.ErrOptions) {
							t.Errorf("%s, %s, C=%g, weights %v: %v", name, kind, o.C, weights, err)
						}
						continue
					}
					if why := absurd(m, res, x); why != "" {
						t.Errorf("%s, %s, C=%g, weights %v: %s", name, kind, o.C, weights, why)
					}
				}
			}
		}
	}
}

// absurd says what cannot be about a fit, if anything.
func absurd(m *logreg.Model, res logreg.Result, x *logreg.Rows) string {
	if res.Status == logreg.NotRun || !(res.Objective >= 0 && res.Objective <= math.MaxFloat64) || !(res.Gap >= 0) || res.Iterations < 0 {
		return fmt.Sprintf("%+v", res)
	}
	for i := range x.Len() {
		ind, val := x.Row(i)
		p := m.AppendProba(nil, ind, val)
		if sum := floats.Sum(p); !(math.Abs(sum-1) <= 1e-9) {
			return fmt.Sprintf("row %d has probabilities %v; %+v", i, p, res)
		}
	}
	return ""
}

func FuzzFit(f *testing.F) {
	f.Add(uint64(1), uint8(10), uint8(3), uint8(3), 1.0, 0.0, 1.0, uint8(0))
	f.Add(uint64(2), uint8(2), uint8(0), uint8(2), 1e8, 1.0, 1.0, uint8(1))
	f.Add(uint64(3), uint8(30), uint8(9), uint8(4), 10.0, 0.5, 1e6, uint8(2+4))
	f.Add(uint64(4), uint8(40), uint8(5), uint8(2), 1e-3, 0.9, 1e-6, uint8(8+16))
	f.Add(uint64(5), uint8(50), uint8(7), uint8(3), 1e3, 1.0, 1.0, uint8(31))
	f.Add(uint64(6), uint8(25), uint8(30), uint8(3), math.Inf(1), 0.3, 10.0, uint8(1+4))
	f.Add(uint64(7), uint8(25), uint8(20), uint8(3), 1.0, 1.0, 1e305, uint8(16))
	f.Add(uint64(8), uint8(25), uint8(20), uint8(3), 1.0, 0.0, 1e305, uint8(16))
	f.Add(uint64(9), uint8(25), uint8(20), uint8(0), math.Inf(1), 0.0, 1e305, uint8(16))
	f.Fuzz(func(t *testing.T, seed uint64, n, d, classes uint8, c, l1, scale float64, flags uint8) {
		classes = 2 + classes%6
		rng := rand.New(rand.NewPCG(seed, 0))
		small, y := random(rng, int(max(n, classes)), int(d%40), int(classes))
		x := logreg.NewRows(int(d % 40))
		for i := range small.Len() {
			ind, val := small.Row(i)
			val = slices.Clone(val)
			floats.Scale(scale, val)
			if x.Append(ind, val) != nil {
				return // the scale is not finite
			}
		}
		o := logreg.Options{C: c, L1Ratio: l1, MaxIterations: 1 + int(seed%30), OneVsRest: flags&1 != 0, Balanced: flags&2 != 0}
		if flags&4 != 0 {
			for range y {
				o.SampleWeights = append(o.SampleWeights, max(0, rng.ExpFloat64()-0.3))
			}
		}
		if flags&8 != 0 {
			for range classes {
				o.ClassWeights = append(o.ClassWeights, rng.ExpFloat64()+1e-3)
			}
		}
		if flags&16 != 0 {
			var err error
			if o.Start, _, err = logreg.Fit(t.Context(), small, y, int(classes), &logreg.Options{MaxIterations: 3, L1Ratio: rng.Float64()}); err != nil {
				return // a class is absent
			}
		}
		m, res, err := logreg.Fit(t.Context(), x, y, int(classes), &o)
		if err != nil {
			if !errors.Is(err, logreg.ErrOptions) && !errors.Is(err, logreg.ErrClasses) {
				t.Fatal(err)
			}
			return
		}
		if why := absurd(m, res, x); why != "" {
			t.Fatal(why)
		}
	})
}

func BenchmarkFit(b *testing.B) {
	x, y := random(rand.New(rand.NewPCG(5, 5)), 2000, 200, 3)
	for _, name := range []string{"L2", "L1", "elastic net", "none", "L1, one vs rest"} {
		o := penalties[name]
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := logreg.Fit(b.Context(), x, y, 3, &o); err != nil {
					b.Fatal(err)
				}
			}
		})
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
