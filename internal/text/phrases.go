package text

import "fmt"

// MaxPhrase is the greatest number of words of a phrase.
const MaxPhrase = 16

// Phrases finds words and phrases in the Words of a text. It is made by
// NewPhrases, does not change, and is safe for concurrent use.
type Phrases struct {
	ids    map[string]int // of those of several words
	firsts []phrases      // an open hash table by first word; longest is 0 where it is empty
	begin  filter         // of first words
	pairs  filter         // of first and second words
}

// phrases are those that begin with one word.
type phrases struct {
	key     Key
	word    string
	longest int // the number of words of the longest
	id      int // that of the word alone, -1 for none
}

// NewPhrases returns the Phrases that are given, each cut into words as any
// text is. Of equal ones the first counts. A phrase without words, or with more
// than MaxPhrase, is an error.
func NewPhrases(list []string) (*Phrases, error) {
	slots := 4
	for slots < 2*len(list) {
		slots *= 2
	}
	p := &Phrases{ids: map[string]int{}, firsts: make([]phrases, slots), begin: newFilter(len(list)), pairs: newFilter(len(list))}
	var w Words
	for id, phrase := range list {
		w.Set(phrase)
		if w.Len() == 0 || w.Len() > MaxPhrase {
			return nil, fmt.Errorf("phrase %.100q has %d words of two or more letters or digits, want 1 to %d", phrase, w.Len(), MaxPhrase)
		}
		key := KeyOf(w.At(0))
		p.begin.add(key)
		f := p.first(key, w.At(0))
		if f.longest == 0 {
			*f = phrases{key: key, word: string(w.At(0)), id: -1}
		}
		f.longest = max(f.longest, w.Len())
		if w.Len() == 1 {
			if f.id < 0 {
				f.id = id
			}
			continue
		}
		p.pairs.add(pair(key, KeyOf(w.At(1))))
		if all := string(w.join(0, w.Len())); p.ids[all] == 0 {
			p.ids[all] = id + 1
		}
	}
	return p, nil
}

// first returns the phrases that begin with a word, or the slot for them.
func (p *Phrases) first(key Key, word []byte) *phrases {
	mask := len(p.firsts) - 1
	for at := int(mix(key, golden)) & mask; ; at = (at + 1) & mask {
		if f := &p.firsts[at]; f.longest == 0 || f.key == key && (key < LongKey || f.word == string(word)) {
			return f
		}
	}
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9E3779B97F4A7C15

// pair is a key of two words.
func pair(a, b Key) Key { return a ^ b<<31 ^ b>>33 }

// May reports whether a phrase may begin with the word that has a key. Where it
// is false, At finds none.
func (p *Phrases) May(k Key) bool { return p.begin.has(k) }

// At returns which phrase begins at word i of w, and how many words it has: the
// longest there is, and n = 0 if none does. It does not allocate.
func (p *Phrases) At(w *Words, i int) (id, n int) { return p.AtKey(w, i, KeyOf(w.At(i))) }

// AtKey is At where the key of word i is known.
func (p *Phrases) AtKey(w *Words, i int, key Key) (id, n int) {
	f := p.first(key, w.At(i))
	if f.longest == 0 {
		return 0, 0
	}
	if n = min(f.longest, w.Len()-i); n > 1 && p.pairs.has(pair(key, KeyOf(w.At(i+1)))) {
		for ; n > 1; n-- {
			if id := p.ids[string(w.join(i, i+n))]; id > 0 {
				return id - 1, n
			}
		}
	}
	if f.id < 0 {
		return 0, 0
	}
	return f.id, 1
}

// filter tells which keys are surely not in a set: a bit for each hash.
type filter struct {
	bits  []uint64 // their number is a power of two
	shift uint     // from a hash of 64 bits to the place of a bit
}

// newFilter returns the filter of up to n keys, of 32 bits each or more.
func newFilter(n int) filter {
	f := filter{make([]uint64, 1), 58}
	for 2*len(f.bits) < n {
		f.bits = make([]uint64, 2*len(f.bits))
		f.shift--
	}
	return f
}

func (f *filter) add(k Key) {
	h := k * golden >> (f.shift & 63)
	f.bits[h/64] |= 1 << (h % 64)
}

func (f *filter) has(k Key) bool {
	h := k * golden >> (f.shift & 63)
	return f.bits[h/64]>>(h%64)&1 != 0
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
