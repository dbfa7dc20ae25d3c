package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A Digest is the SHA-256 of some bytes. As text it is "sha256:" and 64
// hexadecimal digits.
type Digest [sha256.Size]byte

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

const digestPrefix = "sha256:"

// String returns d as text.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// MarshalText returns d as text.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote; otherwise the error wraps
// ErrInput.
func (d *Digest) UnmarshalText(text []byte) error {
	s, ok := strings.CutPrefix(string(text), digestPrefix)
	if b, err := hex.DecodeString(s); ok && err == nil && len(b) == len(d) {
		copy(d[:], b)
		return nil
	}
	return fmt.Errorf("%w: digest %q, want %s and %d hexadecimal digits", ErrInput, text, digestPrefix, 2*len(d))
}
