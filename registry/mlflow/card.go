package mlflow

import (
	"fmt"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// describe returns the description of a version: what the publication says, or
// what is known of it, as long as MLflow keeps it.
func describe(pub *Publication, v registry.Version) string {
	text := pub.Card
	if text == "" {
		text = card(v)
	}
	return shorten(strings.ToValidUTF8(text, "?"), maxDescription)
}

// card is the description of a version in Markdown.
func card(v registry.Version) string {
	var b strings.Builder
	if v.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", v.Description)
	}
	fmt.Fprintf(&b, "**%s version %d**", v.Model, v.Number)
	fmt.Fprintf(&b, ", registered %s", v.CreatedAt.UTC().Format(time.RFC3339))
	if v.Actor != "" {
		fmt.Fprintf(&b, " by `%s`", inline(v.Actor))
	}
	b.WriteString("\n\n")
	for _, f := range v.Files {
		fmt.Fprintf(&b, "- file %s, %d bytes: `%v`\n", f.Name, f.Size, f.Digest)
	}
	fmt.Fprintf(&b, "- all of them: `%v`\n", v.Digest)
	lineage := lineageTags("", v)
	for _, key := range sortedKeys(lineage) {
		fmt.Fprintf(&b, "- %s: `%s`\n", strings.ReplaceAll(key, "_", " "), inline(lineage[key]))
	}
	return b.String()
}

// inline makes text safe to stand between backquotes.
func inline(s string) string { return strings.ReplaceAll(clean(s, 200), "`", "'") }

// shorten cuts text to n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
