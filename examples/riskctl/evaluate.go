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
	Intervals eval.Intervals     `json:"intervals"`
	Slices    []eval.SliceReport `json:"slices,omitempty"`
}

func evaluate(f *flag.FlagSet) func(context.Context, streams) error {
	var (
		p         place
		w         which
		d         data
		heuristic = f.Bool("heuristic", false, "measure the heuristic instead of a version")
		slices    = f.Bool("slices", false, "compare the incidents of each tag and month with the rest")
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
		var parts func(risk.Example) []string
		if *slices {
			parts = tagsAndMonth
		}
		found, err := risk.EvaluateSlices(ctx, scorer, func(yield func(risk.Example, error) bool) {
			for x, err := range incidents.Examples() {
				if count(); !yield(x, err) {
					return
				}
			}
		}, nil, parts)
		done()
		reportSkipped(s.err, incidents.Skipped())
		if err != nil {
			return err
		}
		if e.Report, err = found.Whole().Report(); err != nil {
			return err
		}
		if e.Intervals, err = found.Whole().Intervals(nil); err != nil {
			return err
		}
		if *slices {
			if e.Slices, err = found.Compare(nil); err != nil {
				return err
			}
		}
		if *asJSON {
			return printJSON(s.out, e)
		}
		return e.print(s.out)
	}
}

// tagsAndMonth names the parts that an incident is in.
func tagsAndMonth(x risk.Example) (parts []string) {
	for _, tag := range x.Tags {
		parts = append(parts, "tag:"+tag)
	}
	if !x.CreatedAt.IsZero() {
		parts = append(parts, "month:"+x.CreatedAt.UTC().Format("2006-01"))
	}
	return parts
}

// print writes e for people.
func (e *evaluated) print(w io.Writer) error {
	m, err := e.Matrix()
	if err != nil {
		return err
	}
	i := &e.Intervals
	fmt.Fprintf(w, "%s %s on %d incidents, each metric with its 95%% interval:\n\n", e.Method, e.Version, e.N)
	var rows [][]string
	for _, x := range []struct {
		name  string
		value float64
		in    eval.Interval
		note  string
	}{
		{"macro-F1", e.MacroF1, i.MacroF1, ""},
		{"accuracy", e.Accuracy, i.Accuracy, ""},
		{"balanced accuracy", m.BalancedAccuracy(), i.BalancedAccuracy, fmt.Sprintf("always the same answer has %.3f", 1/float64(len(m)))},
		{"MCC", m.MCC(), i.MCC, "0 is chance"},
		{"quadratic kappa", m.QuadraticKappa(), i.QuadraticKappa, "0 is chance"},
		{"log loss", e.LogLoss, i.LogLoss, "less is better"},
		{"Brier score", e.Brier, i.Brier, fmt.Sprintf("less is better; %.4f from calibration, %.4f is what shares alone score", e.Murphy.Reliability, e.Murphy.Uncertainty)},
		{"calibration error", e.ECE, i.ECE, "less is better"},
	} {
		rows = append(rows, []string{x.name, valueIn(x.value, x.in), x.note})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	rows = [][]string{{"\nLEVEL", "PRECISION", "RECALL", "F1", "ROC AUC", "INCIDENTS", "PREDICTED AS"}}
	for k, l := range e.Levels {
		auc := "-"
		if l.ROCAUC != nil {
			auc = valueIn(l.ROCAUC.Value, i.Levels[k].ROCAUC)
		}
		rows = append(rows, []string{
			l.Level, valueIn(l.Precision, i.Levels[k].Precision), valueIn(l.Recall, i.Levels[k].Recall), valueIn(l.F1, i.Levels[k].F1),
			auc, fmt.Sprint(l.Support), predictedAs(&e.Report, k),
		})
	}
	if err := table(w, rows); err != nil || e.Slices == nil {
		return err
	}
	return printSlices(w, e.Slices)
}

// valueIn writes a value and its interval.
func valueIn(v float64, i eval.Interval) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", v, i.Low, i.High)
}

// predictedAs lists what the incidents of a level were predicted as.
func predictedAs(r *eval.Report, level int) string {
	var predicted []string
	for j, n := range r.Confusion[level] {
		predicted = append(predicted, fmt.Sprintf("%s %d", r.Levels[j].Level, n))
	}
	return strings.Join(predicted, ", ")
}

// printSlices writes the slices that are worse than the rest, or, where none
// is, the five that look the worst.
func printSlices(w io.Writer, slices []eval.SliceReport) error {
	const looksWorst = 5
	tested, worse := 0, 0
	for _, r := range slices {
		if r.Tested {
			tested++
		}
		if r.Worse(0.05) {
			worse++
		}
	}
	show := slices[:worse]
	switch {
	case tested == 0:
		fmt.Fprintf(w, "\nAll of %d slices have too few incidents to be compared: label more.\n", len(slices))
	case worse == 0:
		show = slices[:min(tested, looksWorst)]
		fmt.Fprintf(w, "\nNone of %d slices is worse than the rest by more than chance; those with the least accuracy:\n\n", tested)
	default:
		fmt.Fprintf(w, "\n%d of %d slices are worse than the rest by more than chance, the surest first: label more of them and train anew.\n\n", worse, tested)
	}
	if len(show) == 0 {
		return nil
	}
	rows := [][]string{{"SLICE", "INCIDENTS", "ACCURACY", "REST", "P", "MACRO-F1", "REST", "P"}}
	for _, r := range show {
		rows = append(rows, []string{
			printable(r.Name), fmt.Sprint(r.N), valueIn(r.Accuracy, r.AccuracyInterval), fmt.Sprintf("%.3f", r.RestAccuracy), fmt.Sprintf("%.2g", r.P),
			valueIn(r.MacroF1, r.MacroF1Interval), fmt.Sprintf("%.3f", r.RestMacroF1), fmt.Sprintf("%.2g", r.MacroF1P),
		})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if few := len(slices) - tested; few > 0 {
		fmt.Fprintf(w, "\n%d slices have too few incidents to be compared.\n", few)
	}
	return nil
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
	for k, l := range r.Levels {
		rows = append(rows, []string{
			l.Level, fmt.Sprintf("%.4f", l.Precision), fmt.Sprintf("%.4f", l.Recall), fmt.Sprintf("%.4f", l.F1),
			fmt.Sprint(l.Support), predictedAs(&r, k),
		})
	}
	return table(w, rows)
}
