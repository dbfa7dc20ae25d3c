package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// compared is what compare prints.
type compared struct {
	Model string `json:"model"`
	A     string `json:"a"`
	B     string `json:"b"`
	eval.Comparison
	Verdict eval.Verdict `json:"verdict"`
	// Needed is how many incidents a conclusive verdict would need if b is as
	// good as a; absent where none suffice.
	Needed int64 `json:"samples_needed,omitempty"`
}

func compare(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p         place
		d         data
		a         = f.String("a", "production", "the old `version`: a number, a stage, an alias, or heuristic")
		b         = f.String("b", "staging", "the new `version`, named as the old one")
		margin    = f.Float64("margin", 0.02, "by how much macro-F1 and accuracy of b may be worse; 0: b must be better")
		recall    = f.Float64("recall-margin", 0.05, "by how much the recall of the highest level may be worse")
		least     = f.Int64("min", 200, "least `number` of incidents for a verdict")
		leastEach = f.Int64("min-level", 20, "least `number` of incidents of each level for a verdict")
		alpha     = f.Float64("alpha", 0.05, "greatest `probability` of a wrong verdict")
		repeated  = f.Bool("repeated", false, "the comparison is made again and again while incidents come in, until it is conclusive")
		flips     = f.Int("flips", 5, "`number` of incidents to name that only b, only a or neither has right")
		seed      = f.Uint64("seed", 0, "`seed` of the bootstrap")
		asJSON    = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	d.declare(f)
	return func(ctx context.Context, s streams) error {
		switch {
		case *flips < 0:
			return usage("-flips is %d", *flips)
		case *a == *b:
			return usage("-a and -b are both %q", *a)
		}
		scale := risk.DefaultScale()
		highest := scale[len(scale)-1]
		gate, err := eval.NewGate(scale, &eval.GateOptions{
			Checks: []eval.Check{
				{Metric: eval.MetricMacroF1, Margin: *margin}, {Metric: eval.MetricAccuracy, Margin: *margin},
				{Metric: eval.MetricRecall, Level: highest, Margin: *recall},
			},
			MinSamples: orNone(*least), MinPerLevel: orNone(*leastEach), Alpha: *alpha, Once: !*repeated,
		})
		if err != nil {
			return usage("%v", err)
		}
		incidents, err := d.open(false)
		if err != nil {
			return err
		}
		old, err := p.scorer(ctx, *a)
		if err != nil {
			return fmt.Errorf("version a: %w", err)
		}
		now, err := p.scorer(ctx, *b)
		if err != nil {
			return fmt.Errorf("version b: %w", err)
		}
		count, done := counter(s.err)
		pairs, err := risk.Compare(ctx, old, now, func(yield func(risk.Example, error) bool) {
			for x, err := range incidents.Examples() {
				if count(); !yield(x, err) {
					return
				}
			}
		}, scale, &eval.PairsOptions{Flips: orNone(*flips)})
		done()
		reportSkipped(s.err, incidents.Skipped())
		if err != nil {
			return err
		}
		c := compared{Model: p.model, A: *a, B: *b}
		if c.Comparison, err = pairs.Compare(&eval.CompareOptions{Seed: *seed}); err != nil {
			return err
		}
		if c.Verdict, err = gate.Judge(eval.Look{Evidence: pairs}); err != nil {
			return err
		}
		if n, err := gate.SamplesNeeded(pairs, 0, 0.9); err == nil { // else no number of them would do, as is asked for
			c.Needed = n
		}
		if *asJSON {
			return printJSON(s.out, c)
		}
		return printComparison(s.out, c)
	}
}

// orNone returns what an option whose 0 means its default needs to mean none.
func orNone[T int | int64](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

// scorer returns what ref names: a version, or the heuristic.
func (p *place) scorer(ctx context.Context, ref string) (risk.Scorer, error) {
	if ref == string(risk.MethodHeuristic) {
		return risk.NewHeuristic(nil)
	}
	if n, err := strconv.Atoi(ref); ref == "" || err == nil && n < 1 {
		return nil, usage("%q is no version, stage or alias", ref)
	}
	reg, err := p.open(nil)
	if err != nil {
		return nil, err
	}
	v, err := registry.Registry(reg).Resolve(ctx, p.model, ref)
	if err != nil {
		return nil, err
	}
	return risk.OpenModel(ctx, reg, v)
}

// printComparison writes a comparison for people.
func printComparison(w io.Writer, c compared) error {
	fmt.Fprintf(w, "%s: a is %s, b is %s, on %d incidents. Only a is right on %d, only b on %d (p = %.2g).\n\n",
		c.Model, c.A, c.B, c.NA, c.Paired.OnlyA, c.Paired.OnlyB, c.P)
	rows := [][]string{{"METRIC", "A", "B", "B - A", "95% INTERVAL", ""}}
	for _, d := range c.Differences {
		name := strings.ReplaceAll(string(d.Metric), "_", " ")
		if d.Level != "" {
			name += " of " + d.Level
		}
		rows = append(rows, []string{name, fmt.Sprintf("%.4f", d.A), fmt.Sprintf("%.4f", d.B), fmt.Sprintf("%+.4f", d.Difference),
			fmt.Sprintf("[%+.4f, %+.4f]", d.Low, d.High), [...]string{"worse", "", "better"}[1+d.Better()]})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, l := range []struct {
		what string
		eval.FlipList
	}{{"only b right", c.Flips.Better}, {"only a right", c.Flips.Worse}, {"both wrong, differently", c.Flips.Other}} {
		var named []string
		for _, x := range l.Examples {
			named = append(named, fmt.Sprintf("%s (%s: %s, %s)", printable(x.ID), x.Truth, x.A, x.B))
		}
		fmt.Fprintf(w, "%s: %d  %s\n", l.what, l.N, strings.Join(named, ", "))
	}
	_, err := fmt.Fprintf(w, "\n%s\n", c.Verdict)
	if c.Verdict.Outcome == eval.Inconclusive && c.Needed > 0 {
		_, err = fmt.Fprintf(w, "\nIf b is as good as a, about %d incidents are needed for it to pass in nine of ten cases.\n", c.Needed)
	}
	return err
}
