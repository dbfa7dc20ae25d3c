package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

// swept is what sweep prints.
type swept struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	psi.Report
}

// shownWords is how many new words, and how many vanished ones, sweep prints.
const shownWords = 10

func sweep(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p      place
		w      which
		d      data
		sample = f.Int("sample", 0, "`number` of incidents to draw at random; 0 for all")
		seed   = f.Uint64("seed", 0, "`number` that draws the sample")
		all    = f.Bool("all", false, "list all features, not only those that moved")
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	w.declare(f, "the one in production, else in staging, else the latest")
	d.declare(f)
	return func(ctx context.Context, s streams) error {
		if *sample < 0 {
			return usage("-sample is %d", *sample)
		}
		incidents, err := d.open(true)
		if err != nil {
			return err
		}
		m, err := p.load(ctx, &w)
		if err != nil {
			return err
		}
		scorer, monitor, err := m.Watch(nil)
		if err != nil {
			return err
		}
		// What is drawn is kept until the end: any incident may still push it
		// out (reservoir sampling; Vitter 1985, algorithm R).
		var drawn []risk.Document
		rng := rand.New(rand.NewPCG(*seed, 0))
		count, done := counter(s.err)
		defer func() {
			done()
			reportSkipped(s.err, incidents.Skipped())
		}()
		n := 0
		for x, err := range incidents.Examples() {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			count()
			n++
			if *sample == 0 {
				if _, err := scorer.Score(ctx, x.Document); err != nil {
					return err
				}
			} else if len(drawn) < *sample {
				drawn = append(drawn, x.Document)
			} else if i := rng.IntN(n); i < *sample {
				drawn[i] = x.Document
			}
		}
		for _, doc := range drawn {
			if _, err := scorer.Score(ctx, doc); err != nil {
				return err
			}
		}
		report, err := monitor.Sweep(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, swept{p.model, m.Version(), report})
		}
		fmt.Fprintf(s.out, "%s: %d incidents against %d that version %s was trained on\n\n", report.Status, report.NRecent, report.NBaseline, m.Version())
		if report.Status == psi.StatusInsufficient && !*all {
			return nil
		}
		rows := [][]string{{"STATUS", "PSI", "BY CHANCE", "P", "FEATURE"}}
		for _, r := range report.Features {
			if moved := r.Status == psi.StatusMonitor || r.Status == psi.StatusAlert; !moved && !*all && len(rows) > 5 {
				break
			}
			what := r.Moved
			if what == "" {
				what = r.Name
			}
			rows = append(rows, []string{
				string(r.Status), fmt.Sprintf("%.4f", r.PSI), fmt.Sprintf("%.4f", r.Expected), fmt.Sprintf("%.2g", r.P), printable(what),
			})
		}
		if err := table(s.out, rows); err != nil || report.Words == nil {
			return err
		}
		for _, list := range []struct {
			name  string
			terms []psi.TermReport
		}{{"new words", report.Words.New}, {"vanished words", report.Words.Vanished}} {
			for i, t := range list.terms[:min(len(list.terms), shownWords)] {
				if i == 0 {
					fmt.Fprintf(s.out, "\n%s, the most surprising first:\n", list.name)
				}
				fmt.Fprintf(s.out, "  %s\n", printable(t.String()))
			}
		}
		return nil
	}
}
