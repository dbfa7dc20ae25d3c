// Package binfile frames riskkit's binary files: a magic that names the format,
// a version, a length, the payload and a checksum, all little-endian.
//
//	4 bytes   magic
//	4 bytes   version
//	8 bytes   length of the payload
//	n bytes   payload
//	4 bytes   CRC-32C of everything before it
//
// Damage to a file is an error that says what is wrong. Nothing is allocated by
// a length that the file claims but does not have.
package binfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	headSize = 16
	sumSize  = 4
)

// checksum is the CRC-32C (Castagnoli) of b.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Append appends to dst one file of the format magic, four bytes, at version,
// whose payload is what the function payload appends.
func Append(dst []byte, magic string, version uint32, payload func([]byte) []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	dst = payload(dst)
	binary.LittleEndian.PutUint64(dst[start+8:], uint64(len(dst)-start-headSize))
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// Open checks that data is one whole file of the format magic, of a version
// from 1 to newest, and returns its version and a Reader of its payload.
func Open(data []byte, magic string, newest uint32) (version uint32, payload *Reader, err error) {
	if len(data) < headSize+sumSize {
		return 0, nil, fmt.Errorf("%d bytes are too short for a file of format %q", len(data), magic)
	}
	if string(data[:4]) != magic {
		return 0, nil, fmt.Errorf("magic is %q, want %q", data[:4], magic)
	}
	if n, have := binary.LittleEndian.Uint64(data[8:]), uint64(len(data)-headSize-sumSize); n != have {
		return 0, nil, fmt.Errorf("payload is %d bytes, the header says %d", have, n)
	}
	body := data[:len(data)-sumSize]
	if sum := binary.LittleEndian.Uint32(data[len(body):]); sum != checksum(body) {
		return 0, nil, fmt.Errorf("checksum is %08x, the content has %08x", sum, checksum(body))
	}
	version = binary.LittleEndian.Uint32(data[4:])
	if version < 1 || version > newest {
		return 0, nil, fmt.Errorf("version %d of format %q is not known, the newest is %d", version, magic, newest)
	}
	return version, &Reader{rest: body[headSize:]}, nil
}

// AppendUint appends v in 8 bytes.
func AppendUint(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// AppendBytes appends the length of b and b.
func AppendBytes[B []byte | string](dst []byte, b B) []byte {
	return append(AppendUint(dst, uint64(len(b))), b...)
}

// AppendStrings appends the number of strings and each of them.
func AppendStrings(dst []byte, s []string) []byte {
	dst = AppendUint(dst, uint64(len(s)))
	for _, v := range s {
		dst = AppendBytes(dst, v)
	}
	return dst
}

// AppendFloats appends the number of values and each of them.
func AppendFloats(dst []byte, v []float64) []byte {
	dst = AppendUint(dst, uint64(len(v)))
	for _, f := range v {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	return dst
}

// AppendWords appends the number of values and each of them, in 4 or 8 bytes.
func AppendWords[T uint32 | uint64](dst []byte, v []T) []byte {
	dst = AppendUint(dst, uint64(len(v)))
	for _, w := range v {
		if size[T]() == 4 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(w))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(w))
		}
	}
	return dst
}

// size returns the number of bytes of a value.
func size[T uint32 | uint64]() uint64 {
	if uint64(^T(0)) == math.MaxUint32 {
		return 4
	}
	return 8
}

// Words reads what AppendWords wrote.
func Words[T uint32 | uint64](r *Reader) []T {
	n := r.count(size[T]())
	b := r.take(n * size[T]())
	v := make([]T, len(b)/int(size[T]()))
	for i := range v {
		if size[T]() == 4 {
			v[i] = T(binary.LittleEndian.Uint32(b[4*i:]))
		} else {
			v[i] = T(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return v
}

// A Reader takes a payload apart in the order it was appended. The first
// failure stays: what is read after it is zero, and Close reports it.
type Reader struct {
	rest []byte
	err  error
}

var errShort = errors.New("payload ends too early")

// take returns the next n bytes, or nil if there are fewer.
func (r *Reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.rest)) {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Uint reads what AppendUint wrote.
func (r *Reader) Uint() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads the number of items that follow, each of at least size bytes.
func (r *Reader) count(size uint64) uint64 {
	n := r.Uint()
	if r.err == nil && n > uint64(len(r.rest))/size {
		r.err = errShort
		return 0
	}
	return n
}

// Bytes reads what AppendBytes wrote. The bytes are those of the file, not a
// copy.
func (r *Reader) Bytes() []byte { return r.take(r.Uint()) }

// Strings reads what AppendStrings wrote.
func (r *Reader) Strings() []string {
	s := make([]string, r.count(8))
	for i := range s {
		s[i] = string(r.Bytes())
	}
	return s
}

// Floats reads what AppendFloats wrote and fails on NaN and infinities.
func (r *Reader) Floats() []float64 {
	b := r.take(8 * r.count(8))
	v := make([]float64, len(b)/8)
	for i := range v {
		v[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		if r.err == nil && (math.IsNaN(v[i]) || math.IsInf(v[i], 0)) {
			r.err = fmt.Errorf("value %d of %d is %v", i, len(v), v[i])
		}
	}
	return v
}

// Rest returns all that is left, for those who take it apart themselves.
func (r *Reader) Rest() []byte { return r.take(uint64(len(r.rest))) }

// Close returns the first failure, also if something is left unread.
func (r *Reader) Close() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("payload has %d bytes too many", len(r.rest))
	}
	return r.err
}
