package tfidf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/tfidf"
)

// TestEqualsScikitLearn holds vocabularies, idf and values against
// TfidfVectorizer's (internal/sklearn/tfidf_fixture.py), on texts in many
// scripts.
func TestEqualsScikitLearn(t *testing.T) {
	var f struct {
		Texts []string
		Cases []struct {
			Options         json.RawMessage
			Names           []string
			IDF, Data       []float64
			Indptr, Indices []int32
		}
	}
	fixture.Load(t, "tfidf", &f)
	const tolerance = 1e-12
	for _, c := range f.Cases {
		t.Run(string(c.Options), func(t *testing.T) {
			var o struct {
				NGrams      [2]int   `json:"ngram_range"`
				MinDF       float64  `json:"min_df"`
				MaxDF       float64  `json:"max_df"`
				MaxFeatures int      `json:"max_features"`
				Sublinear   bool     `json:"sublinear_tf"`
				StopWords   []string `json:"stop_words"`
			}
			if err := json.Unmarshal(c.Options, &o); err != nil {
				t.Fatal(err)
			}
			v, err := tfidf.Fit(slices.Values(f.Texts), &tfidf.Options{
				NGrams: o.NGrams, MinDF: o.MinDF, MaxDF: o.MaxDF, MaxFeatures: o.MaxFeatures,
				Sublinear: o.Sublinear, StopWords: o.StopWords,
			})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i := range v.NumFeatures() {
				names = append(names, v.FeatureName(i))
			}
			if diff := cmp.Diff(c.Names, names); diff != "" {
				t.Fatalf("vocabulary (-scikit-learn +riskkit):\n%s", diff)
			}
			for i, want := range c.IDF {
				if got := v.IDF(i); math.Abs(got-want) > tolerance {
					t.Errorf("idf of %q is %.15f, scikit-learn has %.15f", names[i], got, want)
				}
			}
			for i, text := range f.Texts {
				a, b := c.Indptr[i], c.Indptr[i+1]
				ind, val := v.AppendFeatures(nil, nil, text)
				if !slices.Equal(ind, c.Indices[a:b]) {
					t.Fatalf("text %d has features %v, scikit-learn has %v", i, ind, c.Indices[a:b])
				}
				for k, want := range c.Data[a:b] {
					if math.Abs(val[k]-want) > tolerance {
						t.Errorf("text %d: value of %q is %.15f, scikit-learn has %.15f", i, names[ind[k]], val[k], want)
					}
				}
			}
		})
	}
}

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
	} {
		if _, err := tfidf.Fit(slices.Values(c.texts), &c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", name, err, c.want)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	for _, o := range []tfidf.Options{
		{},
		{NGrams: [2]int{1, 3}, MinDF: 2, Sublinear: true},
		{StopLanguage: "en", StemLanguage: "english"},
		{MaxFeatures: 5, MaxDF: 0.5},
	} {
		v := fit(t, &o)
		data, err := v.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var w tfidf.Vectorizer
		if err := w.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		again, _ := w.MarshalBinary()
		if string(again) != string(data) {
			t.Errorf("%+v: saved again, the bytes differ", o)
		}
		for _, text := range append(texts, "", "kernel panic") {
			ind, val := v.AppendFeatures(nil, nil, text)
			ind2, val2 := w.AppendFeatures(nil, nil, text)
			if !slices.Equal(ind, ind2) || !slices.Equal(val, val2) {
				t.Errorf("%+v: %q has other features after loading", o, text)
			}
		}
	}
}

// TestLoadDamaged flips, cuts and lengthens a file at every place.
func TestLoadDamaged(t *testing.T) {
	data, _ := fit(t, nil).MarshalBinary()
	var v tfidf.Vectorizer
	for i := range data {
		damaged := slices.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		if err := v.UnmarshalBinary(damaged); !errors.Is(err, tfidf.ErrFormat) {
			t.Fatalf("bit flipped in byte %d: error is %v", i, err)
		}
		if err := v.UnmarshalBinary(data[:i]); !errors.Is(err, tfidf.ErrFormat) {
			t.Fatalf("cut at %d: error is %v", i, err)
		}
	}
	if err := v.UnmarshalBinary(append(slices.Clone(data), 0)); !errors.Is(err, tfidf.ErrFormat) {
		t.Errorf("a byte too many: error is %v", err)
	}
	if v.NumFeatures() != 0 {
		t.Error("a failed load left something behind")
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
	v := fit(t, &tfidf.Options{NGrams: [2]int{1, 2}, StopWords: []string{"the"}})
	ind, val := make([]int32, 0, 64), make([]float64, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		ind, val = v.AppendFeatures(ind[:0], val[:0], texts[0])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzUnmarshalBinary(f *testing.F) {
	data, _ := fit(f, &tfidf.Options{NGrams: [2]int{1, 2}}).MarshalBinary()
	f.Add(data)
	f.Add(data[:20])
	f.Fuzz(func(t *testing.T, data []byte) {
		var v tfidf.Vectorizer
		if err := v.UnmarshalBinary(data); err != nil {
			if !errors.Is(err, tfidf.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again, err := v.MarshalBinary(); err != nil || v.UnmarshalBinary(again) != nil {
			t.Fatal("what was loaded cannot be saved and loaded again")
		}
	})
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
