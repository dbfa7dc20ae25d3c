package text

import (
	"cmp"
	"fmt"
	"slices"
)

// MaxPhrase is the greatest number of words of a phrase.
const MaxPhrase = 16

// Phrases finds words and phrases in the Words of a text. It is made by
// NewPhrases, does not change, and is safe for concurrent use.
type Phrases struct {
	firsts []first // an open hash table; word is empty where it is
	begin  filter  // of first words
	pairs  filter  // of first and second words
}

// first is what begins with one word.
type first struct {
	key  Key
	word string
	id   int      // of the word alone, -1 for none
	more []phrase // those of several words, the longest first
}

type phrase struct {
	id    int
	words []string
}

// NewPhrases returns the Phrases that are given, each cut into words as any
// text is. Of equal ones the first counts. A phrase without words, or with more
// than MaxPhrase, is an error.
func NewPhrases(list []string) (*Phrases, error) {
	slots := 4
	for slots < 2*len(list) {
		slots *= 2
	}
	p := &Phrases{firsts: make([]first, slots), begin: newFilter(len(list)), pairs: newFilter(len(list))}
	var w Words
	for id, text := range list {
		w.Set(text)
		if w.Len() == 0 || w.Len() > MaxPhrase {
			return nil, fmt.Errorf("phrase %.100q has %d words of two or more letters or digits, want 1 to %d", text, w.Len(), MaxPhrase)
		}
		words := make([]string, w.Len())
		for i := range words {
			words[i] = string(w.At(i))
		}
		key := KeyOf(w.At(0))
		f := p.first(key, w.At(0))
		if f.word == "" {
			*f = first{key: key, word: words[0], id: -1}
			p.begin.add(key)
		}
		switch {
		case len(words) > 1:
			f.more = append(f.more, phrase{id, words})
			p.pairs.add(pair(key, KeyOf(w.At(1))))
		case f.id < 0:
			f.id = id
		}
	}
	for i := range p.firsts {
		slices.SortStableFunc(p.firsts[i].more, func(a, b phrase) int { return cmp.Compare(len(b.words), len(a.words)) })
	}
	return p, nil
}

// first returns what begins with a word, or the slot for it.
func (p *Phrases) first(key Key, word []byte) *first {
	mask := len(p.firsts) - 1
	for at := int(mix(key, golden)) & mask; ; at = (at + 1) & mask {
		if f := &p.firsts[at]; f.word == "" || f.key == key && (key < LongKey || f.word == string(word)) {
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
// longest there is, and n = 0 if none does. It does not allocate; it takes time
// linear in the number of phrases that begin with that word and the next.
func (p *Phrases) At(w *Words, i int) (id, n int) {
	key, next := KeyOf(w.At(i)), Key(0)
	if !p.May(key) {
		return 0, 0
	}
	if i+1 < w.Len() {
		next = KeyOf(w.At(i + 1))
	}
	return p.at(w, i, key, next)
}

// AtKeys is At where the keys of the words are known.
func (p *Phrases) AtKeys(w *Words, keys []Key, i int) (id, n int) {
	next := Key(0)
	if i+1 < len(keys) {
		next = keys[i+1]
	}
	return p.at(w, i, keys[i], next)
}

// at is At where word i and the one behind it, if any, have these keys.
func (p *Phrases) at(w *Words, i int, key, next Key) (id, n int) {
	f := p.first(key, w.At(i))
	if f.word == "" {
		return 0, 0
	}
	if len(f.more) > 0 && p.pairs.has(pair(key, next)) {
		for _, x := range f.more {
			if w.has(i, x.words) {
				return x.id, len(x.words)
			}
		}
	}
	if f.id < 0 {
		return 0, 0
	}
	return f.id, 1
}

// has reports whether these are the words from i on.
func (w *Words) has(i int, words []string) bool {
	if len(words) > w.Len()-i {
		return false
	}
	for k, word := range words {
		if string(w.At(i+k)) != word {
			return false
		}
	}
	return true
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
