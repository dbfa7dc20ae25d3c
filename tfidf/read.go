package tfidf

import (
	"math"
	"slices"

	"github.com/riskkit/riskkit/internal/text"
)

// count writes the different ids to ind, which has room for all, and how often
// each is there to counts, and returns how many there are. Where a feature stands
// in ind is stamped on it, above the stamps of the texts before. There are no
// branches: which id is new cannot be foreseen.
func (sc *scratch) count(features int, ind []int32, counts []uint32) int {
	if len(sc.stamps) < features || sc.base > math.MaxUint32-uint32(len(sc.ids)) {
		sc.stamps, sc.base = make([]uint32, features), 1
	}
	stamps, base := sc.stamps[:features], sc.base
	n := int64(0)
	for _, id := range sc.ids {
		at := int64(stamps[id] - base)   // less than n if this text has stamped it
		old := int64(uint64(at-n) >> 63) // 1 if so, or else 0
		at = n + (at-n)*old              // where it stands, or is to
		stamps[id] = base + uint32(at)
		ind[at] = id
		counts[at] = counts[at]*uint32(old) + 1
		n += 1 - old
	}
	sc.base += uint32(n)
	return int(n)
}

// read sets sc.ids to the features of s, each as often as it occurs.
func (v *Vectorizer) read(sc *scratch, s string) {
	a := v.analyzer
	sc.ids = sc.ids[:0]
	if a.kind == "" {
		a.cut(sc, s)
		v.readWords(sc)
		if sc.reading != nil {
			v.tell(sc)
		}
		v.readGrams(sc, a.ngrams[0])
		return
	}
	a.sequences(sc, s, func(chars []byte, least int) {
		v.readChars(sc, chars)
		v.readGrams(sc, least)
	})
}

// tell fills the reading of sc with the words that every part of riskkit takes.
// What sc has itself is exchanged.
func (v *Vectorizer) tell(sc *scratch) {
	r := sc.reading
	r.Words, sc.words = sc.words, r.Words
	w := &r.Words
	r.IDs, r.Unknown = resized(r.IDs, w.Len()), 0
	numbered := v.NumWords() > 0
	if numbered {
		r.Keys, sc.keys = sc.keys, r.Keys
		copy(r.IDs, sc.level)
	} else {
		r.Keys = w.AppendKeys(r.Keys[:0])
		for i := range r.IDs {
			r.IDs[i] = -1
		}
	}
	if v.analyzer.short {
		r.DropShort()
	}
	for i, node := range r.IDs {
		var seen uint32
		if numbered {
			seen = v.nodeDF(node)
		} else {
			seen = uint32(v.wordFrequency(w.At(i)))
		}
		if seen < r.Least {
			r.Unknown++
		}
	}
}

// readChars sets the units of sc to characters, and level to their nodes.
func (v *Vectorizer) readChars(sc *scratch, chars []byte) {
	sc.units, sc.level = sc.units[:0], sc.level[:0]
	for i := 0; i < len(chars); {
		unit, size := charAt(chars[i:])
		sc.units, sc.level = append(sc.units, unit), append(sc.level, root)
		i += size
	}
	v.step(sc, 1)
}

// readWords sets the units of sc to the nodes of the words of its text, and
// level to the same.
func (v *Vectorizer) readWords(sc *scratch) {
	a := v.analyzer
	if len(a.stop) > 0 || a.stem != "" {
		sc.level = sc.level[:0]
		for i := range sc.words.Len() {
			if w := sc.words.At(i); !a.stop[string(w)] {
				w = a.stemmed(w)
				sc.level = append(sc.level, v.terms.word(text.KeyOf(w), w))
			}
		}
	} else {
		sc.keys = sc.words.AppendKeys(sc.keys[:0])
		sc.level = resized(sc.level, len(sc.keys))
		v.terms.findWords(sc.level, sc)
	}
	sc.units = resized(sc.units, len(sc.level))
	for i, node := range sc.level {
		sc.units[i] = uint32(node)
	}
}

// resized returns s with length n, whatever is in it.
func resized[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// findWords sets level to the node of each word of sc. The table is larger than
// the nearest caches: all places are looked at before the first is needed, so
// that the memory is read side by side.
func (t *vocabulary) findWords(level []int32, sc *scratch) {
	keys := sc.keys
	sc.hashes64, sc.found = resized(sc.hashes64, len(keys)), resized(sc.found, len(keys))
	hashes, found := sc.hashes64[:len(keys)], sc.found[:len(keys)]
	slots, nodes := t.words, t.keys
	for i, key := range keys {
		hash := spread(key)
		hashes[i], found[i] = hash, slots[slots.place(hash)]
	}
	for i, key := range keys {
		s, hash := found[i], hashes[i]
		switch {
		case s == 0:
			level[i] = -1
		case s&0xFF == uint32(hash>>24&0xFF) && nodes[s>>8-1] == key && key < text.LongKey:
			level[i] = int32(s>>8 - 1)
		default:
			level[i] = t.wordAt(key, sc.words.At(i), hash, slots.place(hash))
		}
	}
}

// readGrams appends to sc.ids the features of at least so many units that the
// nodes of sc, of one unit, begin.
func (v *Vectorizer) readGrams(sc *scratch, least int) {
	most := min(v.analyzer.ngrams[1], len(sc.units))
	for n := 1; n <= most; n++ {
		if n > 1 {
			sc.level = sc.level[:len(sc.units)-n+1]
			v.step(sc, n)
		}
		if n < least {
			continue
		}
		have := len(sc.ids)
		ids := slices.Grow(sc.ids, len(sc.level))[:have+len(sc.level)]
		for _, node := range sc.level {
			ids[have] = node // to be written over if it is no feature
			have += int((uint64(uint32(node)) - uint64(v.terms.features)) >> 63)
		}
		sc.ids = ids[:have]
	}
}

// step takes each node of sc one unit further, to terms of n units, as findWords
// does it.
func (v *Vectorizer) step(sc *scratch, n int) {
	t := &v.terms
	level, units := sc.level, sc.units[n-1:]
	units = units[:len(level)]
	sc.hashes64, sc.found, sc.keys = resized(sc.hashes64, len(level)), resized(sc.found, len(level)), resized(sc.keys, len(level))
	hashes, found, keys := sc.hashes64[:len(level)], sc.found[:len(level)], sc.keys[:len(level)]
	slots, nodes := t.grams, t.keys
	for i, node := range level {
		if node|int32(units[i]) < 0 && (node < 0 || !t.chars) {
			found[i] = 0
			continue
		}
		key := gram(uint32(node), units[i])
		hash := spread(key)
		keys[i], hashes[i], found[i] = key, hash, slots[slots.place(hash)]
	}
	for i, s := range found {
		switch {
		case s == 0:
			level[i] = -1
		case s&0xFF == uint32(hashes[i]>>24&0xFF) && nodes[s>>8-1] == keys[i]:
			level[i] = int32(s>>8 - 1)
		default:
			level[i] = t.gramAt(keys[i], hashes[i], slots.place(hashes[i]))
		}
	}
}
