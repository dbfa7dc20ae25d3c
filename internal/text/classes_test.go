package text

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// plainClasses counts characters one by one, by the tables of package unicode.
func plainClasses(s string) (c Classes) {
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		c.All++
		if r >= utf8.RuneSelf {
			c.Wide++
		}
		switch {
		case r == utf8.RuneError && n == 1:
		case unicode.IsDigit(r):
			c.Digits++
		case unicode.IsUpper(r):
			c.Upper++
		case unicode.IsPunct(r) || unicode.IsSymbol(r):
			c.Punctuation++
		}
	}
	return c
}

func checkClasses(t *testing.T, s string) {
	t.Helper()
	w := Words{Count: true}
	w.Set(s)
	if want := plainClasses(s); w.Classes != want || ClassesOf(s) != want {
		t.Errorf("%q has %+v, by itself %+v, want %+v", s, w.Classes, ClassesOf(s), want)
	}
}

// TestClasses counts all bytes, alone and where eight or 64 at once end, and
// more of one class than a byte can count.
func TestClasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 8))
	for c := range 256 {
		checkClasses(t, string([]byte{byte(c)}))
		checkClasses(t, strings.Repeat(string([]byte{byte(c)}), 300))
	}
	for n := range 300 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(128))
		}
		checkClasses(t, string(b))
		checkClasses(t, string(b)+"Ä€")
	}
	for _, s := range []string{"", "_", "Ünï ٣ Ⅷ €", "a\xffB\xfe1", strings.Repeat("A", 64) + "é", strings.Repeat("0_A~", 5000)} {
		checkClasses(t, s)
	}
}
