package risk

import (
	"context"
	"iter"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/tfidf"
)

// watched is a Model whose texts a monitor counts. Where it can, it cuts a text
// into words and looks them up once for both.
type watched struct {
	*Model
	monitor *psi.Monitor
	reader  *tfidf.Vectorizer // nil where each has to read for itself
	least   uint32            // in fewer texts than this a word is unknown
}

func newWatched(m *Model, monitor *psi.Monitor) *watched {
	w := &watched{Model: m, monitor: monitor}
	if v, ok := m.c.Features.(*tfidf.Vectorizer); ok && v.Reads() && monitor.Reads() {
		w.reader, w.least = v, uint32(min(math.MaxUint32, math.Ceil(newVocabulary(v).least)))
	}
	return w
}

// Watch returns m as a Scorer whose texts and answers the monitor counts, for
// hosts that do without a Service. Where m has no baseline the error is
// ErrNoDrift. nil opts means the defaults.
func (m *Model) Watch(opts *psi.CompareOptions) (Scorer, *psi.Monitor, error) {
	monitor, err := m.NewMonitor(opts)
	if err != nil {
		return nil, nil, err
	}
	return &observed{newWatched(m, monitor), newOutputs(monitor)}, monitor, nil
}

// Score counts doc and assesses it.
func (w *watched) Score(ctx context.Context, doc Document) (Assessment, error) {
	if w.reader == nil {
		w.monitor.Observe(doc.Text)
		return w.Model.Score(ctx, doc)
	}
	m := w.Model
	sc := m.newScratch()
	defer m.pool.Put(sc)
	sc.reading.Least = w.least
	sc.ind, sc.val = w.reader.AppendRead(sc.ind[:0], sc.val[:0], doc.Text, &sc.reading)
	w.monitor.ObserveRead(&sc.reading, sc.ind, doc.ID)
	m.classify(sc)
	return m.assess(sc, doc), nil
}

// Explain counts doc, assesses it, and explains the answer.
func (w *watched) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	w.monitor.Observe(doc.Text)
	return w.Model.Explain(ctx, doc, n)
}

// trainingWords is what a Vectorizer knows of the words of its texts. Words that
// it does not know were left out for being rarer than the rarest feature.
type trainingWords struct {
	v      *tfidf.Vectorizer
	rarest int // in how many texts that is
}

func newTrainingWords(v *tfidf.Vectorizer) trainingWords {
	t := trainingWords{v, v.Documents()}
	for i := range v.NumFeatures() {
		t.rarest = min(t.rarest, v.DocumentFrequency(i))
	}
	return t
}

// N returns the number of training texts.
func (t trainingWords) N() int64 { return int64(t.v.Documents()) }

// Share returns the share of training texts with a word, at most.
func (t trainingWords) Share(term []byte) (share float64, ok bool) {
	n := t.v.WordFrequency(term)
	if ok = n > 0; !ok {
		n = max(0, t.rarest-1)
	}
	return float64(n) / float64(t.v.Documents()), ok
}

// Terms yields the words of two or more characters with at least this share.
func (t trainingWords) Terms(least float64) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		n := float64(t.v.Documents())
		for i := range t.v.NumFeatures() {
			share := float64(t.v.DocumentFrequency(i)) / n
			if share < least {
				continue
			}
			name := t.v.FeatureName(i)
			if word := !strings.Contains(name, " ") && utf8.RuneCountInString(name) > 1; word && !yield(name, share) {
				return
			}
		}
	}
}

// watchWords makes a monitor watch the words of texts too, where the features of
// a model are words as texts have them.
func watchWords(m *psi.Monitor, f FeatureExtractor) error {
	v, ok := f.(*tfidf.Vectorizer)
	if !ok || !v.Reads() || !m.Reads() {
		return nil
	}
	if o := v.Options(); o.StemLanguage != "" || v.Documents() == 0 {
		return nil
	}
	return m.WatchWords(psi.WordsWatch{Training: newTrainingWords(v)})
}
