package text

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// AppendStripped appends src without its accents to dst: taken apart as
// Unicode's form NFKD does it and without the marks that combine, which is
// scikit-learn's strip_accents_unicode, or, if ascii is set, with nothing but
// ASCII left, its strip_accents_ascii. It takes letters and signs of
// compatibility apart too: ﬁ becomes fi and ² becomes 2. What it makes may be in
// upper case though src was not. Bytes that are not UTF-8 are appended as they
// are, or dropped if ascii is set. src and dst must not overlap. It allocates
// only to grow dst.
//
// The order of marks, which is what else NFKD is about, does not matter once
// they are gone, so that every rune can be taken by itself. Runes that are not
// in Unicode 14 stay as they are.
func AppendStripped(dst, src []byte, ascii bool) []byte {
	for i := 0; i < len(src); {
		start := i
		for i < len(src) && src[i] < utf8.RuneSelf {
			i++
		}
		dst = append(dst, src[start:i]...)
		if i == len(src) {
			break
		}
		r, size := utf8.DecodeRune(src[i:])
		switch s, changed := stripped(r); {
		case changed:
			dst = appendText(dst, s, ascii)
		case hangulFirst <= r && r <= hangulLast:
			if !ascii {
				dst = appendJamo(dst, r)
			}
		case !ascii:
			dst = append(dst, src[i:i+size]...)
		}
		i += size
	}
	return dst
}

// stripped returns what strippedRuns makes of r, and whether they change it.
func stripped(r rune) (s string, changed bool) {
	i, found := slices.BinarySearchFunc(strippedRuns[:], r, func(run strippedRun, r rune) int {
		return cmp.Compare(run.first, r)
	})
	if !found {
		i-- // the last run that begins before r
	}
	if i < 0 {
		return "", false
	}
	run := strippedRuns[i]
	k := int(r - run.first)
	if k >= int(run.count) {
		return "", false
	}
	at := int(run.at) + k*int(run.size)
	return strippedText[at : at+int(run.size)], true
}

// appendText appends s, or what is ASCII of it.
func appendText(dst []byte, s string, ascii bool) []byte {
	if !ascii {
		return append(dst, s...)
	}
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			dst = append(dst, s[i])
		}
	}
	return dst
}

// The syllables of Hangul are taken apart by arithmetic (The Unicode Standard,
// section 3.12).
const (
	hangulFirst, hangulLast       = 0xAC00, 0xD7A3
	leadBase, vowelBase, tailBase = 0x1100, 0x1161, 0x11A7
	vowels, tails                 = 21, 28
)

// appendJamo appends the jamo of the syllable r.
func appendJamo(dst []byte, r rune) []byte {
	s := r - hangulFirst
	dst = utf8.AppendRune(dst, leadBase+s/(vowels*tails))
	dst = utf8.AppendRune(dst, vowelBase+s/tails%vowels)
	if t := s % tails; t > 0 {
		dst = utf8.AppendRune(dst, tailBase+t)
	}
	return dst
}
