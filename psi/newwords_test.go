package psi_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
)

func compareWords(t testing.TB, recent *psi.Words, training psi.TermShares, o *psi.CompareWordsOptions) psi.WordsReport {
	t.Helper()
	r, err := psi.CompareWords(recent, training, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// windows returns how many windows a simulation makes.
func windows() int {
	switch {
	case race.Enabled: // nothing is shared
		return 4
	case testing.Short():
		return 10
	case flag.Lookup("thorough").Value.String() == "true":
		return 100
	}
	return 25
}

// TestNewWordsFalseAlarms: without drift at most 5% of windows list any new
// term, and at most 5% any that vanished, not even when the shares need not be
// far apart.
func TestNewWordsFalseAlarms(t *testing.T) {
	for _, c := range []struct{ vocabulary, n, m int }{
		{20_000, 1000, 200}, {20_000, 1000, 1000}, {200_000, 1000, 200}, {200_000, 1000, 1000}, {20_000, 200, 1000}, {200_000, 10_000, 200},
	} {
		z := newZipf(1, c.vocabulary, 50)
		news, vanished, bareNews, bareVanished := 0, 0, 0, 0
		windows := max(4, windows()*2000/max(2000, c.n)) // fewer where they take long
		for range windows {
			training, recent := words(t, &psi.WordsOptions{Capacity: 50_000}), words(t, nil)
			z.observe(training, c.n, nil)
			z.observe(recent, c.m, nil)
			r := compareWords(t, recent, training, nil)
			news += min(1, len(r.New))
			vanished += min(1, len(r.Vanished))
			r = compareWords(t, recent, training, &psi.CompareWordsOptions{MinShare: 1e-9, Ratio: 1})
			bareNews += min(1, len(r.New))
			bareVanished += min(1, len(r.Vanished))
		}
		t.Logf("vocabulary %d, n=%d, m=%d: of %d windows %d list new terms, %d vanished ones; by P alone %d and %d",
			c.vocabulary, c.n, c.m, windows, news, vanished, bareNews, bareVanished)
		if most := max(2, windows/20); news > most || vanished > most || bareNews > most || bareVanished > most {
			t.Errorf("vocabulary %d, n=%d, m=%d: too many", c.vocabulary, c.n, c.m)
		}
	}
}

// TestNewWordsPower: a new product name in 5% of texts is found, and that one
// that was in 10% has vanished, in at least this many percent of windows. With
// 20,000 counters every count is exact: no more can be found than then. In a
// vocabulary of 200,000 most words are rare, and the more of them go through a
// counter, the less is sure of what it counts.
func TestNewWordsPower(t *testing.T) {
	product, former := []byte("frobnicator"), []byte("mainframe")
	for _, c := range []struct{ vocabulary, capacity, m, found, gone int }{
		{20_000, 1000, 200, 80, 75}, {20_000, 1000, 1000, 95, 95}, {20_000, 20_000, 200, 85, 95},
		{200_000, 1000, 200, 75, 50}, {200_000, 1000, 1000, 95, 70}, {200_000, 4000, 200, 85, 95}, {200_000, 20_000, 200, 85, 95},
	} {
		z := newZipf(2, c.vocabulary, 50)
		with := func(word []byte, share float64) func(tokens) tokens {
			return func(text tokens) tokens {
				if z.rng.Float64() < share {
					return slices.Insert(text, z.rng.IntN(len(text)), word)
				}
				return text
			}
		}
		found, first, gone := 0, 0, 0
		for range windows() {
			training, recent := words(t, &psi.WordsOptions{Capacity: 20000}), words(t, &psi.WordsOptions{Capacity: c.capacity})
			z.observe(training, 1000, with(former, 0.1))
			z.observe(recent, c.m, with(product, 0.05))
			r := compareWords(t, recent, training, nil)
			for i, x := range r.New {
				if x.Term == string(product) {
					found++
					first += min(1, max(0, 1-i))
				}
			}
			for _, x := range r.Vanished {
				if x.Term == string(former) {
					gone++
				}
			}
		}
		t.Logf("vocabulary %d, capacity %d, m=%d: the new word is found in %d of %d windows, as the first in %d; the former one in %d",
			c.vocabulary, c.capacity, c.m, found, windows(), first, gone)
		if 100*found < c.found*windows() || 100*gone < c.gone*windows() {
			t.Errorf("vocabulary %d, capacity %d, m=%d: too few", c.vocabulary, c.capacity, c.m)
		}
	}
}

// shares is what is known of terms by a table.
type shares struct {
	n     int64
	terms map[string]float64
}

func (s shares) N() int64 { return s.n }

func (s shares) Share(term []byte) (float64, bool) {
	v, ok := s.terms[string(term)]
	return v, ok
}

func (s shares) Terms(least float64) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, term := range slices.Sorted(maps.Keys(s.terms)) {
			if v := s.terms[term]; v >= least && !yield(term, v) {
				return
			}
		}
	}
}

func TestCompareWords(t *testing.T) {
	w := words(t, &psi.WordsOptions{KeepIDs: true})
	for i := range 200 {
		text := tokens{[]byte("the")}
		if i < 20 {
			text = append(text, []byte("new"))
		}
		if i < 30 {
			text = append(text, []byte("more"))
		}
		if i < 2 {
			text = append(text, []byte("less"))
		}
		if i == 0 {
			text = append(text, []byte("once"))
		}
		w.Observe(text, fmt.Sprint("INC-", i))
	}
	training := shares{1000, map[string]float64{"the": 1, "more": 0.03, "less": 0.12, "gone": 0.1, "rare": 0.01}}
	// G² is scipy.stats.chi2_contingency(table, correction=False,
	// lambda_="log-likelihood").statistic, P scipy.stats.fisher_exact(table,
	// alternative=...).pvalue times 5 and 3, SciPy 1.17.1. Instead, "once" is in
	// too few texts to be new, "more" in enough on both sides together to have
	// vanished, and each of the four stands for those that chance kept out of
	// the one side.
	come, gone := 0.0, 0.0
	for _, texts := range []float64{1200, 122, 60, 20} { // the, less, more, new
		come += 1 / (1 - math.Pow(1000.0/1200, texts))
	}
	for _, texts := range []float64{1200, 122, 60, 100} { // the, less, more, gone
		gone += 1 / (1 - math.Pow(200.0/1200, texts))
	}
	want := psi.WordsReport{NBaseline: 1000, NRecent: 200, New: []psi.TermReport{
		{"new", 20, 0.1, 0, 73.40539235896436, 6.003452980147014e-16 / 5 * come, "INC-0"}, {"more", 30, 0.15, 0.03, 37.86861254816443, 3.954670127730258e-09 / 5 * come, "INC-0"},
	}, Vanished: []psi.TermReport{
		{"gone", 0, 0, 0.1, -38.24041255188907, 1.5041957648894662e-08 / 3 * gone, ""}, {"less", 2, 0.01, 0.12, -32.70058249330728, 7.090281158097223e-08 / 3 * gone, ""},
	}}
	got := compareWords(t, w, training, nil)
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if s := got.New[0].String(); s != `"new" occurs in 10.0% of recent texts, 0.0% at training` {
		t.Errorf("in words: %s", s)
	}
	got = compareWords(t, w, training, &psi.CompareWordsOptions{Limit: 1})
	if len(got.New) != 1 || len(got.Vanished) != 1 {
		t.Errorf("a limit of 1 gives %+v", got)
	}
	data, err := json.Marshal(compareWords(t, words(t, nil), training, nil))
	if err != nil || string(data) != `{"n_baseline":1000,"n_recent":0,"new":[],"vanished":[]}` {
		t.Errorf("no texts: %s, error %v", data, err)
	}
}

// TestCompareWordsTakesErrorsAgainst: what a full summary leaves open counts
// against a change.
func TestCompareWordsTakesErrorsAgainst(t *testing.T) {
	training := words(t, &psi.WordsOptions{Capacity: 1})
	recent := words(t, nil)
	for i := range 200 {
		training.Observe(tokens{[]byte("a"), []byte("b")}, "")
		if i%5 == 0 {
			recent.Observe(tokens{[]byte("c")}, "")
		} else {
			recent.Observe(nil, "")
		}
	}
	if share, ok := training.Share([]byte("c")); ok || share < 0.5 {
		t.Fatalf("the share of a term that the summary does not know is at most %v, %v", share, ok)
	}
	if r := compareWords(t, recent, training, nil); len(r.New) > 0 {
		t.Errorf("%+v, though it may have been as frequent at training", r.New)
	}
	if r := compareWords(t, training, shares{1000, map[string]float64{"a": 0.9, "c": 0.9}}, nil); len(r.Vanished) > 0 {
		t.Errorf("%+v, though it may still be as frequent", r.Vanished)
	}
}

func TestCompareWordsErrors(t *testing.T) {
	w := words(t, nil)
	w.Observe(tokens{[]byte("a")}, "")
	for _, o := range []psi.CompareWordsOptions{
		{MinShare: -1}, {MinShare: 2}, {MinShare: math.NaN()}, {MinTraining: -1}, {Ratio: 0.5}, {Ratio: math.NaN()}, {Significance: 1}, {Limit: -1},
	} {
		if _, err := psi.CompareWords(w, w, &o); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%+v: error is %v", o, err)
		}
	}
	for name, s := range map[string]shares{
		"no texts": {0, nil}, "negative": {-1, nil}, "a share of 2": {10, map[string]float64{"a": 2}},
		"NaN": {10, map[string]float64{"a": math.NaN()}}, "a share of 2 of another": {10, map[string]float64{"b": 2}},
	} {
		if _, err := psi.CompareWords(w, s, nil); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func BenchmarkCompareWords(b *testing.B) {
	z := newZipf(3, 20_000, 50)
	training, recent := words(b, &psi.WordsOptions{Capacity: 20000}), words(b, nil)
	z.observe(training, 1000, nil)
	z.observe(recent, 1000, nil)
	b.ReportAllocs()
	for b.Loop() {
		compareWords(b, recent, training, nil)
	}
}

func ExampleCompareWords() {
	split := func(text string) (t tokens) { // the host's own words
		for word := range strings.FieldsSeq(text) {
			t = append(t, []byte(word))
		}
		return t
	}
	training, err := psi.NewWords(&psi.WordsOptions{Capacity: 20000})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 500 {
		training.Observe(split("the old mainframe is slow"), "")
		training.Observe(split("the printer is on fire"), "")
	}
	recent, err := psi.NewWords(&psi.WordsOptions{KeepIDs: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 100 {
		recent.Observe(split("the printer is on fire"), fmt.Sprint("INC-", 2*i))
		recent.Observe(split("the new cluster is slow"), fmt.Sprint("INC-", 2*i+1))
	}
	report, err := psi.CompareWords(recent, training, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range report.New {
		fmt.Println(t, "for example in", t.Example)
	}
	for _, t := range report.Vanished {
		fmt.Println(t)
	}
	// Output:
	// "cluster" occurs in 50.0% of recent texts, 0.0% at training for example in INC-1
	// "new" occurs in 50.0% of recent texts, 0.0% at training for example in INC-1
	// "mainframe" occurs in 0.0% of recent texts, 50.0% at training
	// "old" occurs in 0.0% of recent texts, 50.0% at training
}
