package psi

import (
	"fmt"
	"slices"

	"github.com/riskkit/riskkit/internal/text"
)

// A WordsWatch says how a Monitor watches for words that came or went.
type WordsWatch struct {
	// Training is what is known of the words of the training texts.
	Training TermShares
	// Words says how many words that the vocabulary does not know are kept, for
	// each processor; those that it knows, if it is a WordIndex, are all counted
	// exactly, in 8 bytes each and processor. nil means 4000, without IDs.
	Words *WordsOptions
	// Compare says which words are worth telling. nil means the defaults.
	Compare *CompareWordsOptions
}

// WatchWords makes a Monitor of TextFeatures count words too, so that its
// reports have Words. It is called before anything is observed. The error wraps
// ErrFeatures where the monitor is of other features, and ErrInput where w makes
// no sense or something was observed.
func (m *Monitor) WatchWords(w WordsWatch) error {
	f, ok := m.features.(*TextFeatures)
	if !ok {
		return fmt.Errorf("%w: words are counted beside TextFeatures, not a %T", ErrFeatures, m.features)
	}
	if w.Words == nil {
		w.Words = &WordsOptions{Capacity: 4000}
	}
	if w.Training == nil {
		return fmt.Errorf("%w: WordsWatch without Training", ErrInput)
	}
	if _, err := NewWords(w.Words); err != nil {
		return err
	}
	if _, err := w.Compare.normalized(); err != nil {
		return err
	}
	m.shards.mu.Lock()
	defer m.shards.mu.Unlock()
	if len(m.shards.all) > 0 {
		return fmt.Errorf("%w: WatchWords after the first observation; call it before", ErrInput)
	}
	m.words = w
	m.shards.words = func() *wordCounts { return newWordCounts(f.words, w.Words) }
	return nil
}

// wordCounts count in how many texts of a window each word occurs.
type wordCounts struct {
	texts uint32
	known []knownWord // by ID
	rest  Words       // that the vocabulary does not know
	_     [64]byte    // keeps others off its cache lines
}

// knownWord counts the texts of one word that the vocabulary knows.
type knownWord struct{ texts, last uint32 }

func newWordCounts(index WordIndex, o *WordsOptions) *wordCounts {
	c := new(wordCounts)
	if index != nil {
		c.known = make([]knownWord, index.NumWords())
	}
	rest, _ := NewWords(o) // WatchWords has checked it
	c.rest = *rest
	return c
}

// observe counts the words of one text. Which word is there a second time cannot
// be foreseen, so there is no branch for that.
func (c *wordCounts) observe(r *text.Reading, id string) {
	c.texts++
	c.rest.begin(id)
	known, now := c.known, c.texts
	for i, n := range r.IDs {
		if uint(n) >= uint(len(known)) {
			c.rest.see(r.Words.At(i))
			continue
		}
		w := &known[n]
		others := w.last ^ now // 0 if this text has counted
		w.texts += (others | -others) >> 31
		w.last = now
	}
	c.rest.id = ""
}

// endWords returns the counts of words of the window, which is over, and begins
// the next.
func (m *Monitor) endWords() (all []*wordCounts) {
	m.shards.mu.Lock()
	defer m.shards.mu.Unlock()
	for _, c := range m.shards.all {
		next := m.shards.words()
		c.mu.Lock()
		all = append(all, c.words)
		c.words = next
		c.mu.Unlock()
	}
	return all
}

// takeWords returns the words of the window, which is over, and begins the next.
// Its capacity is what it takes for all that were counted.
func (m *Monitor) takeWords() *Words {
	f := m.features.(*TextFeatures)
	rest, _ := NewWords(m.words.Words)
	var known []int64
	if f.words != nil {
		known = make([]int64, f.words.NumWords())
	}
	for _, c := range m.endWords() {
		for id, w := range c.known {
			known[id] += int64(w.texts)
		}
		_ = rest.Merge(&c.rest) // they have one capacity
	}
	terms := rest.Top(rest.counters.capacity)
	long := map[string]int{} // where terms stand that several words may be cut to
	for i, t := range terms {
		if mayBeCut(t.Term) {
			long[t.Term] = i
		}
	}
	for id, n := range known {
		if n == 0 {
			continue
		}
		t := TermCount{Term: string(cut([]byte(f.words.Word(id)))), Least: n, Most: n}
		if mayBeCut(t.Term) {
			if i, there := long[t.Term]; there { // one text may have both words
				terms[i].Least, terms[i].Most = max(terms[i].Least, n), min(rest.n, terms[i].Most+n)
				continue
			}
			long[t.Term] = len(terms)
		}
		terms = append(terms, t)
	}
	slices.SortFunc(terms, compareCounts)
	sum := &Words{counters: counters{capacity: len(terms) + 1}, ids: rest.ids}
	sum.fill(rest.n, terms)
	return sum
}
