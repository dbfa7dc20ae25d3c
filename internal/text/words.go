// Package text cuts text into lower-case word tokens, the way every part of
// riskkit that reads words does it.
//
// A word is a run of two or more word characters, the meaning of the pattern
// (?u)\b\w\w+\b that scikit-learn's vectorizers use by default: letters,
// numbers of every kind and the underscore, as Python's re module counts them.
// Lower case follows Python's str.lower.
package text

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Words holds the words of one text in memory that is used again for the next.
// The zero value is ready. It must not be used from several goroutines at once.
type Words struct {
	// Short takes words of one character too: (?u)\b\w+\b.
	Short bool
	// Count makes Set count the characters of the text too, as Classes.
	Count   bool
	Classes Classes

	buf   []byte // the lower-cased text, with room for eight zeros behind it
	spans []span
}

type span struct{ start, end int }

// padding is how many zeros lie behind the text, so that eight bytes can be
// read from where any word begins, and whole blocks of 64.
const padding = 64 + 8

// Set cuts s, in lower case, into words, forgetting the words of the text
// before. Bytes that are not UTF-8 separate words. It takes time linear in
// len(s) and allocates only to grow.
func (w *Words) Set(s string) {
	w.buf = append(w.buf[:0], s...)
	w.buf = append(w.buf, make([]byte, padding)...)[:len(s)]
	if !w.cutASCII(true) {
		w.buf = AppendLower(w.buf[:0], s)
		w.cut()
		if w.Count {
			w.Classes = ClassesOf(s)
		}
	}
}

// SetBytes is Set for a text whose case the caller has seen to. b is copied.
func (w *Words) SetBytes(b []byte) {
	w.buf = append(w.buf[:0], b...)
	w.buf = append(w.buf, make([]byte, padding)...)[:len(b)]
	if !w.cutASCII(false) {
		w.cut()
	}
}

// cut finds the words of any text.
func (w *Words) cut() {
	n := len(w.buf)
	w.buf = append(w.buf, make([]byte, padding)...)[:n]
	w.spans = w.spans[:0]
	least := w.least()
	for i := 0; i < len(w.buf); {
		if c := w.buf[i]; c < utf8.RuneSelf && !asciiWord(c) {
			i++
			continue
		}
		n, runes := run(w.buf[i:])
		if runes >= least {
			w.spans = append(w.spans, span{i, i + n})
		}
		if n == 0 {
			_, n = utf8.DecodeRune(w.buf[i:])
		}
		i += n
	}
}

// each times a byte is eight of them.
const (
	each  = 0x0101010101010101
	highs = 0x80 * each
)

// upperASCII sets the highest bit of each of eight bytes of ASCII that is an
// upper-case letter.
func upperASCII(x uint64) uint64 {
	return (x + (0x80-'A')*each) &^ (x + (0x80-'Z'-1)*each) & highs
}

// lowerASCII lower-cases eight bytes of ASCII.
func lowerASCII(x uint64) uint64 { return x | upperASCII(x)>>2 }

// cutASCII finds the words of a text that is ASCII, lower-casing it on the way,
// and counting its characters where that is wanted, if lower; of another it
// returns false. It looks at eight bytes at once: for a byte x below 0x80,
// x + (0x80 - 'a') has its highest bit set from 'a' on.
func (w *Words) cutASCII(lower bool) bool {
	w.spans = w.spans[:0]
	buf := w.buf[:len(w.buf)+padding]
	start, inside := 0, uint64(0) // of the word at hand, and whether there is one
	least, n := w.least(), 0
	if most := len(w.buf)/2 + 1; cap(w.spans) < most {
		w.spans = make([]span, most+most/4)
	}
	spans := w.spans[:cap(w.spans)]
	counting, c := lower && w.Count, Classes{All: len(w.buf)}
	for base := 0; base < len(w.buf); base += 64 {
		var mask, all uint64            // a bit for each byte that is of a word; the bytes or-ed
		var digits, upper, signs uint64 // numbers of characters, a byte each
		block := (*[64]byte)(buf[base:])
		for i := 0; i <= 56; i += 8 {
			b := block[i : i+8]
			x := binary.LittleEndian.Uint64(b)
			all |= x
			capital := upperASCII(x)
			if lower {
				x |= capital >> 2
				binary.LittleEndian.PutUint64(b, x)
			}
			folded := x | 0x20*each
			digit := (x + (0x80-'0')*each) &^ (x + (0x80-'9'-1)*each)
			word := (folded+(0x80-'a')*each)&^(folded+(0x80-'z'-1)*each) | digit
			if counting {
				digits += digit >> 7 & each
				upper += capital >> 7
				signs += (x + (0x80-' '-1)*each) &^ (x + each) &^ word >> 7 & each
			}
			word |= highs - (x ^ '_'*each)
			mask |= (word & highs >> 7 * 0x0102040810204080 >> 56) << (i & 63)
		}
		if all&highs != 0 {
			return false
		}
		if counting {
			c.Digits += sumBytes(digits)
			c.Upper += sumBytes(upper)
			c.Punctuation += sumBytes(signs)
		}
		for edges := mask ^ (mask<<1 | inside); edges != 0; edges &= edges - 1 {
			at := base + bits.TrailingZeros64(edges)
			if inside == 0 {
				start, inside = at, 1
				continue
			}
			inside = 0
			spans[n] = span{start, at} // to be written over if it is too short
			n += int(uint64(least-1-(at-start)) >> 63)
		}
	}
	if inside == 1 && len(w.buf)-start >= least {
		spans[n] = span{start, len(w.buf)}
		n++
	}
	w.spans, w.Classes = spans[:n], c
	return true
}

// least returns the least number of characters of a word.
func (w *Words) least() int {
	if w.Short {
		return 1
	}
	return 2
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

// Bytes returns the number of bytes of all words.
func (w *Words) Bytes() int {
	n := 0
	for _, s := range w.spans {
		n += s.end - s.start
	}
	return n
}

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

// asciiWord reports whether the ASCII byte c is a word character: a bit for each,
// of those below 64 and those from there on.
func asciiWord(c byte) bool {
	set := uint64(0x03FF000000000000) // 0 to 9
	if c >= 64 {
		set = 0x07FFFFFE87FFFFFE // A to Z, _, a to z
	}
	return set>>(c&63)&1 != 0
}

// IsWordRune reports whether r is a word character: what Python's str.isalnum
// accepts, or the underscore. Marks are not word characters.
func IsWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && asciiWord(byte(r))
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}
