package riskprom_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskkit/riskkit/psi"
)

// scripted is a DriftMonitor whose sweeps are written down.
type scripted []psi.Report

func (*scripted) Observe(string) {}

func (s *scripted) Sweep(context.Context) (psi.Report, error) {
	if len(*s) == 0 {
		return psi.Report{}, errors.New("away")
	}
	r := (*s)[0]
	*s = (*s)[1:]
	return r, nil
}

// TestDrift compares what is scraped after a sweep and after one that fails.
func TestDrift(t *testing.T) {
	m, reg := start(t)
	names := func() (names []string) {
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if strings.Contains(f.GetName(), "drift") {
				names = append(names, f.GetName())
			}
		}
		return names
	}
	if got := names(); got != nil {
		t.Errorf("before there is drift: %q", got)
	}
	now := time.Unix(1_800_000_000, 0)
	s, err := psi.NewScheduler(&scripted{{Status: psi.StatusAlert, Features: []psi.FeatureReport{
		{Name: "term:foo-bar", PSI: 0.5}, {Name: "text_length", PSI: 0.125},
	}}}, &psi.SchedulerOptions{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	m.WatchDrift(s)
	if got := names(); slices.Contains(got, "risk_data_drift_last_run_timestamp_seconds") {
		t.Errorf("before a sweep: %q", got)
	}
	if _, err := s.SweepNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, err := s.SweepNow(t.Context()); err == nil {
		t.Fatal("the second sweep did not fail")
	}
	const want = `
# HELP last_data_drift_psi_term_foo_bar PSI of feature "term:foo-bar" in the last sweep that could judge.
# TYPE last_data_drift_psi_term_foo_bar gauge
last_data_drift_psi_term_foo_bar 0.5
# HELP last_data_drift_psi_text_length PSI of feature "text_length" in the last sweep that could judge.
# TYPE last_data_drift_psi_text_length gauge
last_data_drift_psi_text_length 0.125
# HELP risk_data_drift_last_run_timestamp_seconds Time when the last sweep began that did not fail, in Unix seconds.
# TYPE risk_data_drift_last_run_timestamp_seconds gauge
risk_data_drift_last_run_timestamp_seconds 1.8e+09
# HELP risk_data_drift_psi PSI of features in the last sweep that could judge.
# TYPE risk_data_drift_psi gauge
risk_data_drift_psi{feature="term:foo-bar"} 0.5
risk_data_drift_psi{feature="text_length"} 0.125
# HELP risk_data_drift_standing Standing status: 0 stable, 1 monitor, 2 alert, -1 insufficient_data.
# TYPE risk_data_drift_standing gauge
risk_data_drift_standing 2
# HELP risk_data_drift_standing_is Standing status: 1 for it, 0 for the others.
# TYPE risk_data_drift_standing_is gauge
risk_data_drift_standing_is{status="alert"} 1
risk_data_drift_standing_is{status="insufficient_data"} 0
risk_data_drift_standing_is{status="monitor"} 0
risk_data_drift_standing_is{status="stable"} 0
# HELP risk_data_drift_status Status of the last sweep that did not fail: 0 stable, 1 monitor, 2 alert, -1 insufficient_data.
# TYPE risk_data_drift_status gauge
risk_data_drift_status 2
# HELP risk_data_drift_status_is Status of the last sweep that did not fail: 1 for it, 0 for the others.
# TYPE risk_data_drift_status_is gauge
risk_data_drift_status_is{status="alert"} 1
risk_data_drift_status_is{status="insufficient_data"} 0
risk_data_drift_status_is{status="monitor"} 0
risk_data_drift_status_is{status="stable"} 0
# HELP risk_data_drift_sweep_failures_total Sweeps that failed.
# TYPE risk_data_drift_sweep_failures_total counter
risk_data_drift_sweep_failures_total 1
# HELP risk_data_drift_sweeps_skipped_total Sweeps that were due and that a later one made up for.
# TYPE risk_data_drift_sweeps_skipped_total counter
risk_data_drift_sweeps_skipped_total 0
# HELP risk_data_drift_sweeps_total Sweeps that ended.
# TYPE risk_data_drift_sweeps_total counter
risk_data_drift_sweeps_total 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), names()...); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Errorf("lint: %s: %s", p.Metric, p.Text)
	}
	m.WatchDrift(nil)
	if got := names(); got != nil {
		t.Errorf("after nil: %q", got)
	}
}

// panicky is a Drift that panics.
type panicky struct{}

func (panicky) Gauges() []psi.Gauge { panic("no gauges") }

// TestDriftPanics wants an error of the scrape, with the other metrics there.
func TestDriftPanics(t *testing.T) {
	m, reg := start(t)
	m.WatchDrift(panicky{})
	all, err := reg.Gather()
	if err == nil || !strings.Contains(err.Error(), "no gauges") || len(all) == 0 {
		t.Errorf("%d families, error %v", len(all), err)
	}
}
