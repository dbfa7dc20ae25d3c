package tfidf_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/tfidf"
)

// wide is an Extractor of so many features that no text has.
type wide int

func (w wide) NumFeatures() int         { return int(w) }
func (w wide) FeatureName(i int) string { return "x" }
func (w wide) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	return ind, val
}

func union(t testing.TB, parts ...tfidf.Part) *tfidf.Union {
	t.Helper()
	u, err := tfidf.NewUnion(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUnion(t *testing.T) {
	words := fit(t, &tfidf.Options{Vocabulary: []string{"slow", "login"}, NoIDF: true, Norm: tfidf.NormNone})
	chars := fit(t, &tfidf.Options{Analyzer: tfidf.CharWB, Vocabulary: []string{"lo", " s"}, NGrams: [2]int{2, 2}, NoIDF: true, Norm: tfidf.NormNone})
	inner := union(t, tfidf.Part{Name: "none", Extractor: wide(0)}, tfidf.Part{Name: "chars", Weight: -2, Extractor: chars})
	u := union(t,
		tfidf.Part{Name: "words", Weight: 0.5, Extractor: words},
		tfidf.Part{Name: "none", Extractor: wide(0)},
		tfidf.Part{Name: "both", Extractor: inner},
	)
	if got, want := names(u), []string{"words__slow", "words__login", "both__chars__lo", "both__chars__ s"}; !slices.Equal(got, want) {
		t.Errorf("names are %q, want %q", got, want)
	}
	ind, val := u.AppendFeatures([]int32{9}, nil, "slow login, slow")
	if want := []int32{9, 0, 1, 2, 3}; !slices.Equal(ind, want) {
		t.Errorf("features %v, want %v", ind, want)
	}
	if want := []float64{1, 0.5, -6, -4}; !slices.Equal(val, want) {
		t.Errorf("values %v, want %v", val, want)
	}
	if p := u.Parts(); len(p) != 3 || p[0].Weight != 0.5 || p[1].Weight != 1 {
		t.Errorf("parts are %v", p)
	}
	var zero tfidf.Union
	if ind, _ := zero.AppendFeatures(nil, nil, "slow"); len(ind) != 0 || zero.NumFeatures() != 0 {
		t.Error("the zero value has features")
	}
}

func TestUnionErrors(t *testing.T) {
	for name, parts := range map[string][]tfidf.Part{
		"no parts":     nil,
		"no name":      {{Extractor: wide(1)}},
		"underscores":  {{Name: "a__b", Extractor: wide(1)}},
		"same name":    {{Name: "a", Extractor: wide(1)}, {Name: "a", Extractor: wide(1)}},
		"NaN":          {{Name: "a", Weight: math.NaN(), Extractor: wide(1)}},
		"infinite":     {{Name: "a", Weight: math.Inf(1), Extractor: wide(1)}},
		"no extractor": {{Name: "a"}},
		"negative":     {{Name: "a", Extractor: wide(-1)}},
		"too many":     {{Name: "a", Extractor: wide(math.MaxInt32)}, {Name: "b", Extractor: wide(1)}},
	} {
		if _, err := tfidf.NewUnion(parts...); !errors.Is(err, tfidf.ErrOptions) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestUnionDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under -race")
	}
	u := union(t,
		tfidf.Part{Name: "words", Extractor: fit(t, nil)},
		tfidf.Part{Name: "hashes", Extractor: hashing(t, nil)},
	)
	ind, val := make([]int32, 0, 64), make([]float64, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		ind, val = u.AppendFeatures(ind[:0], val[:0], texts[0])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
