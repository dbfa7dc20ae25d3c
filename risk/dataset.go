package risk

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Dataset is a stream of examples in JSON lines, {"id", "text", "label",
// "tags", "created_at"}, plain or compressed by gzip. Only text, and label
// where examples are to have one, must be there; other fields are passed over.
// It is opened anew each time that it is read, and must not be read by several
// goroutines at once.
type Dataset struct {
	name    string
	open    func() (io.ReadCloser, error)
	options DatasetOptions
	skipped Skipped
}

// DatasetOptions say what lines may be. The zero value means the defaults.
type DatasetOptions struct {
	// Scale is what labels must be on. nil means DefaultScale.
	Scale Scale
	// Unlabelled allows lines without a label. A label that is there must be on
	// the scale all the same.
	Unlabelled bool
	// SkipBad passes over bad lines, counting them, instead of ending at the
	// first.
	SkipBad bool
}

// MaxLine is the greatest length of a line of a Dataset in bytes.
const MaxLine = 1 << 20

// A LineError says which line of which file is bad, and why.
type LineError struct {
	File   string
	Line   int // from 1
	Reason string
}

// Error returns file, line and reason.
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason) }

// Skipped tells which lines were passed over.
type Skipped struct {
	Lines int `json:"lines"`
	// Reasons counts them by kind of reason.
	Reasons map[string]int `json:"reasons,omitempty"`
	// First are the first of them, at most 10.
	First []*LineError `json:"first,omitempty"`
}

// NewDataset returns the Dataset that open opens. name is used in errors. nil
// opts means the defaults.
func NewDataset(name string, open func() (io.ReadCloser, error), opts *DatasetOptions) *Dataset {
	d := &Dataset{name: name, open: open}
	if opts != nil {
		d.options = *opts
	}
	if d.options.Scale == nil {
		d.options.Scale = DefaultScale()
	}
	return d
}

// DatasetFile returns the Dataset in a file. nil opts means the defaults.
func DatasetFile(name string, opts *DatasetOptions) *Dataset {
	return NewDataset(name, func() (io.ReadCloser, error) { return os.Open(name) }, opts)
}

// Skipped tells which lines the last pass over Examples passed over.
func (d *Dataset) Skipped() Skipped { return d.skipped }

// The kinds of reasons that make a line bad.
const (
	badJSON      = "not JSON of an incident"
	badUTF8      = "not UTF-8"
	badLong      = "over 1 MiB"
	badText      = "empty text"
	badLabel     = "unknown label"
	badNoLabel   = "no label"
	badDuplicate = "duplicate id"
)

// Examples yields the examples in order. Empty lines are not lines. A bad line
// ends it with a *LineError, unless they are skipped; so does whatever makes
// the rest unreadable, such as gzip data that ends too early. It keeps the ids
// it has seen in memory, and one line.
func (d *Dataset) Examples() iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		d.skipped = Skipped{}
		f, err := d.open()
		if err != nil {
			yield(Example{}, fmt.Errorf("opening examples: %w", err))
			return
		}
		defer f.Close()
		r := &lineReader{r: bufio.NewReaderSize(f, 1<<16)}
		if magic, err := r.r.Peek(2); err == nil && string(magic) == "\x1f\x8b" {
			z, err := gzip.NewReader(r.r)
			if err != nil {
				yield(Example{}, fmt.Errorf("%s: %w", d.name, err))
				return
			}
			r.r = bufio.NewReaderSize(z, 1<<16)
		}
		ids := map[string]int{}
		for {
			line, err := r.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Example{}, &LineError{d.name, r.line, err.Error()})
				return
			}
			if len(bytes.TrimSpace(line)) == 0 && !r.long {
				continue
			}
			x, kind, detail := d.parse(line, r.long)
			if first, ok := ids[x.ID]; kind == "" && x.ID != "" {
				if ok {
					kind, detail = badDuplicate, fmt.Sprintf("%q, first in line %d", x.ID, first)
				} else {
					ids[x.ID] = r.line
				}
			}
			if kind == "" {
				if !yield(x, nil) {
					return
				}
				continue
			}
			bad := &LineError{d.name, r.line, kind}
			if detail != "" {
				bad.Reason += ": " + detail
			}
			if !d.options.SkipBad {
				yield(Example{}, bad)
				return
			}
			d.skipped.add(kind, bad)
		}
	}
}

func (s *Skipped) add(kind string, e *LineError) {
	if s.Reasons == nil {
		s.Reasons = map[string]int{}
	}
	s.Lines++
	s.Reasons[kind]++
	if len(s.First) < 10 {
		s.First = append(s.First, e)
	}
}

// parse returns the example of a line, or the kind of reason why it is bad and
// details.
func (d *Dataset) parse(line []byte, long bool) (x Example, kind, detail string) {
	switch {
	case long:
		return x, badLong, ""
	case !utf8.Valid(line):
		return x, badUTF8, ""
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return Example{}, badJSON, err.Error()
	}
	switch {
	case strings.TrimSpace(x.Text) == "":
		return x, badText, ""
	case x.Label == "" && !d.options.Unlabelled:
		return x, badNoLabel, ""
	case x.Label != "" && d.options.Scale.Index(x.Label) < 0:
		return x, badLabel, fmt.Sprintf("%q, want one of %q", x.Label, []string(d.options.Scale))
	}
	return x, "", ""
}

// lineReader reads lines of at most MaxLine bytes.
type lineReader struct {
	r    *bufio.Reader
	buf  []byte
	line int  // the number of the line read last, from 1
	long bool // whether it was too long
}

// next returns the next line without its end, good until the call after. A
// longer one is passed over.
func (l *lineReader) next() ([]byte, error) {
	l.buf, l.long = l.buf[:0], false
	l.line++
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > MaxLine+len("\r\n") {
			l.long = true
			l.buf = l.buf[:0]
		}
		if !l.long {
			l.buf = append(l.buf, part...)
		}
		switch {
		case err == nil, err == io.EOF && (l.long || len(l.buf) > 0):
			if l.line == 1 {
				l.buf = bytes.TrimPrefix(l.buf, []byte("\ufeff")) // a byte order mark
			}
			line := bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r"))
			l.long = l.long || len(line) > MaxLine
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// ExampleSlice returns a stream of examples that are in memory.
func ExampleSlice(examples []Example) iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		for _, x := range examples {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// Collect returns all examples of a stream, or its first error.
func Collect(examples iter.Seq2[Example, error]) ([]Example, error) {
	var all []Example
	for x, err := range examples {
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return slices.Clip(all), nil
}
