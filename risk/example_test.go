package risk_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

func ExampleHeuristic() {
	h, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{
		"Total outage of the shop, and possible data loss.",
		"No outage and no data loss, just a typo.",
	} {
		a, err := risk.Explain(context.Background(), h, risk.Document{Text: text}, 3)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %.2f\n", a.Level, a.Score)
		for _, c := range a.Explanation {
			fmt.Printf("  %+.2f %s\n", c.Contribution, c.Term)
		}
	}
	// Output:
	// high 0.73
	//   +0.23 total outage
	//   +0.08 data loss
	// low 0.20
}

// Examples are labelled incidents; here they are made up on the spot.
func examples() []risk.Example {
	var all []risk.Example
	add := func(label string, texts ...string) {
		for _, text := range texts {
			for _, service := range []string{"shop", "portal", "intranet", "app", "archive"} {
				all = append(all, risk.Example{Document: risk.Document{Text: strings.ReplaceAll(text, "%", service)}, Label: label})
			}
		}
	}
	add("low", "a typo in the %", "wrong colour of an icon in the %", "how do I export a list from the %")
	add("medium", "the % is slow this morning", "one node of the % restarts again and again", "some users of the % see timeouts")
	add("high", "the % is down for everybody", "customer data of the % was stolen", "the database of the % lost its tables")
	return all
}

func ExampleTrain() {
	ctx := context.Background()
	m, report, err := risk.Train(ctx, risk.ExampleSlice(examples()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d examples, held out by %s, macro-F1 %.2f\n", report.Documents, report.FoldsBy, report.Metrics.MacroF1)
	a, err := m.Score(ctx, risk.Document{Text: "The website is down and data was stolen"})
	fmt.Println(a.Level, a.Method, err)
	// Output:
	// 45 examples, held out by chance, macro-F1 1.00
	// high ml <nil>
}

func ExampleService() {
	ctx := context.Background()
	m, report, err := risk.Train(ctx, risk.ExampleSlice(examples()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	artifact, err := risk.NewArtifact(m, report)
	if err != nil {
		fmt.Println(err)
		return
	}
	reg := registry.New(registry.NewMem(), nil)
	if _, err := reg.Register(ctx, "incident-risk", artifact, nil); err != nil {
		fmt.Println(err)
		return
	}
	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := func() {
		a, err := svc.Score(ctx, risk.Document{Text: "The shop is down"})
		fmt.Println(a.Method, a.ModelVersion, a.FallbackReason, err)
	}
	answer() // nothing is in production yet
	if _, err := reg.Move(ctx, "incident-risk", registry.Move{Version: 1, To: registry.Production}); err != nil {
		fmt.Println(err)
		return
	}
	if err := svc.Reload(ctx); err != nil {
		fmt.Println(err)
		return
	}
	answer()
	// Output:
	// heuristic lexicon-1 unavailable <nil>
	// ml 1  <nil>
}

func ExampleModel_NewMonitor() {
	ctx := context.Background()
	m, _, err := risk.Train(ctx, risk.ExampleSlice(examples()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	monitor, err := m.NewMonitor(&psi.CompareOptions{MinSample: 40})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 50 {
		monitor.Observe("Robot AX-17 lost its lidar signal in aisle 4, gripper torque over the limit, safety relay opened")
	}
	report, err := monitor.Sweep(ctx)
	fmt.Println(report.Status, report.NRecent, report.NBaseline, err)
	// Output: alert 50 45 <nil>
}

func ExampleDataset() {
	d := risk.DatasetFile("testdata/incidents.jsonl", &risk.DatasetOptions{SkipBad: true})
	for x, err := range d.Examples() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(x.ID, x.Label, x.Text)
	}
	for _, bad := range d.Skipped().First {
		fmt.Println(bad)
	}
	// Output:
	// INC-1 high The shop is down
	// INC-3 low A typo on the start page
	// testdata/incidents.jsonl:2: unknown label: "urgent", want one of ["low" "medium" "high"]
}
