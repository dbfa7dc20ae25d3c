package logreg_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/riskkit/riskkit/logreg"
)

// used counts the weights that are not exactly 0.
func used(m *logreg.Model) int {
	n := 0
	for j := range m.NumFeatures() {
		for k := range m.NumClasses() {
			if m.Coef(k, j) != 0 {
				n++
			}
		}
	}
	return n
}

// TestSparsity holds the weights against the conditions of optimality: those
// that are 0 are so exactly and have gradients of at most the share of the L1
// norm, the others' gradients balance the penalty.
func TestSparsity(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	for _, classes := range []int{2, 3, 4, 6} {
		x, y := random(rng, 200, 30, classes)
		before := 0
		for _, c := range []float64{0.01, 0.3, 1, 3} {
			for _, l1 := range []float64{1, 0.5} {
				m, res, err := logreg.Fit(t.Context(), x, y, classes, &logreg.Options{C: c, L1Ratio: l1, Tolerance: 1e-13})
				if err != nil || res.Status != logreg.Converged {
					t.Fatalf("%+v, %v", res, err)
				}
				grad := make([]float64, 30*classes)
				balance := make([]float64, classes)
				for i := range y {
					ind, val := x.Row(i)
					p := m.AppendProba(nil, ind, val)
					p[y[i]]--
					floats.AddScaled(balance, c, p)
					for e, j := range ind {
						floats.AddScaled(grad[int(j)*classes:(int(j)+1)*classes], c*val[e], p)
					}
				}
				if off := floats.Norm(balance, math.Inf(1)); off > 1e-6*c {
					t.Errorf("%d classes, C=%v, L1=%v: gradient by the intercepts is %g", classes, c, l1, off)
				}
				for j := range 30 {
					for k := range classes {
						w, g := m.Coef(k, j), grad[j*classes+k]
						if classes == 2 && k == 0 {
							continue // is not fitted
						}
						off := math.Abs(g + (1-l1)*w + math.Copysign(l1, w))
						if w == 0 {
							off = max(0, math.Abs(g)-l1)
						}
						if off > 1e-4 {
							t.Errorf("%d classes, C=%v, L1=%v: weight %v has gradient %v", classes, c, l1, w, g)
						}
					}
				}
				n := used(m)
				switch {
				case c == 0.01 && l1 == 1 && n > 0:
					t.Errorf("%d classes: %d weights are not 0 with C=%v", classes, n, c)
				case c >= 0.3 && l1 == 1 && (n == 0 || n >= 30*classes*9/10 || n < before):
					t.Errorf("%d classes: %d weights are not 0 with C=%v, %d with less", classes, n, c, before)
				}
				if l1 == 1 {
					before = n
				}
			}
		}
	}
}

// TestAllZero fits a penalty that leaves nothing but the intercepts: the
// probabilities are the weighted shares of the classes, at once.
func TestAllZero(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(22, 1)), 100, 10, 3)
	for _, classWeights := range [][]float64{nil, {1, 5, 0.5}} {
		share := make([]float64, 3)
		for _, c := range y {
			if classWeights == nil {
				share[c]++
			} else {
				share[c] += classWeights[c]
			}
		}
		floats.Scale(1/floats.Sum(share), share)
		m, res, err := logreg.Fit(t.Context(), x, y, 3, &logreg.Options{C: 1e-9, L1Ratio: 1, ClassWeights: classWeights})
		if err != nil || res.Status != logreg.Converged || res.Iterations != 0 || used(m) != 0 {
			t.Fatalf("%d weights, %+v, %v", used(m), res, err)
		}
		if p := m.AppendProba(nil, []int32{3}, []float64{2}); floats.Distance(p, share, math.Inf(1)) > 1e-9 {
			t.Errorf("probabilities %v, shares %v", p, share)
		}
	}
}

// TestAbsentRows fits rows of weight 0 and the same without them, and rows of
// weight 2 and the same twice.
func TestAbsentRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	x, y := random(rng, 120, 12, 3)
	weights := make([]float64, len(y))
	other := logreg.NewRows(12)
	var otherY []int
	for i, c := range y {
		weights[i] = float64(rng.IntN(3))
		for range int(weights[i]) {
			if err := other.Append(x.Row(i)); err != nil {
				t.Fatal(err)
			}
			otherY = append(otherY, c)
		}
	}
	for name, o := range penalties {
		if o.C == 1e8 || math.IsInf(o.C, 1) && o.OneVsRest {
			continue // too flat for as many digits
		}
		o.Tolerance = 1e-13
		want, wantRes, err := logreg.Fit(t.Context(), other, otherY, 3, &o)
		if err != nil {
			t.Fatal(err)
		}
		o.SampleWeights = weights
		got, gotRes, err := logreg.Fit(t.Context(), x, y, 3, &o)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(gotRes.Objective-wantRes.Objective) > 1e-9*wantRes.Objective {
			t.Errorf("%s: objective %v, want %v", name, gotRes.Objective, wantRes.Objective)
		}
		for i := range x.Len() {
			ind, val := x.Row(i)
			if d := floats.Distance(got.AppendProba(nil, ind, val), want.AppendProba(nil, ind, val), math.Inf(1)); d > 1e-4 {
				t.Fatalf("%s: probabilities of row %d are %g apart", name, i, d)
			}
		}
	}
}

// TestManyClasses fits more classes than the solver keeps second derivatives
// for.
func TestManyClasses(t *testing.T) {
	const classes = 16
	x, y := random(rand.New(rand.NewPCG(24, 1)), 100, 60, classes)
	for i := range y {
		if i < classes {
			y[i] = i
		}
	}
	for _, l1 := range []float64{1, 0.3} {
		m, res, err := logreg.Fit(t.Context(), x, y, classes, &logreg.Options{C: 10, L1Ratio: l1})
		if err != nil || res.Status != logreg.Converged {
			t.Errorf("L1=%v: %+v, %v", l1, res, err)
			continue
		}
		if why := absurd(m, res, x); why != "" {
			t.Error(why)
		}
	}
}

// TestCollinear fits features that go together: coordinate descent alone does
// not get there in 100,000 passes.
func TestCollinear(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 1))
	x := logreg.NewRows(12)
	var y []int
	for i := range 200 {
		base := rng.NormFloat64()
		var ind []int32
		var val []float64
		for j := range 12 {
			ind, val = append(ind, int32(j)), append(val, base+0.03*rng.NormFloat64())
		}
		if err := x.Append(ind, val); err != nil {
			t.Fatal(err)
		}
		y = append(y, i%3)
		if base+0.1*rng.NormFloat64() > 0.5 {
			y[i] = 2
		}
	}
	for _, l1 := range []float64{1, 0.9, 0.1} {
		_, res, err := logreg.Fit(t.Context(), x, y, 3, &logreg.Options{C: 1000, L1Ratio: l1})
		if err != nil || res.Status != logreg.Converged || res.Iterations > 300 {
			t.Errorf("L1=%v: %+v, %v", l1, res, err)
		}
	}
}

// texts returns rows as texts give them: words are the rarer the higher their
// number, and each class prefers some of them.
func texts(rng *rand.Rand, n, features, words, classes int) (*logreg.Rows, []int) {
	x := logreg.NewRows(features)
	y := make([]int, n)
	for i := range n {
		y[i] = rng.IntN(classes)
		if rng.IntN(20) > 0 {
			y[i] = max(1, y[i]) // class 0 is rare
		}
		count := map[int32]float64{}
		for range words {
			j := int32(math.Exp(rng.Float64()*math.Log(float64(features)))) - 1
			if rng.IntN(8) == 0 {
				j = j - j%int32(classes) + int32(y[i])
			}
			count[min(max(j, 0), int32(features)-1)]++
		}
		ind := make([]int32, 0, len(count))
		for j := range count {
			ind = append(ind, j)
		}
		slices.Sort(ind)
		val := make([]float64, len(ind))
		for e, j := range ind {
			val[e] = (1 + math.Log(count[j])) * math.Log(2+float64(j))
		}
		floats.Scale(1/floats.Norm(val, 2), val)
		if err := x.Append(ind, val); err != nil {
			panic(err)
		}
	}
	return x, y
}

// BenchmarkFitLarge fits 20,000 rows of 67,000 features with 1.7 million values.
func BenchmarkFitLarge(b *testing.B) {
	x, y := texts(rand.New(rand.NewPCG(26, 1)), 20000, 67000, 115, 3)
	values := 0
	for i := range x.Len() {
		ind, _ := x.Row(i)
		values += len(ind)
	}
	for _, l1 := range []float64{1, 0.5} {
		b.Run(fmt.Sprintf("L1=%v", l1), func(b *testing.B) {
			for b.Loop() {
				m, res, err := logreg.Fit(b.Context(), x, y, 3, &logreg.Options{L1Ratio: l1})
				if err != nil || res.Status != logreg.Converged {
					b.Fatalf("%+v, %v", res, err)
				}
				b.ReportMetric(float64(values), "values")
				b.ReportMetric(float64(used(m)), "weights")
				b.ReportMetric(float64(res.Iterations), "iterations")
			}
		})
	}
}
