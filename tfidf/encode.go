package tfidf

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/riskkit/riskkit/internal/binfile"
)

// A file of a Vectorizer is framed by internal/binfile; its payload is the options as JSON, the
// terms in order, and their idf.
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
		b = binfile.AppendStrings(b, v.names)
		return binfile.AppendFloats(b, v.idf)
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
	options, names, idf := r.Bytes(), r.Strings(), r.Floats()
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
	if len(names) != len(idf) {
		return fmt.Errorf("%w: %d terms with %d idf values", ErrFormat, len(names), len(idf))
	}
	for i, name := range names {
		if name == "" || i > 0 && names[i-1] >= name {
			return fmt.Errorf("%w: term %d is %q, out of order", ErrFormat, i, name)
		}
	}
	if i := slices.IndexFunc(idf, func(x float64) bool { return x <= 0 }); i >= 0 {
		return fmt.Errorf("%w: idf of term %q is %v", ErrFormat, names[i], idf[i])
	}
	n := newVectorizer(o, newAnalyzer(&o), names, idf)
	v.options, v.analyzer, v.names, v.idf, v.index, v.words = n.options, n.analyzer, n.names, n.idf, n.index, n.words
	return nil
}
