package risk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// TestTrain trains on incidents and checks what comes out on others.
func TestTrain(t *testing.T) {
	m, r := trained()
	if r.Documents != 400 || r.FoldsBy != risk.FoldsByTime || r.Folds != 5 || r.Status != "converged" || r.First.IsZero() || !r.Last.After(r.First) {
		t.Errorf("report %+v", r)
	}
	if diff := cmp.Diff(m.Thresholds(), r.Thresholds); diff != "" {
		t.Errorf("thresholds (-model +report):\n%s", diff)
	}
	held, err := risk.Evaluate(t.Context(), m, risk.ExampleSlice(usual(2, 400)), nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := risk.Evaluate(t.Context(), heuristic(t), risk.ExampleSlice(usual(2, 400)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if held.MacroF1 < 0.8 || held.MacroF1 < base.MacroF1+0.1 || held.ECE > 0.1 || math.Abs(held.MacroF1-r.Metrics.MacroF1) > 0.1 {
		t.Errorf("on new incidents macro-F1 %.3f and calibration error %.3f, held out %.3f, by the heuristic %.3f", held.MacroF1, held.ECE, r.Metrics.MacroF1, base.MacroF1)
	}
	for _, x := range usual(2, 50) {
		a, err := m.Score(t.Context(), x.Document)
		if err != nil || a.Method != risk.MethodML || a.ModelVersion != "unregistered" || a.ID != x.ID {
			t.Fatalf("assessment %+v, error %v", a, err)
		}
		checkAssessment(t, a, m.Scale(), m.Thresholds())
	}
}

// TestTrainIsDeterministic trains twice, on one core and on all, and wants the
// same bytes.
func TestTrainIsDeterministic(t *testing.T) {
	var want map[string][]byte
	for _, procs := range []int{1, 2, 4} {
		before := runtime.GOMAXPROCS(procs)
		m, r, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 150)), &risk.TrainOptions{Seed: 7})
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		got, err := risk.NewArtifact(m, r)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("on %d cores %s differs", procs, name)
			}
		}
	}
}

func TestTrainFolds(t *testing.T) {
	untimed := usual(1, 150)
	untimed[3].CreatedAt = time.Time{}
	late := usual(1, 150) // all that is high comes last, in one part of time
	for i := range late {
		if late[i].Label == "high" {
			late[i].Label = "low"
		}
	}
	late[148].Label, late[149].Label = "high", "high"
	reversed := usual(1, 150)
	for i := range reversed {
		reversed[i].CreatedAt = reversed[0].CreatedAt.Add(time.Duration(-i) * time.Hour)
	}
	for name, c := range map[string]struct {
		examples []risk.Example
		want     string
	}{
		"timed": {usual(1, 150), risk.FoldsByTime}, "untimed": {untimed, risk.FoldsByChance},
		"late": {late, risk.FoldsByChance}, "reversed": {reversed, risk.FoldsByTime},
	} {
		_, r, err := risk.Train(t.Context(), risk.ExampleSlice(c.examples), nil)
		if err != nil || r.FoldsBy != c.want {
			t.Errorf("%s: folds by %s, error %v, want %s", name, r.FoldsBy, err, c.want)
		}
	}
	thresholds := map[string]bool{}
	for seed := range uint64(3) {
		_, r, err := risk.Train(t.Context(), risk.ExampleSlice(untimed), &risk.TrainOptions{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		thresholds[fmt.Sprint(r.Thresholds)] = true
	}
	if len(thresholds) < 2 {
		t.Error("the seed makes no difference to folds drawn by it")
	}
}

func TestTrainOptions(t *testing.T) {
	examples := usual(1, 300)
	recall := func(o eval.Objective) float64 {
		t.Helper()
		_, r, err := risk.Train(t.Context(), risk.ExampleSlice(examples), &risk.TrainOptions{Objective: o})
		if err != nil {
			t.Fatal(err)
		}
		return r.Metrics.Levels[2].Recall
	}
	if got := recall(eval.RecallFloor{Level: 2, Recall: 0.99}); got < 0.99 {
		t.Errorf("recall is %v, asked for 0.99", got)
	}
	costly := eval.Cost{{0, 1, 1}, {1, 0, 1}, {100, 100, 0}} // missing a high one costs the most
	if got, plain := recall(costly), recall(nil); got <= plain {
		t.Errorf("recall is %v where missing costs, %v where it does not", got, plain)
	}
	lexicon := small()
	steps := []risk.Progress{}
	m, r, err := risk.Train(t.Context(), risk.ExampleSlice(examples), &risk.TrainOptions{
		Features: &tfidf.Options{StopLanguage: "en", StemLanguage: "english"}, C: 1, Balanced: true, Folds: 3,
		Lexicon: lexicon, DriftTerms: -1, Progress: func(p risk.Progress) { steps = append(steps, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.C != 1 || !r.Balanced || r.Options.StemLanguage != "english" || len(steps) != 9 || steps[0].Done != 0 || steps[8].Done != 7 || steps[8].Total != 7 || steps[8].Step != "done" {
		t.Errorf("report %+v, steps %v", r, steps)
	}
	monitor, err := m.NewMonitor(nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := monitor.Sweep(t.Context())
	if err != nil || len(report.Features) != 14 { // no terms, and four of answers
		t.Errorf("sweep %+v, error %v", report, err)
	}
	two := usual(1, 100)
	for i := range two {
		if two[i].Label == "medium" {
			two[i].Label = "high"
		}
	}
	m, r, err = risk.Train(t.Context(), risk.ExampleSlice(two), &risk.TrainOptions{Scale: risk.Scale{"low", "high"}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := m.Score(t.Context(), two[0].Document); err != nil || a.Probabilities.Len() != 2 || len(r.Thresholds) != 1 {
		t.Errorf("two levels: %+v, error %v", a, err)
	}
}

func TestTrainErrors(t *testing.T) {
	examples := usual(1, 60)
	broken := errors.New("broken stream")
	lonely := append(usual(1, 60), risk.Example{})
	lonely[60] = examples[0]
	lonely[60].Label = "critical"
	for name, c := range map[string]struct {
		examples []risk.Example
		opts     risk.TrainOptions
		want     error
		mention  string
	}{
		"none":             {nil, risk.TrainOptions{}, risk.ErrTrain, "there are no examples"},
		"unknown label":    {lonely, risk.TrainOptions{}, risk.ErrLabel, `example 61, id "INC-1-0001", has label "critical"`},
		"one of a level":   {lonely, risk.TrainOptions{Scale: risk.Scale{"low", "medium", "high", "critical"}}, risk.ErrTrain, `1 have level "critical"`},
		"folds":            {examples, risk.TrainOptions{Folds: 1}, risk.ErrTrain, "1 folds"},
		"drift terms":      {examples, risk.TrainOptions{DriftTerms: 101}, risk.ErrTrain, "101 drift terms"},
		"scale":            {examples, risk.TrainOptions{Scale: risk.Scale{"low"}}, risk.ErrScale, ""},
		"objective":        {examples, risk.TrainOptions{Objective: eval.Cost{}}, eval.ErrInput, ""},
		"features":         {examples, risk.TrainOptions{Features: &tfidf.Options{MinDF: -1}}, tfidf.ErrOptions, ""},
		"empty vocabulary": {examples, risk.TrainOptions{Features: &tfidf.Options{NGrams: [2]int{9, 9}, MinDF: 20}}, tfidf.ErrEmptyVocabulary, ""},
	} {
		_, _, err := risk.Train(t.Context(), risk.ExampleSlice(c.examples), &c.opts)
		wantError(t, name, err, c.want, c.mention)
	}
	_, _, err := risk.Train(t.Context(), func(yield func(risk.Example, error) bool) { yield(risk.Example{}, broken) }, nil)
	wantError(t, "stream", err, broken, "")
}

// TestTrainCancelled cancels at each step and wants every goroutine to be gone.
func TestTrainCancelled(t *testing.T) {
	for step := range 15 {
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		if step == 0 {
			cancel()
		}
		_, _, err := risk.Train(ctx, risk.ExampleSlice(usual(1, 120)), &risk.TrainOptions{Progress: func(p risk.Progress) {
			if p.Done == step {
				cancel()
			}
		}})
		cancel()
		if step < 14 && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at step %d: error is %v", step, err)
		}
		ended(t, before, fmt.Sprint("cancelled at step ", step))
	}
}

// TestTrainReadsUntilCancelled reads a stream that does not end by itself.
func TestTrainReadsUntilCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	x := usual(1, 1)[0]
	n := 0
	_, _, err := risk.Train(ctx, func(yield func(risk.Example, error) bool) {
		for yield(x, nil) {
			if n++; n == 1000 {
				cancel()
			}
		}
	}, nil)
	wantError(t, "reading", err, context.Canceled, "")
	if n > 1001 {
		t.Errorf("%d examples were read", n)
	}
}

// TestTrainBalanced wants more of a rare level where levels weigh the same.
func TestTrainBalanced(t *testing.T) {
	var rare []risk.Example // one in six is low
	lows := 0
	for _, x := range usual(4, 600) {
		if x.Label == "low" {
			if lows++; lows%3 != 0 {
				continue
			}
		}
		rare = append(rare, x)
	}
	var mean [2]float64
	for i, balanced := range []bool{false, true} {
		m, _, err := risk.Train(t.Context(), risk.ExampleSlice(rare), &risk.TrainOptions{
			Features: &tfidf.Options{NGrams: [2]int{1, 2}, MinDF: 2, Sublinear: true}, Balanced: balanced, C: 0.1, Calibration: logreg.CalibrationTemperature,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range usual(5, 200) {
			a, err := m.Score(t.Context(), x.Document)
			if err != nil {
				t.Fatal(err)
			}
			mean[i] += a.Probabilities.Of("low") / 200
		}
	}
	if mean[1] < mean[0]+0.05 {
		t.Errorf("the mean probability of the rare level is %.3f, balanced %.3f", mean[0], mean[1])
	}
}

func TestCard(t *testing.T) {
	m, r := trained()
	card := string(r.Card(m))
	for _, want := range []string{"# Model card", "| examples | 400 |", "| thresholds | for macro-F1 |", r.DataDigest, "2025-09-01", "| true, predicted as | low | medium | high |", "- up: "} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q:\n%s", want, card)
		}
	}
	if strings.Contains(card, "%!") {
		t.Errorf("the card has a broken verb:\n%s", card)
	}
}
