package text

import "fmt"

// MaxPhrase is the greatest number of words of a phrase.
const MaxPhrase = 16

// Phrases finds words and phrases in the Words of a text. It is made by
// NewPhrases, does not change, and is safe for concurrent use.
type Phrases struct {
	ids    map[string]int     // of those of several words
	firsts map[string]phrases // by first word
	may    []uint64           // a bit for each hash of a first word; their number is a power of two
	shift  uint               // from a hash of 64 bits to one of may
}

// phrases are those that begin with one word.
type phrases struct {
	longest int // the number of words of the longest
	id      int // that of the word alone, -1 for none
}

// NewPhrases returns the Phrases that are given, each cut into words as any
// text is. Of equal ones the first counts. A phrase without words, or with more
// than MaxPhrase, is an error.
func NewPhrases(list []string) (*Phrases, error) {
	p := &Phrases{ids: map[string]int{}, firsts: map[string]phrases{}, may: make([]uint64, 1), shift: 58}
	var w Words
	for id, phrase := range list {
		w.Set(phrase)
		if w.Len() == 0 || w.Len() > MaxPhrase {
			return nil, fmt.Errorf("phrase %.100q has %d words of two or more letters or digits, want 1 to %d", phrase, w.Len(), MaxPhrase)
		}
		first := string(w.At(0))
		f, ok := p.firsts[first]
		if !ok {
			f.id = -1
		}
		f.longest = max(f.longest, w.Len())
		if w.Len() == 1 && f.id < 0 {
			f.id = id
		}
		p.firsts[first] = f
		if key := string(w.join(0, w.Len())); w.Len() > 1 {
			if _, ok := p.ids[key]; !ok {
				p.ids[key] = id
			}
		}
	}
	for 2*len(p.may) < len(p.firsts) { // 32 to 64 bits a word
		p.may = make([]uint64, 2*len(p.may))
		p.shift--
	}
	for first := range p.firsts {
		h := p.hash(KeyOf([]byte(first)))
		p.may[h/64] |= 1 << (h % 64)
	}
	return p, nil
}

// hash returns the place of the bit of a key in may.
func (p *Phrases) hash(k Key) uint64 { return k * 0x9E3779B97F4A7C15 >> (p.shift & 63) }

// May reports whether a phrase may begin with the word that has a key. Where it
// is false, At finds none.
func (p *Phrases) May(k Key) bool {
	h := p.hash(k)
	return p.may[h/64]>>(h%64)&1 != 0
}

// At returns which phrase begins at word i of w, and how many words it has: the
// longest there is, and n = 0 if none does. It does not allocate.
func (p *Phrases) At(w *Words, i int) (id, n int) {
	f, ok := p.firsts[string(w.At(i))]
	if !ok {
		return 0, 0
	}
	for n = min(f.longest, w.Len()-i); n > 1; n-- {
		if id, ok := p.ids[string(w.join(i, i+n))]; ok {
			return id, n
		}
	}
	if f.id < 0 {
		return 0, 0
	}
	return f.id, 1
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
