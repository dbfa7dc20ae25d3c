package eval_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/eval"
)

var levels = []string{"low", "medium", "high"}

// draw is one random example.
func drawn(rng *rand.Rand) (truth, predicted int, proba []float64) {
	proba = make([]float64, 3)
	sum := 0.0
	for c := range proba {
		proba[c] = rng.ExpFloat64()
		sum += proba[c]
	}
	for c := range proba {
		proba[c] /= sum
		if proba[c] > proba[predicted] {
			predicted = c
		}
	}
	truth = predicted
	if rng.Float64() < 0.3 {
		truth = rng.IntN(3)
	}
	return truth, predicted, proba
}

// filled returns an Evaluation of n random examples.
func filled(t testing.TB, seed uint64, n int, weight func(*rand.Rand) float64) *eval.Evaluation {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	e := newEvaluation(t, levels)
	for range n {
		truth, predicted, proba := drawn(rng)
		if err := e.AddWeighted(truth, predicted, proba, weight(rng)); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func one(*rand.Rand) float64 { return 1 }

func marshal(t testing.TB, e *eval.Evaluation) (text, binary []byte) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if binary, err = e.MarshalBinary(); err != nil {
		t.Fatal(err)
	}
	return text, binary
}

// TestEvaluationReadBack reads states of all kinds in both forms, and goes on
// with them.
func TestEvaluationReadBack(t *testing.T) {
	for name, e := range map[string]*eval.Evaluation{
		"empty": newEvaluation(t, levels), "plain": filled(t, 1, 500, one),
		"weighted": filled(t, 2, 500, (*rand.Rand).ExpFloat64),
		"zero":     filled(t, 3, 3, func(*rand.Rand) float64 { return 0 }),
	} {
		text, binary := marshal(t, e)
		t.Logf("%s: %d bytes of JSON, %d binary", name, len(text), len(binary))
		for _, data := range [][]byte{text, binary} {
			read, err := eval.ParseEvaluation(data)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if read.N() != e.N() {
				t.Errorf("%s: read %d examples, want %d", name, read.N(), e.N())
			}
			again, againBinary := marshal(t, read)
			if string(again) != string(text) || string(againBinary) != string(binary) {
				t.Errorf("%s: what was read is not what was written", name)
			}
			if err := read.Merge(e); err != nil || read.N() != 2*e.N() {
				t.Errorf("%s: merged to %d examples, error %v", name, read.N(), err)
			}
		}
	}
}

// TestEvaluationGolden reads a file that an earlier riskkit wrote; see
// CONTRIBUTING.md.
func TestEvaluationGolden(t *testing.T) {
	want := filled(t, 4, 50, func(rng *rand.Rand) float64 { return float64(1 + rng.IntN(3)) })
	r, err := want.Report()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"evaluation-1.json", "evaluation-1.bin"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		e, err := eval.ParseEvaluation(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := e.Report()
		if err != nil {
			t.Fatal(err)
		}
		if got.N != r.N || !near(r.LogLoss, got.LogLoss) || !near(r.Brier, got.Brier) || cmp.Diff(r.Confusion, got.Confusion) != "" {
			t.Errorf("%s has %+v\nwant %+v", name, got, r)
		}
	}
}

// TestMergeIsExact adds the same examples in parts, in another order.
func TestMergeIsExact(t *testing.T) {
	whole := newEvaluation(t, levels)
	parts := []*eval.Evaluation{newEvaluation(t, levels), newEvaluation(t, levels), newEvaluation(t, levels)}
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 1000 {
		truth, predicted, proba := drawn(rng)
		for _, e := range []*eval.Evaluation{whole, parts[i*i%3]} {
			if err := e.Add(truth, predicted, proba); err != nil {
				t.Fatal(err)
			}
		}
	}
	merged := newEvaluation(t, levels)
	for _, e := range []*eval.Evaluation{parts[2], parts[0], parts[1]} {
		if err := merged.Merge(e); err != nil {
			t.Fatal(err)
		}
	}
	a, err := whole.Report()
	if err != nil {
		t.Fatal(err)
	}
	b, err := merged.Report()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][2]float64{{a.LogLoss, b.LogLoss}, {a.Brier, b.Brier}, {a.ECE, b.ECE}, {a.MCE, b.MCE}} {
		if !near(v[0], v[1]) {
			t.Errorf("merged %v, whole %v", v[1], v[0])
		}
	}
	if diff := cmp.Diff(a.Levels, b.Levels); diff != "" { // counts alone
		t.Errorf("levels (-whole +merged):\n%s", diff)
	}
}

func TestParseEvaluationRefuses(t *testing.T) {
	text, binary := marshal(t, filled(t, 6, 100, one))
	short := binary[:len(binary)-9]
	flipped := append([]byte(nil), binary...)
	flipped[60] ^= 1
	for name, data := range map[string]string{
		"nothing": "", "not a file": "hello", "cut": string(short), "a bit flipped": string(flipped), "cut JSON": string(text[:len(text)/2]),
		"format":        strings.Replace(string(text), "evaluation/1", "evaluation/9", 1),
		"one level":     `{"format":"riskkit-evaluation/1","levels":["a"],"counts":[0]}`,
		"counts":        strings.Replace(string(text), `"counts":[`, `"counts":[1,`, 1),
		"another count": strings.Replace(string(text), `"counts":[`, `"counts":[9`, 1),
		"negative":      strings.Replace(string(text), `"counts":[`, `"counts":[-`, 1),
		"bins":          strings.Replace(string(text), `"tops":[`, `"tops":[[0,0,0],`, 1),
		"bin":           strings.Replace(string(text), `"scores":[[`, `"scores":[[0.5,0,0,0],[`, 1),
		"hits":          strings.Replace(string(text), `"tops":[[0,0,0]`, `"tops":[[0,0,1]`, 1),
		"loss":          strings.Replace(string(text), `"brier":[`, `"brier":[-`, 1),
	} {
		if _, err := eval.ParseEvaluation([]byte(data)); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// FuzzParseEvaluation feeds anything in: what is taken can be reported, and
// reads back as itself.
func FuzzParseEvaluation(f *testing.F) {
	for _, e := range []*eval.Evaluation{filled(f, 7, 20, one), filled(f, 8, 20, (*rand.Rand).ExpFloat64), newEvaluation(f, levels[:2])} {
		text, binary := marshal(f, e)
		f.Add(text)
		f.Add(binary)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := eval.ParseEvaluation(data)
		if err != nil {
			if !errors.Is(err, eval.ErrInput) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		text, binary := marshal(t, e)
		for _, data := range [][]byte{text, binary} {
			again, err := eval.ParseEvaluation(data)
			if err != nil {
				t.Fatal(err)
			}
			if _, b := marshal(t, again); string(b) != string(binary) {
				t.Fatal("what was read is not what was written")
			}
		}
		r, err := e.Report()
		if errors.Is(err, eval.ErrEmpty) {
			return
		}
		if err != nil || math.IsNaN(r.MacroF1) || math.IsNaN(r.LogLoss) {
			t.Fatalf("report %+v, error %v", r, err)
		}
		i, err := e.Intervals(&eval.IntervalOptions{Resamples: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{r, i} { // which fails on what is not a number
			if _, err := json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	})
}
