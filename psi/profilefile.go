package psi

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/riskkit/riskkit/internal/binfile"
)

const profileFormat = "riskkit-profile/1"

// profileJSON is a Profile as JSON: for each feature the counts of all bins.
type profileJSON struct {
	Format   string           `json:"format"`
	Baseline string           `json:"baseline"`
	N        int64            `json:"n"`
	Features []profileFeature `json:"features"`
}

type profileFeature struct {
	Name   string  `json:"name"`
	Counts []int64 `json:"counts"`
}

// MarshalJSON writes p for people, and for ParseProfile. Equal profiles give
// equal bytes.
func (p *Profile) MarshalJSON() ([]byte, error) {
	j := profileJSON{Format: profileFormat, Baseline: p.baseline.id, N: p.n, Features: []profileFeature{}}
	for i := range p.baseline.features {
		j.Features = append(j.Features, profileFeature{p.baseline.features[i].Name, p.of(nil, i)})
	}
	return json.Marshal(j)
}

// The binary form of a Profile, a file of internal/binfile: the Baseline's ID,
// and the number of texts and the counts of all bins as varints.
const (
	profileMagic   = "RKPF"
	profileVersion = 1
)

// MarshalBinary writes p in few bytes, for ParseProfile. Equal profiles give
// equal bytes.
func (p *Profile) MarshalBinary() ([]byte, error) {
	varints := binary.AppendUvarint(nil, uint64(p.n))
	var counts []int64
	for i := range p.baseline.features {
		counts = p.of(counts[:0], i)
		for _, c := range counts {
			varints = binary.AppendUvarint(varints, uint64(c))
		}
	}
	return binfile.Append(nil, profileMagic, profileVersion, func(dst []byte) []byte {
		return binfile.AppendBytes(binfile.AppendBytes(dst, p.baseline.id), varints)
	}), nil
}

// ParseProfile reads what MarshalJSON or MarshalBinary wrote of a Profile of b.
// The error wraps ErrFeatures if it is one of another Baseline, otherwise
// ErrInput.
func ParseProfile(b *Baseline, data []byte) (*Profile, error) {
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return parseJSON(b, data)
	}
	return parseBinary(b, data)
}

func parseJSON(b *Baseline, data []byte) (*Profile, error) {
	var j profileJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, fmt.Errorf("%w: profile: %w", ErrInput, err)
	}
	if j.Format != profileFormat {
		return nil, fmt.Errorf("%w: format of the profile is %q, want %q", ErrInput, j.Format, profileFormat)
	}
	if err := b.owns(j.Baseline); err != nil {
		return nil, err
	}
	if j.N < 0 || j.N > maxTexts {
		return nil, fmt.Errorf("%w: the profile is of %d texts", ErrInput, j.N)
	}
	if len(j.Features) != len(b.features) {
		return nil, fmt.Errorf("%w: %d features in the profile, %d in the baseline", ErrInput, len(j.Features), len(b.features))
	}
	p := NewProfile(b)
	p.n = j.N
	for i, f := range j.Features {
		if f.Name != b.features[i].Name || len(f.Counts) != len(b.features[i].Counts) {
			return nil, fmt.Errorf("%w: feature %d of the profile is %q with %d bins, in the baseline %q with %d",
				ErrInput, i, f.Name, len(f.Counts), b.features[i].Name, len(b.features[i].Counts))
		}
		if err := p.set(i, f.Counts); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func parseBinary(b *Baseline, data []byte) (*Profile, error) {
	_, r, err := binfile.Open(data, profileMagic, profileVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: profile: %w", ErrInput, err)
	}
	id, body := string(r.Bytes()), r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: profile: %w", ErrInput, err)
	}
	if err := b.owns(id); err != nil {
		return nil, err
	}
	next := func() (int64, error) {
		v, n := binary.Uvarint(body)
		if n <= 0 || v > maxTexts {
			return 0, fmt.Errorf("%w: a count of the profile is cut off, or more than %d", ErrInput, int64(maxTexts))
		}
		body = body[n:]
		return int64(v), nil
	}
	p := NewProfile(b)
	if p.n, err = next(); err != nil {
		return nil, err
	}
	var counts []int64
	for i := range b.features {
		counts = counts[:0]
		for range b.features[i].Counts {
			c, err := next()
			if err != nil {
				return nil, err
			}
			counts = append(counts, c)
		}
		if err := p.set(i, counts); err != nil {
			return nil, err
		}
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%w: profile has %d bytes too many", ErrInput, len(body))
	}
	return p, nil
}

// owns returns an error unless id is b's.
func (b *Baseline) owns(id string) error {
	if id != b.id {
		return fmt.Errorf("%w: the profile is of baseline %.40q, not of %s", ErrFeatures, id, b.id)
	}
	return nil
}

// set makes counts those of feature i.
func (p *Profile) set(i int, counts []int64) error {
	sum := int64(0)
	for k, c := range counts {
		if sum += c; c < 0 || c > maxTexts || sum > maxTexts {
			return fmt.Errorf("%w: count of bin %d of feature %q is %d", ErrInput, k, p.baseline.features[i].Name, c)
		}
	}
	copy(p.counts[p.baseline.offset[i]:], counts)
	if i < p.baseline.own {
		if sum != p.n {
			return fmt.Errorf("%w: feature %q has %d observations of %d texts", ErrInput, p.baseline.features[i].Name, sum, p.n)
		}
		p.nonzero[i] = p.n // none is left to be added to the bin of 0
	}
	return nil
}
