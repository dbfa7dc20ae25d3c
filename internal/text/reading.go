package text

import "unicode/utf8"

// A Reading is what is read of one text once and used by several: its words,
// and what a vocabulary knows of them. It is memory that is used again for the
// next text; the zero value is ready. It must not be used from several
// goroutines at once.
type Reading struct {
	Words Words
	// Keys are those of the words.
	Keys []Key
	// Seen says in how many texts of the vocabulary's each word occurs.
	Seen []uint32
	// IDs number the words that the vocabulary knows; -1 is one that it does
	// not.
	IDs []int32
}

// DropShort drops the words of one character, which only Short takes. Which word
// is one cannot be foreseen, so there is no branch for those of ASCII.
func (r *Reading) DropShort() {
	w, n := &r.Words, 0
	keys, seen, ids := r.Keys[:len(w.spans)], r.Seen[:len(w.spans)], r.IDs[:len(w.spans)]
	for i, s := range w.spans {
		w.spans[n], keys[n], seen[n], ids[n] = s, keys[i], seen[i], ids[i]
		size := s.end - s.start
		if w.buf[s.start] >= utf8.RuneSelf && utf8.RuneCount(w.buf[s.start:s.end]) == 1 {
			size = 1
		}
		n += int(uint64(1-size) >> 63) // 1 if it is longer
	}
	w.spans, r.Keys, r.Seen, r.IDs = w.spans[:n], keys[:n], seen[:n], ids[:n]
}
