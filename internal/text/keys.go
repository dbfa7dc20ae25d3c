package text

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A Key stands for a word in a table. A word of up to eight bytes, none of them
// 0, is its own key, the first byte lowest. Of any other the key is LongKey and
// a hash of 56 bits, which two words may share. No word of UTF-8 of up to eight
// bytes has a key from LongKey on.
type Key = uint64

// LongKey is what the keys of long words begin with.
const LongKey Key = 0xFF << 56

// KeyOf returns the key of word.
func KeyOf(word []byte) Key {
	if len(word) > 8 || bytes.IndexByte(word, 0) >= 0 {
		return LongKey | hash(word)>>8
	}
	var b [8]byte
	copy(b[:], word)
	return binary.LittleEndian.Uint64(b[:])
}

// AppendKeys appends the key of each word of w to dst.
func (w *Words) AppendKeys(dst []Key) []Key {
	first := len(dst)
	dst = slices.Grow(dst, len(w.spans))[:first+len(w.spans)]
	keys := dst[first:]
	buf := w.buf[:cap(w.buf)]
	for i, s := range w.spans {
		n := s.end - s.start
		if n > 8 {
			keys[i] = LongKey | hash(buf[s.start:s.end])>>8
			continue
		}
		shift := (64 - 8*uint(n)) & 63
		keys[i] = binary.LittleEndian.Uint64(buf[s.start:][:8]) << shift >> shift
	}
	return dst
}

// hash is a hash of any bytes, the same on every machine.
func hash(b []byte) uint64 {
	const k = 0x9E3779B97F4A7C15
	h := uint64(len(b)) * k
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), k)
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	return mix(h^last, k)
}

// mix is the folded product of a and b.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
