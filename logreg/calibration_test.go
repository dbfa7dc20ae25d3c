package logreg_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/logreg"
)

// closeTo reports whether got and want differ by at most a share of want, or by
// as much where want is below 1.
func closeTo(got, want, share float64) bool {
	return math.Abs(got-want) <= share*max(1, math.Abs(want))
}

// wantAll holds numbers against those of scikit-learn.
func wantAll(t *testing.T, what string, got, want []float64, share float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, scikit-learn has %d: %v, want %v", what, len(got), len(want), got, want)
		return
	}
	for i := range want {
		if !closeTo(got[i], want[i], share) {
			t.Errorf("%s %d is %.17g, scikit-learn has %.17g", what, i, got[i], want[i])
		}
	}
}

func flat(rows [][]float64) []float64 { return slices.Concat(rows...) }

// TestSigmoidEqualsScikitLearn holds A and B against the optimum of the loss of
// scikit-learn's _sigmoid_calibration, and against where it stops itself
// (internal/sklearn/calibration_fixture.py).
func TestSigmoidEqualsScikitLearn(t *testing.T) {
	var f struct {
		Sigmoids []struct {
			Name             string
			Scores, Weights  []float64
			Positive         []bool
			Sklearn, Optimum []float64
		}
	}
	fixture.LoadFile(t, "calibration", &f)
	if len(f.Sigmoids) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Sigmoids {
		s, err := logreg.FitSigmoid(c.Scores, c.Positive, c.Weights)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		for _, v := range []struct{ got, want, sklearn float64 }{{s.A, c.Optimum[0], c.Sklearn[0]}, {s.B, c.Optimum[1], c.Sklearn[1]}} {
			if math.Abs(v.got-v.want) > 1e-6*math.Abs(v.want)+1e-15 {
				t.Errorf("%s: %.12g, the optimum is %.12g", c.Name, v.got, v.want)
			}
			if math.Abs(v.got-v.sklearn) > 1e-5*math.Abs(v.sklearn)+1e-15 {
				t.Errorf("%s: %.12g, scikit-learn stops at %.12g", c.Name, v.got, v.sklearn)
			}
		}
	}
}

// TestSigmoidEqualsLibSVM holds scikit-learn's test_sigmoid_calibration, whose
// numbers are from a port of LibSVM, to its number of digits.
func TestSigmoidEqualsLibSVM(t *testing.T) {
	scores := []float64{5, -4, 1}
	want := logreg.Sigmoid{A: -0.20261354391187855, B: 0.65236314980010512}
	got, err := logreg.FitSigmoid(scores, []bool{true, false, false}, nil)
	if err != nil || math.Abs(got.A-want.A) > 1.5e-3 || math.Abs(got.B-want.B) > 1.5e-3 {
		t.Errorf("%+v, error %v, LibSVM has %+v", got, err, want)
	}
	for _, f := range scores {
		if math.Abs(got.Predict(f)-want.Predict(f)) > 1.5e-6 {
			t.Errorf("probability at %v is %v, LibSVM has %v", f, got.Predict(f), want.Predict(f))
		}
	}
}

// TestIsotonicEqualsScikitLearn holds points and predictions against
// scikit-learn's IsotonicRegression (internal/sklearn/calibration_fixture.py).
func TestIsotonicEqualsScikitLearn(t *testing.T) {
	var f struct {
		Isotonics []struct {
			Name          string
			X, Y, Weights []float64
			XThresholds   []float64 `json:"x_thresholds"`
			YThresholds   []float64 `json:"y_thresholds"`
			At, Predicted []float64
		}
	}
	fixture.LoadFile(t, "calibration", &f)
	if len(f.Isotonics) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Isotonics {
		s, err := logreg.FitIsotonic(c.X, c.Y, c.Weights)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		wantAll(t, c.Name+": X", s.X, c.XThresholds, 0)
		wantAll(t, c.Name+": Y", s.Y, c.YThresholds, 1e-14)
		got := make([]float64, len(c.At))
		for i, x := range c.At {
			got[i] = s.Predict(x)
		}
		wantAll(t, c.Name+": prediction", got, c.Predicted, 1e-13)
	}
}

// TestIsotonicEqualsR holds two of scikit-learn's tests to the numbers that
// they quote from gpava with ties "secondary" of R's package isotone.
func TestIsotonicEqualsR(t *testing.T) {
	for _, c := range []struct{ x, y, want []float64 }{
		{ // the pituitary data
			[]float64{8, 8, 8, 10, 10, 10, 12, 12, 12, 14, 14},
			[]float64{21, 23.5, 23, 24, 21, 25, 21.5, 22, 19, 23.5, 25},
			[]float64{22.22222, 22.22222, 22.22222, 22.22222, 22.22222, 22.22222, 22.22222, 22.22222, 22.22222, 24.25, 24.25},
		},
		{[]float64{0, 1, 1, 2, 3, 4}, []float64{0, 0, 1, 0, 0, 1}, []float64{0, 0.25, 0.25, 0.25, 0.25, 1}},
	} {
		s, err := logreg.FitIsotonic(c.x, c.y, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range c.x {
			if got := s.Predict(x); math.Abs(got-c.want[i]) > 1e-5 {
				t.Errorf("at %v %v, R has %v", x, got, c.want[i])
			}
		}
	}
}

// TestTemperatureEqualsScikitLearn holds the inverse temperature and calibrated
// rows against scikit-learn's _TemperatureScaling
// (internal/sklearn/calibration_fixture.py).
func TestTemperatureEqualsScikitLearn(t *testing.T) {
	var f struct {
		Temperatures []struct {
			Name         string
			Classes      int
			P, Predicted [][]float64
			Y            []int
			Weights      []float64
			Beta         float64
		}
	}
	fixture.LoadFile(t, "calibration", &f)
	if len(f.Temperatures) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Temperatures {
		temperature, err := logreg.FitTemperature(flat(c.P), c.Y, c.Classes, c.Weights)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if beta := 1 / float64(temperature); math.Abs(beta-c.Beta) > 1e-6*c.Beta {
			t.Errorf("%s: beta is %.12g, scikit-learn has %.12g", c.Name, beta, c.Beta)
		}
		for i, want := range c.Predicted {
			got := slices.Clone(c.P[i])
			temperature.Apply(got)
			wantAll(t, c.Name+": probability", got, want, 1e-6)
		}
	}
}

// TestCalibrationEqualsScikitLearn holds the calibrated rows of sigmoids and
// isotonic maps against scikit-learn's _CalibratedClassifier
// (internal/sklearn/calibration_fixture.py).
func TestCalibrationEqualsScikitLearn(t *testing.T) {
	var f struct {
		Calibrated []struct {
			Name             string
			Method           logreg.Calibration
			Classes          int
			P, At, Predicted [][]float64
			Y                []int
			Weights          []float64
		}
	}
	fixture.LoadFile(t, "calibration", &f)
	if len(f.Calibrated) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, c := range f.Calibrated {
		m, err := logreg.FitCalibration(c.Method, flat(c.P), c.Y, c.Classes, c.Weights)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		tolerance := 1e-12
		if c.Method == logreg.CalibrationSigmoid {
			tolerance = 1e-6 // scikit-learn stops a little before the optimum
		}
		for i, row := range c.At {
			m.Apply(row)
			wantAll(t, fmt.Sprintf("%s: row %d: probability", c.Name, i), row, c.Predicted[i], tolerance)
		}
	}
}

// heldOut returns predictions that are surer than they ought to be, and
// weights.
func heldOut(rng *rand.Rand, n, classes int) (p []float64, y []int, weights []float64) {
	for range n {
		z := make([]float64, classes)
		best, top := 0, math.Inf(-1)
		for k := range z {
			z[k] = rng.NormFloat64()
			if v := z[k] - math.Log(rng.ExpFloat64()); v > top {
				best, top = k, v
			}
			z[k] *= 2
		}
		logreg.Softmax(z)
		p, y, weights = append(p, z...), append(y, best), append(weights, 2*rng.Float64())
	}
	return p, y, weights
}

// logLoss returns the weighted mean of it after c.
func logLoss(c logreg.Calibrator, p []float64, y []int, classes int, weights []float64) float64 {
	sum, total := 0.0, 0.0
	for i, k := range y {
		row := slices.Clone(p[i*classes : (i+1)*classes])
		c.Apply(row)
		sum -= weights[i] * math.Log(row[k])
		total += weights[i]
	}
	return sum / total
}

func kinds() []logreg.Calibration {
	return []logreg.Calibration{
		logreg.CalibrationNone, logreg.CalibrationTemperature, logreg.CalibrationSigmoid, logreg.CalibrationIsotonic,
	}
}

// TestCalibrators fits every kind to predictions that are too sure: rows sum to
// 1, the log loss falls, no memory is allocated, and JSON gives the same back.
func TestCalibrators(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, classes := range []int{2, 3, 7} {
		p, y, weights := heldOut(rng, 500, classes)
		before := logLoss(logreg.Identity{}, p, y, classes, weights)
		for _, kind := range kinds() {
			c, err := logreg.FitCalibration(kind, p, y, classes, weights)
			if err != nil {
				t.Fatal(kind, err)
			}
			if after := logLoss(c, p, y, classes, weights); kind != logreg.CalibrationNone && !(after < before) {
				t.Errorf("%v of %d classes: log loss is %v, %v before", kind, classes, after, before)
			}
			for range 100 {
				row := make([]float64, classes)
				for k := range row {
					row[k] = rng.ExpFloat64() * math.Pow(10, -10*rng.Float64())
				}
				if sum := sumOf(row); sum > 0 {
					for k := range row {
						row[k] /= sum
					}
				}
				c.Apply(row)
				if sum := sumOf(row); math.Abs(sum-1) > 1e-12 || slices.Min(row) < 0 || slices.Max(row) > 1 {
					t.Fatalf("%v of %d classes: %v sums to %v", kind, classes, row, sum)
				}
			}
			row := make([]float64, classes)
			if n := testing.AllocsPerRun(100, func() { copy(row, p); c.Apply(row) }); n != 0 && !race.Enabled {
				t.Errorf("%v of %d classes: Apply allocates %v times", kind, classes, n)
			}
			roundTrip(t, c)
		}
	}
}

func sumOf(p []float64) (sum float64) {
	for _, v := range p {
		sum += v
	}
	return sum
}

// roundTrip wants what is read back to be written as the same bytes, and to say
// the same.
func roundTrip(t *testing.T, c logreg.Calibrator) {
	t.Helper()
	data, err := logreg.MarshalCalibration(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := logreg.UnmarshalCalibration(data)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	again, err := logreg.MarshalCalibration(back)
	if err != nil || !bytes.Equal(data, again) {
		t.Fatalf("written again, error %v:\n%s\n%s", err, data, again)
	}
	for _, p := range [][]float64{{0.3, 0.7}, {0, 1}, {0.2, 0.5, 0.3}, {0.1, 0.2, 0.1, 0.2, 0.1, 0.1, 0.2}} {
		q := slices.Clone(p)
		c.Apply(p)
		back.Apply(q)
		if !slices.Equal(p, q) {
			t.Errorf("%s: read back %v, want %v", data, q, p)
		}
	}
}

// TestTemperatureIsLeast holds the log loss at the temperature against that a
// little to either side.
func TestTemperatureIsLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		classes := 2 + rng.IntN(4)
		p, y, weights := heldOut(rng, 20+rng.IntN(50), classes)
		best, err := logreg.FitTemperature(p, y, classes, weights)
		if err != nil {
			t.Fatal(err)
		}
		loss := logLoss(best, p, y, classes, weights)
		for _, factor := range []logreg.Temperature{0.999, 1.001} {
			if other := logLoss(best*factor, p, y, classes, weights); other <= loss {
				t.Errorf("log loss is %.12g at %v, %.12g at %v times that", loss, best, other, factor)
			}
		}
	}
}

// TestTemperatureBounds fits what no temperature is the best for.
func TestTemperatureBounds(t *testing.T) {
	for name, c := range map[string]struct {
		p    []float64
		y    []int
		want float64
	}{
		"always right":      {[]float64{0.9, 0.1, 0.2, 0.8}, []int{0, 1}, math.Exp(-10)},
		"always wrong":      {[]float64{0.9, 0.1, 0.2, 0.8}, []int{1, 0}, math.Exp(10)},
		"nothing to choose": {[]float64{0.5, 0.5, 0.5, 0.5}, []int{1, 0}, 1},
	} {
		got, err := logreg.FitTemperature(c.p, c.y, 2, nil)
		if err != nil || !closeTo(float64(got)/c.want, 1, 1e-12) {
			t.Errorf("%s: temperature is %v, error %v, want %v", name, got, err, c.want)
		}
	}
}

// TestSigmoidIsLeast holds the gradient of the loss, computed here from its
// definition, against 0, for scores of any size and place.
func TestSigmoidIsLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		n := 2 + rng.IntN(100)
		scale, shift := math.Pow(10, 12*rng.Float64()-6), 3*rng.NormFloat64()
		scores, weights, positive := make([]float64, n), make([]float64, n), make([]bool, n)
		var prior, priorNot float64
		for i := range scores {
			u := rng.NormFloat64()
			scores[i], positive[i], weights[i] = scale*(u+shift), u+rng.NormFloat64() > 1, rng.ExpFloat64()
			if positive[i] {
				prior += weights[i]
			} else {
				priorNot += weights[i]
			}
		}
		s, err := logreg.FitSigmoid(scores, positive, weights)
		if err != nil {
			t.Fatal(err)
		}
		var byA, byB float64
		for i, f := range scores {
			target := 1 / (priorNot + 2)
			if positive[i] {
				target = (prior + 1) / (prior + 2)
			}
			g := weights[i] * (target - s.Predict(f))
			byA += g * (f/scale - shift)
			byB += g
		}
		if max(math.Abs(byA), math.Abs(byB)) > 1e-9*(prior+priorNot) {
			t.Errorf("%d scores of size %g: the gradient is %g and %g", n, scale, byA, byB)
		}
	}
}

func TestSigmoidDegenerate(t *testing.T) {
	same, err := logreg.FitSigmoid([]float64{0.1, 0.1, 0.1}, []bool{true, false, false}, nil)
	if err != nil || same.A != 0 {
		t.Errorf("equal scores: %+v, error %v", same, err)
	}
	// The targets are 2/3 and twice 1/4: their mean is what is said of all.
	if got, want := same.Predict(7), (2.0/3+2.0/4)/3; !closeTo(got, want, 1e-12) {
		t.Errorf("equal scores: probability is %v, want %v", got, want)
	}
	if _, err := logreg.FitSigmoid([]float64{0, 1e-320}, []bool{true, false}, nil); !errors.Is(err, logreg.ErrRow) {
		t.Errorf("scores that cannot be told apart: error is %v", err)
	}
	huge, err := logreg.FitSigmoid([]float64{-math.MaxFloat64, math.MaxFloat64}, []bool{false, true}, nil)
	if err != nil || !(huge.Predict(math.MaxFloat64) > 0.6 && huge.Predict(-math.MaxFloat64) < 0.4) {
		t.Errorf("huge scores: %+v, error %v", huge, err)
	}
}

// TestIsotonicProperties holds that the fit never falls, keeps the weighted
// mean, stays in the range of y, does not depend on the order of the examples,
// fits itself exactly and is no worse than constants and the identity.
func TestIsotonicProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		n := 1 + rng.IntN(60)
		x, y, w := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = float64(rng.IntN(40)) / 8
			y[i], w[i] = math.Sqrt(x[i])+rng.NormFloat64(), float64(1+rng.IntN(5))
		}
		s, err := logreg.FitIsotonic(x, y, w)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		last := math.Inf(-1)
		for v := -1.0; v < 7; v += 0.01 {
			got := s.Predict(v)
			if got < last || got < slices.Min(y)-1e-12 || got > slices.Max(y)+1e-12 {
				t.Fatalf("at %v %v after %v", v, got, last)
			}
			last = got
		}
		fitted := make([]float64, n)
		var mean, fittedMean, loss, total float64
		for i := range x {
			fitted[i] = s.Predict(x[i])
			mean += w[i] * y[i]
			fittedMean += w[i] * fitted[i]
			loss += w[i] * (y[i] - fitted[i]) * (y[i] - fitted[i])
			total += w[i]
		}
		if !closeTo(fittedMean, mean, 1e-9) {
			t.Errorf("weighted sum is %v, want %v", fittedMean, mean)
		}
		for name, g := range map[string]func(float64) float64{
			"mean": func(float64) float64 { return mean / total }, "root": math.Sqrt, "identity": func(x float64) float64 { return x },
		} {
			other := 0.0
			for i := range x {
				other += w[i] * (y[i] - g(x[i])) * (y[i] - g(x[i]))
			}
			if loss > other+1e-9 {
				t.Errorf("squares sum to %v, those of the %s to %v", loss, name, other)
			}
		}
		again, err := logreg.FitIsotonic(x, fitted, w)
		if err != nil {
			t.Fatal(err)
		}
		rng.Shuffle(n, func(a, b int) { x[a], x[b], y[a], y[b], w[a], w[b] = x[b], x[a], y[b], y[a], w[b], w[a] })
		shuffled, err := logreg.FitIsotonic(x, y, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range x {
			if !closeTo(again.Predict(v), s.Predict(v), 1e-12) || !closeTo(shuffled.Predict(v), s.Predict(v), 1e-12) {
				t.Errorf("at %v: %v, fitted again %v, shuffled %v", v, s.Predict(v), again.Predict(v), shuffled.Predict(v))
			}
		}
	}
}

// TestIsotonicPredict looks up at points, between, outside, and in maps that
// nobody validated.
func TestIsotonicPredict(t *testing.T) {
	s := logreg.Isotonic{X: []float64{1, 2, 4}, Y: []float64{0, 0.5, 1}}
	wide := logreg.Isotonic{X: []float64{-math.MaxFloat64, math.MaxFloat64}, Y: []float64{-math.MaxFloat64, math.MaxFloat64}}
	steep := logreg.Isotonic{X: []float64{0, 1e-323}, Y: []float64{0, 1}}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		s       logreg.Isotonic
		x, want float64
	}{
		{s, 1, 0}, {s, 1.5, 0.25}, {s, 2, 0.5}, {s, 3, 0.75}, {s, 4, 1}, {s, 0, 0}, {s, 5, 1}, {s, -inf, 0}, {s, inf, 1}, {s, nan, nan},
		{logreg.Isotonic{}, 0.3, 0.3}, {logreg.Isotonic{X: []float64{1, 2, 3}, Y: []float64{0.5}}, 7, 0.5},
		{logreg.Isotonic{X: []float64{1}, Y: []float64{0.5}}, -7, 0.5},
		{wide, 0, -math.MaxFloat64}, {steep, 5e-324, 1},
	} {
		if got := c.s.Predict(c.x); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%+v at %v: %v, want %v", c.s, c.x, got, c.want)
		}
	}
}

// TestApplyEdges holds the rules for rows that maps say nothing of, and for
// rows that they are not made for.
func TestApplyEdges(t *testing.T) {
	zero := logreg.Isotonic{X: []float64{0.5}, Y: []float64{0}}
	never := logreg.Sigmoid{B: math.MaxFloat64}
	nan := math.NaN()
	for name, c := range map[string]struct {
		c         logreg.Calibrator
		row, want []float64
	}{
		// scikit-learn's test_calibration_zero_probability
		"isotonic maps of 0": {logreg.Isotonics{zero, zero, zero, zero}, []float64{0.1, 0.2, 0.3, 0.4}, []float64{0.25, 0.25, 0.25, 0.25}},
		"sigmoids of 0":      {logreg.Sigmoids{never, never, never, never}, []float64{0.1, 0.2, 0.3, 0.4}, []float64{0.25, 0.25, 0.25, 0.25}},
		"two classes":        {logreg.Isotonics{zero}, []float64{0.3, 0.7}, []float64{1, 0}},
		"Y above 1":          {logreg.Isotonics{{X: []float64{0}, Y: []float64{2}}}, []float64{0.3, 0.7}, []float64{0, 1}},
		"short row":          {logreg.Sigmoids{never, never, never}, []float64{0.3, 0.7}, []float64{0.3, 0.7}},
		"long row":           {logreg.Isotonics{zero}, []float64{0.3, 0.7, 0}, []float64{0.3, 0.7, 0}},
		"no sigmoids":        {logreg.Sigmoids{}, []float64{}, []float64{}},
		"no isotonic maps":   {logreg.Isotonics(nil), []float64{0.3, 0.7}, []float64{0.3, 0.7}},
		"NaN":                {logreg.Sigmoids{{}, {}, {}}, []float64{nan, 0.5, 0.5}, []float64{nan, nan, nan}},
		"NaN of two":         {logreg.Isotonics{zero}, []float64{0.5, nan}, []float64{nan, nan}},
		"NaN, temperature":   {logreg.Temperature(2), []float64{nan, 0.5}, []float64{nan, nan}},
		"empty, temperature": {logreg.Temperature(2), nil, nil},
		"temperature 0":      {logreg.Temperature(0), []float64{0.3, 0.7}, []float64{0.3, 0.7}},
		"nothing":            {logreg.Identity{}, []float64{0.3, 0.7}, []float64{0.3, 0.7}},
	} {
		c.c.Apply(c.row)
		if !slices.EqualFunc(c.row, c.want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
			t.Errorf("%s: %v, want %v", name, c.row, c.want)
		}
	}
}

func TestCalibrationErrors(t *testing.T) {
	p, y, w := []float64{0.5, 0.5, 0.1, 0.9}, []int{0, 1}, []float64{1, 2}
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		p       []float64
		y       []int
		classes int
		w       []float64
		want    error
	}{
		"one class":        {p, y, 1, w, logreg.ErrClasses},
		"few numbers":      {p[:3], y, 2, w, logreg.ErrClasses},
		"no rows":          {nil, nil, 2, nil, logreg.ErrClasses},
		"overflow":         {nil, make([]int, 4), math.MaxInt/4 + 1, nil, logreg.ErrClasses},
		"unknown class":    {p, []int{0, 2}, 2, w, logreg.ErrClasses},
		"negative class":   {p, []int{0, -1}, 2, w, logreg.ErrClasses},
		"NaN":              {[]float64{0.5, 0.5, nan, 1}, y, 2, w, logreg.ErrRow},
		"above 1":          {[]float64{0.5, 0.5, 0.1, 1.1}, y, 2, w, logreg.ErrRow},
		"few weights":      {p, y, 2, w[:1], logreg.ErrOptions},
		"negative weight":  {p, y, 2, []float64{1, -1}, logreg.ErrOptions},
		"NaN weight":       {p, y, 2, []float64{1, nan}, logreg.ErrOptions},
		"infinite weight":  {p, y, 2, []float64{1, inf}, logreg.ErrOptions},
		"weights of 0":     {p, y, 2, []float64{0, 0}, logreg.ErrOptions},
		"weights too huge": {p, y, 2, []float64{1e308, 1e308}, logreg.ErrOptions},
	} {
		for _, kind := range kinds() {
			if got, err := logreg.FitCalibration(kind, c.p, c.y, c.classes, c.w); !errors.Is(err, c.want) || got != nil {
				t.Errorf("%v, %s: %v, error %v, want %v", kind, name, got, err, c.want)
			}
		}
	}
	if _, err := logreg.FitCalibration("platt", p, y, 2, w); !errors.Is(err, logreg.ErrOptions) {
		t.Errorf("unknown kind: error is %v", err)
	}
	if c, err := logreg.FitCalibration("", p, y, 2, w); err != nil || c != (logreg.Identity{}) || logreg.Calibration("").String() != "none" {
		t.Errorf("no kind: %v, error %v", c, err)
	}
	for name, err := range map[string]error{
		"no scores":      second(logreg.FitSigmoid(nil, nil, nil)),
		"few scores":     second(logreg.FitSigmoid([]float64{1}, []bool{true, false}, nil)),
		"infinite score": second(logreg.FitSigmoid([]float64{1, inf}, []bool{true, false}, nil)),
		"no x":           second(logreg.FitIsotonic(nil, nil, nil)),
		"few y":          second(logreg.FitIsotonic([]float64{1, 2}, []float64{1}, nil)),
		"NaN x":          second(logreg.FitIsotonic([]float64{1, nan}, []float64{1, 2}, nil)),
		"NaN y":          second(logreg.FitIsotonic([]float64{1, 2}, []float64{1, nan}, nil)),
		"y too large":    second(logreg.FitIsotonic([]float64{1, 1}, []float64{1.7e308, 1.7e308}, nil)),
	} {
		if !errors.Is(err, logreg.ErrRow) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestWeightErrors gives fewer weights than there are examples.
func TestWeightErrors(t *testing.T) {
	x, w := []float64{1, 2}, []float64{1}
	for name, err := range map[string]error{
		"sigmoid":  second(logreg.FitSigmoid(x, []bool{true, false}, w)),
		"isotonic": second(logreg.FitIsotonic(x, x, w)),
	} {
		if !errors.Is(err, logreg.ErrOptions) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestMarshalCalibration(t *testing.T) {
	one := logreg.Isotonic{X: []float64{0.25, 0.75}, Y: []float64{0, 1}}
	for _, c := range []struct {
		c    logreg.Calibrator
		want string
	}{
		{nil, `{"method":"none"}`},
		{logreg.Identity{}, `{"method":"none"}`},
		{logreg.Temperature(0), `{"method":"temperature","temperature":1}`},
		{logreg.Temperature(1.5), `{"method":"temperature","temperature":1.5}`},
		{logreg.Sigmoids{{A: -1, B: 0.5}}, `{"method":"sigmoid","sigmoids":[{"a":-1,"b":0.5}]}`},
		{logreg.Isotonics{one}, `{"method":"isotonic","isotonics":[{"x":[0.25,0.75],"y":[0,1]}]}`},
	} {
		if got, err := logreg.MarshalCalibration(c.c); err != nil || string(got) != c.want {
			t.Errorf("%+v: %s, error %v, want %s", c.c, got, err, c.want)
		}
	}
	nan := math.NaN()
	for name, c := range map[string]struct {
		c    logreg.Calibrator
		want error
	}{
		"foreign":        {foreign{}, logreg.ErrOptions},
		"negative":       {logreg.Temperature(-1), logreg.ErrFormat},
		"NaN":            {logreg.Temperature(nan), logreg.ErrFormat},
		"no sigmoids":    {logreg.Sigmoids{}, logreg.ErrFormat},
		"two sigmoids":   {logreg.Sigmoids{{}, {}}, logreg.ErrFormat},
		"NaN sigmoid":    {logreg.Sigmoids{{A: nan}}, logreg.ErrFormat},
		"empty isotonic": {logreg.Isotonics{{}}, logreg.ErrFormat},
		"two isotonics":  {logreg.Isotonics{one, one}, logreg.ErrFormat},
		"lengths":        {logreg.Isotonics{{X: []float64{1, 2}, Y: []float64{1}}}, logreg.ErrFormat},
		"X falls":        {logreg.Isotonics{{X: []float64{2, 1}, Y: []float64{0, 1}}}, logreg.ErrFormat},
		"X stays":        {logreg.Isotonics{{X: []float64{1, 1}, Y: []float64{0, 1}}}, logreg.ErrFormat},
		"Y falls":        {logreg.Isotonics{{X: []float64{1, 2}, Y: []float64{1, 0}}}, logreg.ErrFormat},
		"Y above 1":      {logreg.Isotonics{{X: []float64{1, 2}, Y: []float64{0, 2}}}, logreg.ErrFormat},
		"Y below 0":      {logreg.Isotonics{{X: []float64{1, 2}, Y: []float64{-1, 1}}}, logreg.ErrFormat},
		"NaN X":          {logreg.Isotonics{{X: []float64{nan}, Y: []float64{0}}}, logreg.ErrFormat},
		"NaN Y":          {logreg.Isotonics{{X: []float64{0}, Y: []float64{nan}}}, logreg.ErrFormat},
	} {
		if got, err := logreg.MarshalCalibration(c.c); !errors.Is(err, c.want) {
			t.Errorf("%s: %s, error %v", name, got, err)
		}
	}
}

type foreign struct{}

func (foreign) Apply([]float64) {}

// hostile are not what MarshalCalibration writes.
func hostile() []string {
	return []string{
		``, `null`, `{}`, `[]`, `{"method":"none"`, `{"method":"none"}{}`, `{"method":"none"} x`, `{"method":"platt"}`, `{"method":""}`,
		`{"method":"none","temperature":1}`, `{"method":"none","sigmoids":[]}`, `{"method":"none","beta":1}`,
		`{"method":"temperature"}`, `{"method":"temperature","temperature":0}`, `{"method":"temperature","temperature":-1}`,
		`{"method":"temperature","temperature":1e999}`, `{"method":"temperature","temperature":"1"}`,
		`{"method":"temperature","temperature":1,"sigmoids":[{"a":1,"b":1}]}`,
		`{"method":"sigmoid"}`, `{"method":"sigmoid","sigmoids":[{"a":1,"b":1},{"a":1,"b":1}]}`, `{"method":"sigmoid","sigmoids":[{"a":1,"c":1}]}`,
		`{"method":"isotonic","isotonics":[{}]}`, `{"method":"isotonic","isotonics":[{"x":[1,2],"y":[0]}]}`,
		`{"method":"isotonic","isotonics":[{"x":[2,1],"y":[0,1]}]}`, `{"method":"isotonic","isotonics":[{"x":[1,1],"y":[0,1]}]}`,
		`{"method":"isotonic","isotonics":[{"x":[1,2],"y":[1,0]}]}`, `{"method":"isotonic","isotonics":[{"x":[1,2],"y":[0,3]}]}`,
		`{"method":"isotonic","isotonics":[{"x":[1,2],"y":[0,1]},{"x":[1],"y":[0]}]}`,
	}
}

func TestUnmarshalCalibrationRefuses(t *testing.T) {
	for _, s := range hostile() {
		if c, err := logreg.UnmarshalCalibration([]byte(s)); !errors.Is(err, logreg.ErrFormat) || c != nil {
			t.Errorf("%s: %v, error %v", s, c, err)
		}
	}
}

func FuzzUnmarshalCalibration(f *testing.F) {
	for _, s := range hostile() {
		f.Add([]byte(s))
	}
	for _, s := range []string{
		`{"method":"none"}`, `{"method":"temperature","temperature":1.5}`, `{"method":"sigmoid","sigmoids":[{"a":-1,"b":0.5}]}`,
		`{"method":"isotonic","isotonics":[{"x":[0.2,0.7],"y":[0,1]},{"x":[0],"y":[0]},{"x":[1],"y":[1]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := logreg.UnmarshalCalibration(data)
		if err != nil {
			if !errors.Is(err, logreg.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		roundTrip(t, c)
		for _, row := range [][]float64{{0.3, 0.7}, {0.2, 0.5, 0.3}, {0, 0, 1}} {
			c.Apply(row)
			if sum := sumOf(row); math.Abs(sum-1) > 1e-9 {
				t.Fatalf("%s: %v sums to %v", data, row, sum)
			}
		}
	})
}

// FuzzIsotonic takes x, y and weights from the bits of data, so that they can
// be anything.
func FuzzIsotonic(f *testing.F) {
	bits := func(v ...float64) (b []byte) {
		for _, v := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	f.Add([]byte{}, true)
	f.Add(bits(1, 2, 3), false)
	f.Add(bits(1, 41, 1, 2, 51, 2, 3, 1, 3), true)
	f.Add(bits(0, 1, 0, 1, 1, 0), true)
	f.Add(bits(0, 0.42, 1, 4.1e-320, 0.42, 1, 4.4e-314, 0.44, 1), true)
	f.Add(bits(math.NaN(), 1, 1), true)
	f.Add(bits(1, math.Inf(1), 1, -math.MaxFloat64, math.MaxFloat64, 1, math.MaxFloat64, -math.MaxFloat64, 1), true)
	f.Fuzz(func(t *testing.T, data []byte, weighted bool) {
		var x, y, w []float64
		for ; len(data) >= 24; data = data[24:] {
			for i, v := range []*[]float64{&x, &y, &w} {
				*v = append(*v, math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
			}
		}
		if !weighted {
			w = nil
		}
		s, err := logreg.FitIsotonic(x, y, w)
		if err != nil {
			if !errors.Is(err, logreg.ErrRow) && !errors.Is(err, logreg.ErrOptions) {
				t.Fatal(err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		at := append(slices.Clone(x), math.Inf(-1), math.Inf(1), 0, 0.5)
		for i := range s.X[1:] {
			at = append(at, s.X[i]/2+s.X[i+1]/2)
		}
		slices.Sort(at)
		last := s.Y[0]
		for _, v := range at {
			got := s.Predict(v)
			if !(got >= last && got <= s.Y[len(s.Y)-1]) {
				t.Fatalf("%+v: at %v %v after %v", s, v, got, last)
			}
			last = got
		}
		if !math.IsNaN(s.Predict(math.NaN())) {
			t.Fatal("NaN gives a number")
		}
		if s.Y[0] >= 0 && s.Y[len(s.Y)-1] <= 1 {
			roundTrip(t, logreg.Isotonics{s})
		}
	})
}

func FuzzSigmoid(f *testing.F) {
	f.Add(uint64(1), uint8(10), 1.0, 0.0, 1.0)
	f.Add(uint64(2), uint8(1), 1e300, 1e300, 1e-300)
	f.Add(uint64(3), uint8(100), 1e-300, 1e9, 1e290)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, scale, shift, weight float64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var scores, weights []float64
		var positive []bool
		for range n {
			scores = append(scores, shift+scale*rng.NormFloat64())
			positive = append(positive, rng.IntN(2) == 0)
			weights = append(weights, weight*rng.Float64())
		}
		s, err := logreg.FitSigmoid(scores, positive, weights)
		if err != nil {
			if !errors.Is(err, logreg.ErrRow) && !errors.Is(err, logreg.ErrOptions) {
				t.Fatal(err)
			}
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkFitCalibration(b *testing.B) {
	p, y, w := heldOut(rand.New(rand.NewPCG(9, 10)), 20000, 3)
	for _, kind := range kinds()[1:] {
		b.Run(kind.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := logreg.FitCalibration(kind, p, y, 3, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	p, y, w := heldOut(rand.New(rand.NewPCG(11, 12)), 20000, 3)
	for _, kind := range kinds()[1:] {
		c, err := logreg.FitCalibration(kind, p, y, 3, w)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			row := make([]float64, 3)
			for i := 0; b.Loop(); i++ {
				copy(row, p[i%len(y)*3:])
				c.Apply(row)
			}
		})
	}
}
