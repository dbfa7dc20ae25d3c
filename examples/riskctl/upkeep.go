package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/riskkit/riskkit/registry"
)

func alias(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		name    = f.String("alias", "", "`name` of the alias, such as champion")
		version = f.Int("version", 0, "`number` of the version that it names since; 0 for none")
	)
	return mover(f, func(context.Context, registry.Registry, string) (registry.Move, error) {
		if *name == "" || *version < 0 {
			return registry.Move{}, usage("-alias is %q and -version is %d, want a name and a number", *name, *version)
		}
		return registry.Move{Alias: *name, Version: *version}, nil
	})
}

// guarded is a stage or an alias.
type guarded struct {
	stage, alias string
}

func (g *guarded) declare(f *flag.FlagSet) {
	f.StringVar(&g.stage, "stage", "", "`stage`: production, staging or archived")
	f.StringVar(&g.alias, "alias", "", "`name` of an alias")
}

func protect(f *flag.FlagSet) func(context.Context, streams) error {
	off := f.Bool("off", false, "take the protection away, which needs an approval of version 0")
	return guard(f, func(ctx context.Context, reg *registry.Log, model string, g guarded, by who) (registry.Event, string, error) {
		e, err := reg.Protect(ctx, model, registry.Protection{
			Stage: registry.Stage(g.stage), Alias: g.alias, Off: *off, Actor: by.actor, Reason: by.reason,
		})
		return e, fmt.Sprintf("%s of %s is %s", g.stage+g.alias, model, e.Kind), err
	})
}

func approve(f *flag.FlagSet) func(context.Context, streams) error {
	version := f.Int("version", 0, "`number` of the version that may go there")
	return guard(f, func(ctx context.Context, reg *registry.Log, model string, g guarded, by who) (registry.Event, string, error) {
		e, err := reg.Approve(ctx, model, registry.Approval{
			Version: *version, Stage: registry.Stage(g.stage), Alias: g.alias, Actor: by.actor, Reason: by.reason,
		})
		return e, fmt.Sprintf("%s approves version %d of %s for %s", e.Actor, e.Version, model, g.stage+g.alias), err
	})
}

// guard is a command about the protection of a stage or alias; do returns the
// event and what to print.
func guard(f *flag.FlagSet, do func(context.Context, *registry.Log, string, guarded, who) (registry.Event, string, error)) func(context.Context, streams) error {
	var (
		p      place
		by     who
		g      guarded
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	by.declare(f)
	g.declare(f)
	return func(ctx context.Context, s streams) error {
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		e, text, err := do(ctx, reg, p.model, g, by)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printJSON(s.out, e)
		}
		_, err = fmt.Fprintln(s.out, text)
		return err
	}
}

func verify(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p      place
		asJSON = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	return func(ctx context.Context, s streams) error {
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		shown := shower(s.err)
		report, err := reg.Verify(ctx, &registry.VerifyOptions{Progress: func(r registry.VerifyReport) {
			shown("%d events, %d files, %d MB", r.Events, r.Files, r.Bytes>>20)
		}})
		clearLine(s.err)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, report)
		}
		fmt.Fprintf(s.out, "all is as it was written: %d models, %d events (%d signed), %d versions, %d files of %d bytes\n",
			report.Models, report.Events, report.Signed, report.Versions, report.Files, report.Bytes)
		return nil
	}
}

func duplicate(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		from   = f.String("registry", "", "`directory` of the registry")
		to     = f.String("to", "", "`directory` of the copy, which is made where there is none")
		model  = f.String("model", "", "`name` of the model; without it all")
		asJSON = f.Bool("json", false, "print JSON")
	)
	return func(ctx context.Context, s streams) error {
		if *from == "" || *to == "" {
			return usage("-registry and -to are needed")
		}
		src, err := registry.OpenDir(*from, nil)
		if err != nil {
			return fmt.Errorf("opening the registry: %w", err)
		}
		dst, err := registry.OpenDir(*to, &registry.DirOptions{Create: true})
		if err != nil {
			return fmt.Errorf("opening the copy: %w", err)
		}
		shown := shower(s.err)
		o := &registry.CopyOptions{Progress: func(r registry.CopyReport) {
			shown("%d events, %d blobs, %d MB", r.Events, r.Blobs, r.Bytes>>20)
		}}
		if *model != "" {
			o.Models = []string{*model}
		}
		report, err := registry.Copy(ctx, dst, src, o)
		clearLine(s.err)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, report)
		}
		fmt.Fprintf(s.out, "%d models: %d events and %d blobs of %d bytes are new in the copy\n", report.Models, report.Events, report.Blobs, report.Bytes)
		return nil
	}
}

func retain(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p         place
		by        who
		dry       = f.Bool("dry-run", false, "tell what would be done and do nothing")
		versions  = f.Int("versions", 10, "`number` of the newest versions to keep")
		rollbacks = f.Int("rollbacks", 5, "`number` of earlier versions of production to keep")
		age       = f.Duration("age", 0, "keep versions younger than this `time`")
		archived  = f.Duration("archived", 0, "`time` that a version stays archived before its files are given up")
		grace     = f.Duration("grace", 24*time.Hour, "leave files alone that are younger than this `time`")
		asJSON    = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	by.declare(f)
	return func(ctx context.Context, s streams) error {
		if *versions < 1 || *rollbacks < 1 || *grace <= 0 {
			return usage("-versions is %d, -rollbacks is %d and -grace is %v, want positive ones", *versions, *rollbacks, *grace)
		}
		reg, err := p.open(nil)
		if err != nil {
			return err
		}
		report, err := reg.Retain(ctx, registry.Retention{
			Models: []string{p.model}, Versions: *versions, Rollbacks: *rollbacks, Age: *age, Archived: *archived, Grace: *grace,
			DryRun: *dry, Actor: by.actor, Reason: by.reason,
		})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, report)
		}
		would := ""
		if *dry {
			would = "would be "
		}
		for _, e := range append(report.Archived, report.Collected...) {
			fmt.Fprintf(s.out, "version %d %s%s\n", e.Version, would, e.Kind)
		}
		fmt.Fprintf(s.out, "%d blobs of %d bytes %sdeleted, %d temporary files\n", report.Blobs, report.Bytes, would, report.Temporary)
		return nil
	}
}

// shower returns what shows how far something is, on a terminal, now and then.
func shower(w io.Writer) func(format string, args ...any) {
	if !isTerminal(w) {
		return func(string, ...any) {}
	}
	var last time.Time
	return func(format string, args ...any) {
		if time.Since(last) > 100*time.Millisecond {
			last = time.Now()
			fmt.Fprintf(w, "\r%-70s", fmt.Sprintf(format, args...))
		}
	}
}
