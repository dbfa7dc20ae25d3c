package psi

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Merge adds the counts of v, which must have the same capacity; otherwise the
// error wraps ErrFeatures. The bounds hold for the texts of both (Agarwal et
// al., Mergeable summaries, ACM Transactions on Database Systems 38, 2013). The
// order of the two makes no difference; with three or more it makes one only
// where there are more terms than counters. Of two examples of a term the one
// that sorts first is kept.
func (w *Words) Merge(v *Words) error {
	if w.counters.capacity != v.counters.capacity {
		return fmt.Errorf("%w: words with capacities of %d and %d", ErrFeatures, w.counters.capacity, v.counters.capacity)
	}
	if w.n > maxTexts-v.n {
		return fmt.Errorf("%w: words of more than %d texts", ErrInput, int64(maxTexts))
	}
	var terms []TermCount
	add := func(t TermCount, other *Words) {
		least, most := other.Count([]byte(t.Term))
		t.Least += least
		t.Most += most
		terms = append(terms, t)
	}
	for i := range w.counters.each() {
		t := w.at(i)
		if j := v.index(t.Term); j != 0 && w.ids != nil && v.ids != nil {
			t.Example = first(t.Example, v.ids[j])
		}
		add(t, v)
	}
	for i := range v.counters.each() {
		if t := v.at(i); w.index(t.Term) == 0 {
			add(t, w)
		}
	}
	slices.SortFunc(terms, compareCounts)
	terms = terms[:min(len(terms), w.counters.capacity)]
	w.fill(w.n+v.n, terms)
	return nil
}

// first returns the example that is kept of two, either of which may be empty.
func first(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}

func (w *Words) index(term string) int32 {
	t := []byte(term)
	return w.counters.find(t, w.counters.hash(t))
}

// fill makes w count what terms say, the highest first.
func (w *Words) fill(n int64, terms []TermCount) {
	w.n = n
	w.counters = newCounters(w.counters.capacity)
	if w.ids != nil {
		w.ids = make([]string, w.counters.capacity+1)
	}
	for _, t := range slices.Backward(terms) {
		w.counters.push([]byte(t.Term), t.Most, t.Most-t.Least)
		if w.ids != nil {
			w.ids[w.counters.len()] = t.Example
		}
	}
}

const wordsFormat = "riskkit-words/1"

type wordsJSON struct {
	Format   string      `json:"format"`
	Capacity int         `json:"capacity"`
	KeepIDs  bool        `json:"keep_ids"`
	N        int64       `json:"n"`
	Terms    []TermCount `json:"terms"` // in the order of the counters, the highest count first
}

// MarshalJSON writes w in a format that UnmarshalJSON reads, now and in later
// versions. The same texts in the same order always give the same bytes.
func (w *Words) MarshalJSON() ([]byte, error) {
	j := wordsJSON{wordsFormat, w.counters.capacity, w.ids != nil, w.n, make([]TermCount, 0, w.counters.len())}
	for i := range w.counters.each() {
		j.Terms = append(j.Terms, w.at(i))
	}
	slices.Reverse(j.Terms)
	return json.Marshal(j)
}

// UnmarshalJSON makes w go on where the one that wrote data was. The error wraps
// ErrInput and says what is wrong; w is then unchanged.
func (w *Words) UnmarshalJSON(data []byte) error {
	var j wordsJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return fmt.Errorf("%w: words: %w", ErrInput, err)
	}
	if j.Format != wordsFormat {
		return fmt.Errorf("%w: format of the words is %q, want %q", ErrInput, j.Format, wordsFormat)
	}
	if j.Capacity == 0 || j.N < 0 || j.N > maxTexts || len(j.Terms) > j.Capacity {
		return fmt.Errorf("%w: words with a capacity of %d hold %d terms of %d texts", ErrInput, j.Capacity, len(j.Terms), j.N)
	}
	n, err := NewWords(&WordsOptions{Capacity: j.Capacity, KeepIDs: j.KeepIDs})
	if err != nil {
		return err
	}
	floor := int64(0) // what a term can have taken over
	if k := len(j.Terms); k == j.Capacity {
		floor = j.Terms[k-1].Most
	}
	seen := map[string]bool{}
	for i, t := range j.Terms {
		switch {
		case t.Term == "" || len(t.Term) > maxTerm || seen[t.Term] || len(t.Example) > maxID || t.Example != "" && !j.KeepIDs:
			return fmt.Errorf("%w: term %d, %q of text %q, is empty, too long, stands twice or has an example that is not kept", ErrInput, i, t.Term, t.Example)
		case t.Least < 1 || t.Most < t.Least || t.Most > j.N || t.Most-t.Least > floor || i > 0 && t.Most > j.Terms[i-1].Most:
			return fmt.Errorf("%w: term %q is in %d to %d of %d texts, which does not fit the others", ErrInput, t.Term, t.Least, t.Most, j.N)
		}
		seen[t.Term] = true
	}
	n.fill(j.N, j.Terms)
	*w = *n
	return nil
}
