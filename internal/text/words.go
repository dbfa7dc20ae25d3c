// Package text cuts text into lower-case word tokens, the way every part of
// riskkit that reads words does it.
//
// A word is a run of two or more word characters, the meaning of the pattern
// (?u)\b\w\w+\b that scikit-learn's vectorizers use by default: letters,
// numbers of every kind and the underscore, as Python's re module counts them.
// Lower case follows Python's str.lower.
package text

import (
	"unicode"
	"unicode/utf8"
)

// Words holds the words of one text in memory that is used again for the next.
// The zero value is ready. It must not be used from several goroutines at once.
type Words struct {
	buf   []byte // the lower-cased text
	spans []span
	key   []byte // words joined, for Phrases
}

type span struct{ start, end int }

// Set cuts s, in lower case, into words, forgetting the words of the text
// before. Bytes that are not UTF-8 separate words. It takes time linear in
// len(s) and allocates only to grow.
func (w *Words) Set(s string) {
	w.buf = AppendLower(w.buf[:0], s)
	w.cut()
}

// SetBytes is Set for a text whose case the caller has seen to. b is copied.
func (w *Words) SetBytes(b []byte) {
	w.buf = append(w.buf[:0], b...)
	w.cut()
}

func (w *Words) cut() {
	w.spans = w.spans[:0]
	for i := 0; i < len(w.buf); {
		n, runes := run(w.buf[i:])
		if runes >= 2 {
			w.spans = append(w.spans, span{i, i + n})
		}
		if n == 0 {
			_, n = utf8.DecodeRune(w.buf[i:])
		}
		i += n
	}
}

// run returns the length in bytes and in runes of the word characters that lead
// b.
func run(b []byte) (n, runes int) {
	for n < len(b) {
		if c := b[n]; c < utf8.RuneSelf {
			if !asciiWord(c) {
				break
			}
			n++
		} else {
			r, size := utf8.DecodeRune(b[n:])
			if !IsWordRune(r) {
				break
			}
			n += size
		}
		runes++
	}
	return n, runes
}

// Len returns the number of words.
func (w *Words) Len() int { return len(w.spans) }

// At returns word i in lower case. The bytes belong to w and stand until the
// next Set.
func (w *Words) At(i int) []byte { return w.buf[w.spans[i].start:w.spans[i].end] }

// Breaks reports whether a sentence or a clause ends between word i-1 and word
// i: there is a line break or one of ;:!?, or a full stop before white space.
// It is true for the first word.
func (w *Words) Breaks(i int) bool {
	if i == 0 {
		return true
	}
	gap := w.buf[w.spans[i-1].end:w.spans[i].start]
	for k, c := range gap {
		switch c {
		case '\n', ';', ':', '!', '?':
			return true
		case '.':
			if k+1 < len(gap) && (gap[k+1] == ' ' || gap[k+1] == '\t') {
				return true
			}
		}
	}
	return false
}

// asciiWord reports whether the ASCII byte c is a word character.
func asciiWord(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_'
}

// IsWordRune reports whether r is a word character: what Python's str.isalnum
// accepts, or the underscore. Marks are not word characters.
func IsWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && asciiWord(byte(r))
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}
