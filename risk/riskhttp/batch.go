package riskhttp

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/riskkit/riskkit/risk"
)

// A Result is one line of the answer of POST /risk/batch: what came of one line
// of the request, in their order. Empty lines have none. Either Assessment or
// Error is there. A batch that cannot be read to its end has an Error for the
// line at which it ends.
type Result struct {
	Line       int              `json:"line"` // from 1
	Assessment *risk.Assessment `json:"assessment,omitempty"`
	Error      *Problem         `json:"error,omitempty"`
}

// enough is how many bytes of answers are written at a time.
const enough = 8 << 10

// batch answers POST /risk/batch. Lines are read, answered and forgotten one by
// one; before it waits for more it sends what is answered.
func (h *handler) batch(x *exchange) *Problem {
	n, p := explained(x.r)
	if p != nil {
		return p
	}
	ctx := x.ctx()
	if err := x.control.EnableFullDuplex(); err != nil {
		return x.failed(ctx, fmt.Errorf("riskhttp: no batch can be streamed through a %T, which needs an Unwrap method: %w", x.w, err))
	}
	x.w.Header()["Content-Type"] = []string{typeLines}
	if x.r.ProtoMajor == 1 {
		// A batch that ends before its body does may leave net/http reading the
		// connection twice at a time when it looks for the next request.
		x.w.Header()["Connection"] = []string{"close"}
	}
	l := lines{x: x}
	for ctx.Err() == nil {
		more, p := l.next()
		switch {
		case p != nil && !l.begun && len(x.out) == 0:
			return p // there is still a status to say it by
		case p == nil && more && l.number > h.o.MaxBatch:
			p = tooLarge.problem("the batch has more than " + strconv.Itoa(h.o.MaxBatch) + " lines")
		case p == nil && more:
			h.answer(ctx, &l, n)
			if len(x.out) >= enough && !l.send() {
				return nil
			}
			continue
		}
		if p != nil {
			x.out = appendError(x.out, l.number, p)
		}
		if l.send() {
			x.writeBy(0) // the next request of the connection has its own
		}
		return nil
	}
	return nil
}

// answer appends the answer to the line read last.
func (h *handler) answer(ctx context.Context, l *lines, n int) {
	x := l.x
	switch {
	case l.long:
		x.out = appendError(x.out, l.number, tooLarge.problem("the line has more than "+strconv.Itoa(h.o.MaxLine)+" bytes"))
		return
	case len(bytes.TrimSpace(l.line)) == 0:
		return
	}
	doc, f := x.reader.document(l.line, h.o.MaxText)
	if f != nil {
		x.out = appendError(x.out, l.number, f.problem())
		return
	}
	a, err := h.assess(ctx, doc, n)
	b := x.out
	if err == nil {
		b = append(strconv.AppendInt(append(b, `{"line":`...), int64(l.number), 10), `,"assessment":`...)
		b, err = appendAssessment(b, &a)
	}
	if err != nil {
		x.out = appendError(x.out, l.number, x.failed(ctx, err))
		return
	}
	x.out = append(b, "}\n"...)
}

func appendError(b []byte, number int, p *Problem) []byte {
	b = append(strconv.AppendInt(append(b, `{"line":`...), int64(number), 10), `,"error":`...)
	return append(p.append(b), "}\n"...)
}
