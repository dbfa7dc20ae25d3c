package psi

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"

	"github.com/riskkit/riskkit/internal/text"
)

// A FeatureExtractor turns a text into named numbers. AppendFeatures appends
// those that are not 0 to val and their indices, ascending, to ind.
// Implementations are safe for concurrent use and always have the same
// features.
type FeatureExtractor interface {
	NumFeatures() int
	FeatureName(i int) string
	AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64)
}

// A Vocabulary is what a model knows of words: its own FeatureExtractor, whose
// features are terms. tfidf.Vectorizer is one.
type Vocabulary interface {
	FeatureExtractor
	// Index returns the feature that term is, and whether it is one.
	Index(term string) (i int, ok bool)
	// Knows reports whether the model has seen a lower-case word.
	Knows(word []byte) bool
}

// A WordIndex is a Vocabulary that numbers the words that it knows, so that a
// Monitor counts these in no time. tfidf.Vectorizer is one.
type WordIndex interface {
	// NumWords returns a number that all IDs are below, 0 where there are none.
	NumWords() int
	// WordID returns the ID of a word in lower case, Word the word of an ID.
	WordID(word []byte) (id int, ok bool)
	Word(id int) string
}

// TextOptions say what TextFeatures looks at besides lengths. The zero value
// means nothing.
type TextOptions struct {
	// Risky are the words and phrases, of at most 16 words, that
	// risky_token_count counts.
	Risky []string `json:"risky"`
	// Terms are the terms of the vocabulary whose presence is a feature each,
	// at most 100.
	Terms []string `json:"terms"`
	// Shape adds the features that say how a text is written.
	Shape bool `json:"shape,omitempty"`
}

// MaxTerms is the greatest number of TextOptions.Terms.
const MaxTerms = 100

// TextFeatures is the default FeatureExtractor of drift:
//
//	text_length          characters (code points)
//	token_count          words of two or more letters, digits or underscores
//	risky_token_count    words that belong to risky words and phrases
//	unknown_token_ratio  share of the words that the vocabulary does not know
//	term:TERM            1 if the term occurs
//
// and, with TextOptions.Shape, behind these
//
//	mean_token_length    bytes of a word in lower case, on average
//	risky_token_ratio    share of the words that belong to risky ones
//	digit_ratio          shares of the characters: decimal digits,
//	upper_case_ratio     upper-case letters,
//	punctuation_ratio    punctuation and symbols,
//	non_ascii_ratio      and what is not ASCII
//
// Unknown words and terms need a Vocabulary. It is made by NewTextFeatures and
// safe for concurrent use.
type TextFeatures struct {
	names      []string
	risky      *text.Phrases
	vocabulary Vocabulary
	words      WordIndex  // the vocabulary, if it is one
	terms      int        // their number
	maybe      [64]uint64 // a bit for each hash of a feature of the vocabulary that is among the terms
	watched    []uint64   // a bit for each feature of the vocabulary: whether it is among the terms
	rank       []uint8    // how many bits are set before each of these
	order      []uint8    // which of the terms each of the set bits is
	shape      int32      // the first of the features of shape, 0 for none
	pool       sync.Pool  // of *textScratch
}

type textScratch struct {
	reading text.Reading
	ind     []int32
	val     []float64
}

const (
	firstTerm    = 4
	termPrefix   = "term:"
	unknownRatio = "unknown_token_ratio"
)

// NewTextFeatures returns the TextFeatures over a vocabulary, which may be nil
// where opts have no terms. The error wraps ErrInput. nil opts means the
// defaults.
func NewTextFeatures(v Vocabulary, opts *TextOptions) (*TextFeatures, error) {
	var o TextOptions
	if opts != nil {
		o = *opts
	}
	risky, err := text.NewPhrases(o.Risky)
	if err != nil {
		return nil, fmt.Errorf("%w: risky %w", ErrInput, err)
	}
	f := &TextFeatures{
		names:      []string{"text_length", "token_count", "risky_token_count"},
		risky:      risky,
		vocabulary: v,
		terms:      len(o.Terms),
	}
	if v != nil {
		f.names = append(f.names, unknownRatio)
	}
	if x, ok := v.(WordIndex); ok && x.NumWords() > 0 {
		f.words = x
	}
	if len(o.Terms) > MaxTerms || len(o.Terms) > 0 && v == nil {
		return nil, fmt.Errorf("%w: %d terms, want at most %d, and a vocabulary", ErrInput, len(o.Terms), MaxTerms)
	}
	if err := f.watch(o.Terms); err != nil {
		return nil, err
	}
	if o.Shape {
		f.shape = int32(len(f.names))
		f.names = append(f.names, "mean_token_length", "risky_token_ratio", "digit_ratio", "upper_case_ratio", "punctuation_ratio", "non_ascii_ratio")
	}
	return f, nil
}

// watch adds features of terms of the vocabulary.
func (f *TextFeatures) watch(terms []string) error {
	if len(terms) == 0 {
		return nil
	}
	at := map[int]uint8{} // by feature of the vocabulary
	for k, term := range terms {
		i, ok := f.vocabulary.Index(term)
		if _, twice := at[i]; !ok || twice {
			return fmt.Errorf("%w: term %q is not in the vocabulary, or given twice", ErrInput, term)
		}
		at[i] = uint8(k)
		f.names = append(f.names, termPrefix+term)
	}
	f.watched = make([]uint64, f.vocabulary.NumFeatures()/64+1)
	f.rank = make([]uint8, len(f.watched))
	for _, i := range slices.Sorted(maps.Keys(at)) {
		f.watched[i/64] |= 1 << (i % 64)
		h := termHash(int32(i))
		f.maybe[h/64] |= 1 << (h % 64)
		f.order = append(f.order, at[i])
	}
	for k := 1; k < len(f.rank); k++ {
		f.rank[k] = f.rank[k-1] + uint8(bits.OnesCount64(f.watched[k-1]))
	}
	return nil
}

// termHash is a hash of twelve bits of a feature of the vocabulary.
func termHash(i int32) uint32 { return uint32(i) * 0x9E3779B9 >> 20 }

// NumFeatures returns the number of features.
func (f *TextFeatures) NumFeatures() int { return len(f.names) }

// FeatureName returns the name of feature i.
func (f *TextFeatures) FeatureName(i int) string { return f.names[i] }

// AppendFeatures appends the features of s that are not 0. It allocates only to
// grow ind and val.
func (f *TextFeatures) AppendFeatures(ind []int32, val []float64, s string) ([]int32, []float64) {
	sc := f.scratch()
	defer f.pool.Put(sc)
	f.read(sc, s)
	return f.append(ind, val, &sc.reading, sc.ind)
}

// read reads a text into sc.
func (f *TextFeatures) read(sc *textScratch, s string) {
	r := &sc.reading
	r.Words.Count = true
	r.Words.Set(s)
	r.Keys = r.Words.AppendKeys(r.Keys[:0])
	r.IDs, r.Unknown = r.IDs[:0], 0
	for i := range r.Words.Len() {
		word, id := r.Words.At(i), -1
		if f.vocabulary != nil && !f.vocabulary.Knows(word) {
			r.Unknown++
		}
		if f.words != nil {
			if n, ok := f.words.WordID(word); ok {
				id = n
			}
		}
		r.IDs = append(r.IDs, int32(id))
	}
	if f.terms > 0 {
		sc.ind, sc.val = f.vocabulary.AppendFeatures(sc.ind[:0], sc.val[:0], s)
	}
}

func (f *TextFeatures) scratch() *textScratch {
	if sc, ok := f.pool.Get().(*textScratch); ok {
		return sc
	}
	return new(textScratch)
}

// append appends the features of a text that was read as r, with the features
// model of the vocabulary, in any order.
func (f *TextFeatures) append(ind []int32, val []float64, r *text.Reading, model []int32) ([]int32, []float64) {
	add := func(i int32, v float64) {
		if v != 0 {
			ind, val = append(ind, i), append(val, v)
		}
	}
	w := &r.Words
	risky, end := 0, 0
	for i, key := range r.Keys {
		if i < end || !f.risky.May(key) {
			continue
		}
		if _, n := f.risky.AtKeys(w, r.Keys, i); n > 0 {
			risky += n
			end = i + n
		}
	}
	c := w.Classes
	add(0, float64(c.All))
	add(1, float64(w.Len()))
	add(2, float64(risky))
	words := float64(max(1, w.Len()))
	if f.vocabulary != nil {
		add(3, float64(r.Unknown)/words)
	}
	if f.terms > 0 {
		var found [MaxTerms/64 + 1]uint64
		for _, i := range model {
			if h := termHash(i); f.maybe[h/64]>>(h%64)&1 == 0 {
				continue
			}
			set, bit := f.watched[i/64], uint64(1)<<(i%64)
			if set&bit != 0 {
				k := f.order[int(f.rank[i/64])+bits.OnesCount64(set&(bit-1))]
				found[k/64] |= 1 << (k % 64)
			}
		}
		for k, set := range found {
			for ; set != 0; set &= set - 1 {
				add(firstTerm+int32(64*k+bits.TrailingZeros64(set)), 1)
			}
		}
	}
	if f.shape > 0 {
		add(f.shape, float64(w.Bytes())/words)
		add(f.shape+1, float64(risky)/words)
		for k, n := range [...]int{c.Digits, c.Upper, c.Punctuation, c.Wide} {
			add(f.shape+2+int32(k), float64(n)/float64(max(1, c.All)))
		}
	}
	return ind, val
}
