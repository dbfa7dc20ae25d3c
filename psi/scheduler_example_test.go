package psi_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/riskkit/riskkit/psi"
)

func ExampleScheduler() {
	features, err := psi.NewTextFeatures(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	training := slices.Repeat([]string{"slow", "slow again", "the page is slow"}, 100)
	baseline, err := psi.NewBaseline(features, slices.Values(training), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := psi.NewMonitor(baseline, features, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := psi.NewScheduler(m, &psi.SchedulerOptions{
		Interval: 6 * time.Hour,
		OnChange: []func(context.Context, psi.Change) error{
			func(_ context.Context, c psi.Change) error {
				fmt.Println(c.Old, "to", c.New)
				return nil
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A service has a goroutine for it: go s.Run(ctx).

	for _, texts := range [][]string{training, slices.Repeat([]string{"the page is slow"}, 200)} {
		for _, text := range texts {
			m.Observe(text)
		}
		if _, err := s.SweepNow(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	for _, g := range s.Gauges() {
		if g.Name == "last_data_drift_psi" && g.Labels["feature"] == "text_length" {
			fmt.Printf("%s of %s: %.2f\n", g.Name, g.Labels["feature"], g.Value)
		}
	}
	// Output:
	// insufficient_data to stable
	// stable to alert
	// last_data_drift_psi of text_length: 3.97
}
