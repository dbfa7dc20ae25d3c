package tfidf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/internal/text"
)

// A file of a Vectorizer is framed by internal/binfile. The payload of version 2
// is the options as JSON, whether Vocabulary fixed the terms, the numbers of
// texts and features, the keys and the long words of the vocabulary, the
// different document frequencies, and which of them each feature has. Version 1
// had the options, the number of texts, the terms in order, and in how many
// texts each occurs.
const (
	magic   = "RKTV"
	version = 2
)

// ErrFormat says that bytes are not a Vectorizer as AppendBinary writes it.
var ErrFormat = errors.New("tfidf: invalid vectorizer file")

// AppendBinary appends v to b in a format that UnmarshalBinary reads, now and
// in later versions. The same Vectorizer always gives the same bytes.
func (v *Vectorizer) AppendBinary(b []byte) ([]byte, error) {
	options, err := json.Marshal(v.options)
	if err != nil {
		return b, fmt.Errorf("tfidf: options: %w", err)
	}
	fixed := uint64(0)
	if v.fixed {
		fixed = 1
	}
	return binfile.Append(b, magic, version, func(b []byte) []byte {
		b = binfile.AppendBytes(b, options)
		b = binfile.AppendUint(b, fixed)
		b = binfile.AppendUint(b, uint64(v.texts))
		b = binfile.AppendUint(b, uint64(v.terms.features))
		b = binfile.AppendWords(b, v.terms.keys)
		b = binfile.AppendBytes(b, v.terms.long)
		b = binfile.AppendWords(b, v.dfs)
		return binfile.AppendWords(b, v.class)
	}), nil
}

// MarshalBinary is AppendBinary to nothing.
func (v *Vectorizer) MarshalBinary() ([]byte, error) { return v.AppendBinary(nil) }

// UnmarshalBinary makes v the Vectorizer that data holds. The error wraps
// ErrFormat and says what is wrong; v is then unchanged. It must not be called
// while v is in use.
func (v *Vectorizer) UnmarshalBinary(data []byte) error {
	n, r, err := binfile.Open(data, magic, version)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	read := readVectorizer
	if n == 1 {
		read = readVectorizer1
	}
	w, err := read(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	v.options, v.fixed, v.analyzer, v.terms, v.texts = w.options, w.fixed, w.analyzer, w.terms, w.texts
	v.dfs, v.idf, v.class, v.tfs, v.wordDF = w.dfs, w.idf, w.class, w.tfs, w.wordDF
	v.lower, v.lowerStops = w.lower, w.lowerStops
	return nil
}

// readOptions reads options and fills in their defaults.
func readOptions(data []byte) (Options, error) {
	var raw Options
	if err := json.Unmarshal(data, &raw); err != nil {
		return Options{}, fmt.Errorf("options: %w", err)
	}
	return raw.normalized()
}

// readVectorizer reads a payload of version 2.
func readVectorizer(r *binfile.Reader) (*Vectorizer, error) {
	options, fixed, texts, features := r.Bytes(), r.Uint(), r.Uint(), r.Uint()
	t := vocabulary{keys: binfile.Words[uint64](r), long: slices.Clone(r.Bytes())}
	dfs, class := binfile.Words[uint32](r), binfile.Words[uint32](r)
	if err := r.Close(); err != nil {
		return nil, err
	}
	o, err := readOptions(options)
	if err != nil {
		return nil, err
	}
	switch {
	case len(o.Vocabulary) > 0:
		return nil, errors.New("the options have terms")
	case fixed > 1:
		return nil, fmt.Errorf("terms are fixed: %d, want 0 or 1", fixed)
	case texts > math.MaxInt32:
		return nil, fmt.Errorf("%d texts", texts)
	case features > uint64(len(t.keys)) || features != uint64(len(class)) || len(t.keys) > maxNodes:
		return nil, fmt.Errorf("%d features with %d keys and %d classes", features, len(t.keys), len(class))
	}
	for i, n := range dfs {
		if uint64(n) > texts || i > 0 && n >= dfs[i-1] || n == 0 && (fixed == 0 || o.RawIDF && !o.NoIDF) {
			return nil, fmt.Errorf("document frequency %d, in class %d, of %d texts, or out of order", n, i, texts)
		}
	}
	used := make([]bool, len(dfs))
	for i, c := range class {
		if uint64(c) >= uint64(len(dfs)) {
			return nil, fmt.Errorf("feature %d has class %d of %d", i, c, len(dfs))
		}
		used[c] = true
	}
	if slices.Contains(used, false) {
		return nil, errors.New("a document frequency is that of no feature")
	}
	t.features, t.chars = int(features), o.Analyzer != ""
	if err := t.check(); err != nil {
		return nil, err
	}
	v := assemble(o, newAnalyzer(&o), t, int(texts), dfs, class)
	v.fixed = fixed == 1
	return v, nil
}

// readVectorizer1 reads a payload of version 1.
func readVectorizer1(r *binfile.Reader) (*Vectorizer, error) {
	options, texts, names := r.Bytes(), r.Uint(), r.Strings()
	df := make([]int32, len(names))
	for i := range df {
		n := r.Uint()
		if n < 1 || n > texts || texts > math.MaxInt32 {
			return nil, fmt.Errorf("term %q occurs in %d of %d texts", names[i], n, texts)
		}
		df[i] = int32(n)
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	o, err := readOptions(options)
	if err != nil {
		return nil, err
	}
	if o.Analyzer != "" || len(o.Vocabulary) > 0 {
		return nil, errors.New("the options are of a later version")
	}
	for i, name := range names {
		if name == "" || i > 0 && names[i-1] >= name {
			return nil, fmt.Errorf("term %d is %q, out of order", i, name)
		}
	}
	t, err := vocabularyOf(names, false)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return newVectorizer(o, newAnalyzer(&o), t, int(texts), df), nil
}

// check returns an error unless every key makes sense and no two nodes are the
// same.
func (t *vocabulary) check() error {
	words := make(map[string]bool)
	depth := make([]int32, len(t.keys)) // of a node, 0 where it is not known yet
	var name []byte
	seen := newIndex(len(t.keys))
	for i, key := range t.keys {
		node := uint32(i)
		switch {
		case key>>56 == 0xFE:
			before, unit := uint32(key>>32)&root, uint32(key)
			switch {
			case before == root && !t.chars || before != root && int(before) >= len(t.keys):
				return fmt.Errorf("node %d follows node %d of %d", i, before, len(t.keys))
			case t.chars && (unit >= brokenChar+256 || unit >= brokenChar && unit < brokenChar+utf8.RuneSelf || unit < brokenChar && !utf8.ValidRune(rune(unit))):
				return fmt.Errorf("node %d has character %#x", i, unit)
			case !t.chars && (int(unit) >= len(t.keys) || t.keys[unit]>>56 == 0xFE):
				return fmt.Errorf("node %d has node %d as its word", i, unit)
			}
		case t.chars:
			return fmt.Errorf("node %d is a word among characters", i)
		case key >= text.LongKey:
			w, ok := t.checkedLong(key)
			if !ok {
				return fmt.Errorf("node %d has a long word at %d of %d bytes, or another than its key says", i, uint32(key), len(t.long))
			}
			if words[w] {
				return fmt.Errorf("node %d has the word %.100q, which another has too", i, w)
			}
			words[w] = true
			continue
		default:
			name = t.appendName(name[:0], node)
			if !utf8.Valid(name) || text.KeyOf(name) != key || bytes.IndexByte(name, ' ') >= 0 || key == 0 && i < t.features {
				return fmt.Errorf("node %d has the word %q with key %#x", i, name, key)
			}
		}
		if !seen.addOnce(t.keys, key, node) {
			return fmt.Errorf("node %d has the same key as another", i)
		}
	}
	var path []uint32
	for i := range t.keys {
		path = path[:0]
		d := int32(0)
		for node := uint32(i); ; node = uint32(t.keys[node]>>32) & root {
			if node == root || depth[node] > 0 || t.keys[node]>>56 != 0xFE {
				if node != root {
					d = max(1, depth[node])
					depth[node] = d
				}
				break
			}
			if path = append(path, node); len(path) > maxTerm {
				return fmt.Errorf("node %d has more than %d units, or follows itself", i, maxTerm)
			}
		}
		for _, node := range slices.Backward(path) {
			d++
			if depth[node] = d; d > maxTerm {
				return fmt.Errorf("node %d has more than %d units", node, maxTerm)
			}
		}
	}
	return nil
}

// addOnce enters a node unless one with the same key is there.
func (x index) addOnce(keys []uint64, key uint64, node uint32) bool {
	hash := spread(key)
	tag := uint32(hash >> 24 & 0xFF)
	for at := x.place(hash); x[at] != 0; {
		if s := x[at]; s&0xFF == tag && keys[s>>8-1] == key {
			return false
		}
		if at++; at == len(x) {
			at = 0
		}
	}
	x.add(hash, node)
	return true
}

// checkedLong returns the long word that a key says, if there is one.
func (t *vocabulary) checkedLong(key uint64) (string, bool) {
	at := uint64(uint32(key))
	if at+4 > uint64(len(t.long)) {
		return "", false
	}
	n := uint64(t.long[at]) | uint64(t.long[at+1])<<8 | uint64(t.long[at+2])<<16 | uint64(t.long[at+3])<<24
	if at+4+n > uint64(len(t.long)) {
		return "", false
	}
	w := t.long[at+4:][:n]
	return string(w), utf8.Valid(w) && bytes.IndexByte(w, ' ') < 0 && text.KeyOf(w) >= text.LongKey && longHead(text.KeyOf(w)) == key>>32
}
