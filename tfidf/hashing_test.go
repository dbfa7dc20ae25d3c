package tfidf_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/tfidf"
)

func hashing(t testing.TB, o *tfidf.HashingOptions) *tfidf.Hashing {
	t.Helper()
	h, err := tfidf.NewHashing(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHashing has the hashes of scikit-learn 1.9.1's murmurhash3_32: -2^31 for
// akqlrggi, 0 for ajrfjpbr, 2^31 - 1 for acqerwwr and -1 for aslxwnmo.
func TestHashing(t *testing.T) {
	h := hashing(t, &tfidf.HashingOptions{NumFeatures: math.MaxInt32, Norm: tfidf.NormNone})
	for s, want := range map[string]struct {
		i int32
		x float64
	}{
		"akqlrggi":          {1, -1}, // 2^31 modulo 2^31 - 1
		"ajrfjpbr AJRFJPBR": {0, 2},
		"acqerwwr":          {0, 1},
		"aslxwnmo":          {1, -1},
	} {
		ind, val := h.AppendFeatures([]int32{9}, []float64{9}, s)
		if !slices.Equal(ind, []int32{9, want.i}) || !slices.Equal(val, []float64{9, want.x}) {
			t.Errorf("%q has features %v %v, want %v", s, ind, val, want)
		}
	}
	// Two terms that cancel out in feature 0 of 2: 0 and -2^31.
	s := "ajrfjpbr akqlrggi"
	for _, c := range []struct {
		opts tfidf.HashingOptions
		want float64
	}{
		{tfidf.HashingOptions{}, 0},
		{tfidf.HashingOptions{Unsigned: true, Norm: tfidf.NormNone}, 2},
		{tfidf.HashingOptions{Binary: true, Norm: tfidf.NormL1}, 1},
	} {
		c.opts.NumFeatures = 2
		ind, val := hashing(t, &c.opts).AppendFeatures(nil, nil, s)
		if !slices.Equal(ind, []int32{0}) || !slices.Equal(val, []float64{c.want}) {
			t.Errorf("%+v: features %v %v, want %v", c.opts, ind, val, c.want)
		}
	}
	if got := h.FeatureName(12345); got != "#12345" {
		t.Errorf("feature 12345 is called %q", got)
	}
	o := hashing(t, &tfidf.HashingOptions{Analyzer: tfidf.Word, StopWords: []string{"the"}}).Options()
	if o.NumFeatures != 1<<20 || o.NGrams != [2]int{1, 1} || !slices.Equal(o.StopWords, []string{"the"}) {
		t.Errorf("options are %+v", o)
	}
	var zero tfidf.Hashing
	if ind, _ := zero.AppendFeatures(nil, nil, s); len(ind) != 0 || zero.NumFeatures() != 0 {
		t.Error("the zero value has features")
	}
}

func TestHashingErrors(t *testing.T) {
	for name, o := range map[string]tfidf.HashingOptions{
		"features": {NumFeatures: -1},
		"n-grams":  {NGrams: [2]int{1, 17}},
		"analyzer": {Analyzer: "words"},
		"norm":     {Norm: "max"},
		"case":     {Case: "upper"},
		"accents":  {Accents: "latin"},
		"stop":     {Analyzer: tfidf.Char, StopWords: []string{"the"}},
	} {
		if _, err := tfidf.NewHashing(&o); !errors.Is(err, tfidf.ErrOptions) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestHashingHugeAndBroken(t *testing.T) {
	h := hashing(t, nil)
	if ind, val := h.AppendFeatures(nil, nil, strings.Repeat("database down ", 1<<20)); len(ind) != 2 || math.Abs(math.Hypot(val[0], val[1])-1) > 1e-12 {
		t.Errorf("a text of two million words has features %v %v, want two", ind, val)
	}
	h = hashing(t, &tfidf.HashingOptions{Analyzer: tfidf.Char, NGrams: [2]int{1, 16}, Norm: tfidf.NormNone, Unsigned: true})
	ind, val := h.AppendFeatures(nil, nil, strings.Repeat("ab", 1<<15))
	if sum := total(val); len(ind) != 32 || sum != 16<<16-120 {
		t.Errorf("65536 characters have %d features with sum %v, want 32 and %d", len(ind), sum, 16<<16-120)
	}
	if ind, _ := h.AppendFeatures(nil, nil, "\xff\xfe"); len(ind) != 3 {
		t.Errorf("two broken bytes have %d features, want 3", len(ind))
	}
}

func total(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum
}

// TestHashingConcurrent shares one Hashing; it is meant for -race.
func TestHashingConcurrent(t *testing.T) {
	h := hashing(t, &tfidf.HashingOptions{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 4}, Accents: tfidf.AccentsUnicode})
	want, _ := h.AppendFeatures(nil, nil, texts[0])
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				for _, text := range texts {
					h.AppendFeatures(nil, nil, text)
				}
				if got, _ := h.AppendFeatures(nil, nil, texts[0]); !slices.Equal(got, want) {
					t.Error("features differ")
				}
			}
		})
	}
	wg.Wait()
}

func TestHashingDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under -race")
	}
	for _, o := range []tfidf.HashingOptions{
		{NGrams: [2]int{1, 2}, StopWords: []string{"the"}},
		{Analyzer: tfidf.Char, NGrams: [2]int{1, 3}, Accents: tfidf.AccentsASCII, Case: tfidf.CaseSimple},
		{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 4}, Case: tfidf.CaseKeep, Binary: true, Norm: tfidf.NormL1},
	} {
		h := hashing(t, &o)
		ind, val := make([]int32, 0, 256), make([]float64, 0, 256)
		if n := testing.AllocsPerRun(100, func() {
			ind, val = h.AppendFeatures(ind[:0], val[:0], texts[0])
		}); n > 0 {
			t.Errorf("%+v: %v allocations", o, n)
		}
	}
}

// slowHash is MurmurHash3_x86_32 with seed 0 as its description has it.
func slowHash(s string) int32 {
	rotated := func(x uint32, n int) uint32 { return x<<n | x>>(32-n) }
	mixed := func(k uint32) uint32 { return rotated(k*0xcc9e2d51, 15) * 0x1b873593 }
	var h, k uint32
	for i := range len(s) {
		k |= uint32(s[i]) << (8 * (i % 4))
		if i%4 == 3 {
			h = rotated(h^mixed(k), 13)*5 + 0xe6546b64
			k = 0
		}
	}
	h = h ^ mixed(k) ^ uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return int32(h ^ h>>16)
}

// FuzzHashing compares with hashing the terms of the slow way one by one.
func FuzzHashing(f *testing.F) {
	for i, s := range append(texts, "akqlrggi ajrfjpbr acqerwwr aslxwnmo", " é\xff\x1c\x1c한글") {
		f.Add(s, uint32(i*7919), int32(1<<i))
	}
	f.Fuzz(func(t *testing.T, s string, n uint32, features int32) {
		o := pick(n)
		h, err := tfidf.NewHashing(&tfidf.HashingOptions{
			NumFeatures: int(features), Unsigned: n%2 == 1, Norm: tfidf.NormNone,
			Analyzer: o.Analyzer, NGrams: o.NGrams, Case: o.Case, Accents: o.Accents, StopWords: o.StopWords,
		})
		if err != nil {
			if features >= 0 || !errors.Is(err, tfidf.ErrOptions) {
				t.Fatal(err)
			}
			return
		}
		want := map[int32]float64{}
		for _, term := range slowTerms(s, &o) {
			hash := int64(slowHash(term))
			x := 1.0
			if hash < 0 {
				hash = -hash
				if n%2 == 0 {
					x = -1
				}
			}
			want[int32(hash%int64(h.NumFeatures()))] += x
		}
		ind, val := h.AppendFeatures(nil, nil, s)
		if len(ind) != len(want) || !slices.IsSorted(ind) {
			t.Fatalf("%q has features %v, want %v", s, ind, want)
		}
		for k, i := range ind {
			if x, ok := want[i]; !ok || x != val[k] {
				t.Fatalf("%q has feature %d with %v, want %v", s, i, val[k], x)
			}
		}
	})
}

func BenchmarkHashing(b *testing.B) {
	h := hashing(b, &tfidf.HashingOptions{NGrams: [2]int{1, 2}})
	text := strings.Join(texts, " ")
	var ind []int32
	var val []float64
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ind, val = h.AppendFeatures(ind[:0], val[:0], text)
	}
}
