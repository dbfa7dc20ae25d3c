package registry

import "math/bits"

// Bucket returns the bucket, from 0 to 9999, that a key is in during a rollout.
// It depends on the two texts alone, so that every replica, in whatever
// language, finds the same: it is the MurmurHash3_x86_32 with seed 0, by Austin
// Appleby, who placed it in the public domain, of the rollout's ID, a zero byte
// and the key, modulo 10000. Buckets of two rollouts have nothing to do with
// each other. It takes time in proportion to the length of the texts and does
// not allocate.
func Bucket(rollout, key string) int {
	m := murmur{}.add(rollout)
	if m.n++; m.n%4 == 0 { // the zero byte changes no block
		m.hash, m.block = mix(m.hash, m.block), 0
	}
	return int(m.add(key).sum() % 10000)
}

// murmur is MurmurHash3_x86_32 with seed 0 of what was added to it.
type murmur struct {
	hash, block uint32 // block has the last bytes, which make no whole one
	n           uint32
}

func (m murmur) add(s string) murmur {
	hash, block, n := m.hash, m.block, m.n
	for shift := n % 4 * 8 & 31; len(s) >= 4; s = s[4:] {
		four := uint64(uint32(s[0])|uint32(s[1])<<8|uint32(s[2])<<16|uint32(s[3])<<24)<<shift | uint64(block)
		hash, block = mix(hash, uint32(four)), uint32(four>>32)
		n += 4
	}
	for i := range len(s) {
		block |= uint32(s[i]) << (n % 4 * 8)
		if n++; n%4 == 0 {
			hash, block = mix(hash, block), 0
		}
	}
	return murmur{hash, block, n}
}

// mix adds a whole block to a hash.
func mix(hash, block uint32) uint32 {
	return bits.RotateLeft32(hash^scramble(block), 13)*5 + 0xe6546b64
}

func scramble(block uint32) uint32 {
	return bits.RotateLeft32(block*0xcc9e2d51, 15) * 0x1b873593
}

func (m murmur) sum() uint32 {
	h := m.hash ^ scramble(m.block) ^ m.n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
