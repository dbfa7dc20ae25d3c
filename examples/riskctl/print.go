package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/riskkit/riskkit/risk"
)

// printJSON writes v as JSON on a line of its own.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows of cells in columns.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// printable makes what others wrote safe for a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// isTerminal reports whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// progress draws a bar on a terminal, and nothing elsewhere.
func progress(w io.Writer) func(risk.Progress) {
	if !isTerminal(w) {
		return nil
	}
	return func(p risk.Progress) {
		const width = 30
		done := width * p.Done / p.Total
		fmt.Fprintf(w, "\r[%s%s] %d of %d: %-12s", strings.Repeat("#", done), strings.Repeat(".", width-done), p.Done, p.Total, p.Step)
		if p.Done == p.Total {
			clearLine(w)
		}
	}
}

// clearLine takes away what progress or counter drew, if anything.
func clearLine(w io.Writer) {
	if isTerminal(w) {
		fmt.Fprintf(w, "\r%70s\r", "")
	}
}

// counter shows how many incidents were read so far on a terminal, and nothing
// elsewhere.
func counter(w io.Writer) (count func(), done func()) {
	if !isTerminal(w) {
		return func() {}, func() {}
	}
	n := 0
	count = func() {
		if n++; n%1000 == 0 {
			fmt.Fprintf(w, "\r%d incidents", n)
		}
	}
	return count, func() { clearLine(w) }
}

// reportSkipped says which lines were passed over.
func reportSkipped(w io.Writer, s risk.Skipped) {
	if s.Lines == 0 {
		return
	}
	fmt.Fprintf(w, "%d bad lines were passed over\n", s.Lines)
	for _, e := range s.First {
		fmt.Fprintf(w, "  %s\n", printable(e.Error()))
	}
	if more := s.Lines - len(s.First); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
