package risk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/tfidf"
)

// A FeatureExtractor turns a text into a sparse vector of named features:
// AppendFeatures appends those that are not 0 to val and their indices,
// ascending, to ind. Implementations are safe for concurrent use.
// tfidf.Vectorizer and psi.TextFeatures are some.
type FeatureExtractor interface {
	NumFeatures() int
	FeatureName(i int) string
	AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64)
}

// A Classifier gives each class a probability: AppendProba appends them to dst
// for the features with the values val at the indices ind. Implementations are
// safe for concurrent use. logreg.Model is one.
type Classifier interface {
	NumClasses() int
	AppendProba(dst []float64, ind []int32, val []float64) []float64
}

// A LinearClassifier is a Classifier whose probabilities are the softmax of
// logits that add up over the features. A Model with one can explain its
// answers.
type LinearClassifier interface {
	Classifier
	AppendLogits(dst []float64, ind []int32, val []float64) []float64
}

// A Calibrator replaces the probabilities p of a Classifier by calibrated ones.
// logreg.Temperature is one.
type Calibrator interface {
	Apply(p []float64)
}

// A TagClassifier says how likely each of several tags is, whatever the others:
// AppendLogistic appends the probabilities to dst. Implementations are safe for
// concurrent use. A logreg.Model of FitLabels is one.
type TagClassifier interface {
	NumClasses() int
	AppendLogistic(dst []float64, ind []int32, val []float64) []float64
}

// ModelConfig holds the parts of a Model.
type ModelConfig struct {
	// Scale has a level for each class of the Classifier. nil means
	// DefaultScale.
	Scale      Scale
	Features   FeatureExtractor
	Classifier Classifier
	// Calibrator may be nil.
	Calibrator Calibrator
	// Thresholds turn the score into a level; see Cut.
	Thresholds []float64
	// Tags are the categories that TagClassifier tells; none where it is nil.
	Tags          []string
	TagClassifier TagClassifier
	// Version and Digest name the model in its answers. Empty means
	// "unregistered" and no digest.
	Version, Digest string
	// Drift is what new texts are compared with; it may be nil.
	Drift *Drift
}

// Drift is what a Model knows of the texts that it was trained on: the features
// that are watched and their Baseline.
type Drift struct {
	Features psi.TextOptions `json:"text_features"`
	Baseline *psi.Baseline   `json:"baseline"`
}

// The errors of a Model.
var (
	ErrModel   = errors.New("risk: invalid model")
	ErrNoDrift = errors.New("risk: the model has no drift baseline")
)

// A Model is the Scorer made of a FeatureExtractor and a Classifier. It is made
// by Train, OpenModel or NewModel, without which it cannot be used, does not
// change afterwards, and is safe for concurrent use.
//
// Its score is the expected severity under the calibrated probabilities, and
// its level follows from the score by the thresholds.
type Model struct {
	c      ModelConfig
	append func(ind []int32, val []float64, text string) ([]int32, []float64)
	pool   sync.Pool // of *modelScratch
}

// unordered is a FeatureExtractor that takes less time where indices need not
// ascend. tfidf.Vectorizer is one.
type unordered interface {
	AppendUnordered(ind []int32, val []float64, text string) ([]int32, []float64)
}

// modelScratch is the memory that one text passes through.
type modelScratch struct {
	reading text.Reading // see watched
	ind     []int32
	val     []float64
	proba   []float64
	logit   []float64
	tags    []float64
	_       pad // keeps others off its cache lines
}

const unregistered = "unregistered"

// NewModel returns the Model of its parts. The error wraps ErrModel. The slices
// are copied.
func NewModel(c ModelConfig) (*Model, error) {
	if c.Scale == nil {
		c.Scale = DefaultScale()
	}
	if c.Version == "" {
		c.Version = unregistered
	}
	c.Scale, c.Thresholds, c.Tags = slices.Clone(c.Scale), slices.Clone(c.Thresholds), slices.Clone(c.Tags)
	if err := c.Scale.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err := checkThresholds(c.Scale, c.Thresholds); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	switch {
	case c.Features == nil || c.Classifier == nil:
		return nil, fmt.Errorf("%w: it needs Features and a Classifier", ErrModel)
	case c.Classifier.NumClasses() != len(c.Scale):
		return nil, fmt.Errorf("%w: %d classes for the levels %q", ErrModel, c.Classifier.NumClasses(), []string(c.Scale))
	}
	if (c.TagClassifier == nil) != (len(c.Tags) == 0) || c.TagClassifier != nil && c.TagClassifier.NumClasses() != len(c.Tags) {
		return nil, fmt.Errorf("%w: the tags %q need a TagClassifier of as many classes", ErrModel, c.Tags)
	}
	if n, ok := c.Calibrator.(interface{ NumClasses() int }); ok && n.NumClasses() != len(c.Scale) {
		return nil, fmt.Errorf("%w: the calibration is of %d classes, the levels are %q", ErrModel, n.NumClasses(), []string(c.Scale))
	}
	if c.Drift != nil && c.Drift.Baseline == nil {
		return nil, fmt.Errorf("%w: Drift without a Baseline", ErrModel)
	}
	for _, part := range []any{c.Classifier, c.TagClassifier} {
		if n, ok := part.(interface{ NumFeatures() int }); ok && n.NumFeatures() != c.Features.NumFeatures() {
			return nil, fmt.Errorf("%w: %d features are extracted, the classifier has %d", ErrModel, c.Features.NumFeatures(), n.NumFeatures())
		}
	}
	m := &Model{c: c, append: c.Features.AppendFeatures}
	if u, ok := c.Features.(unordered); ok {
		m.append = u.AppendUnordered
	}
	return m, nil
}

// Scale returns the levels that m answers with.
func (m *Model) Scale() Scale { return slices.Clone(m.c.Scale) }

// Thresholds returns the cuts between the levels; see Cut.
func (m *Model) Thresholds() []float64 { return slices.Clone(m.c.Thresholds) }

// Version returns what names m in its answers.
func (m *Model) Version() string { return m.c.Version }

// Config returns the parts that m is made of, their defaults filled in. The
// slices are copied.
func (m *Model) Config() ModelConfig {
	c := m.c
	c.Scale, c.Thresholds, c.Tags = slices.Clone(c.Scale), slices.Clone(c.Thresholds), slices.Clone(c.Tags)
	return c
}

// Features returns the FeatureExtractor of m.
func (m *Model) Features() FeatureExtractor { return m.c.Features }

// quick reports whether m is of this library's parts alone, which compute and
// cannot hang.
func (m *Model) quick() bool {
	_, features := m.c.Features.(*tfidf.Vectorizer)
	_, classifier := m.c.Classifier.(*logreg.Model)
	_, tags := m.c.TagClassifier.(*logreg.Model)
	return features && classifier && (tags || m.c.TagClassifier == nil)
}

// Score assesses doc. The error is always nil. It does not
// allocate unless there are categories to tell.
func (m *Model) Score(_ context.Context, doc Document) (Assessment, error) {
	sc := m.scratch(doc.Text)
	defer m.pool.Put(sc)
	return m.assess(sc, doc), nil
}

// scratch returns memory with the features and the calibrated probabilities of
// s in it.
func (m *Model) scratch(s string) *modelScratch {
	sc := m.newScratch()
	sc.ind, sc.val = m.append(sc.ind[:0], sc.val[:0], s)
	m.classify(sc)
	return sc
}

func (m *Model) newScratch() *modelScratch {
	if sc, ok := m.pool.Get().(*modelScratch); ok {
		return sc
	}
	lines := func() []float64 { return make([]float64, 0, 16) } // whole cache lines
	return &modelScratch{proba: lines(), logit: lines(), tags: lines()}
}

// classify computes the calibrated probabilities of the features in sc.
func (m *Model) classify(sc *modelScratch) {
	sc.proba = m.c.Classifier.AppendProba(sc.proba[:0], sc.ind, sc.val)
	m.calibrate(sc.proba)
}

func (m *Model) calibrate(p []float64) {
	if m.c.Calibrator != nil {
		m.c.Calibrator.Apply(p)
	}
}

func (m *Model) assess(sc *modelScratch, doc Document) Assessment {
	a := Assessment{
		ID: doc.ID, Method: MethodML, ModelVersion: m.c.Version, ModelDigest: m.c.Digest,
		Score:         m.c.Scale.Severity(sc.proba),
		Probabilities: NewProbabilities(m.c.Scale, sc.proba),
	}
	rank, threshold := Cut(m.c.Thresholds, a.Score)
	a.Level, a.Threshold = m.c.Scale[rank], threshold
	if m.c.TagClassifier != nil {
		a.Categories = m.categories(sc)
	}
	return a
}

// categories returns the tags that are likelier than not, the likeliest first.
func (m *Model) categories(sc *modelScratch) (c []Category) {
	sc.tags = m.c.TagClassifier.AppendLogistic(sc.tags[:0], sc.ind, sc.val)
	for k, p := range sc.tags {
		if p >= 0.5 {
			c = append(c, Category{m.c.Tags[k], p})
		}
	}
	slices.SortStableFunc(c, func(a, b Category) int { return cmp.Compare(b.Share, a.Share) })
	return c
}

// Explain assesses doc and lists the n features that moved the score the most:
// the score with a feature minus the score without it, the others left as they
// are. Without a LinearClassifier there is no explanation. It takes time linear
// in the number of features.
func (m *Model) Explain(_ context.Context, doc Document, n int) (Assessment, error) {
	sc := m.scratch(doc.Text)
	defer m.pool.Put(sc)
	a := m.assess(sc, doc)
	linear, ok := m.c.Classifier.(LinearClassifier)
	if !ok {
		return a, nil
	}
	// What a feature adds to the logits is what it alone gives, less what
	// nothing gives.
	none := linear.AppendLogits(nil, nil, nil)
	all := linear.AppendLogits(nil, sc.ind, sc.val)
	for i := range sc.ind {
		sc.logit = linear.AppendLogits(sc.logit[:0], sc.ind[i:i+1], sc.val[i:i+1])
		for k := range sc.logit {
			sc.logit[k] = all[k] - (sc.logit[k] - none[k])
		}
		logreg.Softmax(sc.logit)
		m.calibrate(sc.logit)
		if c := a.Score - m.c.Scale.Severity(sc.logit); c != 0 {
			a.Explanation = append(a.Explanation, Contribution{m.c.Features.FeatureName(int(sc.ind[i])), c})
		}
	}
	a.Explanation = strongest(a.Explanation, n)
	return a, nil
}

// NewMonitor returns a monitor that compares the texts it observes with those
// that m was trained on. Where m has no baseline the error is ErrNoDrift. nil
// opts means the defaults.
func (m *Model) NewMonitor(opts *psi.CompareOptions) (*psi.Monitor, error) {
	if m.c.Drift == nil {
		return nil, ErrNoDrift
	}
	v, _ := m.c.Features.(psi.Vocabulary)
	if t, ok := v.(*tfidf.Vectorizer); ok {
		v = newVocabulary(t)
	}
	f, err := psi.NewTextFeatures(v, &m.c.Drift.Features)
	if err != nil {
		return nil, err
	}
	monitor, err := psi.NewMonitor(m.c.Drift.Baseline, f, opts)
	if err != nil {
		return nil, err
	}
	return monitor, watchWords(monitor, m.c.Features)
}
