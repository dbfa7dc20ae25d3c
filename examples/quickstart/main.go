// Quickstart walks the whole way once: score by the heuristic, train, register,
// promote, score by the model, watch for drift, compare a second version,
// promote it, and roll it back. It needs no network, no flags and no files but
// the incidents embedded in it.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

//go:embed data
var files embed.FS

// model is the name that the versions are registered under.
const model = "incident-risk"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	heading := func(s string) { fmt.Fprintf(out, "\n== %s\n", s) }
	incident := risk.Document{
		ID:   "INC-4711",
		Text: "Customer data exposed: the portal showed addresses of other people after signing in. No payments are affected.",
	}

	heading("Day one: no model yet, the heuristic answers")
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%q\n", incident.Text)
	if err := show(ctx, out, heuristic, incident); err != nil {
		return err
	}

	heading("Train a model on what was labelled, and register it")
	labelled, err := risk.Collect(dataset("incidents.jsonl").Examples())
	if err != nil {
		return err
	}
	// A clock of its own gives the history the same times on every run. Hosts
	// leave it out.
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Hour); return now }
	reg := registry.New(registry.NewMem(), &registry.LogOptions{Now: clock})
	if err := train(ctx, out, reg, labelled[:240], "first model"); err != nil {
		return err
	}

	heading("Promote it, and score the same text by it")
	if _, err := reg.Move(ctx, model, registry.Move{
		Version: 1, To: registry.Production, Expect: new(0), Actor: "on call", Reason: "better than the heuristic",
	}); err != nil {
		return err
	}
	service, err := risk.NewService(ctx, &risk.ServiceOptions{Registry: reg, Model: model, ML: true})
	if err != nil {
		return err
	}
	if err := show(ctx, out, service, incident); err != nil {
		return err
	}

	heading("Sweep for drift: traffic like the training data, and traffic of another world")
	for _, traffic := range []string{"usual.jsonl", "shifted.jsonl"} {
		if err := sweep(ctx, out, service, traffic); err != nil {
			return err
		}
	}

	heading("Train a second version on more incidents, and compare it on new ones")
	if err := train(ctx, out, reg, labelled, "twice the incidents"); err != nil {
		return err
	}
	if err := compare(ctx, out, reg, dataset("usual.jsonl")); err != nil {
		return err
	}

	heading("Promote it, and think better of it")
	for _, m := range []registry.Move{
		{Version: 2, To: registry.Production, Expect: new(1), Actor: "on call", Reason: "lower log loss, better calibrated"},
		{Rollback: true, Expect: new(2), Actor: "on call", Reason: "the night shift sees more false alarms"},
	} {
		if _, err := reg.Move(ctx, model, m); err != nil {
			return err
		}
		if err := service.Reload(ctx); err != nil { // a host does this now and then
			return err
		}
		a, err := service.Score(ctx, incident)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s, score %.3f by version %s\n", a.ID, a.Level, a.Score, a.ModelVersion)
	}

	heading("The history says what happened")
	for e, err := range reg.History(ctx, model) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%d  %s  %-11s  version %d  %-10s  %s: %s\n",
			e.Seq, e.Time.Format(time.DateTime), e.Kind, e.Version, e.Stage, e.Actor, e.Reason)
	}
	return nil
}

// dataset returns one of the embedded files of incidents.
func dataset(name string) *risk.Dataset {
	return risk.NewDataset(name, func() (io.ReadCloser, error) { return files.Open("data/" + name) }, nil)
}

// show scores a document and prints the answer under the names that it has in
// JSON.
func show(ctx context.Context, out io.Writer, s risk.Scorer, doc risk.Document) error {
	a, err := risk.Explain(ctx, s, doc, 4)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  risk_score          %.3f\n", a.Score)
	fmt.Fprintf(out, "  risk_label          %s\n", a.Level)
	fmt.Fprintf(out, "  risk_score_method   %s\n", a.Method)
	fmt.Fprintf(out, "  risk_model_version  %s\n", a.ModelVersion)
	fmt.Fprintf(out, "  risk_threshold      %.3f\n", a.Threshold)
	for _, c := range a.Categories {
		fmt.Fprintf(out, "  category            %s, %.0f%% of the risk\n", c.Name, 100*c.Share)
	}
	for _, c := range a.Explanation {
		fmt.Fprintf(out, "  explanation         %+.3f %s\n", c.Contribution, c.Term)
	}
	return nil
}

// train trains on examples and registers the model in staging.
func train(ctx context.Context, out io.Writer, reg registry.Registry, examples []risk.Example, reason string) error {
	m, report, err := risk.Train(ctx, risk.ExampleSlice(examples), nil)
	if err != nil {
		return err
	}
	artifact, err := risk.NewArtifact(m, report)
	if err != nil {
		return err
	}
	v, err := reg.Register(ctx, model, artifact, &registry.RegisterOptions{Stage: registry.Staging, Actor: "training", Reason: reason})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "version %d is in %s: %d incidents, %d features, macro-F1 %.3f and calibration error %.3f on held-out incidents\n",
		v.Number, v.Stage, report.Documents, report.Features, report.Metrics.MacroF1, report.Metrics.ECE)
	if v.Number == 1 {
		fmt.Fprintln(out, "its model card lists, among much else, the terms that moved scores the most:")
		for line := range strings.Lines(string(artifact[risk.CardFile])) {
			if strings.HasPrefix(line, "- up") || strings.HasPrefix(line, "- down") {
				fmt.Fprint(out, "  ", line)
			}
		}
	}
	return nil
}

// sweep lets traffic through the service and asks whether it drifted.
func sweep(ctx context.Context, out io.Writer, s *risk.Service, traffic string) error {
	for x, err := range dataset(traffic).Examples() {
		if err != nil {
			return err
		}
		if _, err := s.Score(ctx, x.Document); err != nil {
			return err
		}
	}
	report, err := s.Drift().Sweep(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s, %d texts against %d at training\n", traffic, report.Status, report.NRecent, report.NBaseline)
	shown := 0
	for _, f := range report.Features {
		if f.Status == psi.StatusStable {
			break
		}
		if shown++; shown <= 5 {
			fmt.Fprintf(out, "  psi %6.3f  %s\n", f.PSI, f.Moved)
		}
	}
	if shown > 5 {
		fmt.Fprintf(out, "  and %d more\n", shown-5)
	}
	return nil
}

// compare measures versions 1 and 2 on the same incidents.
func compare(ctx context.Context, out io.Writer, reg registry.Registry, d *risk.Dataset) error {
	scale := risk.DefaultScale()
	var truth []int
	var levels [2][]int
	for i, ref := range []string{"1", "2"} {
		v, err := reg.Resolve(ctx, model, ref)
		if err != nil {
			return err
		}
		m, err := risk.OpenModel(ctx, reg, v)
		if err != nil {
			return err
		}
		r, err := risk.Evaluate(ctx, m, d.Examples(), scale)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "version %s on %d new incidents: macro-F1 %.3f, log loss %.3f, calibration error %.3f\n", ref, r.N, r.MacroF1, r.LogLoss, r.ECE)
		truth = truth[:0]
		for x, err := range d.Examples() {
			if err != nil {
				return err
			}
			a, err := m.Score(ctx, x.Document)
			if err != nil {
				return err
			}
			truth = append(truth, scale.Index(x.Label))
			levels[i] = append(levels[i], scale.Index(a.Level))
		}
	}
	p, err := eval.McNemar(truth, levels[0], levels[1])
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "only version 1 is right about %d, only version 2 about %d; chance alone does that with p = %.2f\n", p.OnlyA, p.OnlyB, p.P)
	return nil
}
