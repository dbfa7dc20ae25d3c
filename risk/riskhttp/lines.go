package riskhttp

import (
	"bytes"
	"io"
)

// lines are those of a body that is read as it comes in. x.in holds what is
// not handed out yet: one line, and what came with its end.
type lines struct {
	x      *exchange
	number int    // of the line read last, from 1
	line   []byte // without its end, good until the next call
	long   bool   // it has more than MaxLine bytes, and line does not have them

	from    int   // where in x.in the next line begins
	seen    int   // up to where no line ends
	waiting bool  // for the rest of a line, by a deadline that is set
	begun   bool  // something was written
	err     error // of the body
}

// next reads a line and reports whether there was one. Before it waits it sends
// x.out; where the client is gone there are no more lines. The Problem is of the
// line that number says.
func (l *lines) next() (more bool, p *Problem) {
	x, most := l.x, l.x.h.o.MaxLine+len("\r")
	l.number, l.long = l.number+1, false
	for {
		if i := bytes.IndexByte(x.in[l.seen:], '\n'); i >= 0 {
			l.take(l.seen+i, l.seen+i+1)
			return true, nil
		}
		l.seen = len(x.in)
		if l.seen-l.from > most {
			l.long = true
			x.in, l.from, l.seen = x.in[:0], 0, 0
		}
		switch {
		case l.err == io.EOF && (l.long || l.seen > l.from):
			l.take(l.seen, l.seen)
			return true, nil
		case l.err == io.EOF:
			return false, nil
		case l.err != nil:
			return false, x.unread(l.err)
		}
		if !l.send() {
			return false, nil
		}
		x.in = x.in[:copy(x.in, x.in[l.from:])]
		l.from, l.seen = 0, len(x.in)
		if p := x.room(most + 1); p != nil {
			return false, p
		}
		if !l.waiting {
			x.readBy(x.h.o.ReadTimeout)
			l.waiting = true
		}
		if l.err = x.read(); l.err == io.EOF {
			x.whole = true
			x.readBy(0) // or else it would end the context of the request
		}
	}
}

// take takes the line that ends at end; the one after it begins at next.
func (l *lines) take(end, next int) {
	l.line = bytes.TrimSuffix(l.x.in[l.from:end], []byte("\r"))
	l.long = l.long || len(l.line) > l.x.h.o.MaxLine
	l.from, l.seen, l.waiting = next, next, false
}

// send writes x.out and reports whether that could be done.
func (l *lines) send() bool {
	x := l.x
	if len(x.out) == 0 {
		return true
	}
	x.writeBy(x.h.o.WriteTimeout)
	l.begun = true
	_, err := x.w.Write(x.out)
	if err == nil {
		err = x.control.Flush()
	}
	x.out = x.out[:0]
	return err == nil
}
