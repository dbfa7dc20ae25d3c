package registry

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
)

// A file's FileInfo has a CRC-32C for each of its blocks, so that Verify can say
// where it is damaged and not only that it is. Blocks are of 64 KiB, or so much
// larger that there are 128 at most.
const (
	smallestBlock = 64 << 10
	mostBlocks    = 128
)

// blockSize returns the size of the blocks of a file.
func blockSize(size int64) int64 {
	block := int64(smallestBlock)
	for block*mostBlocks < size {
		block *= 2
	}
	return block
}

// castagnoli returns the table of CRC-32C, which is made once by crc32.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// blockSums returns the hexadecimal digits of the CRC-32Cs of the blocks of data.
func blockSums(data []byte) string {
	table, size := castagnoli(), int(blockSize(int64(len(data))))
	var sums []byte
	for len(data) > 0 {
		block := data[:min(size, len(data))]
		sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(block, table))
		data = data[len(block):]
	}
	return hex.EncodeToString(sums)
}

// validBlocks reports whether f.Blocks can be the sums of f's blocks, or is
// empty.
func (f *FileInfo) validBlocks() bool {
	if f.Blocks == "" {
		return true
	}
	sums, err := hex.DecodeString(f.Blocks)
	size := blockSize(f.Size)
	return err == nil && int64(len(sums)) == 4*((f.Size+size-1)/size)
}

// A locator is written the content of a damaged file, block by block, and finds
// the first place where it is wrong.
type locator struct {
	sums  []byte // those to come
	size  int
	block []byte // the current one
	start int64  // where it starts
	// The first wrong byte lies among length bytes from offset. 0 means that
	// none was found.
	offset, length int64
}

func newLocator(f *FileInfo) *locator {
	sums, err := hex.DecodeString(f.Blocks)
	if err != nil {
		sums = nil // there are no sums to compare with
	}
	return &locator{sums: sums, size: int(blockSize(f.Size))}
}

func (l *locator) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && len(l.sums) >= 4 && l.length == 0 {
		take := min(l.size-len(l.block), len(p))
		l.block = append(l.block, p[:take]...)
		if p = p[take:]; len(l.block) == l.size {
			l.check()
		}
	}
	return n, nil
}

// check checks the current block.
func (l *locator) check() {
	if l.length > 0 || len(l.sums) < 4 {
		return
	}
	diff := crc32.Checksum(l.block, castagnoli()) ^ binary.BigEndian.Uint32(l.sums)
	if diff != 0 {
		first, last := wrongByte(diff, len(l.block))
		l.offset, l.length = l.start+int64(first), int64(last-first+1)
	}
	l.start += int64(len(l.block))
	l.sums, l.block = l.sums[4:], l.block[:0]
}

// wrongByte returns the first and the last place among n bytes at which one
// wrong byte changes the CRC-32C by diff; all of them if there is none, for then
// several are wrong. It takes the zeros that follow the wrong byte out of diff,
// one by one, until the change of one byte is left.
func wrongByte(diff uint32, n int) (first, last int) {
	table := castagnoli()
	var byTop [256]uint32 // the entry with each top byte
	for i, t := range table {
		byTop[t>>24] = uint32(i)
	}
	first, last = n, -1
	for at := n - 1; at >= 0; at-- {
		i := byTop[diff>>24]
		if table[i] == diff {
			first, last = at, max(last, at)
		}
		diff = (diff^table[i])<<8 | i
	}
	if last < 0 {
		return 0, n - 1
	}
	return first, last
}

// maxRepair bounds the events in which the wrong byte is looked for.
const maxRepair = 16 << 10

// locateEvent returns the place of the byte of a stored event without which,
// being another one, the event would be whole: so that is where it is damaged.
// The length is 1 if there is such a place, else that of all of it.
func locateEvent(data []byte) (offset, length int64) {
	fixed := bytes.Clone(data)
	for i := 0; i < len(fixed) && len(fixed) <= maxRepair; i++ {
		was := fixed[i]
		for bits := 1; bits < 256; bits++ {
			if len(fixed) > 1<<10 && bits&(bits-1) != 0 {
				continue // in a long one only single bits, for the time it takes
			}
			fixed[i] = was ^ byte(bits)
			if raw, hash, _, err := splitEvent(fixed); err == nil && DigestOf(raw).String() == hash {
				return int64(i), 1
			}
		}
		fixed[i] = was
	}
	if !bytes.HasSuffix(data, []byte(eventTail)) {
		return int64(len(data)), 1 // it was cut short
	}
	return 0, int64(len(data))
}
