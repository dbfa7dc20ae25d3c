package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/risk"
)

// evaluated is what evaluate prints.
type evaluated struct {
	Model   string      `json:"model,omitempty"`
	Version string      `json:"version"`
	Method  risk.Method `json:"method"`
	eval.Report
}

func evaluate(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p         place
		w         which
		d         data
		heuristic = f.Bool("heuristic", false, "measure the heuristic instead of a version")
		asJSON    = f.Bool("json", false, "print JSON")
	)
	p.declare(f)
	w.declare(f, "the one in production, else in staging, else the latest")
	d.declare(f)
	return func(ctx context.Context, s streams) error {
		incidents, err := d.open(false)
		if err != nil {
			return err
		}
		var scorer risk.Scorer
		e := evaluated{Model: p.model}
		if *heuristic {
			h, err := risk.NewHeuristic(nil)
			if err != nil {
				return err
			}
			scorer, e = h, evaluated{Version: h.Version(), Method: risk.MethodHeuristic}
		} else {
			m, err := p.load(ctx, &w)
			if err != nil {
				return err
			}
			scorer, e.Version, e.Method = m, m.Version(), risk.MethodML
		}
		count, done := counter(s.err)
		e.Report, err = risk.Evaluate(ctx, scorer, func(yield func(risk.Example, error) bool) {
			for x, err := range incidents.Examples() {
				if count(); !yield(x, err) {
					return
				}
			}
		}, nil)
		done()
		reportSkipped(s.err, incidents.Skipped())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(s.out, e)
		}
		fmt.Fprintf(s.out, "%s %s on %d incidents:\n", e.Method, e.Version, e.N)
		return printReport(s.out, e.Report)
	}
}

// load returns the model of the version that is meant.
func (p *place) load(ctx context.Context, w *which) (*risk.Model, error) {
	reg, err := p.open(nil)
	if err != nil {
		return nil, err
	}
	v, err := w.find(ctx, reg, p.model)
	if err != nil {
		return nil, err
	}
	return risk.OpenModel(ctx, reg, v)
}

// printReport writes metrics for people.
func printReport(w io.Writer, r eval.Report) error {
	fmt.Fprintf(w, "macro-F1 %.4f  accuracy %.4f  log loss %.4f  Brier score %.4f  calibration error %.4f\n\n",
		r.MacroF1, r.Accuracy, r.LogLoss, r.Brier, r.ECE)
	rows := [][]string{{"LEVEL", "PRECISION", "RECALL", "F1", "INCIDENTS", "PREDICTED AS"}}
	var names []string
	for _, l := range r.Levels {
		names = append(names, l.Level)
	}
	for k, l := range r.Levels {
		var predicted []string
		for j, n := range r.Confusion[k] {
			predicted = append(predicted, fmt.Sprintf("%s %d", names[j], n))
		}
		rows = append(rows, []string{
			l.Level, fmt.Sprintf("%.4f", l.Precision), fmt.Sprintf("%.4f", l.Recall), fmt.Sprintf("%.4f", l.F1),
			fmt.Sprint(l.Support), strings.Join(predicted, ", "),
		})
	}
	return table(w, rows)
}
