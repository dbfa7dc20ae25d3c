package risk_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// TestTrainChooses wants what is not given to be chosen by log loss, and what is
// given to be kept.
func TestTrainChooses(t *testing.T) {
	_, r := trained()
	if len(r.Candidates) < 4 {
		t.Fatalf("candidates %+v", r.Candidates)
	}
	for _, c := range r.Candidates {
		if c.C == r.C && c.Features.NGrams == r.Recipe.Features.NGrams && c.NaiveBayes == r.Recipe.NaiveBayes && c.Recency == r.Recipe.Recency {
			for _, o := range r.Candidates {
				if o.LogLoss < c.LogLoss {
					t.Errorf("%+v was chosen, %+v is better", c, o)
				}
			}
		}
	}
	if r.Calibration == "" || r.Options.NGrams != r.Recipe.Features.NGrams {
		t.Errorf("report %+v", r)
	}
	_, r, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 200)), &risk.TrainOptions{
		Features: &tfidf.Options{MinDF: 3}, NaiveBayes: 1, Recency: 0.5, C: 3, Calibration: logreg.CalibrationIsotonic,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Candidates) != 1 || r.C != 3 || r.Recipe.NaiveBayes != 1 || r.Recipe.Recency != 0.5 || r.Calibration != logreg.CalibrationIsotonic || r.Options.MinDF != 3 {
		t.Errorf("report %+v", r)
	}
	for name, o := range map[string]risk.TrainOptions{
		"C": {C: -1}, "NaN C": {C: math.NaN()}, "infinite C": {C: math.Inf(1)}, "recency": {Recency: -1}, "naive Bayes": {NaiveBayes: -1},
	} {
		if _, _, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 60)), &o); !errors.Is(err, risk.ErrTrain) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, _, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 60)), &risk.TrainOptions{Calibration: "crystal ball"}); !errors.Is(err, logreg.ErrOptions) {
		t.Errorf("calibration: error is %v", err)
	}
}

// TestNaiveBayes has a text whose only telling word is rare: scaled by its
// log-count ratio it counts for more.
func TestNaiveBayes(t *testing.T) {
	examples := usual(1, 300)
	for i := range examples {
		if i%3 == 0 && examples[i].Label == "high" {
			examples[i].Text += " Zweitausfall."
		}
	}
	var score [2]float64
	for i, nb := range []float64{0, 1} {
		m, r, err := risk.Train(t.Context(), risk.ExampleSlice(examples), &risk.TrainOptions{
			Features: &tfidf.Options{Binary: true, NoIDF: true}, NaiveBayes: nb, C: 0.1, Calibration: logreg.CalibrationNone,
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Score(t.Context(), risk.Document{Text: "The report mentions Zweitausfall and the office"})
		if err != nil {
			t.Fatal(err)
		}
		score[i] = a.Score
		if !strings.Contains(string(r.Card(m)), "presence of 1 to 1 words") {
			t.Errorf("card:\n%s", r.Card(m))
		}
	}
	if score[1] < score[0]+0.05 {
		t.Errorf("score is %.3f, scaled %.3f", score[0], score[1])
	}
}

// TestRecency has the meaning of a word change over time: with Recency the newer
// meaning counts.
func TestRecency(t *testing.T) {
	examples := usual(1, 400)
	for i := range examples {
		examples[i].CreatedAt = time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC)
		switch {
		case i < 200 && examples[i].Label == "high", i >= 200 && examples[i].Label == "low":
			examples[i].Text += " Kennung vierzig."
		}
	}
	var score [2]float64
	for i, recency := range []float64{0, 0.1} {
		m, _, err := risk.Train(t.Context(), risk.ExampleSlice(examples), &risk.TrainOptions{Features: &tfidf.Options{}, Recency: recency, C: 10})
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Score(t.Context(), risk.Document{Text: "Kennung vierzig"})
		if err != nil {
			t.Fatal(err)
		}
		score[i] = a.Score
	}
	if score[1] > score[0]-0.1 {
		t.Errorf("score is %.3f, by what is recent %.3f", score[0], score[1])
	}
}

// TestCategories learns tags and tells them.
func TestCategories(t *testing.T) {
	m, r, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 400)), &risk.TrainOptions{Categories: 30})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Categories) < 3 {
		t.Fatalf("categories %+v", r.Categories)
	}
	known := map[string]bool{}
	for _, c := range r.Categories {
		if c.Support < 30 || c.Precision < 0 || c.Precision > 1 || c.Recall < 0 || c.Recall > 1 {
			t.Errorf("category %+v", c)
		}
		known[c.Name] = true
	}
	right, told := 0, 0
	for _, x := range usual(2, 200) {
		a, err := m.Score(t.Context(), x.Document)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range a.Categories {
			told++
			if c.Name == x.Tags[0] {
				right++
			}
			if !known[c.Name] || c.Share < 0.5 || i > 0 && c.Share > a.Categories[i-1].Share {
				t.Errorf("categories %+v", a.Categories)
			}
		}
	}
	if told < 100 || float64(right) < 0.7*float64(told) {
		t.Errorf("%d of %d categories told are right", right, told)
	}
	if card := string(r.Card(m)); !strings.Contains(card, "## Categories") || !strings.Contains(card, "| "+r.Categories[0].Name+" |") {
		t.Errorf("card:\n%s", card)
	}
	if _, r, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 100)), &risk.TrainOptions{Categories: 1000}); err != nil || len(r.Categories) != 0 {
		t.Errorf("of too few examples: %+v, error %v", r.Categories, err)
	}
}

// TestTrainReadsTheSameTwice changes an example between the two readings.
func TestTrainReadsTheSameTwice(t *testing.T) {
	examples := usual(1, 60)
	times := 0
	_, _, err := risk.Train(t.Context(), func(yield func(risk.Example, error) bool) {
		times++
		for i, x := range examples {
			if times == 2 && i == 7 {
				x.Text += " changed"
			}
			if !yield(x, nil) {
				return
			}
		}
	}, nil)
	wantError(t, "changed", err, risk.ErrTrain, "when they were read again")
}
