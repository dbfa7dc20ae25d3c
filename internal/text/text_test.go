package text

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plain cuts a lower-cased text the slow and obvious way.
func plain(s string) []string {
	return regexp.MustCompile(`[\p{L}\p{N}_]{2,}`).FindAllString(string(AppendLower(nil, s)), -1)
}

func cut(s string) []string {
	var w Words
	w.Set(s)
	var words []string
	for i := range w.Len() {
		words = append(words, string(w.At(i)))
	}
	return words
}

func TestWords(t *testing.T) {
	for s, want := range map[string][]string{
		"":                           nil,
		"a b c":                      nil,
		"The DB is down.":            {"the", "db", "is", "down"},
		"x_y z1 __ 4.2s":             {"x_y", "z1", "__", "2s"},
		"Störung: ÜBERLAUF":          {"störung", "überlauf"},
		"a\xffbc\xfe de":             {"bc", "de"},
		"e\u0301te\u0301 co\u00adop": {"te", "co", "op"},
	} {
		if got := cut(s); !slices.Equal(got, want) {
			t.Errorf("%q has words %q, want %q", s, got, want)
		}
	}
}

// TestAppendLower has what Python 3.11's str.lower returns. Over all assigned
// code points of Unicode 14, one at a time, the two were found equal.
func TestAppendLower(t *testing.T) {
	for s, want := range map[string]string{
		"ABC xyz":  "abc xyz",
		"İstanbul": "i\u0307stanbul",
		"ΟΔΟΣ":     "οδος",
		"ΟΔΟΣ ΣΑΣ": "οδος σας",
		"Σ":        "σ",
		"ΑΣ'Α":     "ασ'α",
		"ΑΣ.":      "ας.",
		"ẞ ǅ Ⅷ":    "ß ǆ ⅷ",
		"A\xff":    "a\xff",
	} {
		if got := string(AppendLower(nil, s)); got != want {
			t.Errorf("lower case of %q is %q, want %q", s, got, want)
		}
	}
}

func TestPhrases(t *testing.T) {
	p, err := NewPhrases([]string{"data loss", "data", "Data-Loss confirmed", "data", "out of memory", "data"})
	if err != nil {
		t.Fatal(err)
	}
	for _, phrase := range []string{"", "a !", strings.Repeat("word ", MaxPhrase+1)} {
		if _, err := NewPhrases([]string{"data", phrase}); err == nil {
			t.Errorf("phrase %q is no error", phrase)
		}
	}
	var w Words
	w.Set("DATA loss, then data loss confirmed; more data. Out of memory? Out of luck")
	var got []int
	for i := 0; i < w.Len(); {
		id, n := p.At(&w, i)
		if n > 0 {
			got = append(got, id)
		}
		i += max(1, n)
	}
	if want := []int{0, 2, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("phrases %v, want %v", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { p.At(&w, 0) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPhrasesEqualSearch holds Phrases against a search through all of them.
func TestPhrasesEqualSearch(t *testing.T) {
	words := []string{"aa", "bb", "cc", "a_rather_long_one", "another_long_one"}
	rng := rand.New(rand.NewPCG(1, 9))
	random := func(n int) string {
		var s []string
		for range n {
			s = append(s, words[rng.IntN(len(words))])
		}
		return strings.Join(s, " ")
	}
	for range 300 {
		var list []string
		for range rng.IntN(20) {
			list = append(list, random(1+rng.IntN(4)))
		}
		p, err := NewPhrases(list)
		if err != nil {
			t.Fatal(err)
		}
		var w Words
		text := random(rng.IntN(12))
		w.Set(text)
		keys := w.AppendKeys(nil)
		fields := strings.Fields(text)
		for i := range fields {
			id, n := 0, 0
			for k, phrase := range list {
				size := len(strings.Fields(phrase))
				if rest := strings.Join(fields[i:min(len(fields), i+size)], " "); rest == phrase && size > n {
					id, n = k, size
				}
			}
			gotID, got := p.At(&w, i)
			keyID, key := p.AtKeys(&w, keys, i)
			if got != n || gotID != id || key != n || keyID != id || n > 0 && !p.May(keys[i]) {
				t.Fatalf("word %d of %q begins phrase %d of %d words, by keys %d of %d, want %d of %d in %q", i, text, gotID, got, keyID, key, id, n, list)
			}
		}
	}
}

func TestBreaks(t *testing.T) {
	var w Words
	w.Set("No users, v1.2 works. Disk full\ndata - gone: really; yes!ok")
	var got []string
	for i := range w.Len() {
		if w.Breaks(i) {
			got = append(got, string(w.At(i)))
		}
	}
	if want := []string{"no", "disk", "data", "really", "yes", "ok"}; !slices.Equal(got, want) {
		t.Errorf("breaks before %q, want %q", got, want)
	}
}

func TestSetDoesNotAllocate(t *testing.T) {
	var w Words
	s := strings.Repeat("Database DOWN ÄÖÜ ", 20)
	w.Set(s)
	if n := testing.AllocsPerRun(100, func() { w.Set(s) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzWords compares the cutter with a regular expression.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"The DB is down", "ΟΔΟΣ ΣΑΣ'Α", "İI ı ½²Ⅷ_", "a\xffbc", "🔥fire x", "\xf0\x28\x8c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := cut(s), plain(s); !slices.Equal(got, want) {
			t.Errorf("%q has words %q, the regular expression finds %q", s, got, want)
		}
		checkClasses(t, s)
	})
}

func BenchmarkSet(b *testing.B) {
	var w Words
	s := strings.Repeat("The primary Database is DOWN for all users; ", 8)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		w.Set(s)
	}
}
