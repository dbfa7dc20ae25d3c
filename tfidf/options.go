package tfidf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bbalet/stopwords"
	"github.com/kljensen/snowball"
)

// An Analyzer says what a text is cut into.
type Analyzer string

const (
	// Word cuts texts into words and takes n-grams of them, joined by single
	// spaces.
	Word Analyzer = "word"
	// Char takes n-grams of the characters (code points) of a text, in which
	// two or more characters of white space in a row are one space.
	Char Analyzer = "char"
	// CharWB takes n-grams of characters inside what white space separates,
	// with a space put before and after it. What is no longer than the n-grams
	// is, with its spaces, one term, and counts once whatever the range.
	CharWB Analyzer = "char_wb"
)

// A Norm says what the values of a text are divided by.
type Norm string

const (
	// NormL2 is the Euclidean norm, the root of the sum of squares.
	NormL2 Norm = "l2"
	// NormL1 is the sum of absolute values.
	NormL1 Norm = "l1"
	// NormNone leaves values as they are.
	NormNone Norm = "none"
)

// Accents says whether accents are removed, after letters are lower-cased.
type Accents string

const (
	// AccentsUnicode takes characters apart (Unicode's form NFKD) and drops the
	// marks that combine: scikit-learn's strip_accents_unicode.
	AccentsUnicode Accents = "unicode"
	// AccentsASCII takes characters apart and drops all that is not ASCII:
	// scikit-learn's strip_accents_ascii.
	AccentsASCII Accents = "ascii"
)

// Case says how letters are lower-cased where it is not as Python's str.lower
// does it.
type Case string

const (
	// CaseSimple lower-cases every rune by itself, as unicode.ToLower does.
	CaseSimple Case = "simple"
	// CaseKeep leaves letters as they are: scikit-learn's lowercase=False.
	CaseKeep Case = "keep"
)

// Options say how a Vectorizer reads texts. The zero value is scikit-learn's
// TfidfVectorizer with its defaults. Options that JSON leaves out have their
// zero value.
type Options struct {
	// Analyzer says what terms are made of. Empty means Word.
	Analyzer Analyzer `json:"analyzer,omitempty"`
	// ShortWords takes words of one character too: scikit-learn's
	// token_pattern=r"(?u)\b\w+\b".
	ShortWords bool `json:"short_words,omitempty"`
	// NGrams is the range of n-grams, of words or of characters, that become
	// features, {least, most}, up to 16. {0, 0} means {1, 1}: single ones.
	NGrams [2]int `json:"ngrams"`
	// MinDF is the least number of texts that a term must occur in: below 1 it
	// is a share of the texts, from 1 on a count. 0 means 1.
	MinDF float64 `json:"min_df"`
	// MaxDF is the most texts that a term may occur in: below 1 a share of the
	// texts, from 1 on a count. 0 means no limit.
	MaxDF float64 `json:"max_df"`
	// MaxFeatures keeps only so many terms, those that occur most often (with
	// Binary, in most texts), and among equals the first in the order of the
	// alphabet. scikit-learn leaves equals to numpy's unstable argsort, which
	// orders them as the instructions that the CPU has happen to. 0 means all.
	MaxFeatures int `json:"max_features"`
	// Vocabulary, unless it is empty, is the terms that are features, in the
	// order of the features. MinDF, MaxDF and MaxFeatures then do not count;
	// Fit still counts texts, for the idf.
	Vocabulary []string `json:"vocabulary,omitempty"`
	// Binary counts a term that occurs in a text as 1, however often it does.
	Binary bool `json:"binary,omitempty"`
	// Sublinear replaces a term's count by 1 + ln(count).
	Sublinear bool `json:"sublinear"`
	// NoIDF leaves out the inverse document frequency, as if it were 1:
	// scikit-learn's use_idf=False.
	NoIDF bool `json:"no_idf,omitempty"`
	// RawIDF is scikit-learn's smooth_idf=False: ln(n/df) + 1 in place of
	// ln((1+n)/(1+df)) + 1. A term of Vocabulary that no text of Fit has is
	// then an error; scikit-learn fits, and fails on the first text that has
	// it.
	RawIDF bool `json:"raw_idf,omitempty"`
	// Norm is what values are divided by. Empty means NormL2.
	Norm Norm `json:"norm,omitempty"`
	// Case says how letters are lower-cased. Empty means as Python's str.lower
	// does it.
	Case Case `json:"case,omitempty"`
	// Accents says whether accents are removed. Empty means that they stay.
	Accents Accents `json:"accents,omitempty"`
	// StopWords are words that are passed over before n-grams are built,
	// written as words are after Case and Accents. They, StopLanguage and
	// StemLanguage are for words only.
	StopWords []string `json:"stop_words"`
	// StopLanguage adds the stop words of a language of bbalet/stopwords, such
	// as "en", in any case. Those that occur in the texts of Fit are kept with
	// the Vectorizer; one that first turns up later is a word like any other
	// that it does not know.
	StopLanguage string `json:"stop_language"`
	// StemLanguage stems each word by kljensen/snowball: "english", "spanish",
	// "french", "russian", "swedish", "norwegian" or "hungarian". Stemming
	// allocates.
	StemLanguage string `json:"stem_language"`
}

// ErrOptions says that Options hold something that makes no sense.
var ErrOptions = errors.New("tfidf: invalid options")

// maxNGram is the greatest n of an n-gram.
const maxNGram = 16

// stopLanguages are the ISO 639-1 codes that bbalet/stopwords knows.
const stopLanguages = " ar bg cs da de el en es fa fi fr hu id it ja km lv nl no pl pt ro ru sk sv th tr "

// normalized returns o with its defaults filled in, and those that are words
// left empty, or an error that wraps ErrOptions.
func (o *Options) normalized() (Options, error) {
	var n Options
	if o != nil {
		n = *o
	}
	if n.NGrams == [2]int{} {
		n.NGrams = [2]int{1, 1}
	}
	if n.MinDF == 0 {
		n.MinDF = 1
	}
	if n.Analyzer == Word {
		n.Analyzer = ""
	}
	if n.Norm == NormL2 {
		n.Norm = ""
	}
	return n, n.check()
}

// check returns what is wrong with o, its defaults filled in, wrapping
// ErrOptions.
func (o *Options) check() error {
	switch {
	case o.Analyzer != "" && o.Analyzer != Char && o.Analyzer != CharWB:
		return fmt.Errorf("%w: Analyzer is %q, want %q, %q or %q", ErrOptions, o.Analyzer, Word, Char, CharWB)
	case o.NGrams[0] < 1 || o.NGrams[1] < o.NGrams[0] || o.NGrams[1] > maxNGram:
		return fmt.Errorf("%w: NGrams is %v, want 1 <= least <= most <= %d", ErrOptions, o.NGrams, maxNGram)
	case !(o.MinDF > 0) || math.IsInf(o.MinDF, 0) || o.MinDF > 1 && o.MinDF != math.Trunc(o.MinDF):
		return fmt.Errorf("%w: MinDF is %v, want a share below 1 or a whole count", ErrOptions, o.MinDF)
	case !(o.MaxDF >= 0) || math.IsInf(o.MaxDF, 0) || o.MaxDF > 1 && o.MaxDF != math.Trunc(o.MaxDF):
		return fmt.Errorf("%w: MaxDF is %v, want a share below 1 or a whole count", ErrOptions, o.MaxDF)
	case o.MaxFeatures < 0:
		return fmt.Errorf("%w: MaxFeatures is %d", ErrOptions, o.MaxFeatures)
	case o.Norm != "" && o.Norm != NormL1 && o.Norm != NormNone:
		return fmt.Errorf("%w: Norm is %q, want %q, %q or %q", ErrOptions, o.Norm, NormL2, NormL1, NormNone)
	case o.Case != "" && o.Case != CaseSimple && o.Case != CaseKeep:
		return fmt.Errorf("%w: Case is %q, want %q, %q or nothing", ErrOptions, o.Case, CaseSimple, CaseKeep)
	case o.Accents != "" && o.Accents != AccentsUnicode && o.Accents != AccentsASCII:
		return fmt.Errorf("%w: Accents is %q, want %q, %q or nothing", ErrOptions, o.Accents, AccentsUnicode, AccentsASCII)
	case o.Analyzer != "" && (len(o.StopWords) > 0 || o.StopLanguage != "" || o.StemLanguage != "" || o.ShortWords):
		return fmt.Errorf("%w: StopWords, StopLanguage, StemLanguage and ShortWords are for words, Analyzer is %q", ErrOptions, o.Analyzer)
	case o.StopLanguage != "" && !strings.Contains(stopLanguages, " "+o.StopLanguage+" "):
		return fmt.Errorf("%w: StopLanguage %q is none of%s", ErrOptions, o.StopLanguage, stopLanguages)
	}
	if o.StemLanguage != "" {
		if _, err := snowball.Stem("words", o.StemLanguage, true); err != nil {
			return fmt.Errorf("%w: StemLanguage %q is not known", ErrOptions, o.StemLanguage)
		}
	}
	return checkVocabulary(o.Vocabulary)
}

func checkVocabulary(terms []string) error {
	first := make(map[string]int, len(terms))
	for i, term := range terms {
		j, twice := first[term]
		switch {
		case term == "":
			return fmt.Errorf("%w: term %d of Vocabulary is empty", ErrOptions, i)
		case !utf8.ValidString(term):
			return fmt.Errorf("%w: term %d of Vocabulary, %q, is not UTF-8", ErrOptions, i, term)
		case twice:
			return fmt.Errorf("%w: terms %d and %d of Vocabulary are both %q", ErrOptions, j, i, term)
		}
		first[term] = i
	}
	return nil
}

// checkIDF says which term, in none of the texts, has no idf.
func (o *Options) checkIDF(names []string, df []int32) error {
	if i := slices.Index(df, 0); i >= 0 && o.RawIDF && !o.NoIDF {
		return fmt.Errorf("%w: term %q of Vocabulary is in no text, so that with RawIDF its idf would be infinite", ErrOptions, names[i])
	}
	return nil
}

// idf returns the inverse document frequency of a term in df of n texts.
func (o *Options) idf(df, n int) float64 {
	switch {
	case o.NoIDF:
		return 1
	case o.RawIDF:
		return math.Log(float64(n)/float64(df)) + 1
	}
	return math.Log(float64(1+n)/float64(1+df)) + 1
}

// limits returns the least and the most texts, of n, that a term may occur in.
func (o *Options) limits(n int) (least, most float64) {
	least, most = o.MinDF, o.MaxDF
	if least < 1 {
		least *= float64(n)
	}
	switch {
	case most == 0:
		most = float64(n)
	case most < 1:
		most *= float64(n)
	}
	return least, most
}

// isStopWord reports whether bbalet/stopwords removes word from texts of the
// language. It also drops whatever is not a letter, so only words
// of letters alone can be stop words.
func isStopWord(word, language string) bool {
	for _, r := range word {
		if !unicode.IsLetter(r) {
			return false
		}
	}
	return strings.TrimSpace(stopwords.CleanString(word, language, false)) == ""
}
