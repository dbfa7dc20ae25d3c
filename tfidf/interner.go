package tfidf

import (
	"bytes"

	"github.com/riskkit/riskkit/internal/text"
)

// An interner numbers keys in the order they come: an open hash table that
// grows, half full at most. A slot is the number + 1 above 32 bits of the hash,
// or 0.
type interner struct {
	slots []uint64
	keys  []uint64
}

func newInterner() interner { return interner{slots: make([]uint64, 1<<10)} }

func (t *interner) place(hash uint64) uint64 { return hash >> 32 & uint64(len(t.slots)-1) }

// peek reads where the search for a hash will begin, so that it is at hand by
// then.
func (t *interner) peek(hash uint64) uint64 { return t.slots[t.place(hash)] }

// find returns the number of a key for which same returns true of its number, or
// the empty slot where it belongs. same is asked where key is not its own proof.
func (t *interner) find(hash, key uint64, same func(n uint32) bool) (n uint32, slot uint64, ok bool) {
	mask := uint64(len(t.slots) - 1)
	for at := t.place(hash); ; at = (at + 1) & mask {
		s := t.slots[at]
		if s == 0 {
			return 0, at, false
		}
		if uint32(s) == uint32(hash) {
			if n := uint32(s>>32) - 1; t.keys[n] == key && (same == nil || same(n)) {
				return n, at, true
			}
		}
	}
}

// enter gives a key the next number, in the slot that find returned.
func (t *interner) enter(hash, key, slot uint64) uint32 {
	n := uint32(len(t.keys))
	t.keys = append(t.keys, key)
	t.slots[slot] = uint64(n+1)<<32 | hash&0xFFFFFFFF
	if 2*len(t.keys) > len(t.slots) {
		t.grow()
	}
	return n
}

// grow doubles the table. The place of a key needs the upper half of its hash,
// which is computed anew.
func (t *interner) grow() {
	old := t.slots
	t.slots = make([]uint64, 2*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, s := range old {
		if s == 0 {
			continue
		}
		at := t.place(spread(t.keys[s>>32-1]))
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = s
	}
}

// words numbers words.
type words struct {
	interner
	text []byte // the words, one after the other
	end  []int  // where each ends
}

func newWords() words { return words{interner: newInterner()} }

// at returns the word of a number.
func (w *words) at(n uint32) []byte {
	start := 0
	if n > 0 {
		start = w.end[n-1]
	}
	return w.text[start:w.end[n]]
}

// find returns the number of a word and whether it has one; if not, where it
// belongs.
func (w *words) find(hash uint64, key text.Key, word []byte) (n uint32, slot uint64, ok bool) {
	if key < text.LongKey {
		return w.interner.find(hash, key, nil)
	}
	return w.interner.find(hash, key, func(n uint32) bool { return bytes.Equal(w.at(n), word) })
}

// intern returns the number of a word, which it gets if it has none, and
// whether it is new.
func (w *words) intern(hash uint64, key text.Key, word []byte) (n uint32, fresh bool) {
	n, slot, ok := w.find(hash, key, word)
	if ok {
		return n, false
	}
	w.text = append(w.text, word...)
	w.end = append(w.end, len(w.text))
	return w.enter(hash, key, slot), true
}
