package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// cut says where incidents are cut into windows.
type cut struct {
	every  string
	count  int
	period func(time.Time) period // nil to cut by count
}

// period is a stretch of time, from included, to not.
type period struct {
	name     string
	from, to time.Time
}

func (c *cut) declare(f *flag.FlagSet) {
	f.StringVar(&c.every, "every", "", "`period` of a window in UTC: month, week, day, or a duration such as 12h; without it and -count, month")
	f.IntVar(&c.count, "count", 0, "`number` of incidents of a window, in the place of -every")
}

// check returns a usage error where c makes no sense.
func (c *cut) check() error {
	if c.count < 0 || c.count > 0 && c.every != "" {
		return usage("-count is %d and -every is %q, want a positive number or a period", c.count, c.every)
	}
	if c.count > 0 {
		return nil
	}
	const day = 24 * time.Hour
	switch c.every {
	case "", "month":
		c.period = func(t time.Time) period {
			from := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
			return period{from.Format("2006-01"), from, from.AddDate(0, 1, 0)}
		}
	case "week": // from Monday, as the year 1 began
		c.period = func(t time.Time) period {
			from := t.Truncate(7 * day)
			year, week := from.ISOWeek()
			return period{fmt.Sprintf("%d-W%02d", year, week), from, from.Add(7 * day)}
		}
	case "day":
		c.period = func(t time.Time) period {
			from := t.Truncate(day)
			return period{from.Format(time.DateOnly), from, from.Add(day)}
		}
	default:
		d, err := time.ParseDuration(c.every)
		if err != nil || d < time.Second {
			return usage("-every is %q, want month, week, day, or a duration of a second or more", c.every)
		}
		c.period = func(t time.Time) period {
			from := t.Truncate(d)
			return period{from.Format(time.RFC3339), from, from.Add(d)}
		}
	}
	return nil
}

// drifted is what drift prints of a window.
type drifted struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Period  string `json:"period"`
	// From and To are the bounds of the period, To being outside; of windows by
	// count the times of the oldest and the newest incident. What JSON has no
	// time for, beyond the year 9999, is left out.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Open says that the data ended before the window was full.
	Open bool `json:"open"`
	// Late is how many incidents came while the window was open that belong to
	// one before it, closed already. They are in none.
	Late int `json:"late"`
	// Moved are the two features that moved the most and the most surprising of
	// the new words, in words.
	Moved []string `json:"moved"`
	psi.Report
}

// windows cuts incidents into windows and sweeps each. A window by time closes
// when an incident of a later one comes; within it the order makes no
// difference. Windows without an incident are none. A window by count closes
// when it is full.
type windows struct {
	cut
	model  *risk.Model
	closed func(drifted) error

	open     *drifted    // the window that is filled
	scorer   risk.Scorer // of which monitor counts texts and answers
	monitor  *psi.Monitor
	n        int // in it
	all      int // in all windows
	late     int
	timeless int
}

// add counts an incident.
func (w *windows) add(ctx context.Context, doc risk.Document) error {
	at := doc.CreatedAt.UTC()
	var p period
	if w.period != nil {
		if at.IsZero() {
			w.timeless++
			return nil
		}
		p = w.period(at)
		if w.open != nil && p.from.Before(w.open.From) {
			w.open.Late++
			w.late++
			return nil
		}
		if w.open != nil && p.from.After(w.open.From) {
			if err := w.close(ctx); err != nil {
				return err
			}
		}
	}
	if w.open == nil {
		scorer, m, err := w.model.Watch(nil)
		if err != nil {
			return err
		}
		w.open, w.scorer, w.monitor, w.n = &drifted{Period: p.name, From: p.from, To: p.to, Moved: []string{}}, scorer, m, 0
	}
	if _, err := w.scorer.Score(ctx, doc); err != nil {
		return err
	}
	w.n++
	w.all++
	if w.period != nil {
		return nil
	}
	if o := w.open; !at.IsZero() {
		if o.From.IsZero() || at.Before(o.From) {
			o.From = at
		}
		if at.After(o.To) {
			o.To = at
		}
	}
	if w.n == w.count {
		return w.close(ctx)
	}
	return nil
}

// end closes the last window before its time, if there is one.
func (w *windows) end(ctx context.Context) error {
	if w.open == nil {
		return nil
	}
	w.open.Open = true
	return w.close(ctx)
}

// close sweeps the window.
func (w *windows) close(ctx context.Context) error {
	r, err := w.monitor.Sweep(ctx)
	if err != nil {
		return err
	}
	x := *w.open
	w.open, w.scorer, w.monitor = nil, nil, nil
	x.Report = r
	for _, t := range []*time.Time{&x.From, &x.To} {
		if t.Year() < 0 || t.Year() > 9999 {
			*t = time.Time{}
		}
	}
	if w.period == nil {
		x.Period = fmt.Sprintf("%d-%d", w.all-w.n+1, w.all)
	}
	for _, f := range r.Features[:min(2, len(r.Features))] {
		if f.Moved != "" { // the first are those that moved
			x.Moved = append(x.Moved, f.Moved)
		}
	}
	if r.Words != nil && len(r.Words.New) > 0 {
		x.Moved = append(x.Moved, "new: "+r.Words.New[0].String())
	}
	return w.closed(x)
}

// report says which incidents are in no window.
func (w *windows) report(out io.Writer) {
	if w.late > 0 {
		fmt.Fprintf(out, "%d incidents came late, after an incident of a later window, and are in none\n", w.late)
	}
	if w.timeless > 0 {
		fmt.Fprintf(out, "%d incidents have no created_at and are in no window; -count needs none\n", w.timeless)
	}
}
