package tfidf

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"
)

// HashingOptions say how a Hashing reads texts. The zero value is scikit-learn's
// HashingVectorizer with its defaults. The options that Options has too mean
// the same.
type HashingOptions struct {
	// NumFeatures is the number of features, up to 2^31 - 1. 0 means 2^20.
	NumFeatures int `json:"num_features"`
	// Unsigned adds every term as 1. Otherwise half of the terms, those whose
	// hash is negative, count as -1, so that terms that share a feature cancel
	// out on average. It is scikit-learn's alternate_sign=False.
	Unsigned bool `json:"unsigned"`
	// Analyzer says what terms are made of. Empty means Word.
	Analyzer Analyzer `json:"analyzer"`
	// ShortWords takes words of one character too.
	ShortWords bool `json:"short_words"`
	// NGrams is the range of n-grams that are terms, {least, most}, up to 16.
	// {0, 0} means {1, 1}: single words or characters.
	NGrams [2]int `json:"ngrams"`
	// Binary makes every feature that a text has 1, whatever its sum, be it 0.
	Binary bool `json:"binary"`
	// Norm is what values are divided by. Empty means NormL2.
	Norm Norm `json:"norm"`
	// Case says how letters are lower-cased. Empty means as Python's str.lower
	// does it.
	Case Case `json:"case"`
	// Accents says whether accents are removed. Empty means that they stay.
	Accents Accents `json:"accents"`
	// StopWords are words that are passed over before n-grams are built,
	// written as words are after Case and Accents. They are for words only.
	StopWords []string `json:"stop_words"`
}

// A Hashing turns texts into sparse vectors without having learned a
// vocabulary: a term is the feature that its hash, MurmurHash3 of 32 bits, says,
// which other terms may share. It is made by NewHashing, does not change, and is
// safe for concurrent use. The zero value has no features.
type Hashing struct {
	options  HashingOptions
	analyzer *analyzer
	pool     sync.Pool // of *scratch
}

const defaultFeatures = 1 << 20

// NewHashing returns a Hashing. The error wraps ErrOptions. nil opts means the
// defaults.
func NewHashing(opts *HashingOptions) (*Hashing, error) {
	var o HashingOptions
	if opts != nil {
		o = *opts
	}
	if o.NumFeatures == 0 {
		o.NumFeatures = defaultFeatures
	}
	if o.NumFeatures < 0 || o.NumFeatures > math.MaxInt32 {
		return nil, fmt.Errorf("%w: NumFeatures is %d, want 1 to %d", ErrOptions, o.NumFeatures, math.MaxInt32)
	}
	raw := Options{
		Analyzer: o.Analyzer, ShortWords: o.ShortWords, NGrams: o.NGrams, Norm: o.Norm, Case: o.Case, Accents: o.Accents, StopWords: o.StopWords,
	}
	n, err := raw.normalized()
	if err != nil {
		return nil, err
	}
	o.Analyzer, o.NGrams, o.Norm, o.StopWords = n.Analyzer, n.NGrams, n.Norm, slices.Clone(n.StopWords)
	return &Hashing{options: o, analyzer: newAnalyzer(&n)}, nil
}

// Options returns the options of h, the defaults of NumFeatures and NGrams
// filled in, others left empty.
func (h *Hashing) Options() HashingOptions {
	o := h.options
	o.StopWords = slices.Clone(o.StopWords)
	return o
}

// NumFeatures returns the number of features that terms are spread over.
func (h *Hashing) NumFeatures() int { return h.options.NumFeatures }

// FeatureName returns a name for feature i, its number: "#12345". The terms that
// it stands for are not known.
func (h *Hashing) FeatureName(i int) string { return "#" + strconv.Itoa(i) }

// AppendFeatures appends the features of text to ind and their values to val.
// The new indices ascend. The values are sums over the terms of the text, each 1
// or -1 (see HashingOptions), or 1 if Binary, divided by their norm. A sum of
// terms that cancel out is appended as 0, as scikit-learn stores it. It takes
// time n log n in the number of terms and allocates only to grow ind and val.
func (h *Hashing) AppendFeatures(ind []int32, val []float64, text string) ([]int32, []float64) {
	if h.analyzer == nil {
		return ind, val
	}
	sc, ok := h.pool.Get().(*scratch)
	if !ok {
		sc = new(scratch)
	}
	sc.hashes = sc.hashes[:0]
	h.analyzer.terms(sc, text, func(term []byte) {
		i, sign := feature(murmur3(term), uint32(h.options.NumFeatures))
		sc.hashes = append(sc.hashes, i<<1|sign)
	})
	slices.Sort(sc.hashes)
	first := len(val)
	for k := 0; k < len(sc.hashes); {
		i, sum := sc.hashes[k]>>1, 0
		for ; k < len(sc.hashes) && sc.hashes[k]>>1 == i; k++ {
			if sc.hashes[k]&1 == 0 || h.options.Unsigned {
				sum++
			} else {
				sum--
			}
		}
		if h.options.Binary {
			sum = 1
		}
		ind, val = append(ind, int32(i)), append(val, float64(sum))
	}
	h.options.Norm.divide(val[first:])
	h.pool.Put(sc)
	return ind, val
}

// feature returns the feature, of n, of a term with a hash, and whether the hash
// is negative. scikit-learn takes the absolute value of the signed hash, and of
// the least, which has none, 2^31.
func feature(hash, n uint32) (i, negative uint32) {
	negative = hash >> 31
	if negative == 1 {
		hash = -hash
	}
	return hash % n, negative
}

// murmur3 is MurmurHash3_x86_32 of b with seed 0, by Austin Appleby, who placed
// it in the public domain.
func murmur3(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	var h uint32
	size := uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * c1
		h ^= bits.RotateLeft32(k, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var k uint32
	for i, c := range b {
		k |= uint32(c) << (8 * i)
	}
	h ^= bits.RotateLeft32(k*c1, 15) * c2
	h ^= size
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
