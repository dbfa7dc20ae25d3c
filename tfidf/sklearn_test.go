package tfidf_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/tfidf"
)

// tolerance is what values may differ by from scikit-learn's.
const tolerance = 1e-12

// peer are the options of scikit-learn's vectorizers under their own names.
type peer struct {
	Analyzer      tfidf.Analyzer  `json:"analyzer"`
	NGrams        [2]int          `json:"ngram_range"`
	MinDF         float64         `json:"min_df"`
	MaxDF         float64         `json:"max_df"`
	MaxFeatures   int             `json:"max_features"`
	Vocabulary    []string        `json:"vocabulary"`
	Binary        bool            `json:"binary"`
	Sublinear     bool            `json:"sublinear_tf"`
	IDF           *bool           `json:"use_idf"`
	SmoothIDF     *bool           `json:"smooth_idf"`
	Norm          json.RawMessage `json:"norm"`
	Lowercase     *bool           `json:"lowercase"`
	Accents       tfidf.Accents   `json:"strip_accents"`
	StopWords     []string        `json:"stop_words"`
	TokenPattern  string          `json:"token_pattern"`
	NumFeatures   int             `json:"n_features"`
	AlternateSign *bool           `json:"alternate_sign"`
}

func (p *peer) norm() tfidf.Norm {
	switch string(p.Norm) {
	case `null`:
		return tfidf.NormNone
	case `"l1"`:
		return tfidf.NormL1
	case `"l2"`:
		return tfidf.NormL2
	}
	return ""
}

func (p *peer) letters() tfidf.Case {
	if off(p.Lowercase) {
		return tfidf.CaseKeep
	}
	return ""
}

// off reports whether b, which scikit-learn has on by default, is off.
func off(b *bool) bool { return b != nil && !*b }

func (p *peer) options() *tfidf.Options {
	return &tfidf.Options{
		Analyzer: p.Analyzer, ShortWords: p.TokenPattern != "", NGrams: p.NGrams, MinDF: p.MinDF, MaxDF: p.MaxDF, MaxFeatures: p.MaxFeatures,
		Vocabulary: p.Vocabulary, Binary: p.Binary, Sublinear: p.Sublinear, NoIDF: off(p.IDF), RawIDF: off(p.SmoothIDF),
		Norm: p.norm(), Case: p.letters(), Accents: p.Accents, StopWords: p.StopWords,
	}
}

func (p *peer) hashing() *tfidf.HashingOptions {
	return &tfidf.HashingOptions{
		NumFeatures: p.NumFeatures, Unsigned: off(p.AlternateSign), Analyzer: p.Analyzer, ShortWords: p.TokenPattern != "", NGrams: p.NGrams,
		Binary: p.Binary, Norm: p.norm(), Case: p.letters(), Accents: p.Accents, StopWords: p.StopWords,
	}
}

func decode(t *testing.T, options json.RawMessage) *peer {
	t.Helper()
	p := new(peer)
	if err := json.Unmarshal(options, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// row is the features of one text.
type row struct {
	Text int
	Ind  []int32
	Val  []float64
}

// compareRows compares the features of texts with scikit-learn's.
func compareRows(t *testing.T, x tfidf.Extractor, texts []string, rows []row) {
	t.Helper()
	var ind []int32
	var val []float64
	for _, want := range rows {
		ind, val = x.AppendFeatures(ind[:0], val[:0], texts[want.Text])
		if !slices.Equal(ind, want.Ind) {
			t.Fatalf("text %d, %q, has features %v, scikit-learn has %v", want.Text, texts[want.Text], ind, want.Ind)
		}
		for k, w := range want.Val {
			if !(math.Abs(val[k]-w) <= tolerance) {
				t.Errorf("text %d: value of %q is %.15f, scikit-learn has %.15f", want.Text, x.FeatureName(int(ind[k])), val[k], w)
			}
		}
	}
}

func names(x tfidf.Extractor) []string {
	var names []string
	for i := range x.NumFeatures() {
		names = append(names, x.FeatureName(i))
	}
	return names
}

// fitted fits the texts and compares the vocabulary with scikit-learn's.
func fitted(t *testing.T, texts []string, o *tfidf.Options, want []string) *tfidf.Vectorizer {
	t.Helper()
	v, err := tfidf.Fit(slices.Values(texts), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(v); !slices.Equal(want, got) {
		t.Fatalf("vocabulary (-scikit-learn +riskkit):\n%s", cmp.Diff(want, got))
	}
	return v
}

// peerFixture is what internal/sklearn/tfidf_fixture.py writes.
type peerFixture struct {
	Texts        []string
	Vocabularies [][]string
	Cases        []struct {
		Options json.RawMessage
		Names   int // of Vocabularies
		IDF     []float64
		Which   []int // of IDF, by feature
		Rows    []row
	}
	Hashing []struct {
		Options json.RawMessage
		Rows    []row
	}
	Union struct {
		Words, Chars, Hashes json.RawMessage
		Weights              map[string]float64
		Names                []string
		Rows, More           []row
	}
}

// TestEqualsScikitLearn holds vocabularies, idf and values against
// TfidfVectorizer's, over its options and on texts in many scripts, after saving
// and loading too.
func TestEqualsScikitLearn(t *testing.T) {
	var f peerFixture
	fixture.Load(t, "tfidf", &f)
	for _, c := range f.Cases {
		t.Run(string(c.Options), func(t *testing.T) {
			v := fitted(t, f.Texts, decode(t, c.Options).options(), f.Vocabularies[c.Names])
			for i, k := range c.Which {
				if got := v.IDF(i); math.Abs(got-c.IDF[k]) > tolerance {
					t.Errorf("idf of %q is %.15f, scikit-learn has %.15f", v.FeatureName(i), got, c.IDF[k])
				}
			}
			compareRows(t, v, f.Texts, c.Rows)
			data, err := v.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var w tfidf.Vectorizer
			if err := w.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Options(), w.Options()); diff != "" {
				t.Errorf("options after loading:\n%s", diff)
			}
			compareRows(t, &w, f.Texts, c.Rows)
		})
	}
}

// TestHashingEqualsScikitLearn holds features and values against
// HashingVectorizer's.
func TestHashingEqualsScikitLearn(t *testing.T) {
	var f peerFixture
	fixture.Load(t, "tfidf", &f)
	cancelled := false
	for _, c := range f.Hashing {
		t.Run(string(c.Options), func(t *testing.T) {
			h, err := tfidf.NewHashing(decode(t, c.Options).hashing())
			if err != nil {
				t.Fatal(err)
			}
			compareRows(t, h, f.Texts, c.Rows)
			for _, r := range c.Rows {
				cancelled = cancelled || slices.Contains(r.Val, 0)
			}
		})
	}
	if !cancelled {
		t.Error("in no text do terms cancel out")
	}
}

// TestUnionEqualsScikitLearn holds names and values against FeatureUnion's.
func TestUnionEqualsScikitLearn(t *testing.T) {
	var f peerFixture
	fixture.Load(t, "tfidf", &f)
	part := func(name string, options json.RawMessage) tfidf.Part {
		v, err := tfidf.Fit(slices.Values(f.Texts), decode(t, options).options())
		if err != nil {
			t.Fatal(err)
		}
		return tfidf.Part{Name: name, Weight: f.Union.Weights[name], Extractor: v}
	}
	parts := []tfidf.Part{part("words", f.Union.Words), part("chars", f.Union.Chars)}
	u, err := tfidf.NewUnion(parts...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.Union.Names, names(u)); diff != "" {
		t.Fatalf("names (-scikit-learn +riskkit):\n%s", diff)
	}
	compareRows(t, u, f.Texts, f.Union.Rows)
	h, err := tfidf.NewHashing(decode(t, f.Union.Hashes).hashing())
	if err != nil {
		t.Fatal(err)
	}
	if u, err = tfidf.NewUnion(append(parts, tfidf.Part{Name: "hashes", Extractor: h})...); err != nil {
		t.Fatal(err)
	}
	compareRows(t, u, f.Texts, f.Union.More)
}

// incidents returns the texts of the real incidents, which are beside the
// checkout or nowhere.
func incidents(t *testing.T) []string {
	t.Helper()
	file, err := os.Open("../../shared/data/incidents-recent.jsonl.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the real incidents are not here:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var doc struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, doc.Text)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestIncidentsEqualsScikitLearn holds vocabularies and values on real incidents
// against those that internal/sklearn/tfidf_incidents.py wrote to the folder
// that RISKKIT_FIXTURES names.
func TestIncidentsEqualsScikitLearn(t *testing.T) {
	dir := os.Getenv("RISKKIT_FIXTURES")
	if dir == "" {
		t.Skip("RISKKIT_FIXTURES names no folder with what internal/sklearn/tfidf_incidents.py writes")
	}
	if _, err := os.Stat(filepath.Join(dir, "tfidf_incidents.json")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("internal/sklearn/tfidf_incidents.py was not run:", err)
	}
	texts := incidents(t)
	type values struct {
		Options json.RawMessage
		Rows    []row
		Counts  []int     // of values, by text
		Sums    []float64 // of values, by text
	}
	var f struct {
		Cases []struct {
			values
			Names []string
			IDF   []float64
		}
		Hashing []values
	}
	fixture.Load(t, "tfidf_incidents", &f)
	compare := func(t *testing.T, x tfidf.Extractor, want *values) {
		compareRows(t, x, texts, want.Rows)
		if len(want.Sums) != len(texts) {
			t.Fatalf("scikit-learn had %d texts, riskkit has %d", len(want.Sums), len(texts))
		}
		var ind []int32
		var val []float64
		for i, text := range texts {
			ind, val = x.AppendFeatures(ind[:0], val[:0], text)
			sum, size := 0.0, 0.0
			for _, v := range val {
				sum += v
				size += math.Abs(v)
			}
			if len(val) != want.Counts[i] || !(math.Abs(sum-want.Sums[i]) <= tolerance*max(1, size)) {
				t.Errorf("text %d has %d values with sum %.15f, scikit-learn has %d with sum %.15f", i, len(val), sum, want.Counts[i], want.Sums[i])
			}
		}
	}
	for _, c := range f.Cases {
		t.Run(string(c.Options), func(t *testing.T) {
			v := fitted(t, texts, decode(t, c.Options).options(), c.Names)
			for i, want := range c.IDF {
				if got := v.IDF(i); math.Abs(got-want) > tolerance {
					t.Errorf("idf of %q is %.15f, scikit-learn has %.15f", v.FeatureName(i), got, want)
				}
			}
			compare(t, v, &c.values)
		})
	}
	for _, c := range f.Hashing {
		t.Run(string(c.Options), func(t *testing.T) {
			h, err := tfidf.NewHashing(decode(t, c.Options).hashing())
			if err != nil {
				t.Fatal(err)
			}
			compare(t, h, &c)
		})
	}
}
