package psi_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/psi"
)

// exposed writes gauges as a metrics system would.
func exposed(g []psi.Gauge) (lines []string) {
	for _, x := range g {
		labels := ""
		for k, v := range x.Labels {
			labels = fmt.Sprintf("{%s=%q}", k, v)
		}
		lines = append(lines, fmt.Sprintf("%s%s %v", x.Name, labels, x.Value))
	}
	return lines
}

// TestGauges reads them before, after sweeps of each kind, and after changes.
func TestGauges(t *testing.T) {
	now := time.Unix(1_800_000_000, 250_000_000)
	m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
		switch n {
		case 0:
			return psi.Report{Status: psi.StatusAlert, Features: []psi.FeatureReport{{Name: "term:foo-bar", PSI: 0.5}, {Name: "text_length", PSI: 0.125}}}, nil
		case 1: // too few texts say nothing, however far they are
			return psi.Report{Status: psi.StatusInsufficient, Features: []psi.FeatureReport{{Name: "text_length", PSI: 9}}}, nil
		}
		return psi.Report{}, errors.New("away")
	}}
	s := scheduler(t, m, psi.SchedulerOptions{Now: func() time.Time { return now }})
	status := func(name string, is int) (lines []string) {
		lines = append(lines, fmt.Sprintf("last_data_drift_%s %d", name, is))
		for i, each := range []string{"insufficient_data", "stable", "monitor", "alert"} {
			one := 0
			if i-1 == is {
				one = 1
			}
			lines = append(lines, fmt.Sprintf("last_data_drift_%s_is{status=%q} %d", name, each, one))
		}
		return lines
	}
	want := func(first []string, last, standing, sweeps, failures int) []string {
		first = append(append(first, status("status", last)...), status("standing", standing)...)
		return append(first, fmt.Sprint("data_drift_sweeps_total ", sweeps), fmt.Sprint("data_drift_sweep_failures_total ", failures), "data_drift_sweeps_skipped_total 0")
	}
	check := func(name string, want []string) {
		t.Helper()
		if diff := cmp.Diff(want, exposed(s.Gauges())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	sweep := func() {
		_, _ = s.SweepNow(t.Context()) // the gauges have the error
		now = now.Add(time.Hour)
	}
	check("before", want(nil, -1, -1, 0, 0))
	psis := func(at string) []string {
		return []string{
			`last_data_drift_psi{feature="term:foo-bar"} 0.5`, `last_data_drift_psi{feature="text_length"} 0.125`,
			"last_data_drift_psi_term_foo_bar 0.5", "last_data_drift_psi_text_length 0.125",
			"last_data_drift_sweep_timestamp_seconds " + at,
		}
	}
	sweep()
	check("after an alert", want(psis("1.80000000025e+09"), 2, 2, 1, 0))
	sweep()
	check("after too few texts", want(psis("1.80000360025e+09"), -1, 2, 2, 0))
	sweep()
	check("after a failure", want(psis("1.80000360025e+09"), -1, 2, 3, 1))
	for _, g := range s.Gauges() {
		if grows := len(g.Name) > 6 && g.Name[len(g.Name)-6:] == "_total"; g.Counter != grows {
			t.Errorf("%s: Counter is %v", g.Name, g.Counter)
		}
	}
}

// TestGaugesAreOfOneMoment reads while sweeps go on: all PSI values, the status
// and the counts must be of the same sweep.
func TestGaugesAreOfOneMoment(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	m := &scripted{sweep: func(_ context.Context, n int) (psi.Report, error) {
		r := psi.Report{Status: []psi.Status{psi.StatusStable, psi.StatusAlert}[n%2]}
		for _, name := range names {
			r.Features = append(r.Features, psi.FeatureReport{Name: name, PSI: float64(n + 1)})
		}
		return r, nil
	}}
	s := scheduler(t, m, psi.SchedulerOptions{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 2000 {
			if _, err := s.SweepNow(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	for m.n.Load() < 1900 {
		value := map[string]float64{}
		for _, g := range s.Gauges() {
			if g.Name != "last_data_drift_psi" && len(g.Labels) == 0 {
				value[g.Name] = g.Value
			}
		}
		n := value["data_drift_sweeps_total"]
		for _, name := range names {
			if value["last_data_drift_psi_"+name] != n {
				t.Fatalf("gauges of two moments: %v", value)
			}
		}
		if odd := int(n)%2 == 1; n > 0 && (value["last_data_drift_status"] == 0) != odd {
			t.Fatalf("gauges of two moments: %v", value)
		}
	}
	wg.Wait()
}

func BenchmarkGauges(b *testing.B) {
	r := psi.Report{Status: psi.StatusStable}
	for i := range 54 {
		r.Features = append(r.Features, psi.FeatureReport{Name: fmt.Sprint("term:word ", i)})
	}
	s := scheduler(b, &scripted{sweep: func(context.Context, int) (psi.Report, error) { return r, nil }}, psi.SchedulerOptions{})
	if _, err := s.SweepNow(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Gauges()
	}
}
