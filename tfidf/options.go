package tfidf

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/bbalet/stopwords"
	"github.com/kljensen/snowball"
)

// Options say how a Vectorizer reads texts. The zero value is scikit-learn's
// TfidfVectorizer with its defaults.
type Options struct {
	// NGrams is the range of word n-grams that become features, {least, most}.
	// {0, 0} means {1, 1}: single words.
	NGrams [2]int `json:"ngrams"`
	// MinDF is the least number of texts that a term must occur in: below 1 it
	// is a share of the texts, from 1 on a count. 0 means 1.
	MinDF float64 `json:"min_df"`
	// MaxDF is the most texts that a term may occur in: below 1 a share of the
	// texts, from 1 on a count. 0 means no limit.
	MaxDF float64 `json:"max_df"`
	// MaxFeatures keeps only so many terms, those that occur most often, and
	// among equals the first in the order of the alphabet (scikit-learn leaves
	// equals to its unstable sort). 0 means all.
	MaxFeatures int `json:"max_features"`
	// Sublinear replaces a term's count by 1 + ln(count).
	Sublinear bool `json:"sublinear"`
	// StopWords are words, in lower case, that are passed over before n-grams
	// are built.
	StopWords []string `json:"stop_words"`
	// StopLanguage adds the stop words of a language of bbalet/stopwords, such
	// as "en". Those that occur in the texts of Fit are kept with the
	// Vectorizer; one that first turns up later is a word like any other that
	// it does not know.
	StopLanguage string `json:"stop_language"`
	// StemLanguage stems each word by kljensen/snowball: "english", "spanish",
	// "french", "russian", "swedish", "norwegian" or "hungarian". Stemming
	// allocates.
	StemLanguage string `json:"stem_language"`
}

// ErrOptions says that Options hold something that makes no sense.
var ErrOptions = errors.New("tfidf: invalid options")

// stopLanguages are the ISO 639-1 codes that bbalet/stopwords knows.
const stopLanguages = " ar bg cs da de el en es fa fi fr hu id it ja km lv nl no pl pt ro ru sk sv th tr "

// normalized returns o with its defaults filled in, or an error that wraps
// ErrOptions.
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
	switch {
	case n.NGrams[0] < 1 || n.NGrams[1] < n.NGrams[0] || n.NGrams[1] > 16:
		return n, fmt.Errorf("%w: NGrams is %v, want 1 <= least <= most <= 16", ErrOptions, n.NGrams)
	case !(n.MinDF > 0) || math.IsInf(n.MinDF, 0) || n.MinDF > 1 && n.MinDF != math.Trunc(n.MinDF):
		return n, fmt.Errorf("%w: MinDF is %v, want a share below 1 or a whole count", ErrOptions, n.MinDF)
	case !(n.MaxDF >= 0) || math.IsInf(n.MaxDF, 0) || n.MaxDF > 1 && n.MaxDF != math.Trunc(n.MaxDF):
		return n, fmt.Errorf("%w: MaxDF is %v, want a share below 1 or a whole count", ErrOptions, n.MaxDF)
	case n.MaxFeatures < 0:
		return n, fmt.Errorf("%w: MaxFeatures is %d", ErrOptions, n.MaxFeatures)
	case n.StopLanguage != "" && !strings.Contains(stopLanguages, " "+n.StopLanguage+" "):
		return n, fmt.Errorf("%w: StopLanguage %q is none of%s", ErrOptions, n.StopLanguage, stopLanguages)
	}
	if n.StemLanguage != "" {
		if _, err := snowball.Stem("words", n.StemLanguage, true); err != nil {
			return n, fmt.Errorf("%w: StemLanguage %q is not known", ErrOptions, n.StemLanguage)
		}
	}
	return n, nil
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

// isStopWord reports whether bbalet/stopwords removes word, in lower case, from
// texts of the language. It also drops whatever is not a letter, so only words
// of letters alone can be stop words.
func isStopWord(word, language string) bool {
	for _, r := range word {
		if !unicode.IsLetter(r) {
			return false
		}
	}
	return strings.TrimSpace(stopwords.CleanString(word, language, false)) == ""
}
