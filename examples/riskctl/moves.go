package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

func promote(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		version = f.Int("version", 0, "`number` of the version; without it the one in staging")
		stage   = f.String("stage", string(registry.Production), "`stage` to move it to: production, staging or archived")
	)
	return mover(f, func(ctx context.Context, reg registry.Registry, model string) (registry.Move, error) {
		m := registry.Move{Version: *version, To: registry.Stage(*stage)}
		switch m.To {
		case registry.Production, registry.Staging, registry.Archived:
		default:
			return m, usage("-stage is %q, want production, staging or archived", *stage)
		}
		if m.Version < 0 {
			return m, usage("-version is %d", m.Version)
		}
		if m.Version == 0 {
			v, err := reg.Resolve(ctx, model, string(registry.Staging))
			if err != nil {
				return m, fmt.Errorf("without -version: %w", err)
			}
			m.Version = v.Number
		}
		return m, nil
	})
}

func rollback(f *flag.FlagSet) func(context.Context, streams) error {
	version := f.Int("version", 0, "`number` of the version to return to; without it the one that was in production before")
	stage := f.String("stage", string(registry.Production), "`stage` to roll back; there is history for production alone")
	return mover(f, func(context.Context, registry.Registry, string) (registry.Move, error) {
		m := registry.Move{Version: *version, To: registry.Stage(*stage), Rollback: true}
		if m.To != registry.Production || m.Version < 0 {
			return m, usage("-stage is %q and -version is %d, want production and a number", m.To, m.Version)
		}
		return m, nil
	})
}

// mover is a command that makes a move and prints the event.
func mover(f *flag.FlagSet, plan func(context.Context, registry.Registry, string) (registry.Move, error)) func(context.Context, streams) error {
	var (
		p      place
		by     who
		rests  evidence
		expect = f.Int("expect", -1, "`number` of the version that must be there now, 0 for none; -1 for any")
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	by.declare(f)
	rests.declare(f)
	return func(ctx context.Context, s streams) error {
		if *expect < -1 {
			return usage("-expect is %d", *expect)
		}
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		m, err := plan(ctx, reg, p.model)
		if err != nil {
			return err
		}
		m.Actor, m.Reason = by.actor, by.reason
		if m.Evidence, err = rests.read(); err != nil {
			return err
		}
		if *expect >= 0 {
			m.Expect = expect
		}
		e, err := reg.Move(ctx, p.model, m)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, e)
		}
		where := "in " + string(e.Stage)
		switch {
		case e.Alias != "":
			where = e.Alias
		case e.Stage == registry.Archived:
			where = "archived"
		}
		fmt.Fprintf(s.out, "version %d of %s is %s", e.Version, e.Model, where)
		if e.From > 0 {
			fmt.Fprintf(s.out, ", in the place of version %d", e.From)
		}
		fmt.Fprintln(s.out)
		return nil
	}
}
