// Riskctl is the operator's tool: it trains and registers models, moves them
// between stages, scores, evaluates, sweeps for drift and serves. It is built
// from riskkit's public API alone.
//
//	go run ./examples/riskctl COMMAND -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one thing that riskctl does. setup declares its flags and returns
// what to do once they are parsed.
type command struct {
	name, args, purpose string
	setup               func(*flag.FlagSet) func(context.Context, streams) error
}

var commands = []command{
	{"train", "-data F -registry DIR", "train a model, register it and put it into staging", train},
	{"versions", "-registry DIR", "list the versions of a model and where they stand", versions},
	{"promote", "-registry DIR", "move a version to a stage", promote},
	{"rollout", "-registry DIR", "let a version stand beside production: in shadow, or for a share", rollout},
	{"rollback", "-registry DIR", "return production to an earlier version", rollback},
	{"history", "-registry DIR", "list all that happened to a model", history},
	{"alias", "-registry DIR -alias A -version N", "let an alias name a version", alias},
	{"protect", "-registry DIR -stage S", "let a stage or alias move only with an approval", protect},
	{"approve", "-registry DIR -stage S -version N", "approve a move of somebody else's", approve},
	{"verify", "-registry DIR", "read a whole registry and check every byte of it", verify},
	{"copy", "-registry DIR -to DIR", "copy a registry with its history, or bring a copy up to date", duplicate},
	{"retain", "-registry DIR", "archive old versions and delete files that nobody needs", retain},
	{"score", "[-text T]", "score one text, or incidents as JSON lines on standard input", score},
	{"evaluate", "-data F -registry DIR", "measure a version, or the heuristic, on labelled incidents", evaluate},
	{"estimate", "-data F -labelled F -registry DIR", "estimate how good a version is on incidents before their labels come", estimate},
	{"compare", "-a 1 -b 2 -data F -registry DIR", "measure two versions on the same labelled incidents, and judge the new one", compare},
	{"sweep", "-data F -registry DIR", "compare incidents with those that a version was trained on", sweep},
	{"drift", "-data F -registry DIR", "sweep incidents window after window, and go on as more come", drift},
	{"audit", "-log DIR", "print an audit log as JSON lines, or verify it", audits},
	{"serve", "-addr HOST:PORT", "answer POST /risk, GET /risk/status and the rest of riskhttp", serve},
}

// errUsage says that the command line makes no sense.
var errUsage = errors.New("usage")

// usage returns an error that ends riskctl with status 2.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// run carries out a command line and returns the exit status: 0, 1 where the
// command failed, 2 where the command line makes no sense.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 {
		help(s.err)
		return 2
	}
	if a := args[0]; a == "-h" || a == "-help" || a == "--help" || a == "help" {
		help(s.out)
		return 0
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, args[1:], s)
		}
	}
	fmt.Fprintf(s.err, "riskctl: there is no command %q\n\n", args[0])
	help(s.err)
	return 2
}

func (c command) run(ctx context.Context, args []string, s streams) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	do := c.setup(flags)
	describe := func(w io.Writer) {
		fmt.Fprintf(w, "riskctl %s: %s\n\nusage: riskctl %[1]s %[3]s [flags]\n\n", c.name, c.purpose, c.args)
		flags.SetOutput(w)
		flags.PrintDefaults()
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		describe(s.out)
		return 0
	case err != nil:
		err = usage("%v", err)
	case flags.NArg() > 0:
		err = usage("unexpected %q", strings.Join(flags.Args(), " "))
	default:
		err = do(ctx, s)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(s.err, "riskctl %s: %v\n", c.name, err)
	if errors.Is(err, errUsage) {
		fmt.Fprintf(s.err, "see riskctl %s -h\n", c.name)
		return 2
	}
	return 1
}

func help(w io.Writer) {
	fmt.Fprint(w, "usage: riskctl COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.purpose)
	}
	fmt.Fprint(w, "\nriskctl COMMAND -h lists the flags of a command.\n")
}
