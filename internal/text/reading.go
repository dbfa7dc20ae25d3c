package text

import "unicode/utf8"

// A Reading is what is read of one text once and used by several: its words,
// and what a vocabulary knows of them. It is memory that is used again for the
// next text; the zero value is ready. It must not be used from several
// goroutines at once.
type Reading struct {
	// Least is in how many texts of the vocabulary's a word occurs at least that
	// is not unknown. Who wants the Reading sets it.
	Least uint32

	Words Words
	// Keys are those of the words.
	Keys []Key
	// IDs number the words that the vocabulary has; -1 is one that it has not.
	IDs []int32
	// Unknown is how many of the words are unknown.
	Unknown int
}

// DropShort drops the words of one character, which only Short takes. Which word
// is one cannot be foreseen, so there is no branch for those of ASCII.
func (r *Reading) DropShort() {
	w, n := &r.Words, 0
	keys, ids := r.Keys[:len(w.spans)], r.IDs[:len(w.spans)]
	for i, s := range w.spans {
		w.spans[n], keys[n], ids[n] = s, keys[i], ids[i]
		size := s.end - s.start
		if w.buf[s.start] >= utf8.RuneSelf && utf8.RuneCount(w.buf[s.start:s.end]) == 1 {
			size = 1
		}
		n += int(uint64(1-size) >> 63) // 1 if it is longer
	}
	w.spans, r.Keys, r.IDs = w.spans[:n], keys[:n], ids[:n]
}
