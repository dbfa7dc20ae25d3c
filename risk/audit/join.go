package audit

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// A Labelled is an answer and what an operator said about it.
type Labelled struct {
	Scored   Record
	Feedback risk.Feedback
	// Given is when the feedback was.
	Given time.Time
}

// Example returns the document with its true level, to train on. Its text is
// empty unless texts are kept.
func (l *Labelled) Example() risk.Example {
	return risk.Example{Document: l.Scored.Document(), Label: l.Feedback.Level}
}

// LabelledOptions say what to join.
type LabelledOptions struct {
	// From and To bound when the feedback was given: From itself is in, To is
	// not. Zero means no bound.
	From, To time.Time
	// Horizon is how long before the feedback the answer may be. 0 means 30
	// days.
	Horizon time.Duration
	// Writers say whose records to read. Empty means all.
	Writers []string
}

// JoinFeedback yields the answers that operators judged, in the order they were
// judged in. A Feedback joins the last answer for its document, by any writer,
// that came before it within the horizon; of several that join the same answer
// the last counts. The log is read twice; memory is what the feedback of the
// time takes, and the answers it joins. Where a chain cannot be read, there is an
// error as Read has it, and what it has of others is yielded. nil opts means the
// defaults.
func JoinFeedback(ctx context.Context, src Source, opts *LabelledOptions) iter.Seq2[Labelled, error] {
	var o LabelledOptions
	if opts != nil {
		o = *opts
	}
	if o.Horizon == 0 {
		o.Horizon = 30 * 24 * time.Hour
	}
	return func(yield func(Labelled, error) bool) {
		given := map[string][]Record{}
		for r, err := range Read(ctx, src, &ReadOptions{From: o.From, To: o.To, Writers: o.Writers, Kinds: []Kind{KindFeedback}}) {
			if err != nil {
				if !yield(Labelled{}, err) {
					return
				}
				continue
			}
			given[r.ID] = append(given[r.ID], r)
		}
		for _, all := range given {
			slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
		}
		answers, err := answers(ctx, src, &o, given)
		if err != nil && !yield(Labelled{}, err) {
			return
		}
		for _, l := range pairs(given, answers, o.Horizon) {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// answers returns those for the documents that feedback was given on, each the
// last before a feedback.
func answers(ctx context.Context, src Source, o *LabelledOptions, given map[string][]Record) (map[string][]Record, error) {
	read := &ReadOptions{To: o.To, Writers: o.Writers, Kinds: []Kind{KindScored}}
	if !o.From.IsZero() {
		read.From = o.From.Add(-o.Horizon)
	}
	all := map[string][]Record{}
	var first error
	for r, err := range Read(ctx, src, read) {
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		feedback := given[r.ID]
		i := next(feedback, r.Time)
		if i == len(feedback) {
			continue // it came after all of them, or there is none
		}
		if all[r.ID] == nil {
			all[r.ID] = make([]Record, len(feedback))
		}
		if last := &all[r.ID][i]; last.Kind == "" || !r.Time.Before(last.Time) {
			*last = r
		}
	}
	return all, first
}

// next returns the index of the first feedback at t or later.
func next(feedback []Record, t time.Time) int {
	i, _ := slices.BinarySearchFunc(feedback, t, func(r Record, t time.Time) int { return r.Time.Compare(t) })
	return i
}

// pairs joins them.
func pairs(given, answers map[string][]Record, horizon time.Duration) []Labelled {
	var all []Labelled
	for id, found := range answers {
		var last Record
		for i, feedback := range given[id] {
			if found[i].Kind != "" {
				last = found[i]
			}
			// Where no other answer follows, the next feedback is on this one, too.
			judgedAgain := i+1 < len(found) && found[i+1].Kind == "" && !given[id][i+1].Time.After(last.Time.Add(horizon))
			if last.Kind != "" && !judgedAgain && !feedback.Time.After(last.Time.Add(horizon)) {
				all = append(all, Labelled{last, *feedback.Feedback, feedback.Time})
			}
		}
	}
	slices.SortFunc(all, func(a, b Labelled) int {
		return cmp.Or(a.Given.Compare(b.Given), cmp.Compare(a.Scored.ID, b.Scored.ID))
	})
	return all
}
