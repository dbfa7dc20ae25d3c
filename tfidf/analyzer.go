package tfidf

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball"

	"github.com/riskkit/riskkit/internal/text"
)

// scratch is the memory that one text passes through; it is used again for the
// next.
type scratch struct {
	cased  []byte // the text in lower case
	folded []byte // the text in lower case, without accents
	words  text.Words
	kept   [][]byte // the words that are not stop words, stemmed
	chars  []byte   // characters to take n-grams of
	starts []int    // where each of them begins, and where the last ends
	term   []byte   // the n-gram being looked up
	hashes []uint32

	keys     []uint64 // of words or grams
	hashes64 []uint64
	found    []uint32 // the slots where hashes begin to be looked for
	peeked   uint64
	units    []uint32
	level    []int32 // nodes of a Vectorizer
	refs     []ref   // terms of a Corpus
	ids      []int32 // features
	counts   []uint32
	stamps   []uint32 // see count
	base     uint32

	reading *text.Reading // of the text at hand, if somebody else wants it
}

// analyzer turns a text into terms.
type analyzer struct {
	kind    Analyzer // empty for Word
	short   bool     // whether words may have one character
	ngrams  [2]int
	fold    Case
	accents Accents
	stop    map[string]bool
	stem    string // language, or empty
}

func newAnalyzer(o *Options) *analyzer {
	a := &analyzer{
		kind: o.Analyzer, short: o.ShortWords, ngrams: o.NGrams, fold: o.Case, accents: o.Accents,
		stop: map[string]bool{}, stem: o.StemLanguage,
	}
	for _, w := range o.StopWords {
		a.stop[w] = true
	}
	return a
}

// terms calls yield with each term of s in turn, the plain way: Hashing needs
// the terms themselves, and what is faster is held against it. The bytes belong
// to the scratch and stand until yield returns.
func (a *analyzer) terms(sc *scratch, s string, yield func(term []byte)) {
	if a.kind != "" {
		a.sequences(sc, s, func(chars []byte, least int) { a.charNGrams(sc, chars, least, yield) })
		return
	}
	a.cut(sc, s)
	sc.kept = sc.kept[:0]
	for i := range sc.words.Len() {
		if w := sc.words.At(i); !a.stop[string(w)] {
			sc.kept = append(sc.kept, a.stemmed(w))
		}
	}
	a.wordNGrams(sc, yield)
}

// cut sets the words of sc to those of s.
func (a *analyzer) cut(sc *scratch, s string) {
	sc.words.Short, sc.words.Count = a.short, sc.reading != nil
	if a.fold == "" && a.accents == "" {
		sc.words.Set(s)
	} else {
		sc.words.SetBytes(a.folded(sc, s))
	}
}

// sequences calls yield with the characters that n-grams are taken of: for Char
// all of s, for CharWB each part between white space, with a space before and
// after it. least is the n from which on n-grams count, NGrams[0], or the length
// of a part that has fewer characters.
func (a *analyzer) sequences(sc *scratch, s string, yield func(chars []byte, least int)) {
	b := a.folded(sc, s)
	if a.kind == Char {
		sc.chars = appendCollapsed(sc.chars[:0], b)
		yield(sc.chars, a.ngrams[0])
		return
	}
	for len(b) > 0 {
		n, size := untilSpace(b)
		if n > 0 {
			sc.chars = append(append(append(sc.chars[:0], ' '), b[:n]...), ' ')
			yield(sc.chars, min(a.ngrams[0], countChars(sc.chars)))
		}
		b = b[n+size:]
	}
}

// folded returns s in lower case and without accents, as far as the options
// want that. The bytes belong to the scratch.
func (a *analyzer) folded(sc *scratch, s string) []byte {
	switch a.fold {
	case CaseKeep:
		sc.cased = append(sc.cased[:0], s...)
	case CaseSimple:
		sc.cased = text.AppendSimpleLower(sc.cased[:0], s)
	default:
		sc.cased = text.AppendLower(sc.cased[:0], s)
	}
	if a.accents == "" {
		return sc.cased
	}
	sc.folded = text.AppendStripped(sc.folded[:0], sc.cased, a.accents == AccentsASCII)
	return sc.folded
}

// wordNGrams yields the n-grams of sc.kept.
func (a *analyzer) wordNGrams(sc *scratch, yield func(term []byte)) {
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

// charNGrams yields the n-grams of chars from least on.
func (a *analyzer) charNGrams(sc *scratch, chars []byte, least int, yield func(term []byte)) {
	sc.starts = sc.starts[:0]
	for i := 0; i < len(chars); {
		sc.starts = append(sc.starts, i)
		_, size := charAt(chars[i:])
		i += size
	}
	sc.starts = append(sc.starts, len(chars))
	for n := least; n <= a.ngrams[1]; n++ {
		for i := 0; i+n < len(sc.starts); i++ {
			yield(chars[sc.starts[i]:sc.starts[i+n]])
		}
	}
}

// countChars returns the number of characters of b. A byte that is not UTF-8 is
// one.
func countChars(b []byte) int { return utf8.RuneCount(b) }

// appendCollapsed appends b to dst with a space in place of two or more
// characters of white space in a row. One alone stays what it is.
func appendCollapsed(dst, b []byte) []byte {
	for len(b) > 0 {
		n, size := untilSpace(b)
		dst = append(dst, b[:n]...)
		space, rest := b[n:n+size], b[n+size:]
		b = bytes.TrimLeftFunc(rest, isSpace)
		if len(b) < len(rest) {
			dst = append(dst, ' ')
		} else {
			dst = append(dst, space...)
		}
	}
	return dst
}

// untilSpace returns where the first white space of b is and how many bytes its
// character has: len(b) and 0 if there is none.
func untilSpace(b []byte) (n, size int) {
	n = bytes.IndexFunc(b, isSpace)
	if n < 0 {
		return len(b), 0
	}
	_, size = utf8.DecodeRune(b[n:])
	return n, size
}

// isSpace reports whether r is white space to Python's str.isspace, str.split
// and \s: Unicode's White_Space and four control characters that separate.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1C <= r && r <= 0x1F }

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
