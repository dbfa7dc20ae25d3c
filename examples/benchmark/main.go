// Benchmark measures TF-IDF and logistic regression on labelled incidents: how
// long training takes, how long an answer takes, how good the answers are and
// how much memory it all needs, beside a plain scorer with a map and, where it
// is installed, beside scikit-learn. It is built from riskkit's public API
// alone.
//
//	go run ./examples/benchmark -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage says that the command line makes no sense.
var errUsage = errors.New("usage")

// usage returns an error that ends the benchmark with status 2.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// plan is what a command line asks for.
type plan struct {
	python      string
	runs, scale int
	train, test string
	configs     []config
}

const help = `benchmark: measure riskkit on labelled incidents

usage: benchmark [flags] TRAIN TEST [CONFIG ...]

TRAIN and TEST are files of JSON lines, gzip or not. Each configuration that is
named, of unigram, bigram, trigram-balanced and trigram, or each of the four, is
measured in a process of its own, on one thread. A JSON object for each goes to
standard output; progress, and tables for people, go to standard error.

`

// run carries out a command line and returns the exit status: 0, 1 where a
// measurement failed, 2 where the command line makes no sense.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("benchmark", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var p plan
	flags.StringVar(&p.python, "with-sklearn", "", "measure scikit-learn too, in turn, by this `python`")
	flags.IntVar(&p.runs, "runs", 1, "measure so many `times`, and give the median of each figure")
	flags.IntVar(&p.scale, "scale", 1, "train on so many `times` the incidents too, on copies with other words;\nthe configurations must be named")
	var err error
	if len(args) > 0 && args[0] == childFlag {
		err = child(ctx, args[1:], out)
	} else if err = flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, help)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return 0
	} else if err != nil {
		err = usage("%v", err)
	} else if err = p.read(flags.Args()); err == nil {
		err = p.carryOut(ctx, out, errs)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(errs, "benchmark: %v\n", err)
	if errors.Is(err, errUsage) {
		fmt.Fprintln(errs, "see go run ./examples/benchmark -h")
		return 2
	}
	return 1
}

// read takes the arguments behind the flags in, and checks both.
func (p *plan) read(args []string) error {
	switch {
	case len(args) < 2:
		return usage("two files are needed, of incidents to train on and to test on")
	case p.runs < 1:
		return usage("-runs is %d, want at least 1", p.runs)
	case p.scale < 1:
		return usage("-scale is %d, want at least 1", p.scale)
	case p.scale > 1 && len(args) == 2:
		return usage("-scale takes long: name the configurations that it is for")
	}
	p.train, p.test = args[0], args[1]
	var err error
	p.configs, err = choose(args[2:])
	return err
}
