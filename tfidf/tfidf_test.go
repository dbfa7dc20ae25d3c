package tfidf_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/tfidf"
)

var texts = []string{
	"The database is down and no user can log in.",
	"The login is slow for users of the shop.",
	"Database backups failed, the disk is full.",
	"A typo on the login page.",
}

func fit(t testing.TB, o *tfidf.Options) *tfidf.Vectorizer {
	t.Helper()
	v, err := tfidf.Fit(slices.Values(texts), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStopWordsAndStems(t *testing.T) {
	v := fit(t, &tfidf.Options{StopLanguage: "en", StemLanguage: "english", NGrams: [2]int{1, 2}})
	ind, _ := v.AppendFeatures(nil, nil, "the databases are DOWN for users")
	var got []string
	for _, i := range ind {
		got = append(got, v.FeatureName(int(i)))
	}
	// "the", "down" and "for" are stop words of the texts. "are" is one of the
	// list but in no text; as an unknown word it is in no feature either.
	if want := []string{"databas", "user"}; !slices.Equal(got, want) {
		t.Errorf("features %q, want %q", got, want)
	}
	for word, want := range map[string]int{"the": 4, "databases": 2, "kernel": 0, "typo": 1} {
		if got := v.WordFrequency([]byte(word)); got != want || v.Knows([]byte(word)) != (want > 0) {
			t.Errorf("frequency of %q is %d, want %d", word, got, want)
		}
	}
	if i, ok := v.Index("databas"); !ok || v.DocumentFrequency(i) != 2 || v.Documents() != 4 {
		t.Errorf("%q is feature %d: %v", "databas", i, ok)
	}
	if o := v.Options(); !slices.Contains(o.StopWords, "the") || slices.Contains(o.StopWords, "database") {
		t.Errorf("stop words in force: %q", o.StopWords)
	}
}

func TestFixedVocabulary(t *testing.T) {
	vocabulary := []string{"slow", "the login", "kernel", "database"}
	o := tfidf.Options{Vocabulary: vocabulary, NGrams: [2]int{1, 2}, MinDF: 3, MaxFeatures: 1}
	v := fit(t, &o)
	vocabulary[0] = "changed"
	if want := []string{"slow", "the login", "kernel", "database"}; !slices.Equal(names(v), want) || !slices.Equal(v.Options().Vocabulary, want) {
		t.Errorf("features %q of %q, want %q", names(v), v.Options().Vocabulary, want)
	}
	for i, want := range []int{1, 2, 0, 2} {
		if got := v.DocumentFrequency(i); got != want {
			t.Errorf("%q is in %d texts, want %d", v.FeatureName(i), got, want)
		}
	}
	if ind, _ := v.AppendFeatures(nil, nil, "kernel of the login database"); !slices.Equal(ind, []int32{1, 2, 3}) {
		t.Errorf("features %v", ind)
	}
	if !v.Knows([]byte("login")) || v.Knows([]byte("kernel")) {
		t.Error("a word that is in no text is known, or one that is in some is not")
	}
	o = tfidf.Options{Vocabulary: []string{"slow", "kernel"}, RawIDF: true, NoIDF: true}
	if v := fit(t, &o); v.IDF(1) != 1 {
		t.Errorf("without idf it is %v", v.IDF(1))
	}
}

// TestWordFrequency counts in texts by hand.
func TestWordFrequency(t *testing.T) {
	all := []string{"The Café closed. Also the café", "CAFE open, Tab", "Über cafés"}
	for _, c := range []struct {
		opts tfidf.Options
		want map[string]int
	}{
		{tfidf.Options{}, map[string]int{"café": 1, "cafe": 1, "the": 1, "xx": 0}},
		{tfidf.Options{Accents: tfidf.AccentsUnicode}, map[string]int{"café": 2, "cafe": 2, "uber": 1, "café.bar": 0, "é": 0}},
		{tfidf.Options{Case: tfidf.CaseKeep, StopLanguage: "en"}, map[string]int{"the": 3, "café": 1, "also": 3, "open": 1, "über": 1, "Über": 0}},
		{tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{3, 5}}, map[string]int{"café": 1, "caf": 0, "tab": 1, "open": 0, "": 0}},
		{tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{2, 3}, Accents: tfidf.AccentsASCII}, map[string]int{"café": 3, "fe": 3, "be": 1, "x": 0, "a": 0}},
	} {
		v, err := tfidf.Fit(slices.Values(all), &c.opts)
		if err != nil {
			t.Fatal(err)
		}
		for word, want := range c.want {
			if got := v.WordFrequency([]byte(word)); got != want || v.Knows([]byte(word)) != (want > 0) {
				t.Errorf("%+v: frequency of %q is %d, want %d", c.opts, word, got, want)
			}
		}
	}
}

func TestFitErrors(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		opts  tfidf.Options
		want  error
	}{
		"no texts":         {nil, tfidf.Options{}, tfidf.ErrEmptyVocabulary},
		"no words":         {[]string{"a b", "!"}, tfidf.Options{}, tfidf.ErrEmptyVocabulary},
		"min_df":           {texts, tfidf.Options{MinDF: 5}, tfidf.ErrOptions},
		"all too frequent": {[]string{"aa", "aa"}, tfidf.Options{MaxDF: 0.5}, tfidf.ErrEmptyVocabulary},
		"max below min":    {texts, tfidf.Options{MinDF: 3, MaxDF: 2}, tfidf.ErrOptions},
		"n-grams":          {texts, tfidf.Options{NGrams: [2]int{2, 1}}, tfidf.ErrOptions},
		"broken count":     {texts, tfidf.Options{MinDF: 1.5}, tfidf.ErrOptions},
		"NaN":              {texts, tfidf.Options{MaxDF: math.NaN()}, tfidf.ErrOptions},
		"stop language":    {texts, tfidf.Options{StopLanguage: "xx"}, tfidf.ErrOptions},
		"stem language":    {texts, tfidf.Options{StemLanguage: "latin"}, tfidf.ErrOptions},
		"max features":     {texts, tfidf.Options{MaxFeatures: -1}, tfidf.ErrOptions},
		"long n-grams":     {texts, tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{1, 17}}, tfidf.ErrOptions},
		"analyzer":         {texts, tfidf.Options{Analyzer: "words"}, tfidf.ErrOptions},
		"norm":             {texts, tfidf.Options{Norm: "max"}, tfidf.ErrOptions},
		"case":             {texts, tfidf.Options{Case: "lower"}, tfidf.ErrOptions},
		"accents":          {texts, tfidf.Options{Accents: "latin"}, tfidf.ErrOptions},
		"stop in chars":    {texts, tfidf.Options{Analyzer: tfidf.Char, StopWords: []string{"the"}}, tfidf.ErrOptions},
		"language in char": {texts, tfidf.Options{Analyzer: tfidf.CharWB, StopLanguage: "en"}, tfidf.ErrOptions},
		"stems of chars":   {texts, tfidf.Options{Analyzer: tfidf.CharWB, StemLanguage: "english"}, tfidf.ErrOptions},
		"term twice":       {texts, tfidf.Options{Vocabulary: []string{"slow", "login", "slow"}}, tfidf.ErrOptions},
		"empty term":       {texts, tfidf.Options{Vocabulary: []string{"slow", ""}}, tfidf.ErrOptions},
		"broken term":      {texts, tfidf.Options{Vocabulary: []string{"slow", "\xff"}}, tfidf.ErrOptions},
		"infinite idf":     {texts, tfidf.Options{Vocabulary: []string{"slow", "kernel"}, RawIDF: true}, tfidf.ErrOptions},
		"fixed, no texts":  {nil, tfidf.Options{Vocabulary: []string{"slow"}}, tfidf.ErrEmptyVocabulary},
		"no n-grams":       {[]string{"ab", "c"}, tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{3, 3}}, tfidf.ErrEmptyVocabulary},
	} {
		if _, err := tfidf.Fit(slices.Values(c.texts), &c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
}

// TestConcurrent shares one Vectorizer; it is meant for -race.
func TestConcurrent(t *testing.T) {
	v := fit(t, &tfidf.Options{NGrams: [2]int{1, 2}})
	want, _ := v.AppendFeatures(nil, nil, texts[0])
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for _, text := range texts {
					v.AppendFeatures(nil, nil, text)
				}
				if got, _ := v.AppendFeatures(nil, nil, texts[0]); !slices.Equal(got, want) {
					t.Error("features differ")
				}
			}
		})
	}
	wg.Wait()
}

func TestAppendFeatures(t *testing.T) {
	v := fit(t, nil)
	ind, val := v.AppendFeatures([]int32{7}, []float64{7}, "")
	if len(ind) != 1 || len(val) != 1 {
		t.Error("an empty text has features")
	}
	huge := strings.Repeat("database down ", 1<<20)
	if ind, _ := v.AppendFeatures(nil, nil, huge); len(ind) != 2 {
		t.Errorf("a text of a million words has %d features, want 2", len(ind))
	}
	if ind, _ := v.AppendFeatures(nil, nil, "data\xffbase \xf0\x28 down"); len(ind) != 1 {
		t.Errorf("broken UTF-8 has %d features, want 1", len(ind))
	}
	var zero tfidf.Vectorizer
	if ind, _ := zero.AppendFeatures(nil, nil, texts[0]); len(ind) != 0 || zero.NumFeatures() != 0 || zero.Knows([]byte("the")) {
		t.Error("the zero value has features")
	}
}

func TestAppendFeaturesDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under -race")
	}
	for _, o := range []tfidf.Options{
		{NGrams: [2]int{1, 2}, StopWords: []string{"the"}},
		{Accents: tfidf.AccentsUnicode, Case: tfidf.CaseKeep, Norm: tfidf.NormL1},
		{Analyzer: tfidf.Char, NGrams: [2]int{1, 3}, Sublinear: true},
		{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 4}, Binary: true, Accents: tfidf.AccentsASCII},
	} {
		v := fit(t, &o)
		ind, val := make([]int32, 0, 256), make([]float64, 0, 256)
		if n := testing.AllocsPerRun(100, func() {
			ind, val = v.AppendFeatures(ind[:0], val[:0], texts[0])
		}); n > 0 {
			t.Errorf("%+v: %v allocations", o, n)
		}
		word := []byte("database")
		if n := testing.AllocsPerRun(100, func() { v.WordFrequency(word) }); n > 0 {
			t.Errorf("%+v: WordFrequency makes %v allocations", o, n)
		}
	}
}

// TestHugeCharacters has the n-grams of a long text and of a text of one word.
func TestHugeCharacters(t *testing.T) {
	v := fit(t, &tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{1, 4}, Norm: tfidf.NormNone, NoIDF: true})
	ind, val := v.AppendFeatures(nil, nil, strings.Repeat("the ", 1<<16))
	// Of 16 n-grams the texts do not have "e t", "he t" and "e th"; those from the
	// last space on, " t", " th" and " the", occur once less.
	if sum := total(val); len(ind) != 13 || sum != 13<<16-3 {
		t.Errorf("%d features with sum %v, want 13 with %d", len(ind), sum, 13<<16-3)
	}
	v = fit(t, &tfidf.Options{Analyzer: tfidf.CharWB, NGrams: [2]int{1, 1}})
	if ind, _ := v.AppendFeatures(nil, nil, strings.Repeat("e", 1<<20)); len(ind) != 2 {
		t.Errorf("a word of a million letters has %d features, want 2", len(ind))
	}
}

func FuzzAppendFeatures(f *testing.F) {
	v := fit(f, &tfidf.Options{NGrams: [2]int{1, 2}, Sublinear: true})
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ind, val := v.AppendFeatures(nil, nil, text)
		norm := 0.0
		for k, i := range ind {
			if k > 0 && ind[k-1] >= i || i < 0 || int(i) >= v.NumFeatures() {
				t.Fatalf("indices %v", ind)
			}
			norm += val[k] * val[k]
		}
		if len(ind) > 0 && math.Abs(norm-1) > 1e-12 {
			t.Fatalf("squared norm is %v", norm)
		}
	})
}

func BenchmarkAppendFeatures(b *testing.B) {
	v := fit(b, &tfidf.Options{NGrams: [2]int{1, 2}, Sublinear: true})
	text := strings.Join(texts, " ")
	var ind []int32
	var val []float64
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ind, val = v.AppendFeatures(ind[:0], val[:0], text)
	}
}

func BenchmarkFit(b *testing.B) {
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("%s case %d", texts[i%len(texts)], i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tfidf.Fit(slices.Values(many), &tfidf.Options{NGrams: [2]int{1, 2}}); err != nil {
			b.Fatal(err)
		}
	}
}
