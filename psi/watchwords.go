package psi

import (
	"cmp"
	"fmt"
)

// A WordsWatch says how a Monitor watches for words that came or went.
type WordsWatch struct {
	// Training is what is known of the words of the training texts.
	Training TermShares
	// Every is how many texts go by for one whose words are counted, once 1000
	// texts of a window were: counting takes longer than all else that a Monitor
	// does. 0 means 8.
	Every int64
	// Words says how much is kept; a Monitor keeps so much for each processor,
	// and while a window is compared twice. nil means 4000 counters, without
	// IDs.
	Words *WordsOptions
	// Compare says which words are worth telling. nil means the defaults.
	Compare *CompareWordsOptions
}

// WatchWords makes a Monitor of TextFeatures count words too, so that its
// reports have Words. It is called before the first text is observed. The error
// wraps ErrFeatures where the monitor is of other features, and ErrInput where w
// makes no sense.
func (m *Monitor) WatchWords(w WordsWatch) error {
	if !m.Reads() {
		return fmt.Errorf("%w: words are counted beside TextFeatures, not a %T", ErrFeatures, m.features)
	}
	w.Every = cmp.Or(w.Every, 8)
	if w.Words == nil {
		w.Words = &WordsOptions{Capacity: 4000}
	}
	if w.Training == nil || w.Every < 1 {
		return fmt.Errorf("%w: words of each %dth text, with training shares of %T", ErrInput, w.Every, w.Training)
	}
	if _, err := NewWords(w.Words); err != nil {
		return err
	}
	if _, err := w.Compare.normalized(); err != nil {
		return err
	}
	m.words, m.shards.words = w, w.Words
	return nil
}

// allWords is how many texts of a window have all their words counted.
const allWords = 1000

// countsWords reports whether the words of the next text of a shard are counted.
func (m *Monitor) countsWords(c *shard) bool {
	if c.words == nil {
		return false
	}
	c.texts++
	return c.texts <= allWords || c.texts%m.words.Every == 0
}

// takeWords returns the words of the window, which is over, and begins the next.
func (m *Monitor) takeWords() *Words {
	all, _ := NewWords(m.words.Words) // WatchWords has checked the options
	m.shards.mu.Lock()
	defer m.shards.mu.Unlock()
	for _, c := range m.shards.all {
		next, _ := NewWords(m.words.Words)
		c.mu.Lock()
		words := c.words
		c.words, c.texts = next, 0
		c.mu.Unlock()
		_ = all.Merge(words) // they have one capacity
	}
	return all
}
