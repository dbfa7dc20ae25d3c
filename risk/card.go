package risk

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/riskkit/riskkit/tfidf"
)

// Card returns the model card of m in Markdown (Mitchell et al., Model Cards
// for Model Reporting, 2019): what the model is for, what it was made of, how
// good it is, and what to watch. The same model and report always give the same
// bytes.
func (r *TrainReport) Card(m *Model) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	levels := []string(m.c.Scale)

	line("# Model card\n")
	line("Scores the risk of incident text in English or whatever language its examples were in: a score in [0,1], the")
	line("expected severity on the scale %s, and the level that its thresholds make of it.\n", strings.Join(levels, " < "))

	line("## What it was made of\n")
	line("| | |\n| --- | --- |")
	line("| examples | %d |", r.Documents)
	for k, level := range levels {
		line("| of them %s | %d (%.1f%%) |", cell(level), r.Labels[k], 100*float64(r.Labels[k])/float64(r.Documents))
	}
	if !r.First.IsZero() {
		line("| from, to | %s, %s |", r.First.UTC().Format(time.DateOnly), r.Last.UTC().Format(time.DateOnly))
	}
	line("| digest of the examples | `%s` |", r.DataDigest)
	line("| features | %d: %s |", r.Features, r.Describe())
	line("| classifier | multinomial logistic regression, L2 penalty, C = %g, balanced %t |", r.C, r.Balanced)
	if n := len(r.Candidates); n > 1 {
		line("| chosen | from %d recipes and strengths, by log loss on what was held out |", n)
	}
	line("| fit | %s, objective %.6f, at most %.2g above the optimum |", r.Status, r.Objective, r.Gap)
	line("| calibration | %s, from %d folds held out by %s |", r.Calibration, r.Folds, r.FoldsBy)
	line("| thresholds | for %s |", r.ThresholdsFor)
	line("| seed | %d |\n", r.Seed)

	line("## How good it is\n")
	line("On the examples held out of each fold; calibration and thresholds were chosen on the same, so expect a little")
	line("less on new ones.\n")
	line("| macro-F1 | accuracy | log loss | Brier score | calibration error |\n| --- | --- | --- | --- | --- |")
	q := r.Metrics
	line("| %.3f | %.3f | %.3f | %.3f | %.3f |\n", q.MacroF1, q.Accuracy, q.LogLoss, q.Brier, q.ECE)
	line("| level | from score | precision | recall | F1 | examples |\n| --- | --- | --- | --- | --- | --- |")
	for k, l := range q.Levels {
		from := 0.0
		if k > 0 {
			from = r.Thresholds[k-1]
		}
		line("| %s | %.3f | %.3f | %.3f | %.3f | %d |", cell(l.Level), from, l.Precision, l.Recall, l.F1, l.Support)
	}
	line("\n| true, predicted as | %s |\n|%s", strings.Join(cells(levels), " | "), strings.Repeat(" --- |", len(levels)+1))
	for k, row := range q.Confusion {
		line("| %s |%s", cell(levels[k]), columns(row))
	}

	if len(r.Categories) > 0 {
		line("\n## Categories\n")
		line("What tags it tells, where it is surer than not, measured on the newest fold by a fit on the others.\n")
		line("| category | precision | recall | examples |\n| --- | --- | --- | --- |")
		for _, c := range r.Categories {
			line("| %s | %.3f | %.3f | %d |", cell(c.Name), c.Precision, c.Recall, c.Support)
		}
	}

	line("\n## What it looks at\n")
	line("The terms that moved the scores of the examples the most.\n")
	line("- up: %s", strings.Join(cells(r.Raising), ", "))
	line("- down: %s\n", strings.Join(cells(r.Lowering), ", "))

	line("## What to watch\n")
	line("- It knows the words of its examples and nothing else. Sweep for drift, and train again when texts have changed.")
	line("- Its probabilities are those of the mix of levels above; where the mix changes, so does what they are worth.")
	line("- A score is an aid to people who decide, not a decision.")
	return b.Bytes()
}

// Describe says in words what the features are and what they weigh.
func (r *TrainReport) Describe() string {
	return describe(&r.Options) + "; " + r.Recipe.weighting()
}

func describe(o *tfidf.Options) string {
	what, count := "words", "tf-idf"
	if o.ShortWords {
		what = "words of any length"
	}
	if o.Analyzer != "" {
		what = "characters"
	}
	switch {
	case o.Binary && o.NoIDF:
		count = "presence"
	case o.NoIDF:
		count = "counts"
	case o.Binary:
		count = "idf of the presence"
	}
	return fmt.Sprintf("%s of %d to %d %s, in at least %v and at most %s texts, sublinear %t",
		count, o.NGrams[0], o.NGrams[1], what, o.MinDF, limit(o.MaxDF), o.Sublinear)
}

// weighting says in words what features and examples weigh.
func (r *Recipe) weighting() string {
	features, examples := "features as they are", "examples all the same"
	if r.NaiveBayes > 0 {
		features = fmt.Sprintf("features by naive-Bayes log-count ratios to the power %g", r.NaiveBayes)
	}
	if r.Recency > 0 {
		examples = fmt.Sprintf("examples half as much for each %g%% of them that come later", 100*r.Recency)
	}
	return features + ", " + examples
}

// limit says what a MaxDF of 0 means.
func limit(maxDF float64) string {
	if maxDF == 0 {
		return "all"
	}
	return fmt.Sprint(maxDF)
}

// cell makes text safe for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}

func cells(s []string) []string {
	c := make([]string, len(s))
	for i, v := range s {
		c[i] = cell(v)
	}
	return c
}

func columns(row []int64) string {
	var b strings.Builder
	for _, n := range row {
		fmt.Fprintf(&b, " %d |", n)
	}
	return b.String()
}
