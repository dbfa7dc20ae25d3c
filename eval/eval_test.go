package eval_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/fixture"
)

// TestMcNemarEqualsSciPy holds McNemar's test against SciPy's binomial test
// (internal/sklearn/eval_fixture.py).
func TestMcNemarEqualsSciPy(t *testing.T) {
	var f struct{ Pairs []eval.Paired }
	fixture.Load(t, "eval", &f)
	if len(f.Pairs) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, want := range f.Pairs {
		var truth, a, b []int
		for range want.OnlyA {
			truth, a, b = append(truth, 1), append(a, 1), append(b, 0)
		}
		for range want.OnlyB {
			truth, a, b = append(truth, 1), append(a, 2), append(b, 1)
		}
		truth, a, b = append(truth, 0, 0), append(a, 0, 1), append(b, 0, 2) // both right, both wrong
		got, err := eval.McNemar(truth, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("McNemar (-SciPy +riskkit):\n%s", diff)
		}
	}
}

func newEvaluation(t testing.TB, levels []string) *eval.Evaluation {
	t.Helper()
	e, err := eval.New(levels)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReportJSON(t *testing.T) {
	e := newEvaluation(t, []string{"low", "medium", "high"})
	if err := e.Add(2, 1, []float64{0, 0.5, 0.5}); err != nil {
		t.Fatal(err)
	}
	r, err := e.Report()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back eval.Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	const want = `{"n":1,"macro_f1":0,"accuracy":0,"log_loss":0.6931471805599453,"brier":0.5,"ece":0.5,"mce":0.5,` +
		`"murphy":{"reliability":0.5,"resolution":0,"uncertainty":0,"within":0},` +
		`"levels":{"low":{"precision":0,"recall":0,"f1":0,"support":0},"medium":{"precision":0,"recall":0,"f1":0,"support":0},` +
		`"high":{"precision":0,"recall":0,"f1":0,"support":1,"average_precision":{"value":1,"low":1,"high":1}}},` +
		`"macro":{"precision":0,"recall":0,"f1":0},"weighted":{"precision":0,"recall":0,"f1":0},"confusion":[[0,0,0],[0,0,0],[0,1,0]]}`
	if string(data) != want {
		t.Errorf("JSON is %s\nwant %s", data, want)
	}
}

func TestAddRefuses(t *testing.T) {
	e := newEvaluation(t, []string{"low", "high"})
	for name, c := range map[string]struct {
		truth, predicted int
		proba            []float64
	}{
		"true level":      {2, 0, []float64{1, 0}},
		"predicted level": {0, -1, []float64{1, 0}},
		"too few":         {0, 0, []float64{1}},
		"NaN":             {0, 0, []float64{math.NaN(), 1}},
		"negative":        {0, 0, []float64{-0.1, 1.1}},
		"sum":             {0, 0, []float64{0.5, 0.4}},
	} {
		if err := e.Add(c.truth, c.predicted, c.proba); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := e.Report(); !errors.Is(err, eval.ErrEmpty) {
		t.Errorf("report of nothing: error is %v", err)
	}
	if err := e.Merge(newEvaluation(t, []string{"a", "b"})); !errors.Is(err, eval.ErrInput) {
		t.Errorf("merge of other levels: error is %v", err)
	}
	for _, levels := range [][]string{nil, {"one"}, {"a", "a"}, {"a", "\xff"}} {
		if _, err := eval.New(levels); !errors.Is(err, eval.ErrInput) {
			t.Errorf("levels %q: error is %v", levels, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = e.Add(0, 0, []float64{1, 0}) }); n > 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

// worth is the value of thresholds, computed plainly.
func worth(scores []float64, truth []int, levels int, thresholds []float64, o eval.Objective) float64 {
	support := make([]int, levels)
	predicted := make([][]int, levels)
	for k := range predicted {
		predicted[k] = make([]int, levels)
	}
	for i, s := range scores {
		k := 0
		for k < levels-1 && s >= thresholds[k] {
			k++
		}
		support[truth[i]]++
		predicted[k][truth[i]]++
	}
	sum := 0.0
	for k := range levels {
		sum += o.Worth(k, predicted[k], support)
	}
	return sum
}

// TestThresholdsAreBest compares with trying all thresholds there are.
func TestThresholdsAreBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		n, levels := 1+rng.IntN(25), 2+rng.IntN(3)
		scores, truth := make([]float64, n), make([]int, n)
		for i := range scores {
			truth[i] = rng.IntN(levels)
			scores[i] = math.Round(10*(0.5*rng.Float64()+0.5*float64(truth[i])/float64(levels))) / 10
		}
		cost := make(eval.Cost, levels)
		for i := range cost {
			for range levels {
				cost[i] = append(cost[i], float64(rng.IntN(5)))
			}
		}
		for _, o := range []eval.Objective{eval.MacroF1{}, cost, eval.RecallFloor{Level: levels - 1, Recall: 0.9}} {
			thresholds, err := eval.Thresholds(scores, truth, levels, o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(thresholds) || thresholds[0] < 0 || thresholds[levels-2] > 1 {
				t.Fatalf("thresholds %v", thresholds)
			}
			best := math.Inf(-1)
			grid := make([]float64, levels-1) // scores are tenths: try the cuts between and at the ends
			var try func(k int, from float64)
			try = func(k int, from float64) {
				if k == levels-1 {
					best = max(best, worth(scores, truth, levels, grid, o))
					return
				}
				for c := from; c < 1; c += 0.1 {
					grid[k] = c
					try(k+1, c)
				}
			}
			try(0, -0.05)
			if got := worth(scores, truth, levels, thresholds, o); got < best-1e-9 {
				t.Errorf("%T on %v, levels %v: thresholds %v are worth %v, the best are worth %v", o, scores, truth, thresholds, got, best)
			}
		}
	}
}

func TestThresholdsMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const n = 100_003
	scores, truth := make([]float64, n), make([]int, n)
	for i := range scores {
		scores[i] = rng.Float64()
		truth[i] = min(2, int(3*scores[i]))
	}
	thresholds, err := eval.Thresholds(scores, truth, 3, eval.MacroF1{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1. / 3, 2. / 3} {
		if math.Abs(thresholds[i]-want) > 0.002 {
			t.Errorf("threshold %d is %v, want %v", i, thresholds[i], want)
		}
	}
}

// TestThresholdsRare has rare scores among many that are alike.
func TestThresholdsRare(t *testing.T) {
	var scores []float64
	var truth []int
	for k, n := range []int{9980, 8, 8} {
		for range n {
			scores, truth = append(scores, 0.1+0.4*float64(k)), append(truth, k)
		}
	}
	thresholds, err := eval.Thresholds(scores, truth, 3, eval.MacroF1{})
	if err != nil || math.Abs(thresholds[0]-0.3) > 1e-12 || math.Abs(thresholds[1]-0.7) > 1e-12 {
		t.Errorf("thresholds %v, error %v, want 0.3 and 0.7", thresholds, err)
	}
	// 55 of 100 is a recall of 0.55, though 0.55 * 100 is above 55 in floating
	// point.
	scores, truth = nil, nil
	for i := range 200 {
		scores, truth = append(scores, float64(i)/200), append(truth, 0)
		if i >= 100 {
			truth[i] = 1
		}
	}
	for i := 100; i < 145; i++ {
		scores[i] = 0.01
	}
	thresholds, err = eval.Thresholds(scores, truth, 2, eval.RecallFloor{Level: 1, Recall: 0.55})
	if err != nil || thresholds[0] < 0.3 {
		t.Errorf("thresholds %v, error %v, want one that finds 55 of 100", thresholds, err)
	}
}

func TestThresholdsErrors(t *testing.T) {
	for name, c := range map[string]struct {
		scores []float64
		truth  []int
		levels int
		o      eval.Objective
		want   error
	}{
		"empty":         {nil, nil, 3, eval.MacroF1{}, eval.ErrEmpty},
		"lengths":       {[]float64{0}, []int{0, 1}, 3, eval.MacroF1{}, eval.ErrInput},
		"NaN":           {[]float64{math.NaN()}, []int{0}, 3, eval.MacroF1{}, eval.ErrInput},
		"level":         {[]float64{0}, []int{3}, 3, eval.MacroF1{}, eval.ErrInput},
		"one level":     {[]float64{0}, []int{0}, 1, eval.MacroF1{}, eval.ErrInput},
		"cost rows":     {[]float64{0}, []int{0}, 2, eval.Cost{{0, 1}}, eval.ErrInput},
		"cost columns":  {[]float64{0}, []int{0}, 2, eval.Cost{{0, 1}, {1}}, eval.ErrInput},
		"cost infinite": {[]float64{0}, []int{0}, 2, eval.Cost{{0, math.Inf(1)}, {1, 0}}, eval.ErrInput},
		"floor level":   {[]float64{0}, []int{0}, 2, eval.RecallFloor{Level: 2, Recall: 1}, eval.ErrInput},
		"floor":         {[]float64{0}, []int{0}, 2, eval.RecallFloor{Level: 1, Recall: 1.1}, eval.ErrInput},
		"impossible":    {[]float64{1}, []int{0}, 2, eval.RecallFloor{Level: 0, Recall: 1}, eval.ErrInput},
	} {
		if _, err := eval.Thresholds(c.scores, c.truth, c.levels, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
	for want, o := range map[string]eval.Objective{
		"macro-F1": eval.MacroF1{}, "cost [[0 1] [2 0]]": eval.Cost{{0, 1}, {2, 0}},
		"macro-F1 with a recall of at least 0.9 of level 2": eval.RecallFloor{Level: 2, Recall: 0.9},
	} {
		if o.String() != want {
			t.Errorf("objective is %q, want %q", o, want)
		}
	}
	if _, err := eval.McNemar([]int{0}, []int{0}, nil); !errors.Is(err, eval.ErrInput) {
		t.Errorf("McNemar: error is %v", err)
	}
}

// BenchmarkAdd adds different examples, of which a processor cannot guess the
// next.
func BenchmarkAdd(b *testing.B) {
	const n = 4096
	rng := rand.New(rand.NewPCG(1, 1))
	truth, predicted, proba := make([]int, n), make([]int, n), make([]float64, 0, 3*n)
	for i := range n {
		var p []float64
		truth[i], predicted[i], p = drawn(rng)
		proba = append(proba, p...)
	}
	e := newEvaluation(b, levels)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := e.Add(truth[i], predicted[i], proba[3*i:3*i+3]); err != nil {
			b.Fatal(err)
		}
		i = (i + 1) % n
	}
}

// BenchmarkMillion evaluates a million different examples of three levels, from
// adding them to all metrics.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	rng := rand.New(rand.NewPCG(1, 1))
	truth, predicted, proba := make([]int, n), make([]int, n), make([][]float64, n)
	for i := range n {
		truth[i], predicted[i], proba[i] = drawn(rng)
	}
	b.ResetTimer()
	for b.Loop() {
		e := newEvaluation(b, levels)
		for i, p := range proba {
			if err := e.Add(truth[i], predicted[i], p); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := e.Report(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBootstrap draws 1000 resamples of macro-F1.
func BenchmarkBootstrap(b *testing.B) {
	e := filled(b, 1, 10_000, one)
	for b.Loop() {
		if _, err := e.Bootstrap(func(m eval.Matrix) float64 { return m.Macro().F1 }, &eval.IntervalOptions{Resamples: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIntervals(b *testing.B) {
	e := filled(b, 1, 10_000, one)
	for b.Loop() {
		if _, err := e.Intervals(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkThresholds(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 3))
	scores, truth := make([]float64, 20_000), make([]int, 20_000)
	for i := range scores {
		scores[i], truth[i] = rng.Float64(), rng.IntN(3)
	}
	for b.Loop() {
		if _, err := eval.Thresholds(scores, truth, 3, eval.MacroF1{}); err != nil {
			b.Fatal(err)
		}
	}
}
