package psi

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
)

// TermShares is what is known of the terms of the training texts. Words that
// counted them are one. Implementations are safe for concurrent use as long as
// nothing changes them.
type TermShares interface {
	// N returns the number of training texts.
	N() int64
	// Share returns the share of training texts that have a term, at most, and
	// whether the term is known. Of one that is not, share is the most that it
	// can have been: 0 where all terms are known.
	Share(term []byte) (share float64, ok bool)
	// Terms yields the terms with at least this share, and their shares, at
	// least.
	Terms(least float64) iter.Seq2[string, float64]
}

// CompareWordsOptions say which terms are worth telling. The zero value means
// the defaults.
type CompareWordsOptions struct {
	// MinShare is the least share of recent texts that a new term has. 0 means
	// 0.01.
	MinShare float64
	// MinTraining is the least share of training texts that a vanished term
	// had. 0 means 0.05.
	MinTraining float64
	// Ratio is how many times as frequent a new term is at least as it was at
	// training, and a vanished term was as it is. 0 means 3.
	Ratio float64
	// Significance is the probability of any new term where nothing has
	// changed, and of any vanished one, that is accepted. 0 means 0.05.
	Significance float64
	// Limit is the greatest number of new terms, and of vanished ones, in the
	// report. 0 means 20.
	Limit int
}

func (o *CompareWordsOptions) normalized() (CompareWordsOptions, error) {
	var n CompareWordsOptions
	if o != nil {
		n = *o
	}
	n.MinShare = cmp.Or(n.MinShare, 0.01)
	n.MinTraining = cmp.Or(n.MinTraining, 0.05)
	n.Ratio = cmp.Or(n.Ratio, 3)
	n.Significance = cmp.Or(n.Significance, 0.05)
	n.Limit = cmp.Or(n.Limit, 20)
	share := func(v float64) bool { return v > 0 && v <= 1 }
	if !(share(n.MinShare) && share(n.MinTraining) && n.Ratio >= 1 && n.Significance > 0 && n.Significance < 1 && n.Limit > 0) {
		return n, fmt.Errorf("%w: options %+v, want MinShare and MinTraining in (0,1], Ratio >= 1, Significance in (0,1), Limit > 0", ErrInput, n)
	}
	return n, nil
}

// A WordsReport says which terms came and which went.
type WordsReport struct {
	NBaseline int64 `json:"n_baseline"`
	NRecent   int64 `json:"n_recent"`
	// New are terms that are frequent now and were rare or absent at training,
	// the most surprising first.
	New []TermReport `json:"new"`
	// Vanished are terms that were frequent at training and are rare or absent
	// now, the most surprising first.
	Vanished []TermReport `json:"vanished"`
}

// A TermReport tells how the share of texts with one term changed.
type TermReport struct {
	Term string `json:"term"`
	// Count is the number of recent texts with the term: the least that it can
	// be for a new one, the most for a vanished one.
	Count int64   `json:"count"`
	Share float64 `json:"share"`
	// Training is the share of training texts: the most that it can be for a
	// new term, the least for a vanished one.
	Training float64 `json:"training"`
	// Surprise is the log-likelihood ratio G² of a share that changed to one
	// that did not, below 0 where it fell.
	Surprise float64 `json:"surprise"`
	// P is the probability that chance alone makes any of the terms differ as
	// much in this direction: Fisher's exact test, times the number of terms
	// that have enough texts on both sides together to be told at all.
	P float64 `json:"p"`
	// Example is the ID of a recent text with the term, where IDs are kept.
	Example string `json:"example,omitempty"`
}

// String says in words what changed.
func (r TermReport) String() string {
	return fmt.Sprintf("%q occurs in %.1f%% of recent texts, %.1f%% at training", r.Term, 100*r.Share, 100*r.Training)
}

// CompareWords says which terms came and which went since training. Whatever
// the counts of either side leave open is taken against the change. A term is
// reported where its shares are far enough apart and its P is below the
// significance, so the report of a small window may be empty. A term of more than
// 60 bytes may be what is left of words that training knows in full, such as
// lines of underscores, and is never new. nil opts means the
// defaults; the error wraps ErrInput where they make no sense, or where training
// has no texts or shares that are none.
func CompareWords(recent *Words, training TermShares, opts *CompareWordsOptions) (WordsReport, error) {
	r := WordsReport{NBaseline: training.N(), NRecent: recent.n, New: []TermReport{}, Vanished: []TermReport{}}
	o, err := opts.normalized()
	if err != nil {
		return WordsReport{}, err
	}
	if r.NBaseline < 1 || r.NBaseline > maxTexts {
		return WordsReport{}, fmt.Errorf("%w: %d training texts", ErrInput, r.NBaseline)
	}
	if recent.n == 0 {
		return r, nil
	}
	n, m := r.NBaseline, r.NRecent
	var come, gone []int64 // of the terms compared, the number of texts on both sides together
	frequent := map[string]bool{}
	for term, share := range training.Terms(o.MinTraining) {
		if !(share >= 0 && share <= 1) {
			return WordsReport{}, shareError(term, share)
		}
		frequent[term] = true
		_, y := recent.Count([]byte(term))
		x := count(share, n)
		gone = append(gone, x+y)
		if now := float64(y) / float64(m); now*o.Ratio <= share && now < share {
			r.Vanished = append(r.Vanished, TermReport{term, y, now, share, surprise(y, m, x, n), atLeast(x, n, y, m), ""})
		}
	}
	for i := range recent.counters.each() {
		term := recent.counters.labels[i].name()
		share, _ := training.Share(term)
		if !(share >= 0 && share <= 1) {
			return WordsReport{}, shareError(string(term), share)
		}
		least, most := recent.bounds(i)
		x := count(share, n)
		// Any term that has, on both sides together, as many texts as one that is
		// reported has on its own side might have been reported.
		if float64(most+x) >= o.MinShare*float64(m) {
			come = append(come, most+x)
		}
		if !frequent[string(term)] && float64(most+x) >= o.MinTraining*float64(n) {
			gone = append(gone, most+x)
		}
		if now := float64(least) / float64(m); now >= o.MinShare && now >= o.Ratio*share && now > share && !mayBeCut(term) {
			r.New = append(r.New, TermReport{string(term), least, now, share, surprise(least, m, x, n), atLeast(least, m, x, n), recent.at(i).Example})
		}
	}
	r.New = o.pick(r.New, o.tests(come, m, n))
	r.Vanished = o.pick(r.Vanished, o.tests(gone, n, m))
	return r, nil
}

func shareError(term string, share float64) error {
	return fmt.Errorf("%w: share of %q at training is %v, want 0 to 1", ErrInput, term, share)
}

// tests returns how many tests to correct for: how many of the terms, given by
// their number of texts on both sides together, could be significant at all,
// were all of these on the side of n texts and none on that of m, and if that
// number is corrected for (Tarone, A modified Bonferroni method for discrete
// data, Biometrics 46, 1990). The terms given are those that occur among the n.
// Others with as many texts might have, so each stands for as many as it takes
// for one to.
func (o *CompareWordsOptions) tests(totals []int64, n, m int64) float64 {
	slices.SortFunc(totals, func(a, b int64) int { return cmp.Compare(b, a) })
	k := 0.0
	absent := math.Log(float64(m)) - math.Log(float64(n)+float64(m)) // log of the probability for one text
	for _, t := range totals {
		if all := min(t, n); k >= 1 && atLeast(all, n, t-all, m) > o.Significance/k {
			break
		}
		k += 1 / -math.Expm1(float64(t)*absent)
	}
	return max(1, k)
}

// pick corrects for so many tests and returns the first of the significant terms
// by surprise.
func (o *CompareWordsOptions) pick(terms []TermReport, tests float64) []TermReport {
	for i := range terms {
		terms[i].P *= tests
	}
	terms = slices.DeleteFunc(terms, func(t TermReport) bool { return t.P >= o.Significance })
	slices.SortFunc(terms, func(a, b TermReport) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Surprise), math.Abs(a.Surprise)), cmp.Compare(a.Term, b.Term))
	})
	return terms[:min(len(terms), o.Limit)]
}

// count returns the number of n texts that a share is.
func count(share float64, n int64) int64 { return min(n, int64(math.Round(share*float64(n)))) }

// surprise is G² of y of m against x of n, below 0 where the share of m is lower.
func surprise(y, m, x, n int64) float64 {
	with, all := float64(y)+float64(x), float64(m)+float64(n)
	cell := func(count, size int64, expected float64) float64 {
		if count == 0 {
			return 0
		}
		return 2 * float64(count) * math.Log(float64(count)/(float64(size)*expected))
	}
	g := cell(y, m, with/all) + cell(m-y, m, 1-with/all) + cell(x, n, with/all) + cell(n-x, n, 1-with/all)
	if float64(y)*float64(n) < float64(x)*float64(m) {
		return -max(0, g)
	}
	return max(0, g)
}

// atLeast returns the probability that of the x+y texts with a term, y or more
// are among m, and the rest among n others, if all m+n are alike: the upper tail
// of a hypergeometric distribution.
func atLeast(y, m, x, n int64) float64 {
	t := x + y
	p := math.Exp(logChoose(m, y) + logChoose(n, x) - logChoose(m+n, t))
	sum := 0.0
	for k := y; k <= min(m, t) && p > sum*1e-17; k++ {
		sum += p
		p *= float64(m-k) / float64(k+1) * float64(t-k) / float64(n-t+k+1)
	}
	return min(1, sum)
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int64) float64 {
	lg := func(v int64) float64 {
		l, _ := math.Lgamma(float64(v) + 1)
		return l
	}
	return lg(n) - lg(k) - lg(n-k)
}
