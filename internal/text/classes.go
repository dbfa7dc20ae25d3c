package text

import (
	"unicode"
	"unicode/utf8"
)

// Classes are numbers of characters of a text: all, decimal digits, upper-case
// letters, punctuation and symbols, and those that are not ASCII. Of bytes that
// are not UTF-8 each is one of the last.
type Classes struct {
	All, Digits, Upper, Punctuation, Wide int
}

// ClassesOf counts the characters of s, of ASCII eight at once.
func ClassesOf(s string) Classes {
	var c Classes
	for len(s) > 0 {
		s = c.eights(s)
		for k := 0; len(s) > 0 && k < 8; k++ {
			s = s[c.one(s):]
		}
	}
	return c
}

// eights counts the characters that lead s, eight at once, until there are not
// eight more that are ASCII, and returns what is behind them. For a byte x below
// 0x80, x + (0x80 - 'a') has its highest bit set from 'a' on.
func (c *Classes) eights(s string) string {
	for len(s) >= 8 {
		var digits, upper, signs uint64 // numbers of at most 255, a byte each
		n := 0
		for ; len(s) >= 8 && n < 255; n++ {
			x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
				uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
			if x&(0x80*each) != 0 {
				break
			}
			digit := (x + (0x80-'0')*each) &^ (x + (0x80-'9'-1)*each)
			letter := (x + (0x80-'A')*each) &^ (x + (0x80-'Z'-1)*each)
			small := (x + (0x80-'a')*each) &^ (x + (0x80-'z'-1)*each)
			sign := (x + (0x80-' '-1)*each) &^ (x + each) &^ (digit | letter | small)
			digits += digit >> 7 & each
			upper += letter >> 7 & each
			signs += sign >> 7 & each
			s = s[8:]
		}
		c.All += 8 * n
		c.Digits += sumBytes(digits)
		c.Upper += sumBytes(upper)
		c.Punctuation += sumBytes(signs)
		if n < 255 {
			break
		}
	}
	return s
}

// sumBytes returns the sum of the eight bytes of x.
func sumBytes(x uint64) int {
	const pairs = 0x00FF00FF00FF00FF
	return int((x&pairs + x>>8&pairs) * 0x0001000100010001 >> 48)
}

// one counts the character that s begins with and returns its length.
func (c *Classes) one(s string) int {
	c.All++
	if x := s[0]; x < utf8.RuneSelf {
		switch {
		case 'a' <= x && x <= 'z' || x <= ' ' || x == 0x7f:
		case '0' <= x && x <= '9':
			c.Digits++
		case 'A' <= x && x <= 'Z':
			c.Upper++
		default:
			c.Punctuation++
		}
		return 1
	}
	c.Wide++
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n == 1:
	case unicode.IsDigit(r):
		c.Digits++
	case unicode.IsUpper(r):
		c.Upper++
	case unicode.IsPunct(r) || unicode.IsSymbol(r):
		c.Punctuation++
	}
	return n
}
