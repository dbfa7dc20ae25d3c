package risk

import (
	"math"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/tfidf"
)

// A Recipe says what the classifier of a Model is fitted on; see the fields of
// the same names of TrainOptions.
type Recipe struct {
	Features   tfidf.Options `json:"features"`
	NaiveBayes float64       `json:"naive_bayes"`
	Recency    float64       `json:"recency"`
}

// Recipes returns what Train chooses from where it is not told what Features
// are: the presence of words and their pairs and triples, scaled by NaiveBayes,
// and plain tf-idf of the same. In both newer examples weigh more.
func Recipes() []Recipe {
	grams := tfidf.Options{ShortWords: true, NGrams: [2]int{1, 3}, MinDF: 2}
	present, plain := grams, grams
	present.Binary, present.NoIDF, plain.Sublinear = true, true, true
	return []Recipe{
		{Features: present, NaiveBayes: 1, Recency: 0.25},
		{Features: plain, Recency: 0.25},
	}
}

// strengths are the values of C that Train chooses from. What is between them
// makes no difference that held-out examples could show.
func strengths() []float64 { return []float64{0.25, 1, 4, 16, 64} }

// weigher turns the texts of a Corpus, some of which it was made of, into rows
// for a classifier.
type weigher struct {
	selection *tfidf.Selection
	scale     []float64 // of each feature; nil for 1
}

// newWeigher chooses the features of the examples that are kept; nil keeps all.
func (t *trainer) newWeigher(r Recipe, keep func(i int) bool) (*weigher, error) {
	s, err := t.corpus.Select(keep, &r.Features)
	if err != nil {
		return nil, err
	}
	w := &weigher{selection: s}
	if r.NaiveBayes > 0 {
		w.scale = t.logCounts(s, keep, r.NaiveBayes)
	}
	return w, nil
}

// append appends the row of example i.
func (w *weigher) append(ind []int32, val []float64, i int) ([]int32, []float64) {
	first := len(val)
	ind, val = w.selection.AppendFeatures(ind, val, i)
	if w.scale != nil {
		for k, j := range ind[len(ind)-(len(val)-first):] {
			val[first+k] *= w.scale[j]
		}
	}
	return ind, val
}

// rows returns the rows of the examples that are kept, and their levels.
func (t *trainer) rows(w *weigher, keep func(i int) bool) (*logreg.Rows, []int, error) {
	x := logreg.NewRows(w.selection.NumFeatures())
	x.Grow(len(t.y), w.selection.NumValues())
	y := make([]int, 0, len(t.y))
	var ind []int32
	var val []float64
	for i, level := range t.y {
		if keep != nil && !keep(i) {
			continue
		}
		ind, val = w.append(ind[:0], val[:0], i)
		if err := x.Append(ind, val); err != nil {
			return nil, nil, err
		}
		y = append(y, level)
	}
	return x, y, nil
}

// weights returns how much the examples that are kept count; nil for 1 each.
func (t *trainer) weights(r Recipe, keep func(i int) bool) []float64 {
	if r.Recency == 0 || t.rank == nil {
		return nil
	}
	n := float64(len(t.y))
	var weights []float64
	sum := 0.0
	for i, rank := range t.rank {
		if keep == nil || keep(i) {
			v := math.Exp2(-(n - 1 - float64(rank)) / (r.Recency * n))
			weights = append(weights, v)
			sum += v
		}
	}
	for i := range weights { // C means the same as without
		weights[i] *= float64(len(weights)) / sum
	}
	return weights
}

// logCounts returns for each feature the root mean square, over the levels, of
//
//	ln (a/A) / (b/B), a = 1 + texts of the level with it, A = 2 + texts of the level
//
// and b, B the same of all other texts, raised to a power. The factors are
// divided by what makes the rows as long, in the root mean square, as without
// them, so that C means the same.
func (t *trainer) logCounts(s *tfidf.Selection, keep func(i int) bool, power float64) []float64 {
	k := len(t.o.Scale)
	with := make([]float64, s.NumFeatures()*k)
	texts := make([]float64, k)
	total := 0.0
	var ind []int32
	var val []float64
	for i, level := range t.y {
		if keep != nil && !keep(i) {
			continue
		}
		ind, val = s.AppendFeatures(ind[:0], val[:0], i)
		for _, j := range ind {
			with[int(j)*k+level]++
		}
		texts[level]++
		total++
	}
	scale := make([]float64, s.NumFeatures())
	for j := range scale {
		all := 0.0
		for _, n := range with[j*k : (j+1)*k] {
			all += n
		}
		for level, n := range with[j*k : (j+1)*k] {
			r := math.Log((1+n)/(2+texts[level])) - math.Log((1+all-n)/(2+total-texts[level]))
			scale[j] += r * r / float64(k)
		}
		scale[j] = math.Pow(scale[j], power/2)
	}
	before, after := 0.0, 0.0
	for i := range t.y {
		if keep != nil && !keep(i) {
			continue
		}
		ind, val = s.AppendFeatures(ind[:0], val[:0], i)
		for l, j := range ind {
			before += val[l] * val[l]
			after += val[l] * scale[j] * val[l] * scale[j]
		}
	}
	if after > 0 {
		for j := range scale {
			scale[j] *= math.Sqrt(before / after)
		}
	}
	return scale
}
