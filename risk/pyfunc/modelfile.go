package pyfunc

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/tfidf"
)

// modelFile is data/model.json. Numbers are in the shortest form that reads
// back as the same float64.
type modelFile struct {
	Format      int             `json:"format"`
	Scale       risk.Scale      `json:"scale"`
	Thresholds  []float64       `json:"thresholds"`
	Calibration json.RawMessage `json:"calibration"` // as logreg writes it
	Categories  *categories     `json:"categories,omitempty"`
	Features    any             `json:"features"` // vocabulary, hashing or union
	Classifier  *linear         `json:"classifier"`
}

// categories are the tags that the model tells.
type categories struct {
	Names      []string `json:"names"`
	Classifier *linear  `json:"classifier"`
}

// linear is a logreg.Model.
type linear struct {
	OneVsRest  bool        `json:"one_vs_rest"`
	Intercepts []float64   `json:"intercepts"`
	Weights    [][]float64 `json:"weights"` // of each class
}

// terms says what a text is cut into.
type terms struct {
	Analyzer   tfidf.Analyzer `json:"analyzer"`
	ShortWords bool           `json:"short_words"`
	NGrams     [2]int         `json:"ngrams"`
	Case       tfidf.Case     `json:"case"`
	Accents    tfidf.Accents  `json:"accents"`
	StopWords  []string       `json:"stop_words"`
}

// vocabulary is a tfidf.Vectorizer.
type vocabulary struct {
	Kind string `json:"kind"`
	terms
	Binary    bool       `json:"binary"`
	Sublinear bool       `json:"sublinear"`
	Norm      tfidf.Norm `json:"norm"`
	IDF       []float64  `json:"idf"` // nil for 1
	Terms     []term     `json:"terms"`
}

// hashing is a tfidf.Hashing.
type hashing struct {
	Kind string `json:"kind"`
	terms
	NumFeatures int        `json:"num_features"`
	Unsigned    bool       `json:"unsigned"`
	Binary      bool       `json:"binary"`
	Norm        tfidf.Norm `json:"norm"`
}

// union is a tfidf.Union.
type union struct {
	Kind  string `json:"kind"`
	Parts []part `json:"parts"`
}

type part struct {
	Weight      float64 `json:"weight"`
	NumFeatures int     `json:"num_features"`
	Features    any     `json:"features"`
}

// describe returns the content of data/model.json.
func describe(c *risk.ModelConfig) (*modelFile, error) {
	f := &modelFile{Format: format, Scale: c.Scale, Thresholds: c.Thresholds}
	var err error
	if f.Calibration, err = logreg.MarshalCalibration(c.Calibrator); err != nil {
		return nil, fmt.Errorf("%w: pyfunc: calibration: %w", registry.ErrUnsupported, err)
	}
	if f.Features, err = describeFeatures(c.Features); err != nil {
		return nil, err
	}
	if f.Classifier, err = describeLinear("classifier", c.Classifier); err != nil {
		return nil, err
	}
	if c.TagClassifier != nil {
		f.Categories = &categories{Names: c.Tags}
		if f.Categories.Classifier, err = describeLinear("tag classifier", c.TagClassifier); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// describeLinear returns the numbers of a classifier.
func describeLinear(what string, classifier any) (*linear, error) {
	m, ok := classifier.(*logreg.Model)
	if !ok {
		return nil, fmt.Errorf("%w: pyfunc: a %s of type %T, want a *logreg.Model", registry.ErrUnsupported, what, classifier)
	}
	l := &linear{OneVsRest: m.OneVsRest()}
	for k := range m.NumClasses() {
		w := make([]float64, m.NumFeatures())
		for j := range w {
			w[j] = m.Coef(k, j)
		}
		l.Weights, l.Intercepts = append(l.Weights, w), append(l.Intercepts, m.Intercept(k))
	}
	return l, nil
}

// describeFeatures returns what the loader needs to extract features as x does.
func describeFeatures(x tfidf.Extractor) (any, error) {
	switch x := x.(type) {
	case *tfidf.Vectorizer:
		return describeVocabulary(x)
	case *tfidf.Hashing:
		o := x.Options()
		return &hashing{
			Kind:        "hashing",
			terms:       describeTerms(o.Analyzer, o.ShortWords, o.NGrams, o.Case, o.Accents, o.StopWords),
			NumFeatures: o.NumFeatures, Unsigned: o.Unsigned, Binary: o.Binary, Norm: named(o.Norm, tfidf.NormL2),
		}, nil
	case *tfidf.Union:
		u := &union{Kind: "union", Parts: []part{}}
		for _, p := range x.Parts() {
			f, err := describeFeatures(p.Extractor)
			if err != nil {
				return nil, fmt.Errorf("part %q: %w", p.Name, err)
			}
			u.Parts = append(u.Parts, part{p.Weight, p.Extractor.NumFeatures(), f})
		}
		return u, nil
	}
	return nil, fmt.Errorf("%w: pyfunc: features of type %T, want a *tfidf.Vectorizer, *tfidf.Hashing or *tfidf.Union", registry.ErrUnsupported, x)
}

func describeVocabulary(v *tfidf.Vectorizer) (*vocabulary, error) {
	o := v.Options()
	if o.StemLanguage != "" {
		return nil, fmt.Errorf("%w: pyfunc: StemLanguage %q: the loader does not stem; train without it", registry.ErrUnsupported, o.StemLanguage)
	}
	d := &vocabulary{
		Kind:   "tfidf",
		terms:  describeTerms(o.Analyzer, o.ShortWords, o.NGrams, o.Case, o.Accents, o.StopWords),
		Binary: o.Binary, Sublinear: o.Sublinear, Norm: named(o.Norm, tfidf.NormL2), Terms: make([]term, v.NumFeatures()),
	}
	for i := range d.Terms {
		d.Terms[i] = term(v.FeatureName(i))
		if !o.NoIDF {
			d.IDF = append(d.IDF, v.IDF(i))
		}
	}
	return d, nil
}

func describeTerms(a tfidf.Analyzer, short bool, ngrams [2]int, c tfidf.Case, accents tfidf.Accents, stop []string) terms {
	if stop == nil {
		stop = []string{}
	}
	return terms{named(a, tfidf.Word), short, ngrams, named(c, "python"), named(accents, "keep"), stop}
}

// named returns the name of a choice that is empty for the default.
func named[T ~string](choice, byDefault T) T {
	if choice == "" {
		return byDefault
	}
	return choice
}

// term is a term as JSON. A byte of it that is not UTF-8, which a term of
// characters can have, is the lone surrogate that stands for it in Python
// (PEP 383). The loader takes those out of texts, so that such a term is in
// none, as it should be: no text of MLflow has such a byte.
type term string

// MarshalJSON writes t as a string.
func (t term) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	b := []byte{'"'}
	for i := 0; i < len(t); {
		r, size := utf8.DecodeRuneInString(string(t[i:]))
		if r == utf8.RuneError && size == 1 {
			b = fmt.Appendf(b, `\udc%02x`, t[i])
		} else {
			one, err := json.Marshal(string(t[i : i+size]))
			if err != nil {
				return nil, err
			}
			b = append(b, one[1:len(one)-1]...)
		}
		i += size
	}
	return append(b, '"'), nil
}
