package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// serving says what a service of riskctl answers with.
type serving struct {
	place
	which
	ml bool
}

func (s *serving) declare(f *flag.FlagSet) {
	s.place.declare(f)
	s.which.declare(f, "the one in production")
	f.BoolVar(&s.ml, "ml", false, "switch the model on, as "+risk.EnvML+"=true does; -version and -stage do so too")
}

// named reports whether a version was asked for by number or stage.
func (s *serving) named() bool { return s.version != 0 || s.stage != "" }

// service returns the Service that is meant, which tells trail of its answers and
// of feedback unless it is nil.
func (s *serving) service(ctx context.Context, trail *audit.Log) (*risk.Service, error) {
	ref, err := s.ref()
	if err != nil {
		return nil, err
	}
	if s.registry == "" && (s.ml || s.named()) {
		return nil, usage("-ml, -version and -stage need -registry")
	}
	o := risk.ServiceOptions{Model: s.model, Ref: ref, ML: s.ml || s.named()}
	if trail != nil {
		o.Observers, o.Feedback = risk.Observers{trail}, trail
	}
	if s.registry != "" {
		// The registry need not be there: then the heuristic answers, and the
		// status says why.
		reg, err := s.open(&registry.DirOptions{MayBeAbsent: true})
		if err != nil {
			return nil, err
		}
		o.Registry = reg
	}
	return risk.NewService(ctx, &o)
}

func score(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		v       serving
		text    = f.String("text", "", "`text` to score, instead of JSON lines on standard input")
		skipBad = f.Bool("skip-bad", false, "pass over bad lines and report them, instead of ending at the first")
		explain = f.Int("explain", 0, "`number` of terms to explain each answer by")
		asJSON  = f.Bool("json", false, "print JSON, an assessment a line")
	)
	v.declare(f)
	return func(ctx context.Context, s streams) error {
		given := false
		f.Visit(func(f *flag.Flag) { given = given || f.Name == "text" })
		switch {
		case given && (strings.TrimSpace(*text) == "" || !utf8.ValidString(*text)):
			return usage("-text is empty or not UTF-8")
		case *explain < 0:
			return usage("-explain is %d", *explain)
		}
		svc, err := v.service(ctx, nil)
		if err != nil {
			return err
		}
		switch st := svc.Status(); {
		case st.Error != "" && v.named():
			return errors.New(st.Error) // a version was asked for, not whatever there is
		case st.Error != "":
			fmt.Fprintf(s.err, "riskctl score: the heuristic answers: %s\n", st.Error)
		case !st.ML && v.registry != "":
			fmt.Fprintf(s.err, "riskctl score: the heuristic answers: the model is off; -ml or %s=true switches it on\n", risk.EnvML)
		}
		var incidents iter.Seq2[risk.Example, error]
		if given {
			incidents = risk.ExampleSlice([]risk.Example{{Document: risk.Document{Text: *text}}})
		} else {
			stdin := risk.NewDataset("standard input", func() (io.ReadCloser, error) { return io.NopCloser(s.in), nil },
				&risk.DatasetOptions{Unlabelled: true, SkipBad: *skipBad})
			incidents = stdin.Examples()
			defer func() { reportSkipped(s.err, stdin.Skipped()) }()
		}
		for x, err := range incidents {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			a, err := risk.Explain(ctx, svc, x.Document, *explain)
			if err != nil {
				return err
			}
			if *asJSON {
				err = printJSON(s.out, a)
			} else {
				err = printAssessment(s.out, a)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// printAssessment writes an answer for people.
func printAssessment(w io.Writer, a risk.Assessment) error {
	id := ""
	if a.ID != "" {
		id = printable(a.ID) + ": "
	}
	_, err := fmt.Fprintf(w, "%s%s, score %.3f (%s %s, threshold %.3f)\n", id, a.Level, a.Score, a.Method, a.ModelVersion, a.Threshold)
	for _, c := range a.Categories {
		fmt.Fprintf(w, "  %3.0f%%   %s\n", 100*c.Share, c.Name)
	}
	for _, c := range a.Explanation {
		fmt.Fprintf(w, "  %+.3f %s\n", c.Contribution, printable(c.Term))
	}
	return err
}
