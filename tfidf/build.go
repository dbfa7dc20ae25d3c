package tfidf

import (
	"fmt"
	"strings"

	"github.com/riskkit/riskkit/internal/text"
)

// Vectorizer returns the Vectorizer of the features.
func (s *Selection) Vectorizer() (*Vectorizer, error) {
	a := newAnalyzer(&s.o)
	for w := range s.c.a.stop {
		a.stop[w] = true
	}
	if len(s.o.Vocabulary) > 0 {
		terms, err := vocabularyOf(s.o.Vocabulary, s.o.Analyzer != "")
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		return newVectorizer(s.o, a, terms, s.texts, s.df), nil
	}
	c := s.c
	t := vocabulary{features: len(s.refs), chars: s.o.Analyzer != "", keys: make([]uint64, len(s.refs), len(s.refs)+len(s.refs)/8)}
	others := map[ref]uint32{} // the nodes that are no features
	var node func(r ref) uint32
	key := func(r ref) uint64 {
		if r&1 == 0 {
			return t.wordKey(c.words.at(uint32(r >> 1)))
		}
		k := c.grams.keys[r>>1]
		before, unit := uint32(root), uint32(k)
		if b := ref(k >> 32); b != noRef {
			before = node(b)
		}
		if !t.chars {
			unit = node(ref(unit) << 1)
		}
		return gram(before, unit)
	}
	node = func(r ref) uint32 {
		if f := s.feature[r&1][r>>1]; f >= 0 {
			return uint32(f)
		}
		n, ok := others[r]
		if !ok {
			n = uint32(len(t.keys))
			others[r] = n
			t.keys = append(t.keys, 0)
			t.keys[n] = key(r)
		}
		return n
	}
	for i, r := range s.refs {
		t.keys[i] = key(r)
	}
	if len(t.keys) > maxNodes {
		return nil, fmt.Errorf("%w: %w", ErrOptions, errTooMany)
	}
	return newVectorizer(s.o, a, t, s.texts, s.df), nil
}

// fix takes the terms that the options fix, where the Corpus has them.
func (s *Selection) fix(at func(ref) *counted) error {
	if s.texts == 0 {
		return fmt.Errorf("%w: no texts", ErrEmptyVocabulary)
	}
	s.names = s.o.Vocabulary
	s.refs, s.df = make([]ref, len(s.names)), make([]int32, len(s.names))
	for i, name := range s.names {
		if s.refs[i] = s.c.find(name); s.refs[i] == noRef {
			continue
		}
		if !s.wanted(s.refs[i]) {
			s.refs[i] = noRef
			continue
		}
		s.df[i] = int32(at(s.refs[i]).df)
	}
	return s.o.checkIDF(s.names, s.df)
}

// find returns a term, or noRef if the Corpus does not have it.
func (c *Corpus) find(term string) ref {
	r := noRef
	next := func(unit uint32) bool {
		key := uint64(r)<<32 | uint64(unit)
		n, _, ok := c.grams.find(spread(key), key, nil)
		r = ref(n)<<1 | 1
		if !ok {
			r = noRef
		}
		return ok
	}
	if c.o.Analyzer != "" {
		for b := []byte(term); len(b) > 0; {
			unit, size := charAt(b)
			if !next(unit) {
				return noRef
			}
			b = b[size:]
		}
		return r
	}
	for w := range strings.SplitSeq(term, " ") {
		key := text.KeyOf([]byte(w))
		n, _, ok := c.words.find(spread(key), key, []byte(w))
		if !ok {
			return noRef
		}
		if r == noRef {
			r = ref(n) << 1
		} else if !next(n) {
			return noRef
		}
	}
	return r
}

// vocabularyOf returns the vocabulary of terms, all different, in their order,
// not yet linked.
func vocabularyOf(names []string, chars bool) (vocabulary, error) {
	t := vocabulary{features: len(names), chars: chars, keys: make([]uint64, len(names))}
	nodes := make(map[string]uint32, len(names))
	for i, name := range names {
		nodes[name] = uint32(i)
	}
	// node returns the node of a term that others begin with.
	var node func(name string) (uint32, error)
	key := func(name string) (uint64, error) {
		cut := strings.LastIndexByte(name, ' ')
		if chars {
			cut = lastChar(name)
		}
		if cut < 0 {
			return t.wordKey([]byte(name)), nil
		}
		before := uint32(root)
		if !chars || cut > 0 {
			var err error
			if before, err = node(name[:cut]); err != nil {
				return 0, err
			}
		}
		if chars {
			unit, _ := charAt([]byte(name[cut:]))
			return gram(before, unit), nil
		}
		unit, err := node(name[cut+1:])
		return gram(before, unit), err
	}
	node = func(name string) (uint32, error) {
		if n, ok := nodes[name]; ok {
			return n, nil
		}
		n := uint32(len(t.keys))
		if n >= maxNodes {
			return 0, errTooMany
		}
		nodes[name] = n
		t.keys = append(t.keys, 0)
		k, err := key(name)
		t.keys[n] = k
		return n, err
	}
	for i, name := range names {
		if len(name) > maxTerm {
			return t, fmt.Errorf("term %d has %d bytes, at most %d make sense", i, len(name), maxTerm)
		}
		k, err := key(name)
		if err != nil {
			return t, err
		}
		t.keys[i] = k
	}
	if len(t.keys) > maxNodes {
		return t, errTooMany
	}
	return t, nil
}

// maxTerm is the greatest length of a term that is fixed, in bytes.
const maxTerm = 1 << 16

// lastChar returns where the last character of name begins.
func lastChar(name string) int {
	last := 0
	for i := 0; i < len(name); {
		last = i
		_, size := charAt([]byte(name[i:min(len(name), i+4)]))
		i += size
	}
	return last
}
