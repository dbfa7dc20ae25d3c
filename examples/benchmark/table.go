package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// row is a line of a table with a cell for each configuration.
type row struct {
	title string
	cell  func(c *compared) string
}

// printTable writes rows in columns.
func printTable(w io.Writer, title string, all []compared, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cells := []string{title}
	for i := range all {
		cells = append(cells, all[i].name)
	}
	fmt.Fprintf(t, "\n%s\n", strings.Join(cells, "\t"))
	for _, r := range rows {
		cells = append(cells[:0], r.title)
		for i := range all {
			cells = append(cells, r.cell(&all[i]))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// times writes a ratio.
func times(a, b float64) string {
	switch x := a / b; {
	case x < 10:
		return fmt.Sprintf("%.2fx", x)
	case x < 100:
		return fmt.Sprintf("%.1fx", x)
	default:
		return fmt.Sprintf("%.0fx", x)
	}
}

// printComparison writes how many times better than scikit-learn's, and than
// the reference's, riskkit's figures are, and the figures of quality of both.
func printComparison(w io.Writer, all []compared) error {
	slower := func(title, theirs, ours string) row { // less is better
		return row{title, func(c *compared) string { return times(c.theirs.number(theirs), c.ours.number(ours)) }}
	}
	err := printTable(w, "riskkit against scikit-learn", all, []row{
		slower("one text, p50", "single_p50_us", "single_p50_us"),
		slower("one text, mean", "single_mean_us", "single_mean_us"),
		{"one text, mean, against the map reference", func(c *compared) string {
			return times(c.ours.number("reference_single_mean_us"), c.ours.number("single_mean_us"))
		}},
		{"batch", func(c *compared) string {
			return times(c.ours.number("batch_docs_per_s"), c.theirs.number("batch_docs_per_s"))
		}},
		slower("vectorise", "vectorise_s", "vectorise_s"),
		slower("fit, against newton-cg to the same objective", "newton_cg_same_fit_s", "fit_s"),
		slower("fit, against newton-cg by default", "newton_cg_fit_s", "fit_s"),
		slower("fit, against lbfgs by default", "fit_s", "fit_s"),
		slower("model in memory", "model_bytes", "model_bytes"),
		slower("peak memory", "peak_rss_mb", "peak_rss_mb"),
	})
	if err != nil {
		return err
	}
	each := func(name, format string, theirs ...string) row {
		return row{name, func(c *compared) string {
			cell := fmt.Sprintf(format, c.ours.number(name))
			for _, name := range theirs {
				cell += "  " + fmt.Sprintf(format, c.theirs.number(name))
			}
			return cell
		}}
	}
	quality := func(name string) row { return each(name, "%.4f", "newton_cg_same_"+name, name) }
	over := func(title, theirs string) row {
		return row{title, func(c *compared) string {
			return fmt.Sprintf("%+.1e", c.theirs.number(theirs)/c.ours.number("objective")-1)
		}}
	}
	return printTable(w, "riskkit, newton-cg to the same objective, lbfgs", all, []row{
		each("features", "%.0f", "features"), each("nnz", "%.0f", "nnz"),
		quality("macro_f1"), quality("accuracy"), quality("log_loss"), quality("ece"),
		each("objective", "%.2f", "newton_cg_same_objective", "objective"),
		{"objective over the optimum at most, riskkit", func(c *compared) string { return fmt.Sprintf("%.1e", c.ours.number("gap")) }},
		over("objective over riskkit's, newton-cg to the same", "newton_cg_same_objective"),
		over("objective over riskkit's, newton-cg by default", "newton_cg_objective"),
		over("objective over riskkit's, lbfgs by default", "objective"),
	})
}

// printGrowth writes what training on so many times the incidents takes.
func printGrowth(w io.Writer, all []compared, scale int) error {
	seconds := func(f figures, name string) string { return fmt.Sprintf("%.3f s", f.number(name)) }
	return printTable(w, fmt.Sprintf("riskkit on %d times the incidents", scale), all, []row{
		{"vectorise, once", func(c *compared) string { return seconds(c.ours, "vectorise_s") }},
		{fmt.Sprintf("vectorise, %d times", scale), func(c *compared) string { return seconds(c.scaled, "vectorise_s") }},
		{"growth", func(c *compared) string { return times(c.scaled.number("vectorise_growth"), 1) }},
		{"fit, once", func(c *compared) string { return seconds(c.ours, "fit_s") }},
		{fmt.Sprintf("fit, %d times", scale), func(c *compared) string { return seconds(c.scaled, "fit_s") }},
		{"growth", func(c *compared) string { return times(c.scaled.number("fit_growth"), 1) }},
	})
}
