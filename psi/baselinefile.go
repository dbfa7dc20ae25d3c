package psi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// newBaseline makes a Baseline of features, of which those before own were
// extracted from n texts.
func newBaseline(n int64, own int, features []feature) (*Baseline, error) {
	if own < 0 || own > len(features) || n < 0 {
		return nil, fmt.Errorf("%w: %d of %d features of %d texts", ErrInput, own, len(features), n)
	}
	b := &Baseline{n: n, own: own, features: features}
	names := map[string]bool{}
	for i := range features {
		f := &features[i]
		if err := f.check(); err != nil {
			return nil, err
		}
		if sum, err := total(f.Counts); err != nil {
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		} else if i < own && sum != n {
			return nil, fmt.Errorf("%w: feature %q has %d observations of %d texts", ErrInput, f.Name, sum, n)
		}
		if i < own && f.Kind == categorical {
			return nil, fmt.Errorf("%w: feature %q of texts is categorical", ErrInput, f.Name)
		}
		if names[f.Name] {
			return nil, fmt.Errorf("%w: feature %q stands twice", ErrInput, f.Name)
		}
		names[f.Name] = true
		b.offset = append(b.offset, b.bins)
		b.bins += len(f.Counts)
	}
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("%w: baseline: %w", ErrInput, err)
	}
	sum := sha256.Sum256(data)
	b.id = hex.EncodeToString(sum[:8])
	return b, nil
}

// check returns an error where the bins of f make no sense.
func (f *feature) check() error {
	switch {
	case !utf8.ValidString(f.Name):
		return fmt.Errorf("%w: the name of feature %q is not UTF-8", ErrInput, f.Name)
	case f.Kind != "" && f.Kind != categorical:
		return fmt.Errorf("%w: feature %q is of kind %q, which this version of riskkit does not know", ErrInput, f.Name, f.Kind)
	case f.Kind == categorical && (len(f.Edges) > 0 || len(f.Counts) != len(f.Categories)+2),
		f.Kind != categorical && (len(f.Categories) > 0 || len(f.Counts) != len(f.Edges)+2):
		return fmt.Errorf("%w: feature %q has %d bins with %d edges and %d categories", ErrInput, f.Name, len(f.Counts), len(f.Edges), len(f.Categories))
	case !slices.IsSorted(f.Categories) || len(slices.Compact(slices.Clone(f.Categories))) < len(f.Categories) || slices.Contains(f.Categories, ""):
		return fmt.Errorf("%w: the categories of feature %q are not in order, twice there, or empty", ErrInput, f.Name)
	}
	for i, e := range f.Edges {
		if math.IsNaN(e) || math.IsInf(e, 0) || i > 0 && !(f.Edges[i-1] < e) {
			return fmt.Errorf("%w: edge %d of feature %q is %v", ErrInput, i, f.Name, e)
		}
	}
	return nil
}

// N returns the number of texts that b was made of.
func (b *Baseline) N() int64 { return b.n }

// NumFeatures returns the number of features: those of texts first, then the
// host's own.
func (b *Baseline) NumFeatures() int { return len(b.features) }

// FeatureName returns the name of feature i.
func (b *Baseline) FeatureName(i int) string { return b.features[i].Name }

// ID tells a Baseline from others: it is made of all that is in it, 16
// hexadecimal digits.
func (b *Baseline) ID() string { return b.id }

// Matches returns an error wrapping ErrFeatures unless f extracts the features
// of texts that b has, in the same order. nil extracts none.
func (b *Baseline) Matches(f FeatureExtractor) error {
	n := 0
	if f != nil {
		n = f.NumFeatures()
	}
	if n != b.own {
		return fmt.Errorf("%w: %d features of texts in the baseline, %d extracted", ErrFeatures, b.own, n)
	}
	for i, g := range b.features[:b.own] {
		if f.FeatureName(i) != g.Name {
			return fmt.Errorf("%w: feature %d is %q in the baseline, %q is extracted", ErrFeatures, i, g.Name, f.FeatureName(i))
		}
	}
	return nil
}

// ownFeature returns the place of a feature of the host's own.
func (b *Baseline) ownFeature(name string, k kind) (int, error) {
	for i := b.own; i < len(b.features); i++ {
		if f := &b.features[i]; f.Name == name && f.Kind == k {
			return i, nil
		}
	}
	what := "numeric"
	if k == categorical {
		what = "categorical"
	}
	return 0, fmt.Errorf("%w: the baseline has no %s feature %q of the host's own", ErrFeatures, what, name)
}

// bin returns the bin of value v of a numeric feature: how many edges are below
// it. The edges are few, and counting them all has no branches to guess.
func (f *feature) bin(v float64) int {
	if v != v {
		return len(f.Edges) + 1
	}
	v = clamp(v)
	n := 0
	for _, e := range f.Edges {
		n += below(e, v)
	}
	return n
}

// few categories are sooner looked through than searched.
const few = 8

// category returns the bin of a value of a categorical feature.
func (f *feature) category(value string) int {
	if value == "" {
		return len(f.Categories) + 1
	}
	if len(f.Categories) <= few { // which most have
		for i, c := range f.Categories {
			if c == value {
				return i
			}
		}
		return len(f.Categories)
	}
	if i, ok := slices.BinarySearch(f.Categories, value); ok {
		return i
	}
	return len(f.Categories)
}

const (
	baselineFormat      = "riskkit-baseline/2"
	firstBaselineFormat = "riskkit-baseline/1" // has features of texts alone
)

type baselineJSON struct {
	Format   string    `json:"format"`
	N        int64     `json:"n"`
	Own      *int      `json:"own,omitempty"`
	Features []feature `json:"features"`
}

// MarshalJSON writes b in a format that UnmarshalJSON reads, now and in later
// versions. The same Baseline always gives the same bytes.
func (b *Baseline) MarshalJSON() ([]byte, error) {
	return json.Marshal(baselineJSON{baselineFormat, b.n, &b.own, b.features})
}

// UnmarshalJSON makes b the Baseline that data holds. The error wraps ErrInput
// and says what is wrong; b is then unchanged.
func (b *Baseline) UnmarshalJSON(data []byte) error {
	var j baselineJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: baseline: %w", ErrInput, err)
	}
	own := len(j.Features)
	switch {
	case j.Format == baselineFormat && j.Own != nil:
		own = *j.Own
	case j.Format != firstBaselineFormat:
		return fmt.Errorf("%w: format of the baseline is %q, want %q", ErrInput, j.Format, baselineFormat)
	}
	n, err := newBaseline(j.N, own, j.Features)
	if err != nil {
		return err
	}
	*b = *n
	return nil
}
