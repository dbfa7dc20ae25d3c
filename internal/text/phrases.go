package text

import "fmt"

// MaxPhrase is the greatest number of words of a phrase.
const MaxPhrase = 16

// Phrases finds words and phrases in the Words of a text. It is made by
// NewPhrases, does not change, and is safe for concurrent use.
type Phrases struct {
	ids     map[string]int
	longest map[string]int // by first word, the number of words of the longest phrase
}

// NewPhrases returns the Phrases that are given, each cut into words as any
// text is. Of equal ones the first counts. A phrase without words, or with more
// than MaxPhrase, is an error.
func NewPhrases(phrases []string) (*Phrases, error) {
	p := &Phrases{ids: map[string]int{}, longest: map[string]int{}}
	var w Words
	for id, phrase := range phrases {
		w.Set(phrase)
		if w.Len() == 0 || w.Len() > MaxPhrase {
			return nil, fmt.Errorf("phrase %.100q has %d words of two or more letters or digits, want 1 to %d", phrase, w.Len(), MaxPhrase)
		}
		key := string(w.join(0, w.Len()))
		if _, ok := p.ids[key]; !ok {
			p.ids[key] = id
		}
		first := string(w.At(0))
		p.longest[first] = max(p.longest[first], w.Len())
	}
	return p, nil
}

// At returns which phrase begins at word i of w, and how many words it has: the
// longest there is, and n = 0 if none does. It does not allocate.
func (p *Phrases) At(w *Words, i int) (id, n int) {
	for n = min(p.longest[string(w.At(i))], w.Len()-i); n > 0; n-- {
		if id, ok := p.ids[string(w.join(i, i+n))]; ok {
			return id, n
		}
	}
	return 0, 0
}

// join returns the words from i up to j with single spaces between them, good
// until the next call.
func (w *Words) join(i, j int) []byte {
	w.key = w.key[:0]
	for ; i < j; i++ {
		if len(w.key) > 0 {
			w.key = append(w.key, ' ')
		}
		w.key = append(w.key, w.At(i)...)
	}
	return w.key
}
