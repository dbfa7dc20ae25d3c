package riskhttp

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A reader reads JSON (RFC 8259) of a known flat shape, more strictly than
// encoding/json: it knows no null, wants the names of fields letter by letter
// and once each, and takes neither broken UTF-8 nor half a surrogate pair. The
// first error ends it. It reads each byte once and allocates only for errors.
type reader struct {
	data    []byte
	at      int    // of the next byte
	scratch []byte // holds a string that had escapes
}

// fault returns what is wrong at a place.
func fault(at int, detail string) *Fault { return &Fault{Offset: at, Detail: detail, kind: badBody} }

// object reads an object of the fields names, at most 32, and calls read for
// each that is there, at its value. The Fault of read gets its pointer here.
func (r *reader) object(names []string, read func(i int) *Fault) *Fault {
	if err := r.open('{', "an object"); err != nil {
		return err
	}
	var seen uint32
	for first := true; ; first = false {
		more, err := r.more('}', first)
		if err != nil || !more {
			return err
		}
		at := r.at
		name, err := r.str("the name of a field")
		if err != nil {
			return err
		}
		i := index(names, name)
		switch {
		case i < 0:
			err = fault(at, "there is no field "+quote(name)+", only "+strings.Join(names, ", "))
		case seen&(1<<i) != 0:
			err = fault(at, "the field "+quote(name)+" stands twice")
		default:
			seen |= 1 << i
			if err = r.colon(); err == nil {
				err = read(i)
			}
		}
		if err != nil {
			if i >= 0 {
				err.Pointer = "/" + names[i] + err.Pointer
			}
			return err
		}
	}
}

// array calls read at each element of an array.
func (r *reader) array(read func() *Fault) *Fault {
	if err := r.open('[', "an array"); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := r.more(']', n == 0)
		if err != nil || !more {
			return err
		}
		if err := read(); err != nil {
			err.Pointer = "/" + strconv.Itoa(n) + err.Pointer
			return err
		}
	}
}

// end fails where anything but space is left.
func (r *reader) end() *Fault {
	if r.peek(); r.at < len(r.data) {
		return fault(r.at, "want nothing more, found "+r.found())
	}
	return nil
}

// peek passes over space and returns the byte after it, 0 at the end.
func (r *reader) peek() byte {
	for ; r.at < len(r.data); r.at++ {
		if c := r.data[r.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

func (r *reader) open(c byte, what string) *Fault {
	if r.peek() != c {
		return fault(r.at, "want "+what+", found "+r.found())
	}
	r.at++
	return nil
}

func (r *reader) colon() *Fault { return r.open(':', "a colon") }

// more passes over what stands before an element and reports whether there is
// one, or else passes over the end.
func (r *reader) more(end byte, first bool) (bool, *Fault) {
	switch c := r.peek(); {
	case c == end:
		r.at++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.at++
		return true, nil
	}
	return false, fault(r.at, "want a comma or "+string(rune(end))+", found "+r.found())
}

// found says what is at the place.
func (r *reader) found() string {
	switch c := r.peek(); {
	case r.at >= len(r.data):
		return "the end"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't', c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	default:
		_, n := utf8.DecodeRune(r.data[r.at:])
		return quote(r.data[r.at : r.at+n])
	}
}

// str reads a string. It is a part of the data or of scratch, good until the
// next call.
func (r *reader) str(what string) ([]byte, *Fault) {
	if r.peek() != '"' {
		return nil, fault(r.at, "want "+what+", found "+r.found())
	}
	r.at++
	first := r.at // of what is not in scratch yet
	escaped := false
	for r.plain(); r.at < len(r.data); r.plain() {
		switch c := r.data[r.at]; {
		case c == '"':
			s := r.data[first:r.at]
			r.at++
			if escaped {
				r.scratch = append(r.scratch, s...)
				s = r.scratch
			}
			return s, nil
		case c == '\\':
			if !escaped {
				escaped, r.scratch = true, r.scratch[:0]
			}
			r.scratch = append(r.scratch, r.data[first:r.at]...)
			if err := r.escape(); err != nil {
				return nil, err
			}
			first = r.at
		case c < ' ':
			return nil, fault(r.at, "a control character in a string must be escaped")
		case c < utf8.RuneSelf: // too near the end for plain
			r.at++
		default:
			c, n := utf8.DecodeRune(r.data[r.at:])
			if c == utf8.RuneError && n == 1 {
				return nil, fault(r.at, "this is not UTF-8")
			}
			r.at += n
		}
	}
	return nil, fault(r.at, "want the end of a string, found the end")
}

// plain passes over ASCII that stands for itself in a string, eight bytes at a
// time, up to the first that does not or the last seven bytes of the data.
func (r *reader) plain() {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(r.data)-r.at >= 8 {
		x := binary.LittleEndian.Uint64(r.data[r.at:])
		quotes, slashes := x^ones*'"', x^ones*'\\'
		// The lowest high bit that is set is that of a byte which is below ' ',
		// a quote, a backslash or not ASCII; those above it may be wrong.
		stop := ((x-ones*' ')&^x | (quotes-ones)&^quotes | (slashes-ones)&^slashes | x) & highs
		if stop != 0 {
			r.at += bits.TrailingZeros64(stop) / 8
			return
		}
		r.at += 8
	}
}

// escape reads an escape into scratch.
func (r *reader) escape() *Fault {
	at := r.at
	r.at++
	c := byte(0)
	if r.at < len(r.data) {
		c = r.data[r.at]
	}
	r.at++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		u, ok := r.hex()
		if ok && utf16.IsSurrogate(u) {
			low := rune(-1)
			if r.at+1 < len(r.data) && r.data[r.at] == '\\' && r.data[r.at+1] == 'u' {
				r.at += 2
				low, ok = r.hex()
			}
			if u = utf16.DecodeRune(u, low); ok && u == utf8.RuneError {
				return fault(at, "this is half of a surrogate pair")
			}
		}
		if !ok {
			return fault(at, `want four hexadecimal digits after \u`)
		}
		r.scratch = utf8.AppendRune(r.scratch, u)
		return nil
	default:
		return fault(at, "there is no such escape")
	}
	r.scratch = append(r.scratch, c)
	return nil
}

// hex reads four hexadecimal digits.
func (r *reader) hex() (u rune, ok bool) {
	if len(r.data)-r.at < 4 {
		return 0, false
	}
	for _, c := range r.data[r.at : r.at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	r.at += 4
	return u, true
}

// index returns which of names name is, or -1.
func index(names []string, name []byte) int {
	for i := range names {
		if names[i] == string(name) {
			return i
		}
	}
	return -1
}

// quote returns what somebody else wrote for a message, the beginning of it
// where it is long.
func quote(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}
