package psi

import (
	"hash/maphash"
	"iter"
)

// maxTerm is the greatest length of a term in bytes.
const maxTerm = 64

// counter counts the texts that have one term.
type counter struct {
	count      int64 // at least the number of texts
	text       int64 // the last text that counted
	prev, next int32
	group      int32
}

// label is the term of a counter.
type label struct {
	excess int64 // at most how far the count is above the number of texts
	hash   uint32
	size   uint8
	term   [maxTerm]byte
}

func (l *label) name() []byte { return l.term[:l.size] }

// counters is a bounded number of counters that are found by their term, through
// a table with open addressing, and linked in the order of their counts, the
// lowest and of those the one that has had its count for longest first. Those
// with equal counts form a group, whose last one is known: so counting one more,
// which makes a counter the last of the next group, takes constant time.
type counters struct {
	seed     maphash.Seed
	capacity int
	all      []counter // from 1 on; the first is the end of the list on both sides
	labels   []label   // of each
	table    []uint64  // hash, index in all; 0 is empty
	last     []int32   // of each group
	free     []int32   // groups
}

func newCounters(capacity int) counters {
	slots := 4
	for slots < 2*capacity {
		slots *= 2
	}
	return counters{
		seed: maphash.MakeSeed(), capacity: capacity, all: make([]counter, 1), labels: make([]label, 1), table: make([]uint64, slots),
	}
}

func (c *counters) len() int { return len(c.all) - 1 }

// each yields the counters in their order.
func (c *counters) each() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := c.all[0].next; i != 0 && yield(i); i = c.all[i].next {
		}
	}
}

// floor returns the most that a term without a counter may have counted.
func (c *counters) floor() int64 {
	if c.len() < c.capacity {
		return 0
	}
	return c.all[c.all[0].next].count
}

func (c *counters) hash(term []byte) uint32 { return uint32(maphash.Bytes(c.seed, term)) }

// find returns the counter of term, or 0.
func (c *counters) find(term []byte, hash uint32) int32 {
	mask := uint32(len(c.table) - 1)
	for s := hash & mask; c.table[s] != 0; s = (s + 1) & mask {
		if e := c.table[s]; uint32(e>>32) == hash {
			if i := int32(uint32(e)); string(c.labels[i].name()) == string(term) {
				return i
			}
		}
	}
	return 0
}

// enter names counter i.
func (c *counters) enter(i int32, term []byte, hash uint32, excess int64) {
	l := &c.labels[i]
	l.excess, l.hash, l.size = excess, hash, uint8(copy(l.term[:], term))
	mask := uint32(len(c.table) - 1)
	s := hash & mask
	for c.table[s] != 0 {
		s = (s + 1) & mask
	}
	c.table[s] = uint64(hash)<<32 | uint64(i)
}

// leave takes the name of counter i out of the table, and moves those behind it
// that could not be found any more.
func (c *counters) leave(i int32) {
	mask := uint32(len(c.table) - 1)
	hole := c.labels[i].hash & mask
	for int32(uint32(c.table[hole])) != i {
		hole = (hole + 1) & mask
	}
	for s := (hole + 1) & mask; c.table[s] != 0; s = (s + 1) & mask {
		if home := uint32(c.table[s]>>32) & mask; (s-home)&mask >= (s-hole)&mask {
			c.table[hole] = c.table[s]
			hole = s
		}
	}
	c.table[hole] = 0
}

// grow makes a counter, which is not in the list yet.
func (c *counters) grow(term []byte, hash uint32, count, excess int64) int32 {
	i := int32(len(c.all))
	c.all = append(c.all, counter{count: count})
	c.labels = append(c.labels, label{})
	c.enter(i, term, hash, excess)
	return i
}

// add makes a counter that has counted one text.
func (c *counters) add(term []byte, hash uint32) int32 {
	i := c.grow(term, hash, 1, 0)
	c.link(i, 0)
	return i
}

// push makes a counter that is not below any other.
func (c *counters) push(term []byte, count, excess int64) {
	i := c.grow(term, c.hash(term), count, excess)
	last := c.all[0].prev
	if before := &c.all[last]; before.count == count { // link looks for a group behind it
		c.last[before.group] = i
		c.all[i].group = before.group
		c.insert(i, last)
		return
	}
	c.link(i, last)
}

// bump counts one more at counter i.
func (c *counters) bump(i int32) {
	x := &c.all[i]
	g := x.group
	after := c.last[g]
	if after == i { // the group ends before it, or with it
		after = x.prev
		if c.all[after].group == g && after != 0 {
			c.last[g] = after
		} else {
			c.free = append(c.free, g)
		}
	}
	c.all[x.prev].next, c.all[x.next].prev = x.next, x.prev
	x.count++
	c.link(i, after)
}

// link puts counter i behind another, or, where a group with its count begins
// there, behind that.
func (c *counters) link(i, after int32) {
	x := &c.all[i]
	if next := c.all[after].next; next != 0 && c.all[next].count == x.count {
		x.group = c.all[next].group
		after = c.last[x.group]
	} else if k := len(c.free); k > 0 {
		x.group = c.free[k-1]
		c.free = c.free[:k-1]
	} else {
		x.group = int32(len(c.last))
		c.last = append(c.last, i)
	}
	c.last[x.group] = i
	c.insert(i, after)
}

// insert puts counter i into the list behind another.
func (c *counters) insert(i, after int32) {
	x := &c.all[i]
	x.prev, x.next = after, c.all[after].next
	c.all[x.prev].next, c.all[x.next].prev = i, i
}
