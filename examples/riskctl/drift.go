package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/risk"
)

func drift(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p      place
		w      which
		d      data
		c      cut
		follow = f.Bool("follow", false, "wait for more at the end of the data, until interrupted")
		asJSON = f.Bool("json", false, "print JSON, a window a line")
	)
	p.declare(f)
	w.declare(f, "the one in production, else in staging, else the latest")
	d.declare(f)
	f.Lookup("data").Usage += "; - for standard input"
	c.declare(f)
	return func(ctx context.Context, s streams) error {
		if err := c.check(); err != nil {
			return err
		}
		if *follow { // a first signal ends it gracefully, a second one at once
			var stop func()
			ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)
		}
		incidents, err := d.stream(ctx, s.in, *follow)
		if err != nil {
			return err
		}
		m, err := p.load(ctx, &w)
		if err != nil {
			return err
		}
		show := printDrift(s.out)
		if *asJSON {
			show = func(x drifted) error { return printJSON(s.out, x) }
		}
		ws := &windows{cut: c, model: m, closed: func(x drifted) error {
			clearLine(s.err)
			x.Model, x.Version = p.model, m.Version()
			return show(x)
		}}
		count, done := counter(s.err)
		defer func() {
			done()
			reportSkipped(s.err, incidents.Skipped())
			ws.report(s.err)
		}()
		for x, err := range incidents.Examples() {
			if ctx.Err() != nil {
				break
			}
			if err == nil {
				count()
				err = ws.add(ctx, x.Document)
			}
			if err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil && !*follow {
			return err
		}
		return ws.end(context.WithoutCancel(ctx))
	}
}

// stream returns the incidents, from standard input where -data is "-", which
// need no label. To follow them is to wait at their end until ctx is done.
func (d *data) stream(ctx context.Context, in io.Reader, follow bool) (*risk.Dataset, error) {
	name, open := d.file, func() (io.ReadCloser, error) { return os.Open(d.file) }
	switch {
	case d.file == "":
		return nil, usage("-data is needed")
	case d.file == "-":
		name, open = "standard input", func() (io.ReadCloser, error) { return io.NopCloser(in), nil }
		if follow {
			open = func() (io.ReadCloser, error) { return followInput(ctx, in), nil }
		}
	case follow:
		open = func() (io.ReadCloser, error) { return followFile(ctx, d.file) }
	}
	return risk.NewDataset(name, open, &risk.DatasetOptions{Unlabelled: true, SkipBad: d.skipBad}), nil
}

// printDrift returns what prints windows for people.
func printDrift(w io.Writer) func(drifted) error {
	const columns = "%-20s  %9s  %-17s  %7s  %s\n"
	first := true
	return func(x drifted) error {
		if first {
			first = false
			fmt.Fprintf(w, columns, "PERIOD", "INCIDENTS", "STATUS", "DRIFTED", "WHAT MOVED MOST")
		}
		share := "-"
		if x.Status != psi.StatusInsufficient {
			share = fmt.Sprintf("%.0f%%", 100*x.Drifted)
		}
		what := orDashes(x.Moved)
		if x.Open {
			what += " (so far)"
		}
		if x.Late > 0 {
			what += fmt.Sprintf(" (%d late)", x.Late)
		}
		_, err := fmt.Fprintf(w, columns, x.Period, fmt.Sprint(x.NRecent), x.Status, share, what)
		return err
	}
}

// orDashes joins what moved.
func orDashes(moved []string) string {
	if len(moved) == 0 {
		return "-"
	}
	return printable(strings.Join(moved, "; "))
}
