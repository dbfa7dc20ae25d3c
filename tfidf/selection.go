package tfidf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// A Selection is the terms of a Corpus that are features, with the counts of
// some or all of its texts: what Fit learns, before it is made into a
// Vectorizer. It is made by Select, does not change, and is safe for concurrent
// use as long as nothing is added to the Corpus.
type Selection struct {
	c       *Corpus
	o       Options
	texts   int
	refs    []ref    // of the features, in order; noRef for one that no text has
	names   []string // of the features, only where Options fix them
	df      []int32
	idf     []float64
	feature [2][]int32 // of words and of longer terms, -1 for none
	pool    sync.Pool  // of *tally
}

// tally is the memory in which the terms of one text are counted and put in
// order: a bit for each feature that it has, and one for each 64 of those bits
// that are not 0.
type tally struct {
	count  []uint32
	bits   []uint64
	groups []uint64
}

// counted is what is known of a term: the last text that had it, from 1, and in
// how many texts and how often it was.
type counted struct{ last, df, count uint32 }

// Select chooses features from the terms of c as Fit does, by the texts for
// which keep returns true; nil keeps all. opts must read texts as the Corpus
// does, with the same NGrams or fewer; nil means the options of the Corpus. The
// errors wrap ErrOptions or ErrEmptyVocabulary.
func (c *Corpus) Select(keep func(i int) bool, opts *Options) (*Selection, error) {
	if opts == nil {
		opts = &c.o
	}
	o, err := opts.normalized()
	if err != nil {
		return nil, err
	}
	if err := c.check(&o); err != nil {
		return nil, err
	}
	if c.full {
		return nil, fmt.Errorf("%w: %w", ErrOptions, errFull)
	}
	s := &Selection{c: c, o: o}
	words, grams := make([]counted, len(c.words.keys)), make([]counted, len(c.grams.keys))
	for i := range c.end {
		if keep != nil && !keep(i) {
			continue
		}
		s.texts++
		for _, r := range c.text(i) {
			t := &words
			if r&1 == 1 {
				t = &grams
			}
			n := &(*t)[r>>1]
			n.count++
			if n.last != uint32(s.texts) {
				n.last = uint32(s.texts)
				n.df++
			}
		}
	}
	at := func(r ref) *counted {
		if r&1 == 1 {
			return &grams[r>>1]
		}
		return &words[r>>1]
	}
	if len(o.Vocabulary) > 0 {
		err = s.fix(at)
	} else {
		err = s.choose(words, grams, at)
	}
	if err != nil {
		return nil, err
	}
	s.idf = make([]float64, len(s.df))
	for i, df := range s.df {
		s.idf[i] = o.idf(int(df), s.texts)
	}
	s.feature = [2][]int32{make([]int32, len(words)), make([]int32, len(grams))}
	for _, f := range s.feature {
		for i := range f {
			f[i] = -1
		}
	}
	for i, r := range s.refs {
		if r != noRef {
			s.feature[r&1][r>>1] = int32(i)
		}
	}
	return s, nil
}

// choose takes the terms that occur in as many texts as the options want.
func (s *Selection) choose(words, grams []counted, at func(ref) *counted) error {
	if s.texts == 0 {
		return fmt.Errorf("%w: no texts", ErrEmptyVocabulary)
	}
	least, most := s.o.limits(s.texts)
	if most < least {
		return fmt.Errorf("%w: of %d texts MaxDF allows %v, fewer than MinDF asks for, %v", ErrOptions, s.texts, most, least)
	}
	different := 0
	take := func(counts []counted, kind ref) {
		for i := range counts {
			df := float64(counts[i].df)
			if df == 0 {
				continue
			}
			r := ref(i)<<1 | kind
			if kind == 1 && !s.wanted(r) {
				continue
			}
			different++
			if least <= df && df <= most {
				s.refs = append(s.refs, r)
			}
		}
	}
	if s.o.NGrams[0] == 1 && s.o.Analyzer == "" {
		take(words, 0)
	}
	take(grams, 1)
	if len(s.refs) == 0 {
		return fmt.Errorf("%w: %d texts with %d terms, none in %v to %v of the texts", ErrEmptyVocabulary, s.texts, different, least, most)
	}
	s.order()
	if k := s.o.MaxFeatures; k > 0 && k < len(s.refs) {
		position := make(map[ref]int, len(s.refs))
		for i, r := range s.refs {
			position[r] = i
		}
		slices.SortStableFunc(s.refs, func(a, b ref) int { return cmp.Compare(s.frequency(at(b)), s.frequency(at(a))) })
		s.refs = slices.Clone(s.refs[:k])
		slices.SortFunc(s.refs, func(a, b ref) int { return cmp.Compare(position[a], position[b]) })
	}
	if len(s.refs) > maxNodes {
		return fmt.Errorf("%w: %w", ErrOptions, errTooMany)
	}
	s.df = make([]int32, len(s.refs))
	for i, r := range s.refs {
		s.df[i] = int32(at(r).df)
	}
	return nil
}

// frequency returns how often a term occurs, counted once a text if Binary.
func (s *Selection) frequency(t *counted) uint32 {
	if s.o.Binary {
		return t.df
	}
	return t.count
}

// wanted reports whether a term, which the Corpus may have for other options,
// has as many units as the options say. The terms of CharWB that are shorter
// than the least n are those of the Corpus, whose least n must be the same.
func (s *Selection) wanted(r ref) bool {
	if s.o.NGrams == s.c.o.NGrams {
		return true
	}
	n := s.c.length(r)
	return n >= s.o.NGrams[0] && n <= s.o.NGrams[1]
}

// length returns the number of units of a term.
func (c *Corpus) length(r ref) int {
	n := 0
	for ; r != noRef; n++ {
		if r&1 == 0 {
			return n + 1
		}
		r = ref(c.grams.keys[r>>1] >> 32)
	}
	return n
}

// path appends the units of a term, last first.
func (c *Corpus) path(dst []uint32, r ref) []uint32 {
	for r != noRef && r&1 == 1 {
		key := c.grams.keys[r>>1]
		dst = append(dst, uint32(key))
		r = ref(key >> 32)
	}
	if r != noRef {
		dst = append(dst, uint32(r>>1))
	}
	return dst
}

// name returns a term.
func (c *Corpus) nameOf(r ref) string {
	path := c.path(nil, r)
	slices.Reverse(path)
	var b []byte
	for i, unit := range path {
		switch {
		case c.o.Analyzer != "":
			b = appendChar(b, unit)
		case i > 0:
			b = append(append(b, ' '), c.words.at(unit)...)
		default:
			b = append(b, c.words.at(unit)...)
		}
	}
	return string(b)
}

// order puts the features in the order of the alphabet. A space comes before
// all that words are made of, so that terms are in the order of their first
// word, then the second: with ranks of 21 bits for the words, three fit into one
// number.
func (s *Selection) order() {
	const width, fit = 21, 3
	c := s.c
	rank := c.ranks(s.refs)
	type keyed struct {
		key uint64
		r   ref
	}
	keys := make([]keyed, len(s.refs))
	short := rank == nil || len(rank) < 1<<width-1
	var path []uint32
	for i, r := range s.refs {
		path = c.path(path[:0], r)
		short = short && len(path) <= fit
		if !short {
			break
		}
		key := uint64(0)
		for k, unit := range path { // the last unit comes first
			if rank != nil {
				unit = rank[unit]
			} else if unit >= brokenChar {
				short = false // it is ordered as the byte that it is
			}
			key |= uint64(unit+1) << (width * (fit - len(path) + k))
		}
		keys[i] = keyed{key, r}
	}
	if short {
		slices.SortFunc(keys, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
		for i, k := range keys {
			s.refs[i] = k.r
		}
		return
	}
	type named struct {
		name string
		r    ref
	}
	names := make([]named, len(s.refs))
	for i, r := range s.refs {
		names[i] = named{c.nameOf(r), r}
	}
	slices.SortFunc(names, func(a, b named) int { return cmp.Compare(a.name, b.name) })
	for i, n := range names {
		s.refs[i] = n.r
	}
}

// ranks returns the rank in the alphabet of each word that the terms have; nil
// where units are characters.
func (c *Corpus) ranks(terms []ref) []uint32 {
	if c.o.Analyzer != "" {
		return nil
	}
	rank := make([]uint32, len(c.words.keys))
	type word struct {
		head uint64 // the first eight bytes, the first highest
		n    uint32
	}
	var used []word
	var path []uint32
	for _, r := range terms {
		path = c.path(path[:0], r)
		for _, n := range path {
			if rank[n] == 0 {
				rank[n] = 1
				var b [8]byte
				copy(b[:], c.words.at(n))
				used = append(used, word{binary.BigEndian.Uint64(b[:]), n})
			}
		}
	}
	slices.SortFunc(used, func(a, b word) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return slices.Compare(c.words.at(a.n), c.words.at(b.n))
	})
	for i, w := range used {
		rank[w.n] = uint32(i)
	}
	return rank
}

// NumFeatures returns the number of features.
func (s *Selection) NumFeatures() int { return len(s.refs) }

// NumValues returns the number of values that the vectors of the texts that were
// kept have in all.
func (s *Selection) NumValues() int {
	n := 0
	for _, df := range s.df {
		n += int(df)
	}
	return n
}

// AppendFeatures appends the features that text i of the Corpus has to ind, and
// their values to val, as those of a Vectorizer are.
func (s *Selection) AppendFeatures(ind []int32, val []float64, i int) ([]int32, []float64) {
	t, _ := s.pool.Get().(*tally)
	if t == nil {
		t = &tally{count: make([]uint32, len(s.refs)), bits: make([]uint64, len(s.refs)/64+1)}
		t.groups = make([]uint64, len(t.bits)/64+1)
	}
	for _, r := range s.c.text(i) {
		f := s.feature[r&1][r>>1]
		if f < 0 {
			continue
		}
		t.count[f]++
		t.bits[f>>6] |= 1 << (f & 63)
		t.groups[f>>12] |= 1 << (f >> 6 & 63)
	}
	first := len(val)
	for g, group := range t.groups {
		for ; group != 0; group &= group - 1 {
			w := g<<6 + bits.TrailingZeros64(group)
			for b := t.bits[w]; b != 0; b &= b - 1 {
				f := w<<6 + bits.TrailingZeros64(b)
				ind, val = append(ind, int32(f)), append(val, s.o.tf(t.count[f])*s.idf[f])
				t.count[f] = 0
			}
			t.bits[w] = 0
		}
		t.groups[g] = 0
	}
	s.o.Norm.divide(val[first:])
	s.pool.Put(t)
	return ind, val
}
