package tfidf_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/tfidf"
)

// counts returns how often each term of one text occurs.
func counts(t *testing.T, s string, o tfidf.Options) map[string]int {
	t.Helper()
	o.NoIDF, o.Norm = true, tfidf.NormNone
	v, err := tfidf.Fit(slices.Values([]string{s}), &o)
	if err != nil {
		return nil // no term
	}
	found := map[string]int{}
	ind, val := v.AppendFeatures(nil, nil, s)
	for k, i := range ind {
		found[v.FeatureName(int(i))] = int(val[k])
	}
	if len(found) != v.NumFeatures() {
		t.Errorf("%q has %d features of %d terms", s, len(found), v.NumFeatures())
	}
	return found
}

// TestAnalyzers has the counts of scikit-learn 1.9.1's CountVectorizer.
func TestAnalyzers(t *testing.T) {
	for _, c := range []struct {
		text string
		opts tfidf.Options
		want map[string]int
	}{
		{"Go go, GO", tfidf.Options{NGrams: [2]int{1, 2}}, map[string]int{"go": 3, "go go": 2}},
		{"a go a", tfidf.Options{ShortWords: true, NGrams: [2]int{1, 2}}, map[string]int{"a": 2, "go": 1, "a go": 1, "go a": 1}},
		{"Go go, GO", tfidf.Options{Case: tfidf.CaseKeep}, map[string]int{"Go": 1, "go": 1, "GO": 1}},
		{"ab \t\nb\n", tfidf.Options{Analyzer: tfidf.Char}, map[string]int{"a": 1, "b": 2, " ": 1, "\n": 1}},
		{"aé\u00a0\u00a0b", tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{2, 3}}, map[string]int{
			"aé": 1, "é ": 1, " b": 1, "aé ": 1, "é b": 1,
		}},
		{"ab c\x1cd", tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{3, 5}}, map[string]int{
			" ab": 1, "ab ": 1, " ab ": 1, " c ": 1, " d ": 1,
		}},
		{"ab", tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{9, 16}}, map[string]int{" ab ": 1}},
		{"ab", tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{3, 4}}, nil},
		{"crème ½", tfidf.Options{Accents: tfidf.AccentsUnicode}, map[string]int{"creme": 1}},
		{"½x \u2163", tfidf.Options{Accents: tfidf.AccentsASCII}, map[string]int{"12x": 1, "iv": 1}},
	} {
		if diff := cmp.Diff(c.want, counts(t, c.text, c.opts)); diff != "" {
			t.Errorf("%q with %+v (-want +got):\n%s", c.text, c.opts, diff)
		}
	}
}

// TestSimpleCase has what unicode.ToLower makes of each rune.
func TestSimpleCase(t *testing.T) {
	s := "ΣΑΣ İstanbul DB\xff"
	want := map[string]int{"σασ": 1, "istanbul": 1, "db": 1}
	if diff := cmp.Diff(want, counts(t, s, tfidf.Options{Case: tfidf.CaseSimple})); diff != "" {
		t.Errorf("simple (-want +got):\n%s", diff)
	}
	want = map[string]int{"σας": 1, "stanbul": 1, "db": 1}
	if diff := cmp.Diff(want, counts(t, s, tfidf.Options{})); diff != "" {
		t.Errorf("as Python (-want +got):\n%s", diff)
	}
}

// TestBroken has texts that are not UTF-8, of which every byte that belongs to
// no character is one.
func TestBroken(t *testing.T) {
	s := "a\xff\xf0\x28 \xed\xa0\x80\ufffd"
	want := map[string]int{"a": 1, "\xff": 1, "\xf0": 1, "(": 1, " ": 1, "\xed": 1, "\xa0": 1, "\x80": 1, "\ufffd": 1}
	if diff := cmp.Diff(want, counts(t, s, tfidf.Options{Analyzer: tfidf.Char})); diff != "" {
		t.Errorf("characters (-want +got):\n%s", diff)
	}
	want = map[string]int{" a": 1, "a\xff": 1, "\xff\xf0": 1, "\xf0(": 1, "( ": 1, " \xed": 1, "\xed\xa0": 1, "\xa0\x80": 1, "\x80\ufffd": 1, "\ufffd ": 1}
	if diff := cmp.Diff(want, counts(t, s, tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 2}})); diff != "" {
		t.Errorf("inside words (-want +got):\n%s", diff)
	}
}

// slowTerms cuts a text the slow and obvious way, following scikit-learn's code.
func slowTerms(s string, o *tfidf.Options) []string {
	switch o.Case {
	case "":
		s = string(text.AppendLower(nil, s))
	case tfidf.CaseSimple:
		s = string(text.AppendSimpleLower(nil, s))
	}
	if o.Accents != "" {
		s = string(text.AppendStripped(nil, []byte(s), o.Accents == tfidf.AccentsASCII))
	}
	var terms []string
	switch least, most := o.NGrams[0], o.NGrams[1]; o.Analyzer {
	case tfidf.Char:
		chars := characters(s)
		for i := 0; i+1 < len(chars); {
			if space(chars[i]) && space(chars[i+1]) {
				chars[i] = " "
				for i+1 < len(chars) && space(chars[i+1]) {
					chars = slices.Delete(chars, i+1, i+2)
				}
			}
			i++
		}
		for n := least; n <= most; n++ {
			for i := range max(0, len(chars)-n+1) {
				terms = append(terms, strings.Join(chars[i:i+n], ""))
			}
		}
	case tfidf.CharWB:
		words := [][]string{nil}
		for _, c := range characters(s) {
			if space(c) {
				words = append(words, nil)
			} else {
				words[len(words)-1] = append(words[len(words)-1], c)
			}
		}
		for _, w := range words {
			if len(w) == 0 {
				continue
			}
			w = slices.Concat([]string{" "}, w, []string{" "})
			for n := least; n <= most; n++ {
				offset := 0
				terms = append(terms, strings.Join(w[:min(n, len(w))], ""))
				for offset+n < len(w) {
					offset++
					terms = append(terms, strings.Join(w[offset:offset+n], ""))
				}
				if offset == 0 {
					break
				}
			}
		}
	default:
		words := regexp.MustCompile(`[\p{L}\p{N}_]{2,}`).FindAllString(s, -1)
		words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(o.StopWords, w) })
		for n := least; n <= most; n++ {
			for i := range max(0, len(words)-n+1) {
				terms = append(terms, strings.Join(words[i:i+n], " "))
			}
		}
	}
	return terms
}

// characters cuts s into characters, of which a byte that is not UTF-8 is one.
func characters(s string) []string {
	var chars []string
	for s != "" {
		_, size := utf8.DecodeRuneInString(s)
		chars, s = append(chars, s[:size]), s[size:]
	}
	return chars
}

// space reports whether c is one of the characters for which Python 3.11's
// str.isspace is true.
func space(c string) bool {
	return utf8.ValidString(c) && strings.Contains("\t\n\v\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"+
		"\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000", c)
}

// pick returns options of the analyzer from a number.
func pick(n uint32) tfidf.Options {
	take := func(k uint32) uint32 {
		m := n % k
		n /= k
		return m
	}
	o := tfidf.Options{
		Analyzer: []tfidf.Analyzer{tfidf.Word, tfidf.Char, tfidf.CharWB}[take(3)],
		Case:     []tfidf.Case{"", tfidf.CaseSimple, tfidf.CaseKeep}[take(3)],
		Accents:  []tfidf.Accents{"", tfidf.AccentsUnicode, tfidf.AccentsASCII}[take(3)],
	}
	if take(2) == 1 && o.Analyzer == tfidf.Word {
		o.StopWords = []string{"the", "is"}
	}
	least := int(take(16))
	o.NGrams = [2]int{least + 1, least + 1 + int(take(uint32(16-least)))}
	return o
}

// FuzzTerms compares the terms of a text with the slow way.
func FuzzTerms(f *testing.F) {
	for i, s := range append(texts, "", " x\u00a0\u2003y \x1c\x85é\xff", "ΣΑΣ İ ﬁ 한글  \t\n", "\ufdfa \ufffd\xc2\u00a0") {
		f.Add(s, uint32(i*7919))
	}
	f.Fuzz(func(t *testing.T, s string, n uint32) {
		o := pick(n)
		want := map[string]int{}
		for _, term := range slowTerms(s, &o) {
			want[term]++
		}
		if got := counts(t, s, o); !maps.Equal(got, want) {
			t.Errorf("%q with %+v (-slow +fast):\n%s", s, o, cmp.Diff(want, got))
		}
	})
}
