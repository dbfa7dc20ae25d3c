package pyfunc_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/internal/corpus"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// usual returns n labelled incidents.
func usual(seed uint64, n int) []risk.Example {
	var all []risk.Example
	for _, x := range corpus.Usual(seed, n) {
		all = append(all, risk.Example{
			Document: risk.Document{ID: x.ID, Text: x.Text, Tags: x.Tags, CreatedAt: x.CreatedAt}, Label: x.Label,
		})
	}
	return all
}

// hard are texts on which two implementations may well differ.
var hard = []string{
	"", " ", "\t\n", "a", "I", "ab", "\x00", "down\x00town \x00\x00 outage\x00",
	"ΟΔΟΣ ΟΔΟΣ. ΣΑΣ Σ ΣΣ ΑΣ'Α ΑΣ' ΌΣΟΣ\u0301 α\u03a3\u00ad", "İSTANBUL DİYARBAKIR ILIK ı i\u0307", "ǅungla Ǆ ǆ ß ẞ ﬁle ﬂow Ⅷ Ⓐ ⓐ",
	"cre\u0300me bru\u0302le\u0301e crème brûlée CRÈME", "q\u0323\u0307 q\u0307\u0323 \u0301\u0301", "\u0301 alone", "ﷺ ㍿ ℡ ½ x² ₂ ９１１",
	"🔥🔥 outage 🔥 👩‍👩‍👧 🇩🇪 ☠️ ok", "٣٤٥ ३४५ ৩৪ 𝟗𝟏𝟏 ⑤ 五 〇", "snake_case __init__ _ a_b __ _1", "don't can’t o'clock x.y.z a-b",
	"한국어 서버 장애 발생 각", "データベース が 停止 ガ か\u3099", "база ДАННЫХ ЁЖ й и\u0306", "مُعَطَّل الخادم", "शीर्षक सर्वर", "สวัสดี เซิร์ฟเวอร์",
	"\u00a0nbsp\u2003em\u2028line\u2029para\u0085next\u200bzero\ufeffbom", "a\x1cb\x1db\x1eb\x1fb\x0bb\x0cb", "x  y   z \t\n w", "Ⅻ ⅻ \u0345\u0345 ᾳ ᾼ ŉ ǰ ΐ",
	"\ufffd\ufffd a\ufffdb", "𐐀𐐨 𝐀𝐁 \U0001f525\U0010ffff \U000e0001", "<script>&amp;\"quotes\\ \u2028", "The shop is DOWN, customers cannot pay!!! " + strings.Repeat("down ", 300),
}

// broken are texts that are not UTF-8.
var broken = []string{"down\xfftown outage\xc3", "\xed\xa0\x80\xed\xb0\x80 shop", "\xe2\x82 \xf0\x9f\x94 caf\xe9 \xc0\x80"}

// repaired is s as it comes out of JSON.
func repaired(s string) string {
	return string([]rune(s))
}

// texts returns the texts that models are compared on.
func texts(t testing.TB) []string {
	t.Helper()
	all := slices.Concat(hard, broken)
	for _, x := range usual(7, 40) {
		all = append(all, x.Text)
	}
	f, err := os.Open(filepath.Join("..", "..", "examples", "quickstart", "data", "shifted.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 0; n < 20 && lines.Scan(); n++ {
		var x corpus.Incident
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x.Text)
	}
	return append(all, "The payment service is down for ALL customers in Ümea.", strings.ToUpper(strings.Join(all, "\n")))
}

// trained returns a model of 150 incidents.
func trained(t testing.TB, opts *risk.TrainOptions) *risk.Model {
	t.Helper()
	m, _, err := risk.Train(t.Context(), risk.ExampleSlice(usual(1, 150)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// assembled returns a model with these features, fitted to the texts that models
// are compared on.
func assembled(t testing.TB, x risk.FeatureExtractor, levels int, ovr bool, tags []string, c risk.Calibrator) *risk.Model {
	t.Helper()
	rows := logreg.NewRows(x.NumFeatures())
	var y []int
	var labels [][]int
	for i, text := range texts(t) {
		ind, val := x.AppendFeatures(nil, nil, text)
		if err := rows.Append(ind, val); err != nil {
			t.Fatal(err)
		}
		y = append(y, i%levels)
		labels = append(labels, nil)
		for k := range tags {
			if i%(k+2) == 0 {
				labels[i] = append(labels[i], k)
			}
		}
	}
	config := risk.ModelConfig{Features: x, Calibrator: c, Tags: tags}
	for k := range levels {
		config.Scale = append(config.Scale, fmt.Sprintf("stufe %d é🔥\"\\#: \u0085\u2028\ufeff\x7f\x00\t", k))
		if k > 0 {
			config.Thresholds = append(config.Thresholds, float64(k)/float64(levels))
		}
	}
	m, _, err := logreg.Fit(t.Context(), rows, y, levels, &logreg.Options{C: 10, OneVsRest: ovr})
	if err != nil {
		t.Fatal(err)
	}
	config.Classifier = m
	if len(tags) > 0 {
		m, _, err := logreg.FitLabels(t.Context(), rows, labels, len(tags), &logreg.Options{C: 10})
		if err != nil {
			t.Fatal(err)
		}
		config.TagClassifier = m
	}
	model, err := risk.NewModel(config)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// vectorizer returns a Vectorizer fitted to the texts that models are compared
// on.
func vectorizer(t testing.TB, o tfidf.Options) *tfidf.Vectorizer {
	t.Helper()
	v, err := tfidf.Fit(slices.Values(texts(t)), &o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func hashing(t testing.TB, o tfidf.HashingOptions) *tfidf.Hashing {
	t.Helper()
	h, err := tfidf.NewHashing(&o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// models returns a model of each kind, by a name.
func models(t testing.TB) map[string]*risk.Model {
	t.Helper()
	all := map[string]*risk.Model{
		"by default, with categories": trained(t, &risk.TrainOptions{Categories: 10, Folds: 2}),
	}
	for i, r := range risk.Recipes() {
		for _, kind := range []logreg.Calibration{logreg.CalibrationNone, logreg.CalibrationTemperature, logreg.CalibrationSigmoid, logreg.CalibrationIsotonic} {
			all[fmt.Sprintf("recipe %d, %s", i, kind)] = trained(t, &risk.TrainOptions{
				Features: &r.Features, NaiveBayes: r.NaiveBayes, Recency: r.Recency, C: 4, Calibration: kind, Folds: 2,
			})
		}
	}
	three := []string{"a", "b\x00", "ç"}
	for i, o := range []tfidf.Options{
		{},
		{ShortWords: true, Case: tfidf.CaseSimple, StopWords: []string{"the", "σ", "is", "down"}, NGrams: [2]int{1, 2}},
		{Case: tfidf.CaseKeep, Accents: tfidf.AccentsUnicode, Norm: tfidf.NormL1, Sublinear: true, StopLanguage: "en"},
		{Accents: tfidf.AccentsASCII, RawIDF: true, Norm: tfidf.NormNone, Binary: true, NGrams: [2]int{2, 3}},
		{Analyzer: tfidf.Char, NGrams: [2]int{1, 3}},
		{Analyzer: tfidf.Char, NGrams: [2]int{2, 2}, Accents: tfidf.AccentsUnicode, Case: tfidf.CaseSimple, Binary: true, NoIDF: true},
		{Analyzer: tfidf.CharWB, NGrams: [2]int{4, 5}, Sublinear: true},
		{Analyzer: tfidf.CharWB, NGrams: [2]int{1, 16}, Accents: tfidf.AccentsASCII, Case: tfidf.CaseKeep, MinDF: 2},
		{Vocabulary: []string{"down", "shop", "customers", "the shop", "", "b"}[:4], NGrams: [2]int{1, 2}, NoIDF: true},
	} {
		v := vectorizer(t, o)
		p := fmt.Sprintf("grid %d", i)
		all[p] = assembled(t, v, 3, false, nil, nil)
		all[p+", one against the rest"] = assembled(t, v, 5, true, three, logreg.Temperature(0.7))
	}
	maps := logreg.Isotonics{{X: []float64{0.2, 0.3, 0.30000001, 0.8}, Y: []float64{0, 0.25, 0.6, 1}}}
	all["two levels, isotonic"] = assembled(t, vectorizer(t, tfidf.Options{}), 2, false, three[:1], maps)
	all["two levels, sigmoid"] = assembled(t, vectorizer(t, tfidf.Options{}), 2, true, nil, logreg.Sigmoids{{A: -1.7, B: 0.3}})
	all["saturated sigmoids"] = assembled(t, vectorizer(t, tfidf.Options{}), 3, false, nil, logreg.Sigmoids{{B: 1e4}, {B: 705}, {B: 1e4}})
	all["on the threshold"] = assembled(t, vectorizer(t, tfidf.Options{}), 2, false, nil, logreg.Isotonics{{X: []float64{0}, Y: []float64{0.5}}})
	all["isotonic of nothing"] = assembled(t, vectorizer(t, tfidf.Options{}), 3, true, nil, logreg.Isotonics{{X: []float64{0}, Y: []float64{0}}, {X: []float64{1}, Y: []float64{0}}, {X: []float64{0, 1}, Y: []float64{0, 0}}})
	for name, x := range map[string]risk.FeatureExtractor{
		"no vocabulary": new(tfidf.Vectorizer), "no hashing": new(tfidf.Hashing), "no union": new(tfidf.Union),
		"no known term": vectorizer(t, tfidf.Options{Vocabulary: []string{"zzz"}}),
	} {
		all[name] = assembled(t, x, 3, false, nil, nil)
	}
	all["golden"] = golden(t)
	words := hashing(t, tfidf.HashingOptions{NumFeatures: 1 << 10, NGrams: [2]int{1, 2}})
	chars := hashing(t, tfidf.HashingOptions{NumFeatures: 61, Unsigned: true, Analyzer: tfidf.CharWB, NGrams: [2]int{2, 4}, Norm: tfidf.NormL1, Accents: tfidf.AccentsUnicode})
	presence := hashing(t, tfidf.HashingOptions{NumFeatures: 7, Binary: true, Analyzer: tfidf.Char, Norm: tfidf.NormNone})
	all["hashed words"] = assembled(t, words, 3, false, three, nil)
	all["hashed characters"] = assembled(t, chars, 3, true, nil, nil)
	all["hashed presence"] = assembled(t, presence, 3, false, nil, nil)
	inner, err := tfidf.NewUnion(tfidf.Part{Name: "h", Extractor: chars, Weight: -2}, tfidf.Part{Name: "p", Extractor: presence})
	if err != nil {
		t.Fatal(err)
	}
	union, err := tfidf.NewUnion(tfidf.Part{Name: "words", Extractor: vectorizer(t, tfidf.Options{})}, tfidf.Part{Name: "more", Extractor: inner, Weight: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	all["union"] = assembled(t, union, 4, false, three, nil)
	return all
}
