package psi

import (
	"context"
	"sync"
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
// that finds enough texts to judge ends the window, and the next begins empty;
// a sweep that does not lets it go on. It is made by NewMonitor and safe for
// concurrent use.
type Monitor struct {
	features FeatureExtractor
	options  CompareOptions
	pool     sync.Pool // of *row

	mu     sync.Mutex
	window *Profile
	err    error // the first text that could not be counted
}

// row is the memory that one text's features pass through.
type row struct {
	ind []int32
	val []float64
}

// NewMonitor returns a Monitor of the features that f extracts. The error wraps
// ErrFeatures where they are not those of b, ErrInput where opts make no sense.
// nil opts means the defaults.
func NewMonitor(b *Baseline, f FeatureExtractor, opts *CompareOptions) (*Monitor, error) {
	if err := b.Matches(f); err != nil {
		return nil, err
	}
	o, err := opts.normalized()
	if err != nil {
		return nil, err
	}
	return &Monitor{features: f, options: o, window: NewProfile(b)}, nil
}

// Observe counts a text. It does not allocate in the long run.
func (m *Monitor) Observe(text string) {
	r, _ := m.pool.Get().(*row)
	if r == nil {
		r = new(row)
	}
	r.ind, r.val = m.features.AppendFeatures(r.ind[:0], r.val[:0], text)
	m.mu.Lock()
	if err := m.window.Add(r.ind, r.val); err != nil && m.err == nil {
		m.err = err
	}
	m.mu.Unlock()
	m.pool.Put(r)
}

// Sweep compares the window with the baseline. Where the extractor gave a
// feature that it does not have, the error, once, wraps ErrFeatures.
func (m *Monitor) Sweep(ctx context.Context) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.err; err != nil {
		m.err = nil
		return Report{}, err
	}
	r, err := Compare(m.window, &m.options)
	if err == nil && r.Status != StatusInsufficient {
		m.window = NewProfile(m.window.baseline)
	}
	return r, err
}
