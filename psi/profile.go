package psi

import "fmt"

// A Profile counts, in the bins of a Baseline, the features of the texts of one
// window. It is made by NewProfile and must not be used from several goroutines
// at once; Merge joins the counts of several.
type Profile struct {
	baseline *Baseline
	n        int64
	counts   []int64 // of what is not 0; what is 0 follows from n
	nonzero  []int64 // by feature
}

// NewProfile returns an empty Profile of the features of b.
func NewProfile(b *Baseline) *Profile {
	return &Profile{baseline: b, counts: make([]int64, b.bins), nonzero: make([]int64, len(b.features))}
}

// Add counts one text, given by its features as a FeatureExtractor that matches
// the baseline appends them. It takes time linear in their number and does not
// allocate. Indices that the baseline does not have are an error that wraps
// ErrFeatures; nothing is counted then.
func (p *Profile) Add(ind []int32, val []float64) error {
	for _, j := range ind {
		if j < 0 || int(j) >= len(p.nonzero) {
			return fmt.Errorf("%w: feature %d of %d", ErrFeatures, j, len(p.nonzero))
		}
	}
	p.n++
	for k, j := range ind {
		p.nonzero[j]++
		p.counts[p.baseline.offset[j]+p.baseline.features[j].bin(val[k])]++
	}
	return nil
}

// N returns the number of texts counted.
func (p *Profile) N() int64 { return p.n }

// Merge adds the counts of q, which must be of the same Baseline; otherwise the
// error wraps ErrFeatures. The order in which profiles are merged makes no
// difference.
func (p *Profile) Merge(q *Profile) error {
	if p.baseline != q.baseline {
		return fmt.Errorf("%w: profiles of two baselines", ErrFeatures)
	}
	p.n += q.n
	for i, c := range q.counts {
		p.counts[i] += c
	}
	for j, c := range q.nonzero {
		p.nonzero[j] += c
	}
	return nil
}

// of appends the counts of the bins of feature j to dst.
func (p *Profile) of(dst []int64, j int) []int64 {
	f := &p.baseline.features[j]
	start := len(dst)
	dst = append(dst, p.counts[p.baseline.offset[j]:][:len(f.Counts)]...)
	dst[start+f.bin(0)] += p.n - p.nonzero[j]
	return dst
}
