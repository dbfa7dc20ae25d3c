package risk

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a Limit lets through where its fields say nothing else.
const (
	DefaultMaxText = 64 << 10 // bytes of text
	DefaultMaxTags = 100      // tags
	DefaultMaxTag  = 256      // bytes of one tag
)

// A Limit is a Scorer that asks Scorer about no more of a Document than it
// bears: the beginning of the text and the first tags. What is not UTF-8 is
// replaced by U+FFFD, as encoding/json does. Where nothing is too long and all
// is UTF-8, nothing is copied. No field may change once it is in use.
type Limit struct {
	Scorer Scorer
	// MaxText is how many bytes of text are scored, cut where a rune begins,
	// MaxTags how many tags are kept, MaxTag how many bytes of each. 0 means the
	// default, less than 0 that there is no limit.
	MaxText, MaxTags, MaxTag int
}

// Score answers as Scorer does for the Document that Apply returns, and says in
// Truncated whether some of the text is left out.
func (l *Limit) Score(ctx context.Context, doc Document) (Assessment, error) {
	return l.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has Scorer explain it.
func (l *Limit) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	doc, truncated := l.Apply(doc)
	a, err := Explain(ctx, l.Scorer, doc, n)
	a.Truncated = a.Truncated || truncated
	return a, err
}

// Apply returns doc within the limits, and whether some of its text is left
// out. doc itself and its tags stay as they are.
func (l *Limit) Apply(doc Document) (_ Document, truncated bool) {
	text := cutText(doc.Text, orDefault(l.MaxText, DefaultMaxText))
	truncated = len(text) < len(doc.Text)
	doc.Text = utf8Only(text)
	doc.ID = utf8Only(doc.ID)
	if n := orDefault(l.MaxTags, DefaultMaxTags); n >= 0 && len(doc.Tags) > n {
		doc.Tags = doc.Tags[:n:n]
	}
	own := false
	for i, tag := range doc.Tags {
		fit := utf8Only(cutText(tag, orDefault(l.MaxTag, DefaultMaxTag)))
		if fit == tag {
			continue
		}
		if !own {
			doc.Tags, own = slices.Clone(doc.Tags), true
		}
		doc.Tags[i] = fit
	}
	return doc, truncated
}

// cutText returns at most the first n bytes of s, less where a rune would be
// cut in two. n below 0 means all.
func cutText(s string, n int) string {
	if n < 0 || len(s) <= n {
		return s
	}
	for k := n; k > n-utf8.UTFMax && k >= 0; k-- {
		if utf8.RuneStart(s[k]) {
			return s[:k]
		}
	}
	return s[:n] // not UTF-8
}

// utf8Only returns s with U+FFFD for what is not UTF-8.
func utf8Only(s string) string {
	if utf8.ValidString(s) { // many times as fast as what follows
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// orDefault returns n, or d where n is 0.
func orDefault(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}
