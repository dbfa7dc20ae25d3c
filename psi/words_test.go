package psi_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/corpus"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/internal/text"
	"github.com/riskkit/riskkit/psi"
)

var _ psi.Tokens = (*text.Words)(nil)

func TestWordsBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		capacity := 1 + rng.IntN(30)
		w, e := words(t, &psi.WordsOptions{Capacity: capacity}), newExact()
		for range 1 + rng.IntN(60) {
			text := strange(rng)
			w.Observe(text, "")
			e.observe(text)
			e.check(t, w, capacity)
		}
	}
	z, w, e := newZipf(1, 20_000, 50), words(t, nil), newExact()
	for range 2000 {
		text := z.next()
		w.Observe(text, "")
		e.observe(text)
	}
	e.check(t, w, 1000)
}

// TestWordsMerge: the bounds hold in any order of merges, two merge alike in
// both, and any number where all terms have a counter.
func TestWordsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for round := range 150 {
		o := &psi.WordsOptions{Capacity: 1 + rng.IntN(30), KeepIDs: true}
		enough := round%3 == 0
		if enough {
			o.Capacity = 60
		}
		e := newExact()
		parts := make([][]byte, 2+rng.IntN(4))
		for i := range parts {
			w := words(t, o)
			for k := range rng.IntN(60) {
				text := strange(rng)
				w.Observe(text, fmt.Sprint(i, "-", k))
				e.observe(text)
			}
			parts[i] = marshal(t, w)
		}
		read := func(data []byte) *psi.Words {
			w := new(psi.Words)
			if err := w.UnmarshalJSON(data); err != nil {
				t.Fatal(err)
			}
			return w
		}
		merge := func(a, b []byte) []byte {
			w := read(a)
			if err := w.Merge(read(b)); err != nil {
				t.Fatal(err)
			}
			return marshal(t, w)
		}
		if a, b := merge(parts[0], parts[1]), merge(parts[1], parts[0]); !bytes.Equal(a, b) {
			t.Fatalf("one way %s\nthe other %s", a, b)
		}
		var last []byte
		for range 4 {
			rest := slices.Clone(parts)
			for len(rest) > 1 { // any tree of merges
				rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
				rest = append(rest[2:], merge(rest[0], rest[1]))
			}
			e.check(t, read(rest[0]), o.Capacity)
			if enough && last != nil && !bytes.Equal(last, rest[0]) {
				t.Fatalf("one way %s\nthe other %s", last, rest[0])
			}
			last = rest[0]
		}
		w := read(last) // and counts on
		for range 20 {
			text := strange(rng)
			w.Observe(text, "")
			e.observe(text)
			e.check(t, w, o.Capacity)
		}
	}
	w := words(t, &psi.WordsOptions{Capacity: 3})
	w.Observe(tokens{[]byte("a")}, "")
	if err := w.Merge(words(t, nil)); !errors.Is(err, psi.ErrFeatures) || w.N() != 1 {
		t.Errorf("another capacity: error is %v", err)
	}
	if err := w.Merge(w); err != nil || w.N() != 2 {
		t.Errorf("merged with itself: %d texts, error %v", w.N(), err)
	}
	if least, most := w.Count([]byte("a")); least != 2 || most != 2 {
		t.Errorf("merged with itself: counted %d to %d", least, most)
	}
}

// TestWordsRestart: what was written and read goes on to the same bytes.
func TestWordsRestart(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		o := &psi.WordsOptions{Capacity: 1 + rng.IntN(20), KeepIDs: rng.IntN(2) == 0}
		a, b := words(t, o), words(t, o)
		for i := range 60 {
			text := strange(rng)
			id := fmt.Sprint(i)
			a.Observe(text, id)
			b.Observe(text, id)
			data := marshal(t, b)
			if !bytes.Equal(data, marshal(t, a)) {
				t.Fatalf("after %d texts: %s\n%s", i+1, marshal(t, a), data)
			}
			b = new(psi.Words)
			if err := b.UnmarshalJSON(data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWordsTerms(t *testing.T) {
	long := strings.Repeat("x", 63) + "é"
	w := words(t, &psi.WordsOptions{KeepIDs: true})
	w.Observe(tokens{nil, []byte(""), []byte("a"), []byte("\xff"), []byte("a\xc3"), []byte("a")}, "first")
	w.Observe(tokens{[]byte(long), []byte("a"), []byte(long + "more")}, "second")
	w.Observe(tokens{[]byte(strings.Repeat("\x80", 1000))}, "third")
	w.Observe(nil, "fourth")
	w.Observe(tokens{[]byte("b")}, strings.Repeat("i", 129))
	w.Observe(tokens{[]byte("c")}, "\xff")
	want := []psi.TermCount{
		{Term: "a", Least: 2, Most: 2, Example: "first"}, {Term: "b", Least: 1, Most: 1}, {Term: "c", Least: 1, Most: 1},
		{Term: strings.Repeat("x", 63), Least: 1, Most: 1, Example: "second"},
	}
	if d := cmp.Diff(want, w.Top(10)); d != "" || w.N() != 6 {
		t.Errorf("%d texts, -want +got\n%s", w.N(), d)
	}
	if d := cmp.Diff(want[:1], w.Top(1)); d != "" || len(w.Top(-1)) > 0 {
		t.Errorf("the first: -want +got\n%s", d)
	}
	if least, most := w.Count([]byte(long)); least != 1 || most != 1 {
		t.Errorf("a long term counts %d to %d", least, most)
	}
	if got := maps.Collect(w.Terms(0.2)); !cmp.Equal(got, map[string]float64{"a": 1.0 / 3}) {
		t.Errorf("terms in a fifth of the texts: %v", got)
	}
	if share, ok := w.Share([]byte("a")); !ok || share != 1.0/3 {
		t.Errorf("share %v, %v", share, ok)
	}
	if share, ok := words(t, nil).Share([]byte("a")); ok || share != 0 {
		t.Errorf("share without texts %v, %v", share, ok)
	}
	without := words(t, nil)
	without.Observe(tokens{[]byte("a")}, "secret")
	if data := marshal(t, without); bytes.Contains(data, []byte("secret")) {
		t.Errorf("an ID is kept: %s", data)
	}
}

// TestWordsFlood: however it is flooded, memory is bounded and terms that were
// frequent before stay.
func TestWordsFlood(t *testing.T) {
	const flood = 1_000_000
	w := words(t, nil)
	for i := range 10 { // 100 terms each in 1 to 10 texts
		var text tokens
		for k := range 100 * (i + 1) {
			text = append(text, fmt.Appendf(nil, "term%d", k))
		}
		w.Observe(text, "")
	}
	w.Observe(counting(flood), "")
	top := w.Top(1000)
	if c := top[799]; c.Least != 3 || c.Most != 3 || top[999].Most > 3 {
		t.Errorf("after a million words in one text %+v and %+v", c, top[999])
	}
	same := make(tokens, flood)
	for i := range same {
		same[i] = []byte("same")
	}
	w.Observe(same, "")
	if least, most := w.Count([]byte("same")); least != 1 || most > 4 {
		t.Errorf("a word a million times in one text counts %d to %d", least, most)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	huge := bytes.Repeat([]byte("z"), 1<<20)
	for i := range flood {
		w.Observe(tokens{fmt.Appendf(nil, "%d", i)}, "")
	}
	w.Observe(tokens{huge}, "")
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc) - int64(len(huge)); grown > 50_000 {
		t.Errorf("a million words later there are %d bytes more", grown)
	}
	if floor := w.Top(1000)[999].Most; floor > flood/1000+10 {
		t.Errorf("the lowest count is %d", floor)
	}
	runtime.KeepAlive(w)
	runtime.KeepAlive(same)
}

// counting is a text of so many different words.
type counting int

func (n counting) Len() int        { return int(n) }
func (n counting) At(i int) []byte { return fmt.Appendf(nil, "number%d", i) }

func TestWordsMemory(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := words(t, nil)
	w.Observe(counting(5000), "")
	runtime.GC()
	runtime.ReadMemStats(&after)
	if size := after.HeapAlloc - before.HeapAlloc; size > 160_000 {
		t.Errorf("1000 counters take %d bytes", size)
	} else {
		t.Logf("1000 counters take %d bytes", size)
	}
	text := &tokens{[]byte("number4999"), []byte("number4998"), []byte("number4999")}
	if n := testing.AllocsPerRun(100, func() { w.Observe(text, "id") }); n != 0 {
		t.Errorf("%v allocations for known terms", n)
	}
	z := newZipf(5, 200_000, 50)
	if n := testing.AllocsPerRun(1000, func() { z.next(); w.Observe(&z.text, "id") }); n != 0 {
		t.Errorf("%v allocations for any terms", n)
	}
	if s := len(marshal(t, w)); s > 100_000 {
		t.Errorf("%d bytes of JSON", s)
	}
}

func TestWordsErrors(t *testing.T) {
	for _, n := range []int{-1, 100_001} {
		if _, err := psi.NewWords(&psi.WordsOptions{Capacity: n}); !errors.Is(err, psi.ErrInput) {
			t.Errorf("capacity %d: error is %v", n, err)
		}
	}
	head := func(capacity, n int64, terms string) string {
		return fmt.Sprintf(`{"format":"riskkit-words/1","capacity":%d,"n":%d,"terms":[%s]}`, capacity, n, terms)
	}
	for name, data := range map[string]string{
		"not JSON":     `[`,
		"other format": `{"format":"riskkit-words/2"}`,
		"no capacity":  head(0, 1, ""),
		"capacity":     head(1_000_000, 1, ""),
		"negative n":   head(3, -1, ""),
		"too many":     head(1, 1, `{"term":"a","least":1,"most":1},{"term":"b","least":1,"most":1}`),
		"empty term":   head(3, 1, `{"term":"","least":1,"most":1}`),
		"long term":    head(3, 1, `{"term":"`+strings.Repeat("a", 65)+`","least":1,"most":1}`),
		"twice":        head(3, 1, `{"term":"a","least":1,"most":1},{"term":"a","least":1,"most":1}`),
		"example":      head(3, 1, `{"term":"a","least":1,"most":1,"example":"x"}`),
		"none":         head(3, 1, `{"term":"a","least":0,"most":1}`),
		"more than n":  head(3, 1, `{"term":"a","least":1,"most":2}`),
		"bounds":       head(3, 9, `{"term":"a","least":3,"most":2}`),
		"order":        head(3, 9, `{"term":"a","least":1,"most":1},{"term":"b","least":2,"most":2}`),
		"error":        head(3, 9, `{"term":"a","least":1,"most":2}`),
	} {
		w := words(t, nil)
		w.Observe(tokens{[]byte("a")}, "")
		before := marshal(t, w)
		if err := w.UnmarshalJSON([]byte(data)); !errors.Is(err, psi.ErrInput) || !bytes.Equal(marshal(t, w), before) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	w := new(psi.Words)
	if err := w.UnmarshalJSON([]byte(head(3, 1<<53, ""))); err != nil {
		t.Fatal(err)
	}
	v := words(t, &psi.WordsOptions{Capacity: 3})
	v.Observe(nil, "")
	if err := w.Merge(v); !errors.Is(err, psi.ErrInput) {
		t.Errorf("too many texts: error is %v", err)
	}
}

func FuzzWordsJSON(f *testing.F) {
	rng := rand.New(rand.NewPCG(6, 6))
	w := words(f, &psi.WordsOptions{Capacity: 5, KeepIDs: true})
	for i := range 10 {
		f.Add(marshal(f, w), "a b c")
		w.Observe(strange(rng), fmt.Sprint(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, s string) {
		w := new(psi.Words)
		if err := w.UnmarshalJSON(data); err != nil {
			if !errors.Is(err, psi.ErrInput) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		again := marshal(t, w)
		v := new(psi.Words)
		if err := v.UnmarshalJSON(again); err != nil || !bytes.Equal(marshal(t, v), again) {
			t.Fatalf("read %s, written %s, error %v", data, again, err)
		}
		if w.N() == 1<<53 {
			return
		}
		text := tokens(bytes.Fields([]byte(s)))
		w.Observe(text, s)
		for _, word := range text {
			if least, most := w.Count(word); most < 1 && utf8.Valid(word) || least > most || most > w.N() {
				t.Fatalf("%q counts %d to %d of %d", word, least, most, w.N())
			}
		}
		if err := new(psi.Words).UnmarshalJSON(marshal(t, w)); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkWords counts the words of a Zipf stream; ns/word is what one takes.
func BenchmarkWords(b *testing.B) {
	for _, vocabulary := range []int{500, 20_000, 200_000} {
		b.Run(fmt.Sprint("vocabulary=", vocabulary), func(b *testing.B) {
			z := newZipf(4, vocabulary, 100)
			var texts [256]tokens // few enough for the cache
			total, i := 0, 0
			for i := range texts {
				texts[i] = slices.Clone(z.next())
			}
			w := words(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				text := &texts[i%len(texts)]
				w.Observe(text, "")
				total += len(*text)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/word")
		})
	}
}

// BenchmarkWordsOfTexts compares cutting incidents into words with that and
// counting them.
func BenchmarkWordsOfTexts(b *testing.B) {
	incidents := corpus.Usual(1, 1000)
	for _, count := range []bool{false, true} {
		b.Run(fmt.Sprint("count=", count), func(b *testing.B) {
			w, cut := words(b, nil), new(text.Words)
			total, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				cut.Set(incidents[i%len(incidents)].Text)
				if count {
					w.Observe(cut, "")
				}
				total += cut.Len()
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/word")
		})
	}
}

func ExampleWords() {
	w, err := psi.NewWords(&psi.WordsOptions{Capacity: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"disk full", "disk slow", "disk disk disk"} {
		w.Observe(tokens(bytes.Fields([]byte(text))), "")
	}
	for _, t := range w.Top(1) {
		fmt.Printf("%q is in %d of %d texts\n", t.Term, t.Least, w.N())
	}
	// Output:
	// "disk" is in 3 of 3 texts
}
