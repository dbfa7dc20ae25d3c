package psi

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tokens are the words of one text.
type Tokens interface {
	Len() int
	// At returns word i. The bytes are only read, and not kept.
	At(i int) []byte
}

// Words counts in how many texts of a window each term occurs, for the terms
// with the highest counts only, so that its memory is bounded whatever goes by:
// a SpaceSaving summary (Metwally, Agrawal, El Abbadi, Efficient computation of
// frequent and top-k elements in data streams, 2005). A term that has no counter
// takes over the lowest one, of several the one that has been that low for
// longest, with the count on it, and remembers that as its error. So for each
// term there is a least and a most that it can have counted. A term in more
// texts than the words of all texts divided by the capacity always has a
// counter.
//
// A term counts once a text. Of one longer than 64 bytes the first 64 count, or
// up to 3 fewer where a character would be cut. Empty ones and those that are
// not UTF-8 do not count. A text of very many new words takes over a quarter of
// the counters and those that are then lowest, but no more.
//
// It is made by NewWords or UnmarshalJSON. It must not be used from several
// goroutines at once while one of them observes or merges; Merge joins the
// counts of several.
type Words struct {
	counters counters
	n        int64
	taken    int      // counters that the present text has taken over
	evicted  int64    // the highest count among them before
	ids      []string // by counter; nil where they are not kept
	id       string   // of the present text, where it is to be kept
	cloned   bool     // whether that is a copy: its memory may be the host's whole document
}

// WordsOptions say what Words keeps. The zero value means the defaults.
type WordsOptions struct {
	// Capacity is the number of counters, at most 100,000. Each takes about 130
	// bytes. 0 means 1000.
	Capacity int
	// KeepIDs keeps with each term the ID of a text that has it.
	KeepIDs bool
}

const (
	maxCapacity = 100_000
	maxID       = 128 // bytes
)

// NewWords returns Words of no text. nil opts means the defaults; the error
// wraps ErrInput where they make no sense.
func NewWords(opts *WordsOptions) (*Words, error) {
	var o WordsOptions
	if opts != nil {
		o = *opts
	}
	o.Capacity = cmp.Or(o.Capacity, 1000)
	if o.Capacity < 1 || o.Capacity > maxCapacity {
		return nil, fmt.Errorf("%w: capacity of %d terms, want 1 to %d", ErrInput, o.Capacity, maxCapacity)
	}
	w := &Words{counters: newCounters(o.Capacity)}
	if o.KeepIDs {
		w.ids = make([]string, o.Capacity+1)
	}
	return w, nil
}

// Observe counts the words of one text; nil is a text of none. The time for each
// word is constant on average. It does not allocate in the long run, but for the
// ID of a text with new terms. id is not looked at unless IDs are kept; one of
// more than 128 bytes or that is not UTF-8 is never kept.
func (w *Words) Observe(t Tokens, id string) {
	w.begin(id)
	if t != nil {
		for k := range t.Len() {
			w.see(t.At(k))
		}
	}
	w.id = ""
}

// begin begins a text.
func (w *Words) begin(id string) {
	w.n++
	w.taken, w.evicted = 0, 0
	w.id, w.cloned = "", false
	if w.ids != nil && len(id) <= maxID && utf8.ValidString(id) {
		w.id = id
	}
}

// see counts a word of the text that began last.
func (w *Words) see(word []byte) {
	term := cut(word)
	if len(term) == 0 {
		return
	}
	c := &w.counters
	hash := c.hash(term)
	if i := c.find(term, hash); i != 0 {
		if x := &c.all[i]; x.text != w.n {
			x.text = w.n
			c.bump(i)
		}
		return
	}
	if !utf8.Valid(term) { // no term with a counter is
		return
	}
	i := w.newcomer(term, hash)
	if w.ids != nil {
		if !w.cloned {
			w.id, w.cloned = strings.Clone(w.id), true
		}
		w.ids[i] = w.id
	}
}

// newcomer counts a term that has no counter and returns that which it gets.
func (w *Words) newcomer(term []byte, hash uint32) int32 {
	c := &w.counters
	if c.len() < c.capacity {
		i := c.add(term, hash)
		c.all[i].text = w.n
		return i
	}
	i := c.all[0].next
	if last := c.last[c.all[i].group]; w.taken >= c.capacity/4 && c.all[last].text == w.n {
		i = last // the text takes from itself
	}
	x := &c.all[i]
	c.leave(i)
	if x.text == w.n && x.count > w.evicted {
		// The count has this very text in it, and before this text the newcomer
		// cannot have had more than what is left: not if it had no counter then,
		// since that is at least the lowest count, and not if it lost one since.
		c.enter(i, term, hash, x.count-1)
		return i
	}
	if x.text != w.n {
		w.evicted = max(w.evicted, x.count)
	}
	w.taken++
	x.text = w.n
	c.enter(i, term, hash, x.count)
	c.bump(i)
	return i
}

// cut shortens a word to the greatest length of a term.
func cut(word []byte) []byte {
	if len(word) <= maxTerm {
		return word
	}
	n := maxTerm
	for n > maxTerm-utf8.UTFMax+1 && !utf8.RuneStart(word[n]) {
		n--
	}
	return word[:n]
}

// mayBeCut reports whether a term may be the beginning of words that are longer.
func mayBeCut[T string | []byte](term T) bool { return len(term) > maxTerm-utf8.UTFMax }

// N returns the number of texts counted.
func (w *Words) N() int64 { return w.n }

// Count returns the least and the most number of texts that can have had term.
// They are the same for all terms as long as there have been no more than the
// capacity.
func (w *Words) Count(term []byte) (least, most int64) {
	c := &w.counters
	term = cut(term)
	if i := c.find(term, c.hash(term)); i != 0 {
		return w.bounds(i)
	}
	if len(term) == 0 || !utf8.Valid(term) {
		return 0, 0
	}
	return 0, c.floor()
}

// A TermCount says in how many texts a term occurs.
type TermCount struct {
	Term string `json:"term"`
	// Least and Most are the bounds of the number of texts.
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	// Example is the ID of a text with the term, where IDs are kept.
	Example string `json:"example,omitempty"`
}

// Top returns the k terms with the highest counts, or all there are: by Most,
// then Least, from the highest on, then by the term.
func (w *Words) Top(k int) []TermCount {
	all := w.top(0)
	return all[:max(0, min(k, len(all)))]
}

// top returns the terms that are in at least this share of the texts, in the
// order of Top.
func (w *Words) top(share float64) (terms []TermCount) {
	for i := range w.counters.each() {
		if least, _ := w.bounds(i); float64(least)/float64(w.n) >= share {
			terms = append(terms, w.at(i))
		}
	}
	slices.SortFunc(terms, compareCounts)
	return terms
}

func compareCounts(a, b TermCount) int {
	return cmp.Or(cmp.Compare(b.Most, a.Most), cmp.Compare(b.Least, a.Least), cmp.Compare(a.Term, b.Term))
}

// bounds returns the bounds of what counter i counts.
func (w *Words) bounds(i int32) (least, most int64) {
	most = w.counters.all[i].count
	return most - w.counters.labels[i].excess, most
}

// at returns what counter i says.
func (w *Words) at(i int32) TermCount {
	t := TermCount{Term: string(w.counters.labels[i].name())}
	t.Least, t.Most = w.bounds(i)
	if w.ids != nil {
		t.Example = w.ids[i]
	}
	return t
}

// Share returns the most that the share of texts with term can be, and whether
// the term has a counter: Words of the training texts are TermShares.
func (w *Words) Share(term []byte) (share float64, ok bool) {
	least, most := w.Count(term)
	return float64(most) / float64(max(1, w.n)), least > 0
}

// Terms yields the terms that occur in at least this share of the texts and the
// least that their share can be, in the order of Top.
func (w *Words) Terms(least float64) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, t := range w.top(least) {
			if !yield(t.Term, float64(t.Least)/float64(w.n)) {
				return
			}
		}
	}
}
