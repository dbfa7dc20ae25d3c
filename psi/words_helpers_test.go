package psi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/riskkit/riskkit/psi"
)

// tokens are the words of a text.
type tokens [][]byte

func (t tokens) Len() int        { return len(t) }
func (t tokens) At(i int) []byte { return t[i] }

func words(t testing.TB, o *psi.WordsOptions) *psi.Words {
	t.Helper()
	w, err := psi.NewWords(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// zipf makes texts of words that are as frequent as those of a language.
type zipf struct {
	rng    *rand.Rand
	pool   [1 << 18][]byte // words to draw from
	length int             // of texts, on average
	text   tokens
}

func newZipf(seed uint64, vocabulary, length int) *zipf {
	z := &zipf{rng: rand.New(rand.NewPCG(seed, 7)), length: length}
	draw := rand.NewZipf(z.rng, 1.1, 5, uint64(vocabulary-1))
	known := map[uint64][]byte{}
	for i := range z.pool {
		v := draw.Uint64()
		if known[v] == nil {
			known[v] = fmt.Appendf(nil, "%cw%xd", 'a'+v%7, v)
		}
		z.pool[i] = known[v]
	}
	return z
}

// next makes a text that stands until the next one.
func (z *zipf) next() tokens {
	z.text = z.text[:0]
	for range z.length/2 + z.rng.IntN(z.length+1) {
		z.text = append(z.text, z.pool[z.rng.Uint64()%uint64(len(z.pool))])
	}
	return z.text
}

// observe counts n texts, each as change, if there is one, makes it.
func (z *zipf) observe(w *psi.Words, n int, change func(tokens) tokens) {
	for i := range n {
		text := z.next()
		if change != nil {
			text = change(text)
			z.text = text
		}
		w.Observe(text, fmt.Sprint("INC-", i))
	}
}

// exact counts texts without bounds on memory.
type exact struct {
	n, words int64
	texts    map[string]int64
}

func newExact() *exact { return &exact{texts: map[string]int64{}} }

func (e *exact) observe(t tokens) {
	e.n++
	seen := map[string]bool{}
	for _, word := range t {
		e.words++
		if !seen[string(word)] {
			seen[string(word)] = true
			e.texts[string(word)]++
		}
	}
}

// check holds w to its promises.
func (e *exact) check(t *testing.T, w *psi.Words, capacity int) {
	t.Helper()
	if w.N() != e.n {
		t.Fatalf("%d texts, want %d", w.N(), e.n)
	}
	top := w.Top(capacity + 1)
	if len(top) > capacity || len(top) < min(capacity, len(e.texts)) {
		t.Fatalf("%d terms with a counter of %d, with a capacity of %d", len(top), len(e.texts), capacity)
	}
	floor := int64(0)
	if len(top) == capacity {
		floor = top[len(top)-1].Most
	}
	if floor*int64(capacity) > e.words || floor > e.n {
		t.Fatalf("the lowest of %d counts is %d after %d words in %d texts", capacity, floor, e.words, e.n)
	}
	for _, c := range top {
		if n := e.texts[c.Term]; c.Least < 1 || c.Least > n || n > c.Most || c.Most > e.n || c.Most-c.Least > floor {
			t.Fatalf("%q is in %d texts of %d; counted %+v, the lowest count is %d", c.Term, n, e.n, c, floor)
		}
	}
	for term, n := range e.texts {
		least, most := w.Count([]byte(term))
		if least > n || n > most || most > e.n {
			t.Fatalf("%q is in %d texts; counted %d to %d", term, n, least, most)
		}
	}
}

// strange makes texts of all shapes: few or many words, often the same.
func strange(rng *rand.Rand) (t tokens) {
	vocabulary := 1 + rng.IntN(60)
	for range rng.IntN(1 + rng.IntN(40)) {
		t = append(t, fmt.Appendf(nil, "t%d", min(rng.IntN(vocabulary), rng.IntN(vocabulary))))
	}
	return t
}
