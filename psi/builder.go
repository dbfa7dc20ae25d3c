package psi

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"unicode/utf8"
)

// A Builder counts what a Baseline is made of: the features that an extractor
// finds in texts, and features of the host's own. It is made by NewBuilder and
// must not be used from several goroutines at once. It keeps the numbers that
// are not 0 while it counts, eight bytes each.
type Builder struct {
	extractor FeatureExtractor
	bins      int
	n         int64
	values    [][]float64 // of features of texts
	ind       []int32
	val       []float64

	own []*ownFeature // in order of their first value
	err error
}

// ownFeature is what was seen of a feature of the host's own.
type ownFeature struct {
	name       string
	kind       kind
	n          int64
	values     []float64        // that are not 0
	categories map[string]int64 // at most mostCounted
	missing    int64
}

// The most categories that are counted while a baseline is made, and that it
// keeps; the others are one.
const (
	mostCounted    = 100_000
	mostCategories = 100
)

// NewBuilder returns a Builder; f may be nil where there are only features of
// the host's own. nil opts means the defaults. The error wraps ErrInput.
func NewBuilder(f FeatureExtractor, opts *BaselineOptions) (*Builder, error) {
	b := &Builder{extractor: f, bins: 10}
	if opts != nil && opts.Bins != 0 {
		b.bins = opts.Bins
	}
	if b.bins < 2 || b.bins > 1000 {
		return nil, fmt.Errorf("%w: %d bins, want 2 to 1000", ErrInput, b.bins)
	}
	if f != nil {
		b.values = make([][]float64, f.NumFeatures())
	}
	return b, nil
}

// Text counts a text. Features that are not as FeatureExtractor says are an
// error of Baseline.
func (b *Builder) Text(text string) {
	if b.extractor == nil {
		return
	}
	b.n++
	b.ind, b.val = b.extractor.AppendFeatures(b.ind[:0], b.val[:0], text)
	if err := checkFeatures(b.ind, b.val, len(b.values)); err != nil {
		b.fail(err)
		return
	}
	for k, j := range b.ind {
		b.values[j] = append(b.values[j], b.val[k])
	}
}

// Numeric counts a value of a numeric feature of the host's own. NaN means that
// it is missing.
func (b *Builder) Numeric(name string, v float64) {
	if f := b.feature(name, ""); f != nil && v != 0 {
		f.values = append(f.values, v)
	}
}

// Categorical counts a value of a categorical feature of the host's own. ""
// means that it is missing; what is not UTF-8 counts as one of the others. So
// does what comes first after 100,000 other categories.
func (b *Builder) Categorical(name, value string) {
	f := b.feature(name, categorical)
	if f == nil {
		return
	}
	if _, known := f.categories[value]; value == "" {
		f.missing++
	} else if known || len(f.categories) < mostCounted && utf8.ValidString(value) { // JSON has no word for others
		f.categories[value]++
	}
}

// feature returns a feature of the host's own, counting one more value.
func (b *Builder) feature(name string, k kind) *ownFeature {
	i := slices.IndexFunc(b.own, func(f *ownFeature) bool { return f.name == name })
	if i < 0 {
		i = len(b.own)
		b.own = append(b.own, &ownFeature{name: name, kind: k, categories: map[string]int64{}})
	}
	f := b.own[i]
	if f.kind != k {
		b.fail(fmt.Errorf("%w: feature %q has numbers and categories", ErrInput, name))
		return nil
	}
	f.n++
	return f
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Baseline returns the Baseline of what was counted. Bins of numbers have about
// equal counts: a feature with few values has a bin for each, and values that
// are too rare for a bin of their own share one. Where nearly all values are the
// same, that has a bin, what is below it and what is above it. Of categories the
// 100 most frequent have a bin each, those that occur five times or more. The
// Builder must not be used afterwards. The error wraps ErrInput where nothing
// was counted or a name is not UTF-8, ErrFeatures where the extractor gave
// features that it does not have.
func (b *Builder) Baseline() (*Baseline, error) {
	switch {
	case b.err != nil:
		return nil, b.err
	case b.n == 0 && len(b.values) > 0:
		return nil, fmt.Errorf("%w: no texts to make a baseline of", ErrInput)
	case b.n == 0 && len(b.own) == 0:
		return nil, fmt.Errorf("%w: nothing to make a baseline of", ErrInput)
	}
	var features []feature
	for j, v := range b.values {
		features = append(features, makeBins(b.extractor.FeatureName(j), v, b.n, b.bins))
	}
	for _, f := range b.own {
		if f.kind == categorical {
			features = append(features, f.makeCategories())
		} else {
			features = append(features, makeBins(f.name, f.values, f.n, b.bins))
		}
	}
	return newBaseline(b.n, len(b.values), features)
}

// makeCategories makes the bins of a categorical feature.
func (f *ownFeature) makeCategories() feature {
	names := slices.SortedFunc(maps.Keys(f.categories), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.categories[b], f.categories[a]), cmp.Compare(a, b))
	})
	rare := slices.IndexFunc(names, func(name string) bool { return f.categories[name] < minCount })
	if rare < 0 {
		rare = len(names)
	}
	names = names[:min(rare, mostCategories)]
	slices.Sort(names)
	made := feature{Name: f.name, Kind: categorical, Categories: names}
	others := f.n - f.missing
	for _, name := range names {
		made.Counts = append(made.Counts, f.categories[name])
		others -= f.categories[name]
	}
	made.Counts = append(made.Counts, others, f.missing)
	return made
}

// NewBaseline returns the Baseline of the features that f extracts from texts,
// as a Builder makes it.
func NewBaseline(f FeatureExtractor, texts iter.Seq[string], opts *BaselineOptions) (*Baseline, error) {
	b, err := NewBuilder(f, opts)
	if err != nil {
		return nil, err
	}
	for s := range texts {
		b.Text(s)
	}
	return b.Baseline()
}
