package tfidf

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// A Vectorizer turns texts into sparse tf-idf vectors. It is made by Fit or
// UnmarshalBinary, does not change afterwards, and is safe for concurrent use.
// The zero value has no features.
type Vectorizer struct {
	options  Options
	analyzer *analyzer
	names    []string // of the features, in order of the alphabet
	texts    int      // that Fit read
	df       []int    // of the features, the texts that they occur in
	idf      []float64
	index    map[string]int32 // the feature of a term
	words    map[string]int   // the words that features are made of; see WordFrequency
	pool     sync.Pool        // of *scratch
}

func newVectorizer(o Options, a *analyzer, names []string, texts int, df []int) *Vectorizer {
	o.StopWords = slices.Sorted(maps.Keys(a.stop))
	v := &Vectorizer{
		options: o, analyzer: a, names: names, texts: texts, df: df,
		idf:   make([]float64, len(names)),
		index: make(map[string]int32, len(names)),
		words: map[string]int{},
	}
	for i, name := range names {
		v.idf[i] = math.Log(float64(1+texts)/float64(1+df[i])) + 1
		v.index[name] = int32(i)
		for w := range strings.SplitSeq(name, " ") {
			v.words[w] = max(v.words[w], df[i])
		}
	}
	return v
}

// NumFeatures returns the size of the vocabulary.
func (v *Vectorizer) NumFeatures() int { return len(v.names) }

// FeatureName returns the term that is feature i: its words joined by single
// spaces. Features are in order of the alphabet, as bytes compare.
func (v *Vectorizer) FeatureName(i int) string { return v.names[i] }

// Index returns the feature that term is, and whether it is one.
func (v *Vectorizer) Index(term string) (i int, ok bool) {
	id, ok := v.index[term]
	return int(id), ok
}

// IDF returns the inverse document frequency of feature i, ln((1+n)/(1+df)) + 1
// for a term in df of n texts (scikit-learn's smooth idf).
func (v *Vectorizer) IDF(i int) float64 { return v.idf[i] }

// DocumentFrequency returns the number of texts of Fit that feature i occurs
// in.
func (v *Vectorizer) DocumentFrequency(i int) int { return v.df[i] }

// Documents returns the number of texts that Fit read.
func (v *Vectorizer) Documents() int { return v.texts }

// Options returns the options that v was fitted with, defaults filled in.
// StopWords holds all stop words in force.
func (v *Vectorizer) Options() Options {
	o := v.options
	o.StopWords = slices.Clone(o.StopWords)
	return o
}

// Knows reports whether word, in lower case, is part of a feature or a stop
// word.
func (v *Vectorizer) Knows(word []byte) bool { return v.WordFrequency(word) > 0 }

// WordFrequency returns the greatest number of texts of Fit in which a feature
// occurs that word, in lower case, is part of: for a feature that is a single
// word, its document frequency. It is that of all texts for a stop word, and 0
// for a word that is not known.
func (v *Vectorizer) WordFrequency(word []byte) int {
	switch {
	case v.analyzer == nil:
		return 0
	case v.analyzer.stop[string(word)]:
		return v.texts
	}
	return v.words[string(v.analyzer.stemmed(word))]
}

// AppendFeatures appends the features of text that are not zero to ind and
// their values to val. The new indices ascend. The values are term counts, or 1
// + ln(count) if Sublinear, times idf, divided by their Euclidean norm. A text
// with no known term appends nothing. It takes time n log n in the number of
// terms and allocates only to grow ind and val.
func (v *Vectorizer) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	if v.analyzer == nil {
		return ind, val
	}
	sc, _ := v.pool.Get().(*scratch)
	if sc == nil {
		sc = new(scratch)
	}
	sc.ids = sc.ids[:0]
	v.analyzer.terms(sc, text, func(term []byte) {
		if id, ok := v.index[string(term)]; ok {
			sc.ids = append(sc.ids, id)
		}
	})
	slices.Sort(sc.ids)
	first := len(val)
	norm := 0.0
	for i := 0; i < len(sc.ids); {
		id, start := sc.ids[i], i
		for i < len(sc.ids) && sc.ids[i] == id {
			i++
		}
		tf := float64(i - start)
		if v.options.Sublinear {
			tf = math.Log(tf) + 1
		}
		x := tf * v.idf[id]
		norm += x * x
		ind, val = append(ind, id), append(val, x)
	}
	norm = math.Sqrt(norm)
	for i := first; i < len(val); i++ {
		val[i] /= norm
	}
	v.pool.Put(sc)
	return ind, val
}
