package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// filter says what is listed; empty means all.
type filter struct {
	version              int
	stage, actor, reason string
}

func (l *filter) declare(f *flag.FlagSet) {
	f.IntVar(&l.version, "version", 0, "list this `number` of a version alone")
	f.StringVar(&l.stage, "stage", "", "list this `stage` alone")
	f.StringVar(&l.actor, "actor", "", "list what this `name` did alone")
	f.StringVar(&l.reason, "reason", "", "list what was done for reasons with this `text` alone")
}

// check returns a usage error where nothing could ever be listed.
func (l *filter) check() error {
	switch registry.Stage(l.stage) {
	case "", registry.Production, registry.Staging, registry.Archived:
	default:
		return usage("-stage is %q, want production, staging or archived", l.stage)
	}
	if l.version < 0 {
		return usage("-version is %d", l.version)
	}
	return nil
}

// passes reports whether an event, of a version that stands in stage, is
// listed.
func (l *filter) passes(e registry.Event, stage registry.Stage) bool {
	return (l.version == 0 || l.version == e.Version) && (l.stage == "" || l.stage == string(stage)) &&
		(l.actor == "" || l.actor == e.Actor) && strings.Contains(e.Reason, l.reason)
}

func versions(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p      place
		only   filter
		at     = f.String("at", "", "list what was there at this `time`, such as 2026-11-24T08:00:00Z")
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	only.declare(f)
	return func(ctx context.Context, s streams) error {
		if err := only.check(); err != nil {
			return err
		}
		then, err := time.Parse(time.RFC3339, *at)
		if *at != "" && err != nil {
			return usage("-at: %v", err)
		}
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		state, err := reg.State(ctx, p.model)
		if err == nil && *at != "" {
			state, err = reg.At(ctx, p.model, then)
		}
		if err != nil {
			return err
		}
		listed := []registry.Version{}
		for e, err := range reg.History(ctx, p.model) {
			if err != nil {
				return err
			}
			if e.Kind != registry.KindRegistered || e.Version > len(state.Versions) {
				continue
			}
			if v := state.Versions[e.Version-1]; only.passes(e, v.Stage) {
				listed = append(listed, v)
			}
		}
		if *asJSON {
			return printJSON(s.out, listed)
		}
		rows := [][]string{{"VERSION", "STAGE", "CREATED", "BY", "DIGEST"}}
		for _, v := range listed {
			where := string(v.Stage)
			if state.Rollout != nil && state.Rollout.Version == v.Number {
				where = strings.TrimPrefix(where+", rollout", ", ")
			}
			rows = append(rows, []string{
				fmt.Sprint(v.Number), orDash(where), v.CreatedAt.Format(time.DateTime), orDash(v.Actor), v.Digest.String()[:19],
			})
		}
		return table(s.out, rows)
	}
}

func history(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p      place
		only   filter
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	only.declare(f)
	return func(ctx context.Context, s streams) error {
		if err := only.check(); err != nil {
			return err
		}
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		events := []registry.Event{}
		for e, err := range reg.History(ctx, p.model) {
			if err != nil {
				return err
			}
			if only.passes(e, e.Stage) {
				events = append(events, e)
			}
		}
		if *asJSON {
			return printJSON(s.out, events)
		}
		rows := [][]string{{"SEQ", "TIME", "EVENT", "VERSION", "WHERE", "FROM", "BY", "REASON"}}
		for _, e := range events {
			from := "-"
			if e.From > 0 {
				from = fmt.Sprint(e.From)
			}
			where := string(e.Stage) + e.Alias
			if e.Rollout != nil {
				where = e.Rollout.String()
			}
			rows = append(rows, []string{
				fmt.Sprint(e.Seq), e.Time.Format(time.DateTime), string(e.Kind), fmt.Sprint(e.Version), orDash(where), from,
				orDash(e.Actor), orDash(e.Reason),
			})
		}
		return table(s.out, rows)
	}
}

// orDash returns s as a cell of a table.
func orDash(s string) string {
	const most = 60
	if s == "" {
		return "-"
	}
	if r := []rune(printable(s)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return printable(s)
}
