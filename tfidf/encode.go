package tfidf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/riskkit/riskkit/internal/binfile"
)

// A file of a Vectorizer is framed by internal/binfile; its payload is the
// options as JSON, the number of texts, the terms in order, and in how many
// texts each occurs.
const (
	magic   = "RKTV"
	version = 1
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
	return binfile.Append(b, magic, version, func(b []byte) []byte {
		b = binfile.AppendBytes(b, options)
		b = binfile.AppendUint(b, uint64(v.texts))
		b = binfile.AppendStrings(b, v.names)
		for _, df := range v.df {
			b = binfile.AppendUint(b, uint64(df))
		}
		return b
	}), nil
}

// MarshalBinary is AppendBinary to nothing.
func (v *Vectorizer) MarshalBinary() ([]byte, error) { return v.AppendBinary(nil) }

// UnmarshalBinary makes v the Vectorizer that data holds. The error wraps
// ErrFormat and says what is wrong; v is then unchanged. It must not be called
// while v is in use.
func (v *Vectorizer) UnmarshalBinary(data []byte) error {
	_, r, err := binfile.Open(data, magic, version)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	options, texts, names := r.Bytes(), r.Uint(), r.Strings()
	df := make([]int, len(names))
	for i := range df {
		n := r.Uint()
		if n < 1 || n > texts || texts > math.MaxInt32 {
			return fmt.Errorf("%w: term %q occurs in %d of %d texts", ErrFormat, names[i], n, texts)
		}
		df[i] = int(n)
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var raw Options
	if err := json.Unmarshal(options, &raw); err != nil {
		return fmt.Errorf("%w: options: %w", ErrFormat, err)
	}
	o, err := raw.normalized()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for i, name := range names {
		if name == "" || i > 0 && names[i-1] >= name {
			return fmt.Errorf("%w: term %d is %q, out of order", ErrFormat, i, name)
		}
	}
	n := newVectorizer(o, newAnalyzer(&o), names, int(texts), df)
	v.options, v.analyzer, v.names, v.texts, v.df = n.options, n.analyzer, n.names, n.texts, n.df
	v.idf, v.index, v.words = n.idf, n.index, n.words
	return nil
}
