package tfidf

import (
	"errors"
	"iter"
)

// ErrEmptyVocabulary says that no term was left to be a feature: there were no
// texts, no words in them, or MinDF, MaxDF or the stop words took them all.
var ErrEmptyVocabulary = errors.New("tfidf: empty vocabulary")

// Fit learns the vocabulary, unless opts fix it, and the idf of its terms from
// texts, read once. A stream that can fail ends early and keeps its error for
// the caller. nil opts means the defaults.
//
// The errors wrap ErrOptions or ErrEmptyVocabulary. Memory is that of a Corpus,
// which also gives the vectors of the texts without reading them again.
func Fit(texts iter.Seq[string], opts *Options) (*Vectorizer, error) {
	c, err := NewCorpus(opts)
	if err != nil {
		return nil, err
	}
	for s := range texts {
		c.Add(s)
	}
	s, err := c.Select(nil, nil)
	if err != nil {
		return nil, err
	}
	return s.Vectorizer()
}
