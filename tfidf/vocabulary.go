package tfidf

import (
	"errors"
	"math/bits"
	"unicode/utf8"

	"github.com/riskkit/riskkit/internal/text"
)

// vocabulary is the terms of a Vectorizer as a trie. A term is a path of units,
// which are words or characters, and a node is a term or the beginning of one.
// The first nodes are the features, in their order; those behind them are no
// features themselves but lead to some, or are words of some.
//
// What a node is stands in its key, which its highest byte tells apart:
//
//	0xFE  a node followed by one more unit: node << 32 | unit
//	0xFF  a long word: 24 bits of its hash << 32 | its place in long
//	else  a word of up to eight bytes, its text.Key
//
// A unit is the node of a word, or a character. Characters follow the node
// root.
type vocabulary struct {
	features int
	chars    bool // whether units are characters
	keys     []uint64
	long     []byte // the long words, each after its length in four bytes
	words    index
	grams    index
}

const (
	gramKey  = 0xFE << 56
	root     = 1<<24 - 1
	maxNodes = 1<<24 - 2
)

// errTooMany says that a vocabulary has more terms than fit.
var errTooMany = errors.New("more than 16 million terms")

func gram(node, unit uint32) uint64 { return gramKey | uint64(node)<<32 | uint64(unit) }

// An index finds the node of a key: an open hash table of 4 bytes a slot, half
// full. A slot is node + 1 above 8 bits of the hash, or 0.
type index []uint32

func newIndex(n int) index { return make(index, max(8, 2*n)) }

// spread turns a key into a hash: the upper half says where to look, eight bits
// of the lower half are the tag.
func spread(key uint64) uint64 {
	hi, lo := bits.Mul64(key^key>>32, 0x9E3779B97F4A7C15)
	return hi ^ lo
}

// place returns the slot where the search for a hash begins.
func (x index) place(hash uint64) int { return int(hash >> 32 * uint64(len(x)) >> 32) }

// add enters a node; one entered before others is found sooner.
func (x index) add(hash uint64, node uint32) {
	at := x.place(hash)
	for x[at] != 0 {
		if at++; at == len(x) {
			at = 0
		}
	}
	x[at] = (node+1)<<8 | uint32(hash>>24&0xFF)
}

// gram returns the node that unit leads to from node, and -1 if there is none.
func (v *vocabulary) gram(key uint64) int32 {
	hash := spread(key)
	return v.gramAt(key, hash, v.grams.place(hash))
}

// gramAt is gram with the search begun.
func (v *vocabulary) gramAt(key, hash uint64, at int) int32 {
	tag := uint32(hash >> 24 & 0xFF)
	for {
		s := v.grams[at]
		if s == 0 {
			return -1
		}
		if s&0xFF == tag && v.keys[s>>8-1] == key {
			return int32(s>>8 - 1)
		}
		if at++; at == len(v.grams) {
			at = 0
		}
	}
}

// word returns the node of a word, and -1 if there is none.
func (v *vocabulary) word(key text.Key, word []byte) int32 {
	if len(v.words) == 0 {
		return -1
	}
	hash := spread(key)
	return v.wordAt(key, word, hash, v.words.place(hash))
}

// wordAt is word with the search begun.
func (v *vocabulary) wordAt(key text.Key, word []byte, hash uint64, at int) int32 {
	tag := uint32(hash >> 24 & 0xFF)
	for {
		s := v.words[at]
		if s == 0 {
			return -1
		}
		if s&0xFF == tag {
			node := s>>8 - 1
			k := v.keys[node]
			if k == key && key < text.LongKey {
				return int32(node)
			}
			if key >= text.LongKey && k>>32 == longHead(key) && string(v.longWord(uint32(k))) == string(word) {
				return int32(node)
			}
		}
		if at++; at == len(v.words) {
			at = 0
		}
	}
}

// longHead is the upper half of the key of the node of a long word.
func longHead(key text.Key) uint64 { return (text.LongKey | key&0xFFFFFF<<32) >> 32 }

// longWord returns the long word that begins at a place in long.
func (v *vocabulary) longWord(at uint32) []byte {
	b := v.long[at:]
	n := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	return b[4:][:n]
}

// appendLong adds a long word and returns the key of its node.
func (v *vocabulary) appendLong(word []byte) uint64 {
	at, n := len(v.long), len(word)
	v.long = append(v.long, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	v.long = append(v.long, word...)
	return longHead(text.KeyOf(word))<<32 | uint64(at)
}

// wordKey returns the key of the node of a word, entering its text if it is
// long.
func (v *vocabulary) wordKey(word []byte) uint64 {
	if k := text.KeyOf(word); k < text.LongKey {
		return k
	}
	return v.appendLong(word)
}

// appendName appends the term of a node to b.
func (v *vocabulary) appendName(b []byte, node uint32) []byte {
	key := v.keys[node]
	switch {
	case key>>56 == 0xFE:
		before, unit := uint32(key>>32)&root, uint32(key)
		if before != root {
			b = v.appendName(b, before)
		}
		if v.chars {
			return appendChar(b, unit)
		}
		return v.appendName(append(b, ' '), unit)
	case key >= text.LongKey:
		return append(b, v.longWord(uint32(key))...)
	}
	for ; key != 0; key >>= 8 {
		b = append(b, byte(key))
	}
	return b
}

// The units that stand for the bytes of a text that are not UTF-8.
const brokenChar = utf8.MaxRune + 1

// appendChar appends a character.
func appendChar(b []byte, unit uint32) []byte {
	if unit >= brokenChar {
		return append(b, byte(unit-brokenChar))
	}
	return utf8.AppendRune(b, rune(unit))
}

// charAt returns the character that b begins with, and how many bytes it has.
func charAt(b []byte) (unit uint32, size int) {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		return brokenChar + uint32(b[0]), 1
	}
	return uint32(r), size
}

// units calls yield with each unit of the term of a node, as the node of its
// word; not for characters.
func (v *vocabulary) units(node uint32, yield func(word uint32)) {
	for v.keys[node]>>56 == 0xFE {
		yield(uint32(v.keys[node]))
		node = uint32(v.keys[node]>>32) & root
	}
	yield(node)
}

// link builds the indices of the keys. order has the nodes that are to be found
// sooner first.
func (v *vocabulary) link(order []uint32) {
	words := 0
	for _, k := range v.keys {
		if k>>56 != 0xFE {
			words++
		}
	}
	v.words, v.grams = newIndex(words), newIndex(len(v.keys)-words)
	for _, node := range order {
		switch k := v.keys[node]; {
		case k>>56 == 0xFE:
			v.grams.add(spread(k), node)
		case k >= text.LongKey:
			v.words.add(spread(text.KeyOf(v.longWord(uint32(k)))), node)
		default:
			v.words.add(spread(k), node)
		}
	}
}
