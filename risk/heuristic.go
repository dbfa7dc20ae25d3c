package risk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/riskkit/riskkit/internal/text"
)

// A Heuristic is the Scorer that always answers: it needs no model, no file and
// no network, and never fails. It is made by NewHeuristic, without which it
// cannot be used, and safe for concurrent use.
//
// Each term of its Lexicon that a text has is taken as independent evidence
// that the incident is severe, and the risk is the probability that any of it
// is right (noisy or; Pearl, Probabilistic Reasoning in Intelligent Systems,
// 1988):
//
//	risk  = 1 - Π (1 - weight)^factor, brought into [0,1]
//	score = (1 - doubt) risk + doubt / 2
//
// where factor is the product of the modifiers before the term. A term counts
// once, where it is strongest. The probabilities of the levels are those of a
// binomial distribution with the risk for its parameter, but for the share of
// doubt, which all levels have alike; so the score is their expected severity.
type Heuristic struct {
	lexicon   Lexicon
	terms     *text.Phrases
	modifiers *text.Phrases
	factors   []float64 // of the modifiers
	pool      sync.Pool // of *evidence
}

// evidence is what the terms of one text say; its memory is used again for the
// next.
type evidence struct {
	words  text.Words
	proba  []float64 // of the levels
	found  []int     // terms, in the order of the lexicon
	factor []float64 // by term, 0 where it is not found
}

// reach is how many words a modifier acts over; denied stands for a factor of 0
// there.
const (
	reach  = 3
	denied = -1
)

// NewHeuristic returns the Heuristic of a lexicon; nil means DefaultLexicon,
// and then there is no error. The lexicon is copied. The error wraps
// ErrLexicon.
func NewHeuristic(lexicon *Lexicon) (*Heuristic, error) {
	if lexicon == nil {
		var err error
		if lexicon, err = DefaultLexicon(); err != nil {
			return nil, err
		}
	}
	if err := lexicon.Validate(); err != nil {
		return nil, err
	}
	h := &Heuristic{lexicon: *lexicon}
	h.lexicon.Scale = slices.Clone(lexicon.Scale)
	h.lexicon.Thresholds = slices.Clone(lexicon.Thresholds)
	h.lexicon.Terms = slices.Clone(lexicon.Terms)
	h.lexicon.Modifiers = nil
	modifiers := slices.Sorted(maps.Keys(lexicon.Modifiers))
	var err error
	if h.terms, err = text.NewPhrases(lexicon.phrases()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	if h.modifiers, err = text.NewPhrases(modifiers); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLexicon, err)
	}
	for _, m := range modifiers {
		h.factors = append(h.factors, lexicon.Modifiers[m])
	}
	return h, nil
}

// Thresholds returns the cuts between the levels; see Cut.
func (h *Heuristic) Thresholds() []float64 { return slices.Clone(h.lexicon.Thresholds) }

// Scale returns the levels that h answers with.
func (h *Heuristic) Scale() Scale { return slices.Clone(h.lexicon.Scale) }

// Version returns the version of the lexicon.
func (h *Heuristic) Version() string { return h.lexicon.Version }

// Score assesses doc. It never fails, not even when ctx is done, and takes time
// linear in the text.
func (h *Heuristic) Score(_ context.Context, doc Document) (Assessment, error) {
	e := h.evidence(doc.Text)
	defer h.pool.Put(e)
	return h.assess(e, doc), nil
}

// Explain assesses doc and lists the terms that moved the score.
func (h *Heuristic) Explain(_ context.Context, doc Document, n int) (Assessment, error) {
	e := h.evidence(doc.Text)
	defer h.pool.Put(e)
	a := h.assess(e, doc)
	for _, i := range e.found {
		factor := e.factor[i]
		e.factor[i] = 0
		if c := a.Score - h.score(e); c != 0 {
			a.Explanation = append(a.Explanation, Contribution{h.lexicon.Terms[i].Term, c})
		}
		e.factor[i] = factor
	}
	a.Explanation = strongest(a.Explanation, n)
	return a, nil
}

// strongest returns the n strongest contributions, the first among equals in
// the order of the alphabet.
func strongest(c []Contribution, n int) []Contribution {
	slices.SortFunc(c, func(a, b Contribution) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution)), cmp.Compare(a.Term, b.Term))
	})
	return slices.Clip(c[:max(0, min(n, len(c)))])
}

// evidence finds the terms of s. The result goes back to the pool.
func (h *Heuristic) evidence(s string) *evidence {
	e, _ := h.pool.Get().(*evidence)
	if e == nil {
		e = &evidence{factor: make([]float64, len(h.lexicon.Terms))}
	}
	for _, i := range e.found {
		e.factor[i] = 0
	}
	e.found = e.found[:0]
	w := &e.words
	w.Set(s)
	var until [reach]float64 // the modifiers still in force, 0 where there is none
	for i := 0; i < w.Len(); {
		if w.Breaks(i) {
			until = [reach]float64{}
		}
		if id, n := h.terms.At(w, i); n > 0 {
			h.add(e, id, product(until))
			for k, f := range until { // what strengthens or weakens is used up, what denies is not
				until[k] = min(f, 0)
			}
			i += n
			continue
		}
		n := 1
		if id, m := h.modifiers.At(w, i); m > 0 {
			n = m
			factor := h.factors[id]
			if factor == 0 {
				factor = denied
			}
			until = [reach]float64{until[1], until[2], factor}
		} else {
			until = [reach]float64{until[1], until[2], 0}
		}
		i += n
	}
	slices.Sort(e.found)
	return e
}

// product returns the product of the factors in force.
func product(until [reach]float64) float64 {
	p := 1.0
	for _, f := range until {
		switch {
		case f < 0:
			return 0
		case f > 0:
			p *= f
		}
	}
	return p
}

// add notes that term i was found with a factor.
func (h *Heuristic) add(e *evidence, i int, factor float64) {
	if factor == 0 {
		return
	}
	if e.factor[i] == 0 {
		e.found = append(e.found, i)
	}
	e.factor[i] = max(e.factor[i], factor)
}

// risk returns the risk that the evidence speaks of.
func (h *Heuristic) risk(e *evidence) float64 {
	safe := 0.0 // the logarithm of the probability that none of it is right
	for _, i := range e.found {
		safe += e.factor[i] * math.Log1p(-h.lexicon.Terms[i].Weight)
	}
	return max(0, -math.Expm1(safe))
}

// score returns the score of the evidence.
func (h *Heuristic) score(e *evidence) float64 {
	return (1-h.lexicon.Doubt)*h.risk(e) + h.lexicon.Doubt/2
}

func (h *Heuristic) assess(e *evidence, doc Document) Assessment {
	l := &h.lexicon
	risk := h.risk(e)
	a := Assessment{ID: doc.ID, Method: MethodHeuristic, ModelVersion: l.Version, Score: h.score(e)}
	rank, threshold := Cut(l.Thresholds, a.Score)
	a.Level, a.Threshold = l.Scale[rank], threshold
	highest := len(l.Scale) - 1
	e.proba = e.proba[:0]
	choose := 1.0 // highest over k
	for k := range l.Scale {
		p := choose * math.Pow(risk, float64(k)) * math.Pow(1-risk, float64(highest-k))
		e.proba = append(e.proba, (1-l.Doubt)*p+l.Doubt/float64(len(l.Scale)))
		choose *= float64(highest-k) / float64(k+1)
	}
	a.Probabilities = NewProbabilities(l.Scale, e.proba)
	a.Categories = h.categories(e)
	return a
}

// categories shares the evidence of risk out among the categories.
func (h *Heuristic) categories(e *evidence) []Category {
	var c []Category
	total := 0.0
	for _, i := range e.found {
		t := &h.lexicon.Terms[i]
		if t.Weight <= 0 {
			continue
		}
		bits := -e.factor[i] * math.Log1p(-t.Weight)
		total += bits
		if t.Category == "" {
			continue
		}
		k := slices.IndexFunc(c, func(c Category) bool { return c.Name == t.Category })
		if k < 0 {
			k = len(c)
			c = append(c, Category{Name: t.Category})
		}
		c[k].Share += bits
	}
	if !(total > 0) {
		return nil
	}
	for k := range c {
		c[k].Share /= total
	}
	slices.SortFunc(c, func(a, b Category) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
	return c
}
