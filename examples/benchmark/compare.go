package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// compared is what was measured of one configuration: medians, empty where not
// asked for.
type compared struct {
	name                 string
	ours, theirs, scaled figures
}

// carryOut measures each configuration and prints what was found.
func (p *plan) carryOut(ctx context.Context, out, errs io.Writer) error {
	if p.python != "" {
		if err := checkPython(ctx, p.python); err != nil {
			return err
		}
	}
	var all []compared
	for _, c := range p.configs {
		m, err := p.compare(ctx, c.name, errs)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for _, f := range []figures{m.ours, m.theirs, m.scaled} {
			if len(f.names) == 0 {
				continue
			}
			if err := json.NewEncoder(out).Encode(f); err != nil {
				return err
			}
		}
		all = append(all, m)
	}
	if p.python != "" {
		if err := printComparison(errs, all); err != nil {
			return err
		}
	}
	if p.scale > 1 {
		return printGrowth(errs, all, p.scale)
	}
	return nil
}

// compare measures a configuration as often as is wanted, all sides in turn.
func (p *plan) compare(ctx context.Context, name string, errs io.Writer) (compared, error) {
	var ours, theirs, scaled []figures
	for i := range p.runs {
		measure := func(to *[]figures, what string, by func() (figures, error)) error {
			fmt.Fprintf(errs, "%s, run %d of %d: %s\n", name, i+1, p.runs, what)
			f, err := by()
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			*to = append(*to, f)
			return nil
		}
		err := measure(&ours, "riskkit", func() (figures, error) { return p.self(ctx, name, 1) })
		if err == nil && p.python != "" {
			err = measure(&theirs, "scikit-learn", func() (figures, error) { return p.sklearn(ctx, name) })
		}
		if err == nil && p.scale > 1 {
			what := fmt.Sprintf("riskkit on %d times the incidents", p.scale)
			err = measure(&scaled, what, func() (figures, error) { return p.self(ctx, name, p.scale) })
		}
		if err != nil {
			return compared{}, err
		}
	}
	m := compared{name, medians(ours), medians(theirs), medians(scaled)}
	if p.scale > 1 {
		for _, step := range []string{"vectorise", "fit"} {
			m.scaled.set(step+"_growth", m.scaled.number(step+"_s")/m.ours.number(step+"_s"))
		}
	}
	return m, nil
}
