package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
)

const (
	format = 1
	// maxLine is the longest line, in bytes. A record that would be longer is
	// not written.
	maxLine = 16 << 20

	lineHead = `{"seq":`
	lineKind = `,"kind":"`
	lineHash = `,"hash":"`
	lineEnd  = `"}` + "\n"
	lineTail = len(lineHash) + 2*len(Hash{}) + len(lineEnd)
)

// chain is where a chain of records stands: the number and the hash of the last
// one.
type chain struct {
	seq  int64
	hash Hash
}

// link sets h to the hash of a record that follows one with hash h.
func link(d hash.Hash, h *Hash, record []byte) {
	d.Reset()
	d.Write(h[:])
	d.Write(record)
	d.Sum(h[:0])
}

// seal ends the line that begins at b[start:] with its hash, and makes it the
// last one of c.
func (c *chain) seal(d hash.Hash, b []byte, start int) []byte {
	link(d, &c.hash, b[start:])
	c.seq++
	b = append(b, lineHash...)
	b = hex.AppendEncode(b, c.hash[:])
	return append(b, lineEnd...)
}

// errTorn says that the last line has no end. It is what a scanner returns in
// the place of io.EOF.
var errTorn = errors.New("the last line is not complete")

// scanner reads the lines of one segment and checks their chain.
type scanner struct {
	r      io.Reader
	chain  chain // up to the last line
	before chain // up to the line before the first
	opened Opened
	at     int64 // where the next line begins

	d          hash.Hash
	buf        []byte
	start, end int // of what is in buf and not yet returned
	eof        bool
	prefix     []byte
	sealed     bool
}

// newScanner returns a scanner of what r yields, which must be the segment s from
// its beginning.
func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, d: sha256.New(), buf: make([]byte, 64<<10)}
}

// reuse makes s a scanner of another segment.
func (s *scanner) reuse(r io.Reader) {
	*s = scanner{r: r, d: s.d, buf: s.buf, prefix: s.prefix}
}

// line returns the next line with its line feed, valid until the next call.
func (s *scanner) line() ([]byte, error) {
	searched := s.start
	for {
		if i := bytes.IndexByte(s.buf[searched:s.end], '\n'); i >= 0 {
			line := s.buf[s.start : searched+i+1]
			s.start = searched + i + 1
			return line, nil
		}
		if s.eof {
			if s.start == s.end {
				return nil, io.EOF
			}
			return nil, errTorn
		}
		if s.end-s.start > maxLine {
			return nil, fmt.Errorf("%w: a line has more than %d bytes", ErrCorrupt, maxLine)
		}
		if s.start > 0 {
			s.end = copy(s.buf, s.buf[s.start:s.end])
			s.start = 0
		} else if s.end == len(s.buf) {
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		searched = s.end
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if s.eof = err == io.EOF; err != nil && !s.eof {
			return nil, err
		}
	}
}

// next returns the next record's line, checked, and its kind, both valid until
// the next call. Behind the last one the error is io.EOF, or errTorn.
func (s *scanner) next() (line, kind []byte, err error) {
	line, err = s.line()
	if s.sealed && err == errTorn {
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	corrupt := func(format string, args ...any) ([]byte, []byte, error) {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
	}
	if s.sealed {
		return corrupt("there is more behind the end of a sealed segment")
	}
	if s.at == 0 {
		if err := s.open(line); err != nil {
			return nil, nil, err
		}
	}
	s.prefix = append(s.prefix[:0], lineHead...)
	s.prefix = strconv.AppendInt(s.prefix, s.chain.seq+1, 10)
	s.prefix = append(s.prefix, lineKind...)
	rest, numbered := bytes.CutPrefix(line, s.prefix)
	kind, _, quoted := bytes.Cut(rest, []byte{'"'})
	body := line[:max(0, len(line)-lineTail)]
	tail := line[len(body):]
	switch {
	case !numbered || !quoted || len(tail) < lineTail:
		return corrupt("the line is no record %d", s.chain.seq+1)
	case string(tail[:len(lineHash)]) != lineHash || string(tail[len(tail)-len(lineEnd):]) != lineEnd:
		return corrupt("record %d does not end with its hash", s.chain.seq+1)
	}
	link(s.d, &s.chain.hash, body)
	var digits [2 * len(Hash{})]byte
	hex.Encode(digits[:], s.chain.hash[:])
	if !bytes.Equal(digits[:], tail[len(lineHash):len(lineHash)+len(digits)]) {
		return corrupt("record %d has the hash %s, by its content and the record before it %s",
			s.chain.seq+1, tail[len(lineHash):len(lineHash)+len(digits)], digits[:])
	}
	s.chain.seq++
	s.at += int64(len(line))
	s.sealed = string(kind) == string(KindSealed)
	return line, kind, nil
}

// open reads the first line of a segment.
func (s *scanner) open(line []byte) error {
	r, err := DecodeRecord(line)
	switch {
	case err != nil:
		return err
	case r.Kind != KindOpened:
		return fmt.Errorf("%w: the segment begins with a record of kind %q", ErrCorrupt, r.Kind)
	case r.Opened.Format != format:
		return fmt.Errorf("%w: format %d, this version reads format %d", ErrCorrupt, r.Opened.Format, format)
	}
	s.opened = *r.Opened
	s.before = chain{r.Seq - 1, r.Opened.Before}
	s.chain = s.before
	return nil
}

// of returns an error unless s reads the segment that seg says.
func (s *scanner) of(seg Segment) error {
	if s.at > 0 && (s.opened.Writer != seg.Writer || s.before.seq+1 != seg.First) {
		return fmt.Errorf("%w: it says that it is segment %d of writer %q", ErrCorrupt, s.before.seq+1, s.opened.Writer)
	}
	return nil
}
