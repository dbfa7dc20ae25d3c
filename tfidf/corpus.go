package tfidf

import (
	"errors"
	"fmt"
	"math"

	"github.com/riskkit/riskkit/internal/text"
)

// A Corpus holds the terms of many texts, counted, without the texts. It is
// what several Vectorizers can be fitted on, of all texts or some, and each of
// them turn these texts into vectors, for a fraction of what reading them again
// takes. It is made by NewCorpus; it must not be added to while it is used
// otherwise, and is safe for concurrent use then.
//
// It needs 4 bytes for each term of each text, and some 30 for each different
// term.
type Corpus struct {
	o     Options
	a     *analyzer
	words words            // the units, if they are words
	grams interner         // of refs and units: ref<<32 | unit
	named map[string]int32 // where words are stopped or stemmed: their unit, or -1 for a stop word
	terms []ref
	end   []int // of each text in terms
	full  bool  // whether terms had to be left out; see errFull
	sc    scratch
}

// A ref is a term of a Corpus: the number of a word << 1, or the number of a
// longer one << 1 | 1.
type ref uint32

const (
	noRef   ref = math.MaxUint32
	maxRefs     = 1<<31 - 2
)

// errFull says that a Corpus has more different terms than it can number.
var errFull = errors.New("more than 2 billion different terms")

// NewCorpus returns an empty Corpus of the terms that opts asks for: Analyzer,
// NGrams, Case, Accents, stop words and stems. nil opts means the defaults. The
// error wraps ErrOptions.
func NewCorpus(opts *Options) (*Corpus, error) {
	o, err := opts.normalized()
	if err != nil {
		return nil, err
	}
	c := &Corpus{o: o, a: newAnalyzer(&o), words: newWords(), grams: newInterner()}
	if len(o.StopWords) > 0 || o.StopLanguage != "" || o.StemLanguage != "" {
		c.named = map[string]int32{}
	}
	return c, nil
}

// Len returns the number of texts.
func (c *Corpus) Len() int { return len(c.end) }

// Add adds a text.
func (c *Corpus) Add(s string) {
	c.terms = c.appendTerms(c.terms, s)
	c.end = append(c.end, len(c.terms))
}

// appendTerms appends the terms of s, entering those that are new.
func (c *Corpus) appendTerms(dst []ref, s string) []ref {
	sc := &c.sc
	if c.a.kind == "" {
		c.a.cut(sc, s)
		c.readWords(sc)
		return c.appendGrams(dst, sc, c.o.NGrams[0])
	}
	c.a.sequences(sc, s, func(chars []byte, least int) {
		sc.units, sc.refs = sc.units[:0], sc.refs[:0]
		for i := 0; i < len(chars); {
			unit, size := charAt(chars[i:])
			sc.units, sc.refs = append(sc.units, unit), append(sc.refs, noRef)
			i += size
		}
		c.step(sc, 1)
		dst = c.appendGrams(dst, sc, least)
	})
	return dst
}

// readWords sets the units of sc to the words of its text, and refs to them as
// terms.
func (c *Corpus) readWords(sc *scratch) {
	sc.units, sc.refs = sc.units[:0], sc.refs[:0]
	if c.named != nil {
		for i := range sc.words.Len() {
			if n := c.name(sc.words.At(i)); n >= 0 {
				sc.units, sc.refs = append(sc.units, uint32(n)), append(sc.refs, ref(n)<<1)
			}
		}
		return
	}
	sc.keys = sc.words.AppendKeys(sc.keys[:0])
	sc.units, sc.refs = resized(sc.units, len(sc.keys)), resized(sc.refs, len(sc.keys))
	for i, key := range sc.keys {
		n, _ := c.words.intern(spread(key), key, sc.words.At(i))
		sc.units[i], sc.refs[i] = n, ref(n)<<1
	}
}

// name returns the unit that a word is, once its stop words are gone and it is
// stemmed, or -1 for a stop word.
func (c *Corpus) name(word []byte) int32 {
	n, ok := c.named[string(word)]
	if ok {
		return n
	}
	n = -1
	if !c.a.stop[string(word)] {
		if c.o.StopLanguage != "" && isStopWord(string(word), c.o.StopLanguage) {
			c.a.stop[string(word)] = true
		} else {
			stem := c.a.stemmed(word)
			key := text.KeyOf(stem)
			id, _ := c.words.intern(spread(key), key, stem)
			n = int32(id)
		}
	}
	c.named[string(word)] = n
	return n
}

// appendGrams appends the terms of at least so many units that the refs of sc,
// to terms of one unit, begin.
func (c *Corpus) appendGrams(dst []ref, sc *scratch, least int) []ref {
	most := min(c.o.NGrams[1], len(sc.units))
	for n := 1; n <= most; n++ {
		if n > 1 {
			sc.refs = sc.refs[:len(sc.units)-n+1]
			c.step(sc, n)
		}
		if n < least {
			continue
		}
		if !c.full {
			dst = append(dst, sc.refs...)
			continue
		}
		for _, r := range sc.refs {
			if r != noRef {
				dst = append(dst, r)
			}
		}
	}
	return dst
}

// step takes each ref of sc one unit further, to terms of n units. The table is
// larger than the caches: all places are looked at before the first is needed.
func (c *Corpus) step(sc *scratch, n int) {
	refs, units := sc.refs, sc.units[n-1:]
	units = units[:len(refs)]
	sc.hashes64 = resized(sc.hashes64, len(refs))
	hashes := sc.hashes64[:len(refs)]
	var peeked uint64
	for i, r := range refs {
		hashes[i] = spread(uint64(r)<<32 | uint64(units[i]))
		peeked |= c.grams.peek(hashes[i])
	}
	sc.peeked = peeked // or the compiler would leave it out
	for i, r := range refs {
		if r == noRef && n > 1 {
			continue
		}
		hash, key := hashes[i], uint64(r)<<32|uint64(units[i])
		m, slot, ok := c.grams.find(hash, key, nil)
		if !ok {
			if len(c.grams.keys) >= maxRefs {
				c.full = true
				refs[i] = noRef
				continue
			}
			m = c.grams.enter(hash, key, slot)
		}
		refs[i] = ref(m)<<1 | 1
	}
}

// text returns the terms of text i.
func (c *Corpus) text(i int) []ref {
	start := 0
	if i > 0 {
		start = c.end[i-1]
	}
	return c.terms[start:c.end[i]]
}

// check returns an error unless v's texts are read as c reads them.
func (c *Corpus) check(o *Options) error {
	same := o.Analyzer == c.o.Analyzer && o.ShortWords == c.o.ShortWords && o.Case == c.o.Case && o.Accents == c.o.Accents &&
		o.StopLanguage == c.o.StopLanguage && o.StemLanguage == c.o.StemLanguage &&
		len(o.StopWords) == len(c.o.StopWords)
	for i := 0; same && i < len(o.StopWords); i++ {
		same = o.StopWords[i] == c.o.StopWords[i]
	}
	if !same || o.NGrams[0] < c.o.NGrams[0] || o.NGrams[1] > c.o.NGrams[1] {
		return fmt.Errorf("%w: the corpus holds other terms: its Analyzer, ShortWords, Case, Accents, stop words or stems differ, or it has NGrams %v only", ErrOptions, c.o.NGrams)
	}
	return nil
}
