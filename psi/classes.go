package psi

import (
	"unicode"
	"unicode/utf8"
)

// classes are numbers of characters of a text.
type classes struct {
	all, digits, upper, punctuation, wide int
}

// classesOf counts the characters of s. Of bytes that are not UTF-8 each is one
// that is not ASCII.
func classesOf(s string) classes {
	var c classes
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			i++
			c.all++
			switch {
			case 'a' <= b && b <= 'z' || b <= ' ' || b == 0x7f:
			case '0' <= b && b <= '9':
				c.digits++
			case 'A' <= b && b <= 'Z':
				c.upper++
			default:
				c.punctuation++
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		c.all++
		c.wide++
		switch {
		case r == utf8.RuneError && n == 1:
		case unicode.IsDigit(r):
			c.digits++
		case unicode.IsUpper(r):
			c.upper++
		case unicode.IsPunct(r) || unicode.IsSymbol(r):
			c.punctuation++
		}
	}
	return c
}
