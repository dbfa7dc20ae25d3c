package psi

import "fmt"

// A Profile counts, in the bins of a Baseline, the features of one window. It is
// made by NewProfile, ParseProfile or a Monitor, and must not be used from
// several goroutines at once; Merge joins the counts of several.
type Profile struct {
	baseline *Baseline
	n        int64   // texts
	counts   []int64 // of what is not 0 in features of texts: what is 0 follows from n
	nonzero  []int64 // by feature of texts
}

// NewProfile returns an empty Profile of the features of b.
func NewProfile(b *Baseline) *Profile {
	return &Profile{baseline: b, counts: make([]int64, b.bins), nonzero: make([]int64, b.own)}
}

// Add counts one text, given by its features as a FeatureExtractor that matches
// the baseline appends them. It takes time linear in their number and does not
// allocate. Indices that the baseline does not have or that do not ascend, and
// more or fewer values, are an error that wraps ErrFeatures; nothing is counted
// then.
func (p *Profile) Add(ind []int32, val []float64) error {
	if err := checkFeatures(ind, val, len(p.nonzero)); err != nil {
		return err
	}
	p.n++
	for k, j := range ind {
		p.nonzero[j]++
		p.counts[p.baseline.offset[j]+p.baseline.features[j].bin(val[k])]++
	}
	return nil
}

// checkFeatures returns an error unless ind and val are some of n features.
func checkFeatures(ind []int32, val []float64, n int) error {
	if len(ind) != len(val) {
		return fmt.Errorf("%w: %d indices with %d values", ErrFeatures, len(ind), len(val))
	}
	last := int32(-1)
	for _, j := range ind {
		if j <= last || int(j) >= n {
			return fmt.Errorf("%w: feature %d of %d behind feature %d, want them to ascend", ErrFeatures, j, n, last)
		}
		last = j
	}
	return nil
}

// AddNumeric counts a value of a numeric feature of the host's own; NaN means
// that it is missing. If the baseline has no such feature the error wraps
// ErrFeatures.
func (p *Profile) AddNumeric(name string, v float64) error {
	i, err := p.baseline.ownFeature(name, "")
	if err == nil {
		p.counts[p.baseline.offset[i]+p.baseline.features[i].bin(v)]++
	}
	return err
}

// AddCategorical counts a value of a categorical feature of the host's own; ""
// means that it is missing. If the baseline has no such feature the error wraps
// ErrFeatures.
func (p *Profile) AddCategorical(name, value string) error {
	i, err := p.baseline.ownFeature(name, categorical)
	if err == nil {
		p.counts[p.baseline.offset[i]+p.baseline.features[i].category(value)]++
	}
	return err
}

// N returns the number of texts counted.
func (p *Profile) N() int64 { return p.n }

// Baseline returns the Baseline whose bins p counts.
func (p *Profile) Baseline() *Baseline { return p.baseline }

// Merge adds the counts of q, which must be of an equal Baseline; otherwise the
// error wraps ErrFeatures. The order in which profiles are merged makes no
// difference: they hold what one would that had counted everything. More than
// 2^53 values of a feature are an error that wraps ErrInput. p is unchanged by
// an error.
func (p *Profile) Merge(q *Profile) error {
	if p.baseline.id != q.baseline.id {
		return fmt.Errorf("%w: a profile of baseline %s cannot be merged with one of %s", ErrFeatures, p.baseline.id, q.baseline.id)
	}
	for j, f := range p.baseline.features {
		if p.values(j) > maxTexts-q.values(j) {
			return fmt.Errorf("%w: profiles with more than %d values of feature %q", ErrInput, int64(maxTexts), f.Name)
		}
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

// values returns the number of values of feature j.
func (p *Profile) values(j int) int64 {
	if j < p.baseline.own {
		return p.n
	}
	n := int64(0)
	for _, c := range p.counts[p.baseline.offset[j]:][:len(p.baseline.features[j].Counts)] {
		n += c
	}
	return n
}

// without returns p less the counts of q, which are among p's.
func (p *Profile) without(q *Profile) *Profile {
	d := NewProfile(p.baseline)
	d.n = p.n - q.n
	for i := range d.counts {
		d.counts[i] = p.counts[i] - q.counts[i]
	}
	for j := range d.nonzero {
		d.nonzero[j] = p.nonzero[j] - q.nonzero[j]
	}
	return d
}

// of appends the counts of the bins of feature j to dst.
func (p *Profile) of(dst []int64, j int) []int64 {
	f := &p.baseline.features[j]
	start := len(dst)
	dst = append(dst, p.counts[p.baseline.offset[j]:][:len(f.Counts)]...)
	if j < p.baseline.own {
		dst[start+f.bin(0)] += p.n - p.nonzero[j]
	}
	return dst
}
