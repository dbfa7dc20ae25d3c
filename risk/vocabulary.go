package risk

import "github.com/riskkit/riskkit/tfidf"

// vocabulary is what drift features take a Vectorizer to know: the words of at
// least so many of its texts, its MinDF but at least two. A word that was seen
// once is as good as new.
type vocabulary struct {
	*tfidf.Vectorizer
	least float64
}

func newVocabulary(v *tfidf.Vectorizer) vocabulary {
	least := v.Options().MinDF
	if least < 1 {
		least *= float64(v.Documents())
	}
	return vocabulary{v, max(2, least)}
}

func (v vocabulary) Knows(word []byte) bool { return float64(v.WordFrequency(word)) >= v.least }

// leaveOneOut returns what v would know, of the words of each of its own texts,
// had it been fitted on the others alone. A baseline without it would find new
// texts full of unknown words however alike they are.
func (v vocabulary) leaveOneOut() vocabulary {
	v.least++
	return v
}
