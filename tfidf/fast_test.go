package tfidf

import (
	"math"
	"slices"
	"testing"
)

// plainFeatures is AppendFeatures the plain way: terms are strings, looked up
// in a map.
func plainFeatures(v *Vectorizer, index map[string]int32, s string) (ind []int32, val []float64) {
	count := map[int32]uint32{}
	v.analyzer.terms(new(scratch), s, func(term []byte) {
		if i, ok := index[string(term)]; ok {
			count[i]++
		}
	})
	for i := range count {
		ind = append(ind, i)
	}
	slices.Sort(ind)
	for _, i := range ind {
		val = append(val, v.options.tf(count[i])*v.IDF(int(i)))
	}
	v.options.Norm.divide(val)
	return ind, val
}

var someTexts = []string{
	"The infrastructure monitoring of the database is down, the database is down.",
	"Störung: Zahlungsdienst antwortet nicht, ΟΔΟΣ ΣΑΣ, İstanbul",
	"a b c aa bb aa bb aa, x_y internationalisation of the internationalization",
	"\xff broken \xc3 bytes\x00and zeros, 数据库 故障 数据库",
	"   tabs\t\tand\u2003\u2003spaces \x1c here ",
}

// someOptions is one of several Options.
func someOptions(n uint8) *Options {
	return []*Options{
		{}, {NGrams: [2]int{1, 2}, Sublinear: true}, {NGrams: [2]int{2, 3}}, {NGrams: [2]int{1, 4}, MinDF: 2},
		{StopWords: []string{"the", "is"}, NGrams: [2]int{1, 2}}, {StemLanguage: "english", NGrams: [2]int{1, 2}},
		{Analyzer: Char, NGrams: [2]int{1, 3}}, {Analyzer: CharWB, NGrams: [2]int{2, 5}}, {Analyzer: CharWB, NGrams: [2]int{4, 5}, Accents: AccentsASCII},
		{ShortWords: true, NGrams: [2]int{1, 3}, MinDF: 2}, {Vocabulary: []string{"the database", "down", "is no more", "  odd "}, NGrams: [2]int{1, 3}, Case: CaseKeep},
		{MaxFeatures: 7, NGrams: [2]int{1, 2}, Norm: NormL1, Binary: true}, {MaxDF: 0.4, NGrams: [2]int{1, 3}, Norm: NormNone},
	}[n%13]
}

// FuzzAgainstPlain holds the trie of keys, the Corpus and what is read out of
// order against maps of strings.
func FuzzAgainstPlain(f *testing.F) {
	for n, s := range someTexts {
		f.Add(uint8(n), s, someTexts[0])
		f.Add(uint8(n+6), someTexts[2], s)
	}
	f.Fuzz(func(t *testing.T, n uint8, more, s string) {
		texts := append(slices.Clone(someTexts), more, s)
		c, err := NewCorpus(someOptions(n))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range texts {
			c.Add(s)
		}
		sel, err := c.Select(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sel.Vectorizer()
		if err != nil {
			t.Fatal(err)
		}
		index := map[string]int32{}
		last := ""
		for i := range v.NumFeatures() {
			name := v.FeatureName(i)
			if !v.fixed && i > 0 && name <= last {
				t.Fatalf("%q follows %q", name, last)
			}
			last = name
			index[name] = int32(i)
			// Bytes that are not UTF-8 and make up a character are found as that.
			if j, ok := v.Index(name); v.analyzer.kind == "" && (!ok || j != i) {
				t.Fatalf("feature %d is %q, which is feature %d", i, name, j)
			}
		}
		for i, s := range append(texts, s+" unseen "+more) {
			ind, val := plainFeatures(v, index, s)
			same := func(how string, ind2 []int32, val2 []float64) {
				t.Helper()
				if !slices.Equal(ind, ind2) {
					t.Fatalf("%s: %q has features %v, the plain way %v", how, s, ind2, ind)
				}
				for k := range val {
					if math.Abs(val[k]-val2[k]) > 1e-12*math.Abs(val[k]) {
						t.Fatalf("%s: %q has values %v, the plain way %v", how, s, val2, val)
					}
				}
			}
			ind2, val2 := v.AppendFeatures(nil, nil, s)
			same("ordered", ind2, val2)
			ind2, val2 = v.AppendUnordered([]int32{9}, []float64{9}, s)
			same("unordered", inOrder(ind2[1:], val2[1:]), val2[1:])
			if i < len(texts) {
				ind2, val2 = sel.AppendFeatures(nil, nil, i)
				same("corpus", ind2, val2)
			}
		}
	})
}

// inOrder sorts ind, and val along with it.
func inOrder(ind []int32, val []float64) []int32 {
	for i := range ind {
		for j := i; j > 0 && ind[j-1] > ind[j]; j-- {
			ind[j-1], ind[j], val[j-1], val[j] = ind[j], ind[j-1], val[j], val[j-1]
		}
	}
	return ind
}

// TestSelectSome holds a Selection of some texts and narrower n-grams against a
// fit of these texts alone.
func TestSelectSome(t *testing.T) {
	c, err := NewCorpus(&Options{NGrams: [2]int{1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range someTexts {
		c.Add(s)
	}
	for _, o := range []*Options{{}, {NGrams: [2]int{2, 2}}, {NGrams: [2]int{1, 2}, Sublinear: true}, {NGrams: [2]int{1, 3}, MaxFeatures: 9}, {NGrams: [2]int{1, 3}, Vocabulary: []string{"aa bb", "nothing", "the"}}} {
		sel, err := c.Select(func(i int) bool { return i != 1 }, o)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Fit(slices.Values([]string{someTexts[0], someTexts[2], someTexts[3], someTexts[4]}), o)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sel.Vectorizer()
		if err != nil {
			t.Fatal(err)
		}
		a, _ := want.MarshalBinary()
		b, _ := v.MarshalBinary()
		if string(a) != string(b) {
			t.Errorf("%+v: the vectorizer differs", o)
		}
		for i, s := range someTexts {
			ind, val := want.AppendFeatures(nil, nil, s)
			ind2, val2 := sel.AppendFeatures(nil, nil, i)
			if !slices.Equal(ind, ind2) || !slices.Equal(val, val2) {
				t.Errorf("%+v: text %d has features %v %v, want %v %v", o, i, ind2, val2, ind, val)
			}
		}
	}
	for _, o := range []*Options{{NGrams: [2]int{1, 4}}, {Analyzer: Char}, {StopWords: []string{"the"}}, {Case: CaseKeep}} {
		if _, err := c.Select(nil, o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}
