package eval

import (
	"fmt"
	"math"
	"slices"
)

// CannotSee says what estimates and proxies are blind to. It stands in their
// reports.
const CannotSee = "concept drift cannot be seen without labels: where texts and answers look as before but what is risky has changed, all figures here stay as they are; label a sample to know"

// proxyBins is the number of equal-width bins of scores and confidences.
const proxyBins = 20

// unsure is the confidence below which an answer counts as unsure: no level is
// likelier than all others together.
const unsure = 0.5

// Proxies count what can be seen of answers before labels come: how many were
// escalated, how levels, scores and confidences are distributed, how often
// another scorer disagrees and what operators say. It is made by NewProxies or
// decoded from JSON and must not be used from several goroutines at once; Merge
// joins the counts of several.
type Proxies struct {
	Levels  []string `json:"levels"`
	Answers int64    `json:"answers"`
	// Escalated counts the answers that were passed on, Predicted those of each
	// level.
	Escalated int64   `json:"escalated"`
	Predicted []int64 `json:"predicted"`
	// Scores and Confidences count answers by 20 bins of equal width of the
	// score and of the greatest probability.
	Scores      []int64 `json:"scores"`
	Confidences []int64 `json:"confidences"`
	// Heuristic and Shadow count the answers that these gave too, Hits being
	// those with another level.
	Heuristic Tally `json:"heuristic"`
	Shadow    Tally `json:"shadow"`
	// Feedback counts the answers of each level (row) to which operators gave
	// each level (column); those on the diagonal they agreed with.
	Feedback [][]int64 `json:"feedback"`
}

// A Tally is a number of hits among N.
type Tally struct {
	Hits int64 `json:"hits"`
	N    int64 `json:"n"`
}

// Rate returns Hits/N, 0 where N is 0.
func (t Tally) Rate() float64 { return ratio(t.Hits, t.N) }

func (t Tally) valid() bool { return t.Hits >= 0 && t.Hits <= t.N }

func (t *Tally) add(o Tally) {
	t.Hits += o.Hits
	t.N += o.N
}

// count counts one, which may be a hit.
func (t *Tally) count(hit bool) {
	if t.N++; hit {
		t.Hits++
	}
}

// NewProxies returns Proxies over the named levels, the lowest first, that
// counted nothing. There must be at least two, all different; otherwise the
// error wraps ErrInput.
func NewProxies(levels []string) (*Proxies, error) {
	if err := checkLevels(levels); err != nil {
		return nil, err
	}
	k := len(levels)
	p := &Proxies{Levels: slices.Clone(levels), Predicted: make([]int64, k), Scores: make([]int64, proxyBins), Confidences: make([]int64, proxyBins)}
	for range k {
		p.Feedback = append(p.Feedback, make([]int64, k))
	}
	return p, nil
}

// Answer counts an answer: its level, its score and the greatest of its
// probabilities, both in [0,1], and whether it was escalated. An error wraps
// ErrInput and leaves p unchanged.
func (p *Proxies) Answer(level int, score, confidence float64, escalated bool) error {
	if level < 0 || level >= len(p.Levels) || !(score >= 0 && score <= 1) || !(confidence >= 0 && confidence <= 1) {
		return fmt.Errorf("%w: answer %d has level %d of %d, score %v and confidence %v", ErrInput, p.Answers, level, len(p.Levels), score, confidence)
	}
	p.Answers++
	p.Predicted[level]++
	p.Scores[binOf(score)]++
	p.Confidences[binOf(confidence)]++
	if escalated {
		p.Escalated++
	}
	return nil
}

func binOf(v float64) int { return min(proxyBins-1, int(v*proxyBins)) }

// HeuristicSaid counts whether the heuristic gave the same text another level.
func (p *Proxies) HeuristicSaid(same bool) { p.Heuristic.count(!same) }

// ShadowSaid counts whether a model in the shadow gave the same text another
// level.
func (p *Proxies) ShadowSaid(same bool) { p.Shadow.count(!same) }

// OperatorSaid counts what an operator made of an answer: its level and the one
// that the operator gave. An error wraps ErrInput and leaves p unchanged.
func (p *Proxies) OperatorSaid(answered, operator int) error {
	if k := len(p.Levels); answered < 0 || answered >= k || operator < 0 || operator >= k {
		return fmt.Errorf("%w: feedback gives level %d to an answer of level %d, of %d", ErrInput, operator, answered, k)
	}
	p.Feedback[answered][operator]++
	return nil
}

// Merge adds the counts of o to p, the same in any order. An error wraps
// ErrInput: both must be valid and over the same levels.
func (p *Proxies) Merge(o *Proxies) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if !slices.Equal(p.Levels, o.Levels) {
		return fmt.Errorf("%w: merging levels %q into %q", ErrInput, o.Levels, p.Levels)
	}
	p.Answers += o.Answers
	p.Escalated += o.Escalated
	p.Heuristic.add(o.Heuristic)
	p.Shadow.add(o.Shadow)
	sum := func(to, from []int64) {
		for i, v := range from {
			to[i] += v
		}
	}
	sum(p.Predicted, o.Predicted)
	sum(p.Scores, o.Scores)
	sum(p.Confidences, o.Confidences)
	for i, row := range o.Feedback {
		sum(p.Feedback[i], row)
	}
	return nil
}

// Validate returns an error that wraps ErrInput where counts do not fit
// together, as decoded ones may not.
func (p *Proxies) Validate() error {
	if err := checkLevels(p.Levels); err != nil {
		return err
	}
	k := len(p.Levels)
	if len(p.Predicted) != k || len(p.Scores) != proxyBins || len(p.Confidences) != proxyBins || len(p.Feedback) != k {
		return fmt.Errorf("%w: proxies of %d levels with %d, %d, %d and %d counts", ErrInput, k, len(p.Predicted), len(p.Scores), len(p.Confidences), len(p.Feedback))
	}
	for _, counts := range [][]int64{p.Predicted, p.Scores, p.Confidences} {
		if n, ok := sumOf(counts); !ok || n != p.Answers {
			return fmt.Errorf("%w: %v do not count %d answers", ErrInput, counts, p.Answers)
		}
	}
	for i, row := range p.Feedback {
		if _, ok := sumOf(row); !ok || len(row) != k {
			return fmt.Errorf("%w: feedback on level %q is %v", ErrInput, p.Levels[i], row)
		}
	}
	if !(Tally{p.Escalated, p.Answers}).valid() || !p.Heuristic.valid() || !p.Shadow.valid() {
		return fmt.Errorf("%w: %d escalated of %d, %+v and %+v disagree", ErrInput, p.Escalated, p.Answers, p.Heuristic, p.Shadow)
	}
	return nil
}

// sumOf returns the sum of counts and whether all are counts.
func sumOf(counts []int64) (n int64, ok bool) {
	for _, v := range counts {
		if v < 0 || v > math.MaxInt64-n {
			return 0, false
		}
		n += v
	}
	return n, true
}
