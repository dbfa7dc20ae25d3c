package eval

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
)

// OtherSlice is the slice of what came after there were as many as allowed.
const OtherSlice = "other"

// Slices hold an Evaluation of all examples and of each named part of them, such
// as "tag:db" or "month:2024-05". An example can be in any number of parts. It
// is made by NewSlices, and must not be used from several goroutines at once.
type Slices struct {
	whole *Evaluation
	parts map[string]*Evaluation
	limit int
}

// NewSlices returns Slices over the named levels, with at most limit parts, 1 to
// 10,000; 0 means 1000. Each takes about 5 kB for three levels. The names
// beyond go to OtherSlice together. The error wraps ErrInput.
func NewSlices(levels []string, limit int) (*Slices, error) {
	if limit == 0 {
		limit = 1000
	}
	if limit < 1 || limit > 10_000 {
		return nil, fmt.Errorf("%w: at most %d slices, want 1 to 10000", ErrInput, limit)
	}
	whole, err := New(levels)
	if err != nil {
		return nil, err
	}
	return &Slices{whole: whole, parts: map[string]*Evaluation{}, limit: limit}, nil
}

// Add counts one example in the whole and in each of the parts named, once
// where a name stands twice; otherwise it is as Evaluation.AddWeighted.
func (s *Slices) Add(parts []string, truth, predicted int, proba []float64, weight float64) error {
	if err := s.whole.AddWeighted(truth, predicted, proba, weight); err != nil {
		return err
	}
	other := false
	for i, name := range parts {
		if slices.Index(parts, name) < i {
			continue
		}
		e, isOther := s.part(name)
		if isOther && other {
			continue
		}
		other = other || isOther
		if err := e.AddWeighted(truth, predicted, proba, weight); err != nil {
			return err // not reached: the whole took it
		}
	}
	return nil
}

// part returns the Evaluation that a name's examples go to, and whether it is
// that of OtherSlice.
func (s *Slices) part(name string) (e *Evaluation, other bool) {
	if e := s.parts[name]; e != nil {
		return e, name == OtherSlice
	}
	if len(s.parts) >= s.limit {
		name = OtherSlice
	}
	e = s.parts[name]
	if e == nil {
		e = newEvaluation(s.whole.levels, s.whole.bins)
		s.parts[name] = e
	}
	return e, name == OtherSlice
}

// Merge adds what o counted, part by part in the order of their names. Which
// parts end in OtherSlice depends on the order of merging where there are more
// than allowed. The error wraps ErrInput where the levels differ.
func (s *Slices) Merge(o *Slices) error {
	if err := s.whole.Merge(o.whole); err != nil {
		return err
	}
	for name, part := range o.All() {
		e, _ := s.part(name)
		if err := e.Merge(part); err != nil {
			return err // not reached: the levels are those of the whole
		}
	}
	return nil
}

// Whole returns the Evaluation of all examples. It is s's own.
func (s *Slices) Whole() *Evaluation { return s.whole }

// All returns the parts in the order of their names. They are s's own.
func (s *Slices) All() iter.Seq2[string, *Evaluation] {
	return func(yield func(string, *Evaluation) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.parts)) {
			if !yield(name, s.parts[name]) {
				return
			}
		}
	}
}

// SliceOptions says how slices are compared. Nil and the zero value mean the
// defaults.
type SliceOptions struct {
	IntervalOptions
	// MinExamples is how many examples a part, and the rest, must have to be
	// compared, at least 2; 0 means 30. With weights, it is the effective
	// number.
	MinExamples float64
}

// A SliceReport compares a part with the rest, all examples that are not in it.
type SliceReport struct {
	Name string `json:"name"`
	// N is the number of its examples.
	N int64 `json:"n"`
	// Accuracy and MacroF1 are those of the part. MacroF1 is the mean over the
	// levels that the part has examples of, and so is RestMacroF1.
	Accuracy         float64  `json:"accuracy"`
	AccuracyInterval Interval `json:"accuracy_interval"`
	MacroF1          float64  `json:"macro_f1"`
	MacroF1Interval  Interval `json:"macro_f1_interval"`
	RestAccuracy     float64  `json:"rest_accuracy"`
	RestMacroF1      float64  `json:"rest_macro_f1"`
	// Tested says whether both had enough examples to be compared.
	Tested bool `json:"tested"`
	// P and MacroF1P are the probabilities that as great a difference in
	// accuracy or macro-F1 is chance, corrected by Holm's method for all that
	// were tested: below 0.05, the whole list holds with 95% confidence not one
	// false alarm. They are 1 where nothing was tested.
	P        float64 `json:"p"`
	MacroF1P float64 `json:"macro_f1_p"`
}

// Worse reports whether the part is worse than the rest by accuracy or macro-F1
// at the level alpha, mostly 0.05, over all slices together.
func (r *SliceReport) Worse(alpha float64) bool {
	return r.P < alpha && r.Accuracy < r.RestAccuracy || r.MacroF1P < alpha && r.MacroF1 < r.RestMacroF1
}

// Compare reports on all parts: those that are worse than the rest first, by how
// sure that is, then the others by their accuracy, the lowest first, then those
// with too few examples, the smallest last. Accuracies are compared by the
// score test of two proportions with the variance of their common one, macro-F1
// by the variances of its bootstrap; p-values are corrected by Holm (A Simple
// Sequentially Rejective Multiple Test Procedure, 1979), which holds however
// parts overlap. The error wraps ErrInput, or is ErrEmpty.
func (s *Slices) Compare(opts *SliceOptions) ([]SliceReport, error) {
	o := SliceOptions{}
	if opts != nil {
		o = *opts
	}
	if o.MinExamples == 0 {
		o.MinExamples = 30
	}
	if !(o.MinExamples >= 2) {
		return nil, fmt.Errorf("%w: slices of at least %v examples, want at least 2", ErrInput, o.MinExamples)
	}
	var err error
	if o.IntervalOptions, err = o.IntervalOptions.withDefaults(); err != nil {
		return nil, err
	}
	if n, _ := s.whole.all(); n == 0 {
		return nil, ErrEmpty
	}
	var reports []SliceReport
	for name, part := range s.All() {
		if n, _ := part.all(); n > 0 {
			reports = append(reports, s.compare(name, part, &o))
		}
	}
	holm(reports)
	slices.SortStableFunc(reports, func(a, b SliceReport) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(a.key(), b.key()))
	})
	return reports, nil
}

// order puts the worse first and the small last.
func (r *SliceReport) order() int {
	switch {
	case r.Worse(0.05):
		return 0
	case r.Tested:
		return 1
	}
	return 2
}

func (r *SliceReport) key() float64 {
	switch r.order() {
	case 0:
		return min(r.P, r.MacroF1P)
	case 1:
		return r.Accuracy
	}
	return -float64(r.N)
}

func (s *Slices) compare(name string, part *Evaluation, o *SliceOptions) SliceReport {
	rest := part.without(s.whole)
	m, others := part.Matrix(), rest.Matrix()
	present := func(m Matrix) float64 { return macroF1Of(m, part) }
	spread := part.draws(o.IntervalOptions, []func(Matrix) float64{present})[0]
	n, _ := part.all()
	r := SliceReport{
		Name: name, N: part.n, Accuracy: m.Accuracy(), MacroF1: present(m),
		MacroF1Interval: percentiles(spread, present(m), o.Confidence),
		RestAccuracy:    others.Accuracy(), RestMacroF1: present(others), P: 1, MacroF1P: 1,
	}
	r.AccuracyInterval, _ = Wilson(min(n, r.Accuracy*n), n, o.Confidence) // in range
	restN, _ := rest.all()
	if r.Tested = n >= o.MinExamples && restN >= o.MinExamples; !r.Tested {
		return r
	}
	common := (r.Accuracy*n + r.RestAccuracy*restN) / (n + restN)
	r.P = normalP(r.Accuracy-r.RestAccuracy, common*(1-common)*(1/n+1/restN))
	r.MacroF1P = normalP(r.MacroF1-r.RestMacroF1,
		variance(spread)+variance(rest.draws(o.IntervalOptions, []func(Matrix) float64{present})[0]))
	return r
}

// macroF1Of returns the mean F1 over the levels that e has examples of.
func macroF1Of(m Matrix, e *Evaluation) float64 {
	k := len(m)
	sum, levels := 0.0, 0.0
	for c := range k {
		if w, _ := e.sums(c*k, 1, k); w > 0 {
			sum += m.Level(c).F1
			levels++
		}
	}
	return ratio(sum, levels)
}

// without returns the cells of whole without those of e, which is a part of it;
// nothing else of the state is set.
func (e *Evaluation) without(whole *Evaluation) *Evaluation {
	rest := &Evaluation{levels: e.levels, n: whole.n - e.n, cells: make(cells, len(e.cells))}
	for i, c := range whole.cells {
		if n := c.n - e.cells[i].n; n > 0 {
			rest.cells[i] = cell{n, max(0, c.weight-e.cells[i].weight), max(0, c.squares-e.cells[i].squares)}
		}
	}
	return rest
}

// normalP returns the two-sided p-value of a difference with a variance.
func normalP(difference, variance float64) float64 {
	if difference == 0 || variance <= 0 {
		return 1
	}
	return math.Erfc(math.Abs(difference) / math.Sqrt(2*variance))
}

func variance(v []float64) float64 {
	mean, squares := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return squares / float64(len(v)-1)
}

// holm corrects the p-values of all that were tested.
func holm(reports []SliceReport) {
	var p []*float64
	for i := range reports {
		if reports[i].Tested {
			p = append(p, &reports[i].P, &reports[i].MacroF1P)
		}
	}
	slices.SortFunc(p, func(a, b *float64) int { return cmp.Compare(*a, *b) })
	least := 0.0
	for i, v := range p {
		least = min(1, max(least, *v*float64(len(p)-i)))
		*v = least
	}
}
