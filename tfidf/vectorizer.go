package tfidf

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/riskkit/riskkit/internal/text"
)

// A Vectorizer turns texts into sparse tf-idf vectors. It is made by Fit,
// Selection.Vectorizer or UnmarshalBinary, does not change afterwards, and is
// safe for concurrent use. The zero value has no features.
type Vectorizer struct {
	options    Options // but for the terms of Vocabulary, which are those of terms
	fixed      bool    // whether Vocabulary fixed them
	analyzer   *analyzer
	terms      vocabulary
	texts      int       // that Fit read
	dfs        []uint32  // the different document frequencies, the greatest first
	idf        []float64 // of the features
	class      []uint32  // of the features, which of dfs they have
	tfs        [16]float64
	wordDF     []uint32 // of the nodes that are no features, the WordFrequency of words
	lower      map[string]uint32
	lowerStops map[string]bool
	pool       sync.Pool // of *scratch
}

// NumFeatures returns the size of the vocabulary.
func (v *Vectorizer) NumFeatures() int { return v.terms.features }

// FeatureName returns the term that is feature i: its words joined by single
// spaces, or its characters. Features are in order of the alphabet, as code
// points and so as bytes compare, or in that of Options.Vocabulary. It
// allocates.
func (v *Vectorizer) FeatureName(i int) string {
	return string(v.terms.appendName(nil, uint32(i)))
}

// Index returns the feature that term is, and whether it is one.
func (v *Vectorizer) Index(term string) (i int, ok bool) {
	node := v.terms.find(term)
	if node < 0 || int(node) >= v.terms.features {
		return 0, false
	}
	return int(node), true
}

// IDF returns the inverse document frequency of feature i, ln((1+n)/(1+df)) + 1
// for a term in df of n texts (scikit-learn's smooth idf); ln(n/df) + 1 if
// RawIDF, and 1 if NoIDF.
func (v *Vectorizer) IDF(i int) float64 { return v.idf[i] }

// DocumentFrequency returns the number of texts of Fit that feature i occurs
// in.
func (v *Vectorizer) DocumentFrequency(i int) int { return int(v.dfs[v.class[i]]) }

// Documents returns the number of texts that Fit read.
func (v *Vectorizer) Documents() int { return v.texts }

// Options returns the options that v was fitted with, the defaults of NGrams and
// MinDF filled in, others left empty. StopWords holds all stop words in force.
func (v *Vectorizer) Options() Options {
	o := v.options
	o.StopWords = slices.Clone(o.StopWords)
	if v.fixed {
		o.Vocabulary = make([]string, v.NumFeatures())
		for i := range o.Vocabulary {
			o.Vocabulary[i] = v.FeatureName(i)
		}
	}
	return o
}

// Size returns about how many bytes v has in memory, what it needs while it
// works aside.
func (v *Vectorizer) Size() int {
	t := &v.terms
	return 8*len(t.keys) + len(t.long) + 4*len(t.words) + 4*len(t.grams) +
		4*len(v.dfs) + 8*len(v.idf) + 4*len(v.class) + 4*len(v.wordDF)
}

// newVectorizer returns the Vectorizer of a vocabulary whose keys are set, of
// which feature i occurs in df[i] of so many texts.
func newVectorizer(o Options, a *analyzer, terms vocabulary, texts int, df []int32) *Vectorizer {
	sorted := slices.Clone(df)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	last := len(sorted) - 1
	dfs, class := make([]uint32, len(sorted)), make([]uint32, len(df))
	for i, n := range sorted {
		dfs[last-i] = uint32(n)
	}
	for i, n := range df {
		at, _ := slices.BinarySearch(sorted, n)
		class[i] = uint32(last - at)
	}
	return assemble(o, a, terms, texts, dfs, class)
}

// assemble returns the Vectorizer of its parts; see the fields.
func assemble(o Options, a *analyzer, terms vocabulary, texts int, dfs, class []uint32) *Vectorizer {
	o.StopWords = slices.Sorted(maps.Keys(a.stop))
	v := &Vectorizer{options: o, fixed: len(o.Vocabulary) > 0, analyzer: a, terms: terms, texts: texts, dfs: dfs, class: class}
	v.options.Vocabulary = nil
	for n := range v.tfs {
		v.tfs[n] = o.tf(uint32(n))
	}
	idf := make([]float64, len(dfs))
	for i, n := range dfs {
		idf[i] = o.idf(int(n), texts)
	}
	v.idf = make([]float64, len(class))
	for i, c := range class {
		v.idf[i] = idf[c]
	}
	// Terms in many texts are looked up the most, and are to be found first.
	order := make([]uint32, len(v.terms.keys))
	from := make([]uint32, len(v.dfs)+1)
	for _, c := range v.class {
		from[c+1]++
	}
	for c := 1; c < len(from); c++ {
		from[c] += from[c-1]
	}
	for i, c := range v.class {
		order[from[c]] = uint32(i)
		from[c]++
	}
	for i := v.terms.features; i < len(order); i++ {
		order[i] = uint32(i)
	}
	v.terms.link(order)
	v.countWords()
	return v
}

// countWords sets what WordFrequency needs. A word that is a feature occurs in
// as many texts as any term with it; of the others the most frequent term is
// found.
func (v *Vectorizer) countWords() {
	if v.terms.chars {
		return
	}
	f := v.terms.features
	v.wordDF = make([]uint32, len(v.terms.keys)-f)
	for i := range f {
		df := v.dfs[v.class[i]]
		v.terms.units(uint32(i), func(word uint32) {
			if int(word) >= f {
				v.wordDF[int(word)-f] = max(v.wordDF[int(word)-f], df)
			}
		})
	}
	if v.options.Case != CaseKeep {
		return
	}
	// Words are asked for in lower case.
	v.lower, v.lowerStops = map[string]uint32{}, map[string]bool{}
	for node, key := range v.terms.keys {
		if key>>56 != 0xFE {
			w := string(text.AppendLower(nil, string(v.terms.appendName(nil, uint32(node)))))
			v.lower[w] = max(v.lower[w], v.nodeDF(int32(node)))
		}
	}
	for w := range v.analyzer.stop {
		v.lowerStops[string(text.AppendLower(nil, w))] = true
	}
}

// nodeDF returns the document frequency of a feature, or the WordFrequency of
// another node.
func (v *Vectorizer) nodeDF(node int32) uint32 {
	switch {
	case node < 0:
		return 0
	case int(node) < v.terms.features:
		return v.dfs[v.class[node]]
	case v.terms.chars:
		return 0
	}
	return v.wordDF[int(node)-v.terms.features]
}

// Knows reports whether v has seen word, in lower case: whether its
// WordFrequency is not 0.
func (v *Vectorizer) Knows(word []byte) bool { return v.WordFrequency(word) > 0 }

// WordFrequency returns the greatest number of texts of Fit in which a feature
// occurs that word, in lower case, is part of: for a feature that is a single
// word, its document frequency. It is that of all texts for a stop word, and 0
// for a word that is not known. Accents are removed where they are from texts.
//
// Where features are n-grams of characters it is that of the rarest n-gram of
// word, with n = NGrams[0], which is no less than that of the word itself, and 0
// if one of them is no feature.
func (v *Vectorizer) WordFrequency(word []byte) int {
	a := v.analyzer
	switch {
	case a == nil:
		return 0
	case a.kind == "" && a.accents == "":
		return v.wordFrequency(word)
	}
	sc := v.scratch()
	least, parts := uint32(v.texts), 0
	if a.kind == "" {
		sc.words.Short = a.short
		sc.words.SetBytes(a.folded(sc, string(word)))
		parts = sc.words.Len()
		for i := range parts {
			least = min(least, uint32(v.wordFrequency(sc.words.At(i))))
		}
	} else {
		a.sequences(sc, string(word), func(chars []byte, n int) {
			v.readChars(sc, chars)
			for k := 2; k <= n && k <= len(sc.units); k++ {
				sc.level = sc.level[:len(sc.units)-k+1]
				v.step(sc, k)
			}
			for _, node := range sc.level {
				parts++
				least = min(least, v.nodeDF(node))
			}
		})
	}
	v.pool.Put(sc)
	if parts == 0 {
		return 0
	}
	return int(least)
}

// wordFrequency is WordFrequency of a word that is as texts are cut into.
func (v *Vectorizer) wordFrequency(word []byte) int {
	if v.lower != nil {
		if v.lowerStops[string(word)] {
			return v.texts
		}
		return int(v.lower[string(v.analyzer.stemmed(word))])
	}
	if v.analyzer.stop[string(word)] {
		return v.texts
	}
	word = v.analyzer.stemmed(word)
	return int(v.nodeDF(v.terms.word(text.KeyOf(word), word)))
}

// AppendFeatures appends the features of text that are not zero to ind and
// their values to val. The new indices ascend. The values are term counts, or 1
// + ln(count) if Sublinear, or 1 if Binary, times idf, divided by their norm. A
// text with no known term appends nothing. It takes time n log n in the number
// of terms and allocates only to grow ind and val.
func (v *Vectorizer) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	if v.analyzer == nil {
		return ind, val
	}
	sc := v.scratch()
	v.read(sc, text)
	slices.Sort(sc.ids)
	first := len(val)
	for i := 0; i < len(sc.ids); {
		id, start := sc.ids[i], i
		for i < len(sc.ids) && sc.ids[i] == id {
			i++
		}
		ind, val = append(ind, id), append(val, v.options.tf(uint32(i-start))*v.IDF(int(id)))
	}
	v.options.Norm.divide(val[first:])
	v.pool.Put(sc)
	return ind, val
}

// AppendUnordered is AppendFeatures in the order in which the terms of a text
// come, which takes less time: linear in their number. The values are the same
// but for rounding.
func (v *Vectorizer) AppendUnordered(ind []int32, val []float64, text string) ([]int32, []float64) {
	return v.append(ind, val, text, nil)
}

// Reads reports whether v cuts texts into the words that every part of riskkit
// that reads words takes, or into those and words of one character, so that it
// can AppendRead.
func (v *Vectorizer) Reads() bool {
	a := v.analyzer
	return a != nil && a.kind == "" && a.fold == "" && a.accents == ""
}

// NumWords returns a number that the IDs of the words that v knows are below, 0
// where words have none: unless v Reads, and takes all words as they are.
func (v *Vectorizer) NumWords() int {
	if a := v.analyzer; !v.Reads() || len(a.stop) > 0 || a.stem != "" {
		return 0
	}
	return len(v.terms.keys)
}

// WordID returns the ID of a word in lower case, and whether it has one.
func (v *Vectorizer) WordID(word []byte) (id int, ok bool) {
	if v.NumWords() == 0 {
		return 0, false
	}
	node := v.terms.word(text.KeyOf(word), word)
	return int(node), node >= 0
}

// Word returns the word that has an ID. It allocates.
func (v *Vectorizer) Word(id int) string { return string(v.terms.appendName(nil, uint32(id))) }

// AppendRead is AppendUnordered that leaves in r, whose Least the caller has set,
// what it read, for those who look at the same words: it is how a risk.Model cuts
// a text once for its score and for drift. v must be one that Reads.
func (v *Vectorizer) AppendRead(ind []int32, val []float64, s string, r *text.Reading) ([]int32, []float64) {
	return v.append(ind, val, s, r)
}

func (v *Vectorizer) append(ind []int32, val []float64, s string, r *text.Reading) ([]int32, []float64) {
	if v.analyzer == nil {
		return ind, val
	}
	sc := v.scratch()
	sc.reading = r
	v.read(sc, s)
	sc.reading = nil
	first, room := len(ind), len(sc.ids)
	ind = slices.Grow(ind, room)[:first+room]
	sc.counts = resized(sc.counts, room)
	counts := sc.counts
	n := sc.count(v.terms.features, ind[first:], counts)
	ind, counts = ind[:first+n], counts[:n]
	first = len(val)
	val = slices.Grow(val, n)[:first+n]
	square := 0.0
	for i, id := range ind[len(ind)-len(counts):] {
		x := v.idf[id]
		if n := counts[i]; n < uint32(len(v.tfs)) {
			x *= v.tfs[n]
		} else {
			x *= v.options.tf(n)
		}
		square += x * x
		val[first+i] = x
	}
	if v.options.Norm == "" && square > 0 {
		scale := 1 / math.Sqrt(square)
		for i := range val[first:] {
			val[first+i] *= scale
		}
	} else {
		v.options.Norm.divide(val[first:])
	}
	v.pool.Put(sc)
	return ind, val
}

// find returns the node of a term, and -1 if there is none.
func (t *vocabulary) find(term string) int32 {
	if len(t.keys) == 0 || term == "" {
		return -1
	}
	if t.chars {
		node := int32(root)
		for b := []byte(term); len(b) > 0 && node >= 0; {
			unit, size := charAt(b)
			node = t.gram(gram(uint32(node), unit))
			b = b[size:]
		}
		return node
	}
	node := int32(-1)
	for w := range strings.SplitSeq(term, " ") {
		word := t.word(text.KeyOf([]byte(w)), []byte(w))
		if word < 0 {
			return -1
		}
		if node < 0 {
			node = word
		} else if node = t.gram(gram(uint32(node), uint32(word))); node < 0 {
			return -1
		}
	}
	return node
}

// scratch returns memory to work in, to be put back into the pool.
func (v *Vectorizer) scratch() *scratch {
	if sc, ok := v.pool.Get().(*scratch); ok {
		return sc
	}
	return new(scratch)
}

// tf returns what a term that occurs so often counts.
func (o *Options) tf(count uint32) float64 {
	switch {
	case count == 1 || o.Binary:
		return 1
	case o.Sublinear:
		return math.Log(float64(count)) + 1
	}
	return float64(count)
}

// divide divides x by its norm, unless that is 0.
func (n Norm) divide(x []float64) {
	norm := 0.0
	switch n {
	case NormNone:
		return
	case NormL1:
		for _, v := range x {
			norm += math.Abs(v)
		}
	default:
		for _, v := range x {
			norm += v * v
		}
		norm = math.Sqrt(norm)
	}
	if norm == 0 {
		return
	}
	for i := range x {
		x[i] /= norm
	}
}
