package tfidf_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/tfidf"
)

var update = flag.Bool("update", false, "write the golden files of the newest version")

func TestSaveAndLoad(t *testing.T) {
	for _, o := range []tfidf.Options{
		{},
		{NGrams: [2]int{1, 3}, MinDF: 2, Sublinear: true},
		{StopLanguage: "en", StemLanguage: "english"},
		{MaxFeatures: 5, MaxDF: 0.5},
		{Analyzer: tfidf.Word, Norm: tfidf.NormL2},
		{Analyzer: tfidf.Char, NGrams: [2]int{1, 3}, Case: tfidf.CaseKeep, Norm: tfidf.NormL1, NoIDF: true},
		{Analyzer: tfidf.CharWB, NGrams: [2]int{2, 4}, Case: tfidf.CaseSimple, Norm: tfidf.NormNone, RawIDF: true},
		{Accents: tfidf.AccentsUnicode, Case: tfidf.CaseKeep, StopLanguage: "en"},
		{Accents: tfidf.AccentsASCII, Vocabulary: []string{"slow", "no text has this", "database"}, Binary: true},
	} {
		v := fit(t, &o)
		data, err := v.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var w tfidf.Vectorizer
		if err := w.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		again, _ := w.MarshalBinary()
		if string(again) != string(data) {
			t.Errorf("%+v: saved again, the bytes differ", o)
		}
		for _, text := range append(texts, "", "kernel panic", "Dätabase is slow", "\xff broken \xf0\x28") {
			ind, val := v.AppendFeatures(nil, nil, text)
			ind2, val2 := w.AppendFeatures(nil, nil, text)
			if !slices.Equal(ind, ind2) || !slices.Equal(val, val2) {
				t.Errorf("%+v: %q has other features after loading", o, text)
			}
			for word := range strings.FieldsSeq(text) {
				if a, b := v.WordFrequency([]byte(word)), w.WordFrequency([]byte(word)); a != b {
					t.Errorf("%+v: %q has frequency %d, after loading %d", o, word, a, b)
				}
			}
		}
	}
}

// TestSaveBroken saves terms that are not UTF-8.
func TestSaveBroken(t *testing.T) {
	v, err := tfidf.Fit(slices.Values([]string{"\xff\xfe", "a\xed\xa0\x80"}), &tfidf.Options{Analyzer: tfidf.Char, NGrams: [2]int{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := v.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var w tfidf.Vectorizer
	if err := w.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if got, want := names(&w), names(v); !slices.Equal(got, want) {
		t.Errorf("terms are %q, want %q", got, want)
	}
}

// TestLoadVersion1 loads a file that was written, from the texts of this test,
// by the code of commit 83c2f56, before there were characters. The values are
// those it had then.
func TestLoadVersion1(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "vectorizer_v1.bin"))
	if err != nil {
		t.Fatal(err)
	}
	var v tfidf.Vectorizer
	if err := v.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	ind, val := v.AppendFeatures(nil, nil, "The databases are full: database disk, login users. Login!")
	for k, want := range []struct {
		name       string
		idf, value float64
	}{
		{"databas", 1.510825623765991, 0.586209311388222},
		{"disk", 1.916290731874155, 0.439142083457876},
		{"login", 1.510825623765991, 0.586209311388222},
		{"user", 1.510825623765991, 0.346224662639402},
	} {
		if k >= len(ind) {
			t.Fatalf("features %v", ind)
		}
		name, idf := v.FeatureName(int(ind[k])), v.IDF(int(ind[k]))
		if name != want.name || math.Abs(idf-want.idf) > 1e-14 || math.Abs(val[k]-want.value) > 1e-14 {
			t.Errorf("feature %d is %q with idf %.15f and value %.15f, want %+v", k, name, idf, val[k], want)
		}
	}
	if len(ind) != 4 || v.NumFeatures() != 19 || v.Documents() != 4 {
		t.Errorf("features %v of %d, %d texts", ind, v.NumFeatures(), v.Documents())
	}
	// Fitted now it is the same, in the bytes of today.
	fresh, err := fit(t, &tfidf.Options{
		NGrams: [2]int{1, 2}, MaxDF: 0.6, MaxFeatures: 20, Sublinear: true,
		StopWords: []string{"page"}, StopLanguage: "en", StemLanguage: "english",
	}).MarshalBinary()
	again, err2 := v.MarshalBinary()
	if err != nil || err2 != nil || string(fresh) != string(again) {
		t.Errorf("fitted now, the bytes differ, errors %v, %v", err, err2)
	}
}

// TestLoadVersion2 holds the bytes of version 2; go test -update writes them
// anew, which no change to the format may need.
func TestLoadVersion2(t *testing.T) {
	for name, o := range map[string]tfidf.Options{
		"words": {NGrams: [2]int{1, 2}, MinDF: 1, MaxDF: 0.6, Sublinear: true, StopWords: []string{"page"}},
		"chars": {Analyzer: tfidf.CharWB, NGrams: [2]int{2, 3}, Accents: tfidf.AccentsUnicode, Norm: tfidf.NormL1},
		"fixed": {Vocabulary: []string{"slow", "no text has this", "database", "infrastructure is down"}, NGrams: [2]int{1, 4}},
	} {
		want := fit(t, &o)
		fresh, err := want.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "vectorizer_v2_"+name+".bin")
		if *update {
			if err := os.WriteFile(file, fresh, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v tfidf.Vectorizer
		if err := v.UnmarshalBinary(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if string(fresh) != string(data) {
			t.Errorf("%s: fitted now, the bytes differ", name)
		}
		for _, text := range texts {
			ind, val := v.AppendFeatures(nil, nil, text)
			ind2, val2 := want.AppendFeatures(nil, nil, text)
			if !slices.Equal(ind, ind2) || !slices.Equal(val, val2) {
				t.Errorf("%s: %q has other features after loading", name, text)
			}
		}
	}
}

// TestLoadDamaged flips, cuts and lengthens a file at every place.
func TestLoadDamaged(t *testing.T) {
	data, _ := fit(t, nil).MarshalBinary()
	var v tfidf.Vectorizer
	for i := range data {
		damaged := slices.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		if err := v.UnmarshalBinary(damaged); !errors.Is(err, tfidf.ErrFormat) {
			t.Fatalf("bit flipped in byte %d: error is %v", i, err)
		}
		if err := v.UnmarshalBinary(data[:i]); !errors.Is(err, tfidf.ErrFormat) {
			t.Fatalf("cut at %d: error is %v", i, err)
		}
	}
	if err := v.UnmarshalBinary(append(slices.Clone(data), 0)); !errors.Is(err, tfidf.ErrFormat) {
		t.Errorf("a byte too many: error is %v", err)
	}
	if v.NumFeatures() != 0 {
		t.Error("a failed load left something behind")
	}
}

// TestLoadWrong has files that are whole but could not come from a Vectorizer.
func TestLoadWrong(t *testing.T) {
	old := func(options string, texts uint64, names []string, df ...uint64) []byte {
		return binfile.Append(nil, "RKTV", 1, func(b []byte) []byte {
			b = binfile.AppendBytes(b, options)
			b = binfile.AppendUint(b, texts)
			b = binfile.AppendStrings(b, names)
			for _, n := range df {
				b = binfile.AppendUint(b, n)
			}
			return b
		})
	}
	file := func(options string, fixed, texts, features uint64, keys []uint64, long string, dfs, class []uint32) []byte {
		return binfile.Append(nil, "RKTV", 2, func(b []byte) []byte {
			b = binfile.AppendBytes(b, options)
			b = binfile.AppendUint(binfile.AppendUint(binfile.AppendUint(b, fixed), texts), features)
			b = binfile.AppendBytes(binfile.AppendWords(b, keys), long)
			return binfile.AppendWords(binfile.AppendWords(b, dfs), class)
		})
	}
	const a, b, gram, long = 'a', 'b', 0xFE << 56, 0xFF << 56
	of := func(keys ...uint64) []byte {
		return file(`{}`, 0, 3, 2, keys, "\x09\x00\x00\x00abcdefghi", []uint32{3, 1}, []uint32{0, 1})
	}
	var v tfidf.Vectorizer
	if err := v.UnmarshalBinary(of(b, a)); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"old: no JSON":           old(`{`, 3, []string{"a", "b"}, 1, 3),
		"old: options":           old(`{"analyzer":"letters"}`, 3, []string{"a", "b"}, 1, 3),
		"old: later options":     old(`{"analyzer":"char"}`, 3, []string{"a", "b"}, 1, 3),
		"old: order":             old(`{}`, 3, []string{"b", "a"}, 1, 3),
		"old: twice":             old(`{}`, 3, []string{"a", "a"}, 1, 3),
		"old: empty term":        old(`{}`, 3, []string{"", "a"}, 1, 3),
		"old: in no text":        old(`{}`, 3, []string{"a", "b"}, 1, 0),
		"old: in too many texts": old(`{}`, 3, []string{"a", "b"}, 1, 4),
		"old: too many texts":    old(`{}`, 1<<31, []string{"a", "b"}, 1, 3),
		"no JSON":                file(`{`, 0, 3, 1, []uint64{a}, "", []uint32{3}, []uint32{0}),
		"vocabulary":             file(`{"vocabulary":["a"]}`, 0, 3, 1, []uint64{a}, "", []uint32{3}, []uint32{0}),
		"fixed":                  file(`{}`, 2, 3, 1, []uint64{a}, "", []uint32{3}, []uint32{0}),
		"too many texts":         file(`{}`, 0, 1<<31, 1, []uint64{a}, "", []uint32{3}, []uint32{0}),
		"few keys":               file(`{}`, 0, 3, 2, []uint64{a}, "", []uint32{3}, []uint32{0, 0}),
		"few classes":            file(`{}`, 0, 3, 1, []uint64{a}, "", []uint32{3}, nil),
		"no such class":          file(`{}`, 0, 3, 1, []uint64{a}, "", []uint32{3}, []uint32{1}),
		"frequency":              file(`{}`, 0, 3, 1, []uint64{a}, "", []uint32{4}, []uint32{0}),
		"in no text":             file(`{}`, 0, 3, 1, []uint64{a}, "", []uint32{0}, []uint32{0}),
		"infinite idf":           file(`{"raw_idf":true}`, 1, 3, 1, []uint64{a}, "", []uint32{0}, []uint32{0}),
		"order of frequencies":   file(`{}`, 0, 3, 2, []uint64{a, b}, "", []uint32{1, 3}, []uint32{0, 1}),
		"a class too many":       file(`{}`, 0, 3, 2, []uint64{a, b}, "", []uint32{3, 1}, []uint32{0, 0}),
		"words among characters": file(`{"analyzer":"char"}`, 0, 3, 1, []uint64{a}, "", []uint32{3}, []uint32{0}),
		"space in a word":        of(a, 'b'|' '<<8),
		"no such character":      file(`{"analyzer":"char"}`, 0, 3, 1, []uint64{gram | 0xFFFFFF<<32 | 0xD800}, "", []uint32{3}, []uint32{0}),
		"twice":                  of(a, a),
		"gram twice":             of(gram|2<<32|2, gram|2<<32|2, a),
		"follows itself":         of(a, gram|1<<32),
		"follow each other":      of(gram|1<<32|2, gram|0<<32|2, a),
		"follows nothing":        of(a, gram|0xFFFFFF<<32),
		"no such node before":    of(a, gram|5<<32),
		"no such word":           of(a, gram|0<<32|5),
		"word of two":            of(gram|2<<32|2, gram|2<<32, a),
		"bytes after the end":    of(a, 'b'<<16),
		"not UTF-8":              of(a, 0xC3),
		"long word nowhere":      of(a, long|99),
		"long word of others":    of(a, long),
	} {
		if err := v.UnmarshalBinary(data); !errors.Is(err, tfidf.ErrFormat) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if want := []string{"b", "a"}; !slices.Equal(names(&v), want) {
		t.Errorf("failed loads left %q, want %q", names(&v), want)
	}
}

// FuzzUnmarshalBinary reads anything; so that more than the checksum is tried,
// it is also framed as a payload.
func FuzzUnmarshalBinary(f *testing.F) {
	for _, o := range []tfidf.Options{
		{NGrams: [2]int{1, 2}},
		{Analyzer: tfidf.CharWB, Vocabulary: []string{" d", "x"}},
		{Vocabulary: []string{"infrastructure down", "a b c"}},
	} {
		data, _ := fit(f, &o).MarshalBinary()
		f.Add(data)
		f.Add(data[16 : len(data)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for version := range uint32(3) {
			file := data
			if version > 0 {
				file = binfile.Append(nil, "RKTV", version, func(b []byte) []byte { return append(b, data...) })
			}
			var v tfidf.Vectorizer
			if err := v.UnmarshalBinary(file); err != nil {
				if !errors.Is(err, tfidf.ErrFormat) {
					t.Fatal(err)
				}
				continue
			}
			if again, err := v.MarshalBinary(); err != nil || v.UnmarshalBinary(again) != nil {
				t.Fatal("what was loaded cannot be saved and loaded again")
			}
			for i := range v.NumFeatures() {
				if v.Options().Analyzer != "" {
					break // bytes that are not UTF-8 may make up a character
				}
				if j, ok := v.Index(v.FeatureName(i)); !ok || j != i {
					t.Fatalf("feature %d is %q, which is feature %d", i, v.FeatureName(i), j)
				}
			}
			v.AppendFeatures(nil, nil, "database is down, infrastructure down: x d")
		}
	})
}
