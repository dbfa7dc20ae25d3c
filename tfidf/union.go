package tfidf

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// An Extractor turns a text into named numbers. AppendFeatures appends the
// values of those that the text has to val and their indices, ascending, to ind.
// Implementations are safe for concurrent use and always have the same features.
// Vectorizer, Hashing and Union are some.
type Extractor interface {
	NumFeatures() int
	FeatureName(i int) string
	AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64)
}

// A Part is one Extractor of a Union.
type Part struct {
	// Name stands, with two underscores, before the names of the features. It
	// must not be empty, have two underscores in a row, or be that of another
	// part.
	Name string
	// Weight is what values are multiplied by, any finite number. 0 means 1.
	Weight float64
	// Extractor is where the features come from.
	Extractor Extractor
}

// A Union is several Extractors side by side, as scikit-learn's FeatureUnion:
// words and characters, say. It is made by NewUnion, does not change, and is
// safe for concurrent use. The zero value has no features.
type Union struct {
	parts   []Part
	offsets []int // where the features of each part begin, and where the last end
}

// NewUnion returns the union of parts, whose features follow each other in the
// order of the parts. The error wraps ErrOptions.
func NewUnion(parts ...Part) (*Union, error) {
	u := &Union{parts: slices.Clone(parts), offsets: []int{0}}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: a union of no parts", ErrOptions)
	}
	for i := range u.parts {
		p := &u.parts[i]
		same := func(q Part) bool { return q.Name == p.Name }
		switch {
		case p.Name == "" || strings.Contains(p.Name, "__"):
			return nil, fmt.Errorf("%w: part %d is named %q, want a name without two underscores in a row", ErrOptions, i, p.Name)
		case slices.ContainsFunc(parts[:i], same):
			return nil, fmt.Errorf("%w: parts %d and %d are both named %q", ErrOptions, slices.IndexFunc(parts, same), i, p.Name)
		case math.IsNaN(p.Weight) || math.IsInf(p.Weight, 0):
			return nil, fmt.Errorf("%w: part %q has weight %v", ErrOptions, p.Name, p.Weight)
		case p.Extractor == nil:
			return nil, fmt.Errorf("%w: part %q has no Extractor", ErrOptions, p.Name)
		}
		if p.Weight == 0 {
			p.Weight = 1
		}
		before, n := u.offsets[i], p.Extractor.NumFeatures()
		if n < 0 || n > math.MaxInt32-before {
			return nil, fmt.Errorf("%w: part %q has %d features, after %d, want at most %d in all", ErrOptions, p.Name, n, before, math.MaxInt32)
		}
		u.offsets = append(u.offsets, before+n)
	}
	return u, nil
}

// Parts returns the parts of u, their weights filled in.
func (u *Union) Parts() []Part { return slices.Clone(u.parts) }

// NumFeatures returns the number of features of all parts.
func (u *Union) NumFeatures() int {
	if len(u.parts) == 0 {
		return 0
	}
	return u.offsets[len(u.parts)]
}

// FeatureName returns the name of feature i: that of its part, two underscores,
// and the name that it has there. It allocates.
func (u *Union) FeatureName(i int) string {
	part, _ := slices.BinarySearch(u.offsets, i+1)
	p := u.parts[part-1]
	return p.Name + "__" + p.Extractor.FeatureName(i-u.offsets[part-1])
}

// AppendFeatures appends the features of text to ind and their values, times the
// weights of the parts, to val. The new indices ascend. It allocates as the
// parts do.
func (u *Union) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	for i, p := range u.parts {
		k, l := len(ind), len(val)
		ind, val = p.Extractor.AppendFeatures(ind, val, text)
		for ; k < len(ind); k++ {
			ind[k] += int32(u.offsets[i])
		}
		for ; l < len(val); l++ {
			val[l] *= p.Weight
		}
	}
	return ind, val
}
