package tfidf

import (
	"github.com/kljensen/snowball"

	"github.com/riskkit/riskkit/internal/text"
)

// scratch is the memory that one text passes through; it is used again for the
// next.
type scratch struct {
	words text.Words
	kept  [][]byte // the words that are not stop words, stemmed
	term  []byte   // the n-gram being looked up
	ids   []int32
}

// analyzer turns a text into terms: words, without stop words, stemmed, and
// their n-grams joined by single spaces.
type analyzer struct {
	ngrams [2]int
	stop   map[string]bool
	stem   string // language, or empty
}

// terms calls yield with each term of s in turn. The bytes belong to the
// scratch and stand until yield returns.
func (a *analyzer) terms(sc *scratch, s string, yield func(term []byte)) {
	sc.words.Set(s)
	sc.kept = sc.kept[:0]
	for i := range sc.words.Len() {
		if w := sc.words.At(i); !a.stop[string(w)] {
			sc.kept = append(sc.kept, a.stemmed(w))
		}
	}
	for i := range sc.kept {
		sc.term = sc.term[:0]
		for n := 1; n <= a.ngrams[1] && i+n <= len(sc.kept); n++ {
			if n > 1 {
				sc.term = append(sc.term, ' ')
			}
			sc.term = append(sc.term, sc.kept[i+n-1]...)
			if n >= a.ngrams[0] {
				yield(sc.term)
			}
		}
	}
}

// stemmed returns the stem of word.
func (a *analyzer) stemmed(word []byte) []byte {
	if a.stem == "" {
		return word
	}
	stem, err := snowball.Stem(string(word), a.stem, true)
	if err != nil { // the language was checked before
		return word
	}
	return []byte(stem)
}
