package psi

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/riskkit/riskkit/internal/text"
)

// A DriftMonitor watches texts go by and says, when asked, whether they
// drifted. Implementations are safe for concurrent use.
type DriftMonitor interface {
	// Observe counts a text.
	Observe(text string)
	// Sweep compares what was observed with the baseline.
	Sweep(ctx context.Context) (Report, error)
}

// A Monitor is the DriftMonitor of a Baseline. It counts in one window: a sweep
// that finds enough to judge ends the window, and the next begins empty; a sweep
// that does not lets it go on. So windows are as long as the time between
// sweeps, but of at least CompareOptions.MinSample texts. What is observed
// counts in the window that is open then, as often as it is observed, whatever
// its own time and order.
//
// It is made by NewMonitor and safe for concurrent use. Goroutines that observe
// at the same time count in memory of their own, and its size does not depend on
// the traffic.
type Monitor struct {
	features FeatureExtractor
	options  CompareOptions
	baseline *Baseline
	shards   shards
	words    WordsWatch
	err      atomic.Pointer[error] // the first text that could not be counted

	mu    sync.Mutex // of those who end windows
	start *Profile   // all that was counted when the window began
}

// NewMonitor returns a Monitor of the features that f extracts and of the host's
// own that b has; f may be nil where there are only those. The error wraps ErrFeatures where f's are not those of b,
// ErrInput where opts make no sense. nil opts means the defaults.
func NewMonitor(b *Baseline, f FeatureExtractor, opts *CompareOptions) (*Monitor, error) {
	if err := b.Matches(f); err != nil {
		return nil, err
	}
	o, err := opts.normalized()
	if err != nil {
		return nil, err
	}
	return &Monitor{features: f, options: o, baseline: b, start: NewProfile(b), shards: shards{baseline: b}}, nil
}

// Observe counts a text. It does not allocate in the long run. Without an
// extractor it does nothing.
func (m *Monitor) Observe(s string) {
	if m.features == nil {
		return
	}
	f, ok := m.features.(*TextFeatures)
	if !ok {
		c := m.shards.get()
		m.note(c.observe(m.features, s))
		m.shards.put(c)
		return
	}
	sc := f.scratch()
	defer f.pool.Put(sc)
	f.read(sc, s)
	m.count(f, &sc.reading, sc.ind, "")
}

// ObserveFeatures counts a text by its features, as a FeatureExtractor that
// matches the baseline appends them, for hosts that have them already.
func (m *Monitor) ObserveFeatures(ind []int32, val []float64) {
	s := m.shards.get()
	s.mu.Lock()
	err := s.profile.Add(ind, val)
	s.mu.Unlock()
	m.shards.put(s)
	m.note(err)
}

// Reads reports whether the features of m are those of texts that a vocabulary
// has read already, so that ObserveRead can count them.
func (m *Monitor) Reads() bool {
	_, ok := m.features.(*TextFeatures)
	return ok
}

// ObserveRead is Observe of a text that the vocabulary of m, which must be one
// that Reads, has read: r is what it left, and model the features of the text,
// in any order. It is how a risk.Service reads a text once for its score and for
// drift. id is the text's, which is kept only where WordsOptions say so.
func (m *Monitor) ObserveRead(r *text.Reading, model []int32, id string) {
	m.count(m.features.(*TextFeatures), r, model, id)
}

// count counts a text that was read.
func (m *Monitor) count(f *TextFeatures, r *text.Reading, model []int32, id string) {
	c := m.shards.get()
	c.mu.Lock()
	c.ind, c.val = f.append(c.ind[:0], c.val[:0], r, model)
	err := c.profile.Add(c.ind, c.val)
	if c.words != nil {
		c.words.observe(r, id)
	}
	c.mu.Unlock()
	m.shards.put(c)
	m.note(err)
}

// note keeps the first error for the next Sweep.
func (m *Monitor) note(err error) {
	if err != nil {
		first := err // so that nothing is allocated where all is well
		m.err.CompareAndSwap(nil, &first)
	}
}

// A Numeric counts the values of a numeric feature of the host's own in a
// Monitor. It is safe for concurrent use and does not allocate.
type Numeric struct {
	shards *shards
	f      *feature
	offset int
	edges  []float64 // of f, and infinite ones up to a multiple of four
}

// Numeric returns what counts the values of a numeric feature of the host's own.
// Where the baseline has no such feature the error wraps ErrFeatures.
func (m *Monitor) Numeric(name string) (*Numeric, error) {
	i, err := m.baseline.ownFeature(name, "")
	if err != nil {
		return nil, err
	}
	n := &Numeric{shards: &m.shards, f: &m.baseline.features[i], offset: m.baseline.offset[i]}
	n.edges = append(n.edges, n.f.Edges...)
	for len(n.edges)%4 != 0 {
		n.edges = append(n.edges, math.Inf(1))
	}
	return n, nil
}

// Observe counts a value. NaN means that it is missing; infinite values are
// beyond all others.
func (n *Numeric) Observe(v float64) {
	bin := len(n.f.Edges) + 1
	if v == v {
		v = clamp(v)
		bin = 0
		for e := n.edges; len(e) >= 4; e = e[4:] {
			bin += below(e[0], v) + below(e[1], v) + below(e[2], v) + below(e[3], v)
		}
	}
	s := n.shards.get()
	atomic.AddInt64(&s.profile.counts[n.offset+bin], 1)
	n.shards.put(s)
}

// below is 1 if a < b, else 0.
func below(a, b float64) (n int) {
	if a < b {
		n = 1
	}
	return n
}

// A Categorical counts the values of a categorical feature of the host's own in
// a Monitor. It is safe for concurrent use and does not allocate.
type Categorical struct {
	shards *shards
	f      *feature
	offset int
}

// Categorical returns what counts the values of a categorical feature of the
// host's own. Where the baseline has no such feature the error wraps
// ErrFeatures.
func (m *Monitor) Categorical(name string) (*Categorical, error) {
	i, err := m.baseline.ownFeature(name, categorical)
	if err != nil {
		return nil, err
	}
	return &Categorical{&m.shards, &m.baseline.features[i], m.baseline.offset[i]}, nil
}

// Observe counts a value. "" means that it is missing; categories that the
// baseline does not have are counted together.
func (c *Categorical) Observe(value string) {
	bin := c.offset + c.f.category(value)
	s := c.shards.get()
	atomic.AddInt64(&s.profile.counts[bin], 1)
	c.shards.put(s)
}

// Profile returns the counts of the window so far. It belongs to the caller.
func (m *Monitor) Profile() *Profile {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shards.sum().without(m.start)
}

// Take ends the window and returns its counts, which belong to the caller: a
// replica's share of what all have seen, to be merged with the others'. Of the
// words that it watched nothing is kept.
func (m *Monitor) Take() *Profile {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.shards.sum()
	window := all.without(m.start)
	m.start = all
	if m.words.Training != nil {
		m.endWords()
	}
	return window
}

// Sweep compares the window with the baseline. Where the extractor gave a
// feature that it does not have, the error, once, wraps ErrFeatures.
func (m *Monitor) Sweep(ctx context.Context) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	if err := m.err.Swap(nil); err != nil {
		return Report{}, *err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.shards.sum()
	r, err := Compare(all.without(m.start), &m.options)
	if err != nil || r.Status == StatusInsufficient {
		return r, err
	}
	m.start = all
	if m.words.Training != nil {
		words, err := CompareWords(m.takeWords(), m.words.Training, m.words.Compare)
		if err != nil {
			return r, err
		}
		r.Words = &words
	}
	return r, nil
}
