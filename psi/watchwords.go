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
// reports have Words. It is called before the first text is observed. The error
// wraps ErrFeatures where the monitor is of other features, and ErrInput where w
// makes no sense.
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
	m.words = w
	m.shards.words = func() *wordCounts { return newWordCounts(f.words, w.Words) }
	return nil
}

// wordCounts count in how many texts of a window each word occurs.
type wordCounts struct {
	texts uint32
	known []knownWord // by ID
	rest  unknownWords
}

// knownWord counts the texts of one word that the vocabulary knows.
type knownWord struct{ texts, last uint32 }

// unknownWords are the words of one text that it does not know, and the counts
// of all of these.
type unknownWords struct {
	words *text.Words
	at    []int
	all   *Words
}

// Len and At make them Tokens.
func (u *unknownWords) Len() int        { return len(u.at) }
func (u *unknownWords) At(i int) []byte { return u.words.At(u.at[i]) }

func newWordCounts(index WordIndex, o *WordsOptions) *wordCounts {
	c := new(wordCounts)
	if index != nil {
		c.known = make([]knownWord, index.NumWords())
	}
	c.rest.all, _ = NewWords(o) // WatchWords has checked it
	return c
}

// observe counts the words of one text.
func (c *wordCounts) observe(r *text.Reading, id string) {
	c.texts++
	u := &c.rest
	u.words, u.at = &r.Words, u.at[:0]
	for i, id := range r.IDs {
		if id < 0 || int(id) >= len(c.known) {
			u.at = append(u.at, i)
			continue
		}
		if w := &c.known[id]; w.last != c.texts {
			w.last = c.texts
			w.texts++
		}
	}
	u.all.Observe(u, id)
	u.words = nil
}

// takeWords returns the words of the window, which is over, and begins the next.
// Its capacity is what it takes for all that were counted.
func (m *Monitor) takeWords() *Words {
	f := m.features.(*TextFeatures)
	all, _ := NewWords(m.words.Words)
	var known []int64
	if f.words != nil {
		known = make([]int64, f.words.NumWords())
	}
	m.shards.mu.Lock()
	for _, c := range m.shards.all {
		next := m.shards.words()
		c.mu.Lock()
		words := c.words
		c.words = next
		c.mu.Unlock()
		for id, w := range words.known {
			known[id] += int64(w.texts)
		}
		_ = all.Merge(words.rest.all) // they have one capacity
	}
	m.shards.mu.Unlock()
	terms := all.Top(all.counters.capacity)
	for id, n := range known {
		if n > 0 {
			terms = append(terms, TermCount{Term: string(cut([]byte(f.words.Word(id)))), Least: n, Most: n})
		}
	}
	slices.SortFunc(terms, compareCounts)
	sum := &Words{counters: counters{capacity: len(terms) + 1}, ids: all.ids}
	sum.fill(all.n, terms)
	return sum
}
