package risk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/riskkit/riskkit/psi"
)

// shown is how many terms a report lists that raise and that lower the risk.
const shown = 15

// drift counts the baseline of the drift features and of the answers to examples
// that were held out, and lists the terms that matter on the way.
func (t *trainer) drift(ctx context.Context, examples iter.Seq2[Example, error], f *fitted) (*Drift, error) {
	d := &Drift{Features: psi.TextOptions{Risky: t.o.Lexicon.Risky(), Shape: true}}
	influence := f.influence()
	names := func(by func(float64) float64, n int) (terms []string) {
		for _, j := range order(influence, by) {
			if len(terms) >= n {
				break
			}
			if name := f.vectorizer.FeatureName(j); utf8.ValidString(name) { // JSON has no word for others
				terms = append(terms, name)
			}
		}
		return terms
	}
	t.report.Raising = names(func(v float64) float64 { return v }, shown)
	t.report.Lowering = names(func(v float64) float64 { return -v }, shown)
	d.Features.Terms = names(math.Abs, t.o.DriftTerms)
	features, err := psi.NewTextFeatures(newVocabulary(f.vectorizer).leaveOneOut(), &d.Features)
	if err != nil {
		return nil, err
	}
	b, err := psi.NewBuilder(features, nil)
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	n := 0
	for x, err := range examples {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		writeExample(digest, &x)
		b.Text(x.Text)
		if n < len(t.scores) {
			countOutputs(b, t.scores[n], t.o.Scale[t.ranks[n]])
		}
		n++
	}
	if digestOf(digest) != t.report.DataDigest {
		return nil, fmt.Errorf("%w: the examples were others when they were read again", ErrTrain)
	}
	d.Baseline, err = b.Baseline()
	return d, err
}

// influence returns how much each feature moves the severity of an example on
// average: its mean value times the mean of its weights, each level's by how
// severe it is.
func (f *fitted) influence() []float64 {
	k := f.classifier.NumClasses()
	influence := make([]float64, len(f.mean))
	for j, mean := range f.mean {
		for c := range k {
			influence[j] += mean * f.classifier.Coef(c, j) * (float64(c)/float64(k-1) - 0.5)
		}
	}
	return influence
}

// order returns the indices of the values for which by is above 0, the greatest
// first.
func order(values []float64, by func(float64) float64) []int {
	var index []int
	for j, v := range values {
		if by(v) > 0 {
			index = append(index, j)
		}
	}
	slices.SortStableFunc(index, func(a, b int) int { return cmp.Compare(by(values[b]), by(values[a])) })
	return index
}
