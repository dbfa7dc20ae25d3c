package psi

import (
	"math"
	"strconv"
	"strings"
)

// moved says in words where a feature changed the most: in the share of a bin
// or, where bins are in order, in that of all values on one side of an edge.
func (f *feature) moved(n int64, recent []int64, m int64) string {
	if word, ok := strings.CutPrefix(f.Name, termPrefix); ok && len(f.Edges) > 0 { // 0 or 1
		zero := f.bin(0)
		return strconv.Quote(word) + ": now in " + percent(m-recent[zero], m) + " of texts, " + percent(n-f.Counts[zero], n) + " at training"
	}
	var what string
	var before, now int64
	most, grew := 0.0, false
	try := func(b, r int64, words func() string) {
		d, grows := contrast(b, n, r, m), float64(r)/float64(m) > float64(b)/float64(n)
		// Of two that are equal but for rounding, one that grew.
		if d > most*(1+1e-9) || grows && !grew && d > most*(1-1e-9) {
			most, grew, before, now, what = d, grows, b, r, words()
		}
	}
	last := len(f.Counts) - 1
	try(f.Counts[last], recent[last], func() string { return f.describe(last) })
	var b, r int64
	for i := range f.Edges {
		b, r = b+f.Counts[i], r+recent[i]
		if float64(r)/float64(m) > float64(b)/float64(n) {
			try(b, r, func() string { return f.upTo(i) })
		} else {
			try(n-b-f.Counts[last], m-r-recent[last], func() string { return f.over(i) })
		}
	}
	for i, b := range f.Counts {
		try(b, recent[i], func() string { return f.describe(i) })
	}
	return f.Name + ": " + percent(now, m) + " of texts are now " + what + ", " + percent(before, n) + " at training"
}

// contrast is what Pearson's χ² of two shares, b of n and r of m, is in
// proportion to.
func contrast(b, n, r, m int64) float64 {
	d := float64(b)/float64(n) - float64(r)/float64(m)
	t := (float64(b) + float64(r)) / (float64(n) + float64(m))
	if t <= 0 || t >= 1 {
		return 0
	}
	return d * d / (t * (1 - t))
}

// percent writes a share with two digits or so.
func percent(c, n int64) string {
	v := 100 * float64(c) / float64(n)
	switch {
	case v == 0 || v >= 10 && v <= 99:
		return strconv.FormatFloat(v, 'f', 0, 64) + "%"
	case v >= 0.1:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + "%"
	}
	return strconv.FormatFloat(v, 'g', 1, 64) + "%"
}

// units are what the features of a text that are whole numbers count.
func (f *feature) unit() string {
	switch f.Name {
	case "text_length":
		return " characters"
	case "token_count":
		return " words"
	case "risky_token_count":
		return " risky words"
	}
	return ""
}

// number writes an edge. One between whole numbers is the lower of them.
func (f *feature) number(v float64) string {
	switch {
	case f.unit() != "" && math.Abs(v) < 1e15:
		return strconv.FormatFloat(math.Floor(v), 'f', -1, 64)
	case math.Abs(v) >= 1e4 && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// exact reports whether a bin holds one value, its upper edge.
func (f *feature) exact(bin int) bool {
	return 0 < bin && bin < len(f.Edges) && math.Nextafter(f.Edges[bin], -math.MaxFloat64) == f.Edges[bin-1]
}

// upTo says what values are not above an edge, and over what values are.
func (f *feature) upTo(edge int) string {
	if f.exact(edge + 1) {
		return "below " + f.number(f.Edges[edge+1]) + f.unit()
	}
	return "at most " + f.number(f.Edges[edge]) + f.unit()
}

func (f *feature) over(edge int) string {
	if f.exact(edge + 1) {
		return "at least " + f.number(f.Edges[edge+1]) + f.unit()
	}
	return "over " + f.number(f.Edges[edge]) + f.unit()
}

// describe says what values a bin holds.
func (f *feature) describe(bin int) string {
	switch k := len(f.Categories); {
	case bin == len(f.Counts)-1:
		return "without a value"
	case bin < k:
		return strconv.Quote(f.Categories[bin])
	case f.unordered():
		return "of a new category"
	case len(f.Edges) == 0:
		return "with a value"
	case f.exact(bin):
		return f.number(f.Edges[bin]) + f.unit()
	case bin == 0:
		return f.upTo(0)
	case bin == len(f.Edges):
		return f.over(bin - 1)
	}
	return "over " + f.number(f.Edges[bin-1]) + " up to " + f.number(f.Edges[bin]) + f.unit()
}
