package tfidf

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// ErrEmptyVocabulary says that no term was left to be a feature: there were no
// texts, no words in them, or MinDF, MaxDF or the stop words took them all.
var ErrEmptyVocabulary = errors.New("tfidf: empty vocabulary")

// statistics are what Fit counts of each term.
type statistics struct {
	df    int   // texts that it occurs in
	count int64 // times that it occurs
	last  int   // the last text that it occurred in, from 1
}

// Fit learns the vocabulary and the idf of its terms from texts, read once. A
// stream that can fail ends early and keeps its error for the caller. nil opts
// means the defaults.
//
// The errors wrap ErrOptions or ErrEmptyVocabulary. Memory grows with the
// number of distinct terms, not of texts.
func Fit(texts iter.Seq[string], opts *Options) (*Vectorizer, error) {
	o, err := opts.normalized()
	if err != nil {
		return nil, err
	}
	a := newAnalyzer(&o)
	sc := new(scratch)
	terms := map[string]*statistics{}
	n := 0
	asked := map[string]bool{} // words that were looked up in the stop words of the language
	for s := range texts {
		n++
		if o.StopLanguage != "" {
			sc.words.Set(s)
			for i := range sc.words.Len() {
				if w := sc.words.At(i); !asked[string(w)] {
					asked[string(w)] = true
					if isStopWord(string(w), o.StopLanguage) {
						a.stop[string(w)] = true
					}
				}
			}
		}
		a.terms(sc, s, func(term []byte) {
			t := terms[string(term)]
			if t == nil {
				t = new(statistics)
				terms[string(term)] = t
			}
			t.count++
			if t.last != n {
				t.last = n
				t.df++
			}
		})
	}
	names, err := choose(terms, n, &o)
	if err != nil {
		return nil, err
	}
	df := make([]int, len(names))
	for i, name := range names {
		df[i] = terms[name].df
	}
	return newVectorizer(o, a, names, n, df), nil
}

// choose returns the terms that become features, in order of the alphabet.
func choose(terms map[string]*statistics, n int, o *Options) ([]string, error) {
	if n == 0 {
		return nil, fmt.Errorf("%w: no texts", ErrEmptyVocabulary)
	}
	least, most := o.limits(n)
	if most < least {
		return nil, fmt.Errorf("%w: of %d texts MaxDF allows %v, fewer than MinDF asks for, %v", ErrOptions, n, most, least)
	}
	var names []string
	for name, t := range terms {
		if df := float64(t.df); least <= df && df <= most {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: %d texts with %d terms, none in %v to %v of the texts",
			ErrEmptyVocabulary, n, len(terms), least, most)
	}
	slices.Sort(names)
	if k := o.MaxFeatures; k > 0 && k < len(names) {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(terms[b].count, terms[a].count) })
		names = names[:k]
		slices.Sort(names)
	}
	return names, nil
}

func newAnalyzer(o *Options) *analyzer {
	a := &analyzer{ngrams: o.NGrams, stop: map[string]bool{}, stem: o.StemLanguage}
	for _, w := range o.StopWords {
		a.stop[w] = true
	}
	return a
}
