package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/riskkit/riskkit/eval"
)

// printEstimates writes windows for people: what is expected beside what is
// known, then what was seen of the answers, then why.
func printEstimates(w io.Writer, all []estimated) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no incidents")
		return err
	}
	rows := [][]string{{"PERIOD", "INCIDENTS", "STATUS", "ACCURACY", "REALLY", "MACRO-F1", "REALLY", "LOG LOSS", "REALLY"}}
	for _, x := range all {
		really := []string{"-", "-", "-"}
		if r := x.Real; r != nil {
			really = []string{fmt.Sprintf("%.3f", r.Accuracy), fmt.Sprintf("%.3f", r.MacroF1), fmt.Sprintf("%.3f", r.LogLoss)}
			if int64(x.Labelled) < x.Estimate.N {
				really[0] += fmt.Sprintf(" (%d)", x.Labelled)
			}
		}
		e := x.Estimate
		rows = append(rows, []string{
			x.Period, fmt.Sprint(e.N), string(x.Judgement.Status), within(e.Accuracy), really[0], within(e.MacroF1), really[1], within(e.LogLoss), really[2],
		})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := table(w, rates(all)); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n* out of its control limits. In brackets are intervals of %g%%.\n", 100*all[0].Estimate.Confidence)
	for _, x := range all {
		for _, reason := range x.Judgement.Reasons {
			fmt.Fprintf(w, "%s: %s\n", x.Period, printable(reason))
		}
		if x.Judgement.Retrain {
			fmt.Fprintf(w, "%s: train again on recent labels, compare, promote\n", x.Period)
		}
	}
	_, err := fmt.Fprintf(w, "Mind: %s.\n", eval.CannotSee)
	return err
}

// rates returns the rates of proxies as rows of cells, those before first, but
// for rates that are 0 throughout.
func rates(all []estimated) [][]string {
	rows := make([][]string, 2+len(all))
	rows[0], rows[1] = []string{"PERIOD"}, []string{"before"}
	for i, x := range all {
		rows[2+i] = []string{x.Period}
	}
	for i, r := range all[0].Proxies.Rates {
		if !slices.ContainsFunc(all, func(x estimated) bool { return x.Proxies.Rates[i].Hits > 0 }) {
			continue
		}
		before := "-"
		if r.Baseline != nil {
			before = fmt.Sprintf("%.1f%%", 100**r.Baseline)
		}
		rows[0], rows[1] = append(rows[0], strings.ToUpper(r.Name)), append(rows[1], before)
		for j, x := range all {
			r := x.Proxies.Rates[i]
			mark := ""
			if x.Signals[r.Name].Out {
				mark = " *"
			}
			rows[2+j] = append(rows[2+j], fmt.Sprintf("%.1f%% [%.1f, %.1f]%s", 100*r.Value, 100*r.Low, 100*r.High, mark))
		}
	}
	return rows
}

// within writes an estimate with its interval.
func within(e eval.Estimated) string {
	return fmt.Sprintf("%.3f [%.3f, %.3f]", e.Value, e.Low, e.High)
}
