package psi

import (
	"cmp"
	"math"
	"slices"
)

// A Baseline says how features were distributed at training time: for each the
// edges of its bins, or its categories, and the counts in them. It is made by a
// Builder, NewBaseline or UnmarshalJSON, does not change afterwards, and is safe
// for concurrent use.
type Baseline struct {
	n        int64 // texts
	own      int   // features from here on are the host's own
	features []feature
	offset   []int // of each feature in the counts of a Profile
	bins     int   // of all features together
	id       string
}

// feature is one feature's share of a Baseline. Bin i of a numeric one holds
// what is above edge i-1 and not above edge i; the ends are open, and the last
// bin is for what is missing: NaN. A categorical one has a bin for each
// category, one for all others, and one for what is missing: "".
type feature struct {
	Name       string    `json:"name"`
	Kind       kind      `json:"kind,omitempty"`
	Edges      []float64 `json:"edges,omitempty"`
	Categories []string  `json:"categories,omitempty"` // in order
	Counts     []int64   `json:"counts"`
	Moments    *moments  `json:"moments,omitempty"`
}

// kind is what values a feature has. Empty means numbers.
type kind string

const categorical kind = "categorical"

// unordered reports whether the bins of f are in no order.
func (f *feature) unordered() bool { return f.Kind == categorical || len(f.Categories) > 0 }

// moments describe the finite values of a numeric feature.
type moments struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"` // of the sample
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
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
	f.Moments = momentsOf(finite, n-int64(len(values)))
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

// momentsOf returns the moments of sorted values and so many zeros, nil if there
// are none. The mean is updated value by value, which does not overflow.
func momentsOf(sorted []float64, zeros int64) *moments {
	n := float64(zeros)
	if len(sorted) == 0 && zeros == 0 {
		return nil
	}
	m := moments{}
	if len(sorted) > 0 {
		m.Min, m.Max = sorted[0], sorted[len(sorted)-1]
	}
	if zeros > 0 {
		m.Min, m.Max = min(m.Min, 0), max(m.Max, 0)
	}
	squares := 0.0
	for _, v := range sorted {
		n++
		d := v/n - m.Mean/n
		before := v - m.Mean
		m.Mean += d
		squares += before * (v - m.Mean)
	}
	if n > 1 && !math.IsInf(squares, 0) && !math.IsNaN(squares) {
		m.SD = math.Sqrt(squares / (n - 1))
	}
	return &m
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
