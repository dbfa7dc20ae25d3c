package psi

import (
	"fmt"
	"sync"
	"unicode/utf8"

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
	terms      map[int32]int32 // feature of the vocabulary to feature here
	shape      int32           // the first of the features of shape, 0 for none
	pool       sync.Pool       // of *textScratch
}

type textScratch struct {
	words text.Words
	ind   []int32
	val   []float64
	found []bool // by term
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
		terms:      map[int32]int32{},
	}
	if v != nil {
		f.names = append(f.names, unknownRatio)
	}
	if len(o.Terms) > MaxTerms || len(o.Terms) > 0 && v == nil {
		return nil, fmt.Errorf("%w: %d terms, want at most %d, and a vocabulary", ErrInput, len(o.Terms), MaxTerms)
	}
	for _, term := range o.Terms {
		i, ok := v.Index(term)
		if _, twice := f.terms[int32(i)]; !ok || twice {
			return nil, fmt.Errorf("%w: term %q is not in the vocabulary, or given twice", ErrInput, term)
		}
		f.terms[int32(i)] = int32(len(f.names))
		f.names = append(f.names, termPrefix+term)
	}
	if o.Shape {
		f.shape = int32(len(f.names))
		f.names = append(f.names, "mean_token_length", "risky_token_ratio", "digit_ratio", "upper_case_ratio", "punctuation_ratio", "non_ascii_ratio")
	}
	return f, nil
}

// NumFeatures returns the number of features.
func (f *TextFeatures) NumFeatures() int { return len(f.names) }

// FeatureName returns the name of feature i.
func (f *TextFeatures) FeatureName(i int) string { return f.names[i] }

// AppendFeatures appends the features of s that are not 0. It allocates only to
// grow ind and val.
func (f *TextFeatures) AppendFeatures(ind []int32, val []float64, s string) ([]int32, []float64) {
	sc, _ := f.pool.Get().(*textScratch)
	if sc == nil {
		sc = &textScratch{found: make([]bool, len(f.names))}
	}
	defer f.pool.Put(sc)
	add := func(i int32, v float64) {
		if v != 0 {
			ind, val = append(ind, i), append(val, v)
		}
	}
	w := &sc.words
	w.Set(s)
	risky, unknown, letters := 0, 0, 0
	for i, end := 0, 0; i < w.Len(); i++ {
		letters += len(w.At(i))
		if _, n := f.risky.At(w, i); i >= end && n > 0 {
			risky += n
			end = i + n
		}
		if f.vocabulary != nil && !f.vocabulary.Knows(w.At(i)) {
			unknown++
		}
	}
	add(0, float64(utf8.RuneCountInString(s)))
	add(1, float64(w.Len()))
	add(2, float64(risky))
	words := float64(max(1, w.Len()))
	if f.vocabulary != nil {
		add(3, float64(unknown)/words)
	}
	if len(f.terms) > 0 {
		ind, val = f.appendTerms(ind, val, sc, s)
	}
	if f.shape > 0 {
		add(f.shape, float64(letters)/words)
		add(f.shape+1, float64(risky)/words)
		c := classesOf(s)
		for k, n := range []int{c.digits, c.upper, c.punctuation, c.wide} {
			add(f.shape+2+int32(k), float64(n)/float64(max(1, c.all)))
		}
	}
	return ind, val
}

// appendTerms appends the terms that occur in s.
func (f *TextFeatures) appendTerms(ind []int32, val []float64, sc *textScratch, s string) ([]int32, []float64) {
	sc.ind, sc.val = f.vocabulary.AppendFeatures(sc.ind[:0], sc.val[:0], s)
	for _, i := range sc.ind {
		if j, ok := f.terms[i]; ok {
			sc.found[j] = true
		}
	}
	for j := int32(firstTerm); int(j) < firstTerm+len(f.terms); j++ {
		if sc.found[j] {
			ind, val = append(ind, j), append(val, 1)
			sc.found[j] = false
		}
	}
	return ind, val
}
