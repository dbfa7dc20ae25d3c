package risk_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
)

// echo is a Scorer that hands the document that it sees to a function.
type echo func(risk.Document)

func (f echo) Score(ctx context.Context, d risk.Document) (risk.Assessment, error) {
	f(d)
	return instant{}.Score(ctx, d)
}

func TestLimit(t *testing.T) {
	long := strings.Repeat("x", risk.DefaultMaxText)
	for name, c := range map[string]struct {
		limit     risk.Limit
		in, want  risk.Document
		truncated bool
	}{
		"nothing to do":         {in: risk.Document{ID: "1", Text: "größer", Tags: []string{"a"}}, want: risk.Document{ID: "1", Text: "größer", Tags: []string{"a"}}},
		"default length":        {in: risk.Document{Text: long}, want: risk.Document{Text: long}},
		"over default length":   {in: risk.Document{Text: long + "y"}, want: risk.Document{Text: long}, truncated: true},
		"not inside a rune":     {limit: risk.Limit{MaxText: 3}, in: risk.Document{Text: "grö"}, want: risk.Document{Text: "gr"}, truncated: true},
		"after a rune":          {limit: risk.Limit{MaxText: 4}, in: risk.Document{Text: "größer"}, want: risk.Document{Text: "grö"}, truncated: true},
		"a rune too long":       {limit: risk.Limit{MaxText: 2}, in: risk.Document{Text: "世"}, want: risk.Document{Text: ""}, truncated: true},
		"no limit":              {limit: risk.Limit{MaxText: -1}, in: risk.Document{Text: long + "y"}, want: risk.Document{Text: long + "y"}},
		"not UTF-8":             {in: risk.Document{ID: "a\xff", Text: "\xffb", Tags: []string{"c\xff"}}, want: risk.Document{ID: "a\uFFFD", Text: "\uFFFDb", Tags: []string{"c\uFFFD"}}},
		"only continuing bytes": {limit: risk.Limit{MaxText: 5}, in: risk.Document{Text: strings.Repeat("\x80", 9)}, want: risk.Document{Text: "\uFFFD"}, truncated: true},
		"tags":                  {limit: risk.Limit{MaxTags: 2, MaxTag: 3}, in: risk.Document{Tags: []string{"ab", "abcd", "c"}}, want: risk.Document{Tags: []string{"ab", "abc"}}},
	} {
		var seen risk.Document
		c.limit.Scorer = echo(func(d risk.Document) { seen = d })
		before := append([]string(nil), c.in.Tags...)
		a, err := c.limit.Score(t.Context(), c.in)
		if err != nil || a.Truncated != c.truncated {
			t.Errorf("%s: truncated %v, error %v", name, a.Truncated, err)
		}
		if d := cmp.Diff(c.want, seen); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
		if d := cmp.Diff(before, append([]string(nil), c.in.Tags...)); d != "" {
			t.Errorf("%s: the caller's tags changed\n%s", name, d)
		}
	}
}

func FuzzLimit(f *testing.F) {
	f.Add("größer", 3, "tag")
	f.Add("\xff\x80", 1, "\xf0\x9f")
	f.Fuzz(func(t *testing.T, text string, limit int, tag string) {
		l := risk.Limit{MaxText: limit, MaxTag: limit}
		d, truncated := l.Apply(risk.Document{Text: text, Tags: []string{tag}})
		if !utf8.ValidString(d.Text) || !utf8.ValidString(d.Tags[0]) {
			t.Errorf("not UTF-8: %q", d)
		}
		if utf8.ValidString(text) {
			if !strings.HasPrefix(text, d.Text) || truncated != (len(d.Text) < len(text)) || limit > 0 && len(d.Text) > limit {
				t.Errorf("%d bytes of %q are %q, truncated %v", limit, text, d.Text, truncated)
			}
			if limit > 0 && truncated && len(d.Text) < limit-3 {
				t.Errorf("%d bytes of %q are only %q", limit, text, d.Text)
			}
		}
		again, cut := l.Apply(d)
		if utf8.ValidString(text) && (again.Text != d.Text || cut) {
			t.Errorf("limiting %q again gives %q", d.Text, again.Text)
		}
	})
}

// TestDecoratorsDoNotAllocate holds what the request path may cost. Shadow has a
// test of its own.
func TestDecoratorsDoNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	scale := risk.DefaultScale()
	deadline := risk.NewDeadline(instant{}, &risk.DeadlineOptions{Local: true})
	defer deadline.Close(t.Context())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, s := range map[string]risk.Scorer{
		"limit":      &risk.Limit{Scorer: instant{}},
		"fallback":   &risk.Fallback{First: instant{}, Second: instant{}, Scale: scale},
		"breaker":    &risk.Breaker{Scorer: instant{}},
		"canary":     &risk.Canary{Production: instant{}, Candidate: instant{}, Scale: scale, Takes: func(d risk.Document) bool { return true }},
		"deadline":   deadline,
		"escalation": escalation(t, instant{}, nil, risk.EscalationOptions{Band: 0.01, MinConfidence: 0.5, Levels: []string{"high"}}),
	} {
		doc := risk.Document{ID: "1", Text: "The shop is down.", Tags: []string{"a", "b"}}
		if n := testing.AllocsPerRun(200, func() {
			if _, err := s.Score(ctx, doc); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
