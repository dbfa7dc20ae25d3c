package psi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
)

// A Baseline says how features were distributed at training time: for each the
// edges of its bins and the counts in them. It is made by NewBaseline or
// UnmarshalJSON, does not change afterwards, and is safe for concurrent use.
type Baseline struct {
	n        int64
	features []feature
	offset   []int // of each feature in the counts of a Profile
	bins     int   // of all features together
}

// feature is one feature's share of a Baseline. Bin i holds what is above edge
// i-1 and not above edge i; the ends are open. The last bin is for what is
// missing: NaN.
type feature struct {
	Name   string    `json:"name"`
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

// BaselineOptions say how a Baseline is binned. The zero value means the
// defaults.
type BaselineOptions struct {
	// Bins is the number of bins that a feature with enough different values
	// gets. 0 means 10.
	Bins int
}

// minCount is the least number of observations that makes a bin, but for those
// around a value that is nearly the only one.
const minCount = 5

// NewBaseline counts the features that f extracts from texts. Bins have about
// equal counts: a feature with few values has a bin for each, and values that
// are too rare for a bin of their own share one. Where nearly all texts have
// the same value, that has a bin, what is below it and what is above it. nil
// opts means the defaults. The error wraps ErrInput where there are no texts or
// opts make no sense.
//
// It keeps the values that are not 0 while it counts, eight bytes each.
func NewBaseline(f FeatureExtractor, texts iter.Seq[string], opts *BaselineOptions) (*Baseline, error) {
	bins := 10
	if opts != nil && opts.Bins != 0 {
		bins = opts.Bins
	}
	if bins < 2 || bins > 1000 {
		return nil, fmt.Errorf("%w: %d bins, want 2 to 1000", ErrInput, bins)
	}
	values := make([][]float64, f.NumFeatures())
	n := int64(0)
	var ind []int32
	var val []float64
	for s := range texts {
		n++
		ind, val = f.AppendFeatures(ind[:0], val[:0], s)
		for k, j := range ind {
			values[j] = append(values[j], val[k])
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: no texts to make a baseline of", ErrInput)
	}
	features := make([]feature, len(values))
	for j, v := range values {
		features[j] = makeBins(f.FeatureName(j), v, n, bins)
	}
	return newBaseline(n, features)
}

// run is a value and how often it occurs.
type run struct {
	value float64
	count int64
}

// makeBins makes the bins of a feature with the given values that are not 0,
// the rest of n being 0.
func makeBins(name string, values []float64, n int64, bins int) feature {
	f := feature{Name: name}
	missing := int64(0)
	finite := values[:0]
	for _, v := range values {
		if math.IsNaN(v) {
			missing++
		} else {
			finite = append(finite, clamp(v))
		}
	}
	slices.Sort(finite)
	var runs []run // 0 in its place among them
	add := func(v float64, count int64) {
		if k := len(runs); k > 0 && runs[k-1].value == v {
			runs[k-1].count += count
		} else if count > 0 {
			runs = append(runs, run{v, count})
		}
	}
	zeros := n - int64(len(values))
	for _, v := range finite {
		if v > 0 {
			add(0, zeros)
			zeros = 0
		}
		add(v, 1)
	}
	add(0, zeros)

	full := max(minCount, (n-missing)/int64(bins))
	rest := n - missing
	count := int64(0)
	for i, r := range runs {
		count += r.count
		rest -= r.count
		if last := i == len(runs)-1; last || count >= full && rest >= minCount {
			f.Counts = append(f.Counts, count)
			count = 0
			if !last {
				f.Edges = append(f.Edges, r.value/2+runs[i+1].value/2)
			}
		}
	}
	switch {
	case len(runs) == 0:
		f.Counts = []int64{0}
	case len(f.Edges) == 0:
		common := most(runs)
		if rest := n - missing - common.count; rest < minCount && common.count >= 10*rest {
			f.Edges, f.Counts = around(runs, common)
		}
	}
	f.Counts = append(f.Counts, missing)
	return f
}

// around makes the bins of a feature that hardly ever has another value than
// one: below it, the value itself, and above it, so that it is seen when that
// changes.
func around(runs []run, common run) (edges []float64, counts []int64) {
	most := slices.Index(runs, common)
	v := common.value
	below, above := math.Nextafter(v, -math.MaxFloat64), v
	if most < len(runs)-1 {
		above = v/2 + runs[most+1].value/2
		below = clamp(v - (above - v))
	}
	if most > 0 {
		below = runs[most-1].value/2 + v/2
	}
	if !(below < v) || !(below < above) { // the ends of what numbers there are
		return []float64{above}, append(counts, sum(runs[:most+1]), sum(runs[most+1:]))
	}
	return []float64{below, above}, append(counts, sum(runs[:most]), runs[most].count, sum(runs[most+1:]))
}

// most returns the run with the most values, the first among equals.
func most(runs []run) run {
	return slices.MaxFunc(runs, func(a, b run) int { return cmp.Compare(a.count, b.count) })
}

func sum(runs []run) (n int64) {
	for _, r := range runs {
		n += r.count
	}
	return n
}

// clamp makes infinities finite.
func clamp(v float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, v)) }

func newBaseline(n int64, features []feature) (*Baseline, error) {
	b := &Baseline{n: n, features: features}
	names := map[string]bool{}
	for _, f := range features {
		sum, err := total(f.Counts)
		switch {
		case err != nil:
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		case sum != n || len(f.Counts) != len(f.Edges)+2:
			return nil, fmt.Errorf("%w: feature %q has %d observations of %d, in %d bins with %d edges",
				ErrInput, f.Name, sum, n, len(f.Counts), len(f.Edges))
		}
		for i, e := range f.Edges {
			if math.IsNaN(e) || math.IsInf(e, 0) || i > 0 && !(f.Edges[i-1] < e) {
				return nil, fmt.Errorf("%w: edge %d of feature %q is %v", ErrInput, i, f.Name, e)
			}
		}
		if names[f.Name] {
			return nil, fmt.Errorf("%w: feature %q stands twice", ErrInput, f.Name)
		}
		names[f.Name] = true
		b.offset = append(b.offset, b.bins)
		b.bins += len(f.Counts)
	}
	return b, nil
}

// N returns the number of texts that b was made of.
func (b *Baseline) N() int64 { return b.n }

// NumFeatures returns the number of features.
func (b *Baseline) NumFeatures() int { return len(b.features) }

// FeatureName returns the name of feature i.
func (b *Baseline) FeatureName(i int) string { return b.features[i].Name }

// Matches returns an error wrapping ErrFeatures unless f extracts the features
// that b has, in the same order.
func (b *Baseline) Matches(f FeatureExtractor) error {
	if f.NumFeatures() != len(b.features) {
		return fmt.Errorf("%w: %d features in the baseline, %d extracted", ErrFeatures, len(b.features), f.NumFeatures())
	}
	for i, g := range b.features {
		if f.FeatureName(i) != g.Name {
			return fmt.Errorf("%w: feature %d is %q in the baseline, %q is extracted", ErrFeatures, i, g.Name, f.FeatureName(i))
		}
	}
	return nil
}

// bin returns the bin of value v of a feature.
func (f *feature) bin(v float64) int {
	if math.IsNaN(v) {
		return len(f.Edges) + 1
	}
	i, _ := slices.BinarySearch(f.Edges, clamp(v))
	return i
}

const baselineFormat = "riskkit-baseline/1"

type baselineJSON struct {
	Format   string    `json:"format"`
	N        int64     `json:"n"`
	Features []feature `json:"features"`
}

// MarshalJSON writes b in a format that UnmarshalJSON reads, now and in later
// versions. The same Baseline always gives the same bytes.
func (b *Baseline) MarshalJSON() ([]byte, error) {
	return json.Marshal(baselineJSON{baselineFormat, b.n, b.features})
}

// UnmarshalJSON makes b the Baseline that data holds. The error wraps ErrInput
// and says what is wrong; b is then unchanged.
func (b *Baseline) UnmarshalJSON(data []byte) error {
	var j baselineJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: baseline: %w", ErrInput, err)
	}
	if j.Format != baselineFormat {
		return fmt.Errorf("%w: format of the baseline is %q, want %q", ErrInput, j.Format, baselineFormat)
	}
	n, err := newBaseline(j.N, j.Features)
	if err != nil {
		return err
	}
	*b = *n
	return nil
}
