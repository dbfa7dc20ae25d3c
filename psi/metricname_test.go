package psi_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/psi"
)

// gauges returns the gauges of a sweep that found these features, each with its
// place in the report as its PSI.
func gauges(t testing.TB, names []string) []psi.Gauge {
	t.Helper()
	r := psi.Report{Status: psi.StatusStable}
	for i, name := range names {
		r.Features = append(r.Features, psi.FeatureReport{Name: name, PSI: float64(i)})
	}
	s := scheduler(t, &scripted{sweep: func(context.Context, int) (psi.Report, error) { return r, nil }}, psi.SchedulerOptions{
		Now: func() time.Time { return time.Unix(1_800_000_000, 500_000_000) },
	})
	if _, err := s.SweepNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Gauges()
}

// plain returns the metric names without a label, by the PSI of their feature.
func plain(g []psi.Gauge) map[string]float64 {
	m := map[string]float64{}
	for _, x := range g {
		if name, ok := strings.CutPrefix(x.Name, "last_data_drift_psi_"); ok {
			m[name] = x.Value
		}
	}
	return m
}

func TestMetricNames(t *testing.T) {
	// The hashes were computed apart, by the definition of 32 bit FNV-1a.
	for name, c := range map[string]struct {
		features []string
		want     map[string]float64
	}{
		"none":     {nil, map[string]float64{}},
		"usual":    {[]string{"text_length", "term:foo-bar", "term:größe", "Team 7"}, map[string]float64{"text_length": 0, "term_foo_bar": 1, "term_gr__e": 2, "Team_7": 3}},
		"empty":    {[]string{"", "_"}, map[string]float64{"": 0, "_": 1}},
		"own name": {[]string{"a-b", "a_b"}, map[string]float64{"a_b_2a89df63": 0, "a_b": 1}},
		"neither":  {[]string{"a-b", "a b"}, map[string]float64{"a_b_2a89df63": 0, "a_b_10a3f9f2": 1}},
		"the hash": {[]string{"a-b", "a_b", "a_b_2a89df63"}, map[string]float64{"a_b_94dba349": 0, "a_b": 1, "a_b_2a89df63": 2}},
		"one hash": {[]string{".: # *#", "./+#//+"}, map[string]float64{"________671fe799": 0, "________ec8f83e7": 1}},
		"twice":    {[]string{"a", "b", "a", "\xff", "\xfe"}, map[string]float64{"a": 0, "b": 1, "_": 3}},
	} {
		if diff := cmp.Diff(c.want, plain(gauges(t, c.features))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

var valid = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// FuzzMetricNames takes any features: names are valid and no series stands
// twice, each feature has both forms, and the order in the report makes no
// difference.
func FuzzMetricNames(f *testing.F) {
	f.Add("term:a-b\nterm:a_b\nterm_a_b")
	f.Add("a-b\na_b\na b\na_b_2a89df63")
	f.Add("\n \n\xff\n\xfe\n�")
	f.Fuzz(func(t *testing.T, text string) {
		names := strings.Split(text, "\n")
		different := map[string]bool{}
		for _, name := range names {
			different[strings.ToValidUTF8(name, "�")] = true
		}
		all := gauges(t, names)
		series, labelled := map[string]bool{}, map[string]float64{}
		labels := map[string]int{}
		for _, g := range all {
			id := g.Name
			for k, v := range g.Labels {
				if !valid.MatchString(k) || !utf8.ValidString(v) {
					t.Fatalf("label %q is %q", k, v)
				}
				id += "\x00" + k + "\x00" + v
			}
			if n, ok := labels[g.Name]; ok && n != len(g.Labels) {
				t.Fatalf("%s has %d labels and %d", g.Name, n, len(g.Labels))
			}
			labels[g.Name] = len(g.Labels)
			if !valid.MatchString(g.Name) || !utf8.ValidString(g.Help) || g.Help == "" || series[id] {
				t.Fatalf("gauge %+v is not valid, or stands twice", g)
			}
			series[id] = true
			if g.Name == "last_data_drift_psi" {
				labelled[g.Labels["feature"]] = g.Value
			}
		}
		short := plain(all)
		if diff := cmp.Diff(slices.Sorted(maps.Values(labelled)), slices.Sorted(maps.Values(short))); diff != "" || len(short) != len(different) {
			t.Fatalf("%d features: %v and %v", len(different), labelled, short)
		}
		for name, i := range short { // a feature that may be called so is
			if f := names[int(i)]; valid.MatchString("x"+f) && name != f {
				t.Fatalf("%q is called %q", f, name)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		there := gauges(t, names)
		slices.Reverse(names)
		back := gauges(t, names)
		name := func(g psi.Gauge) string { return g.Name + g.Labels["feature"] }
		for i := range there {
			if name(there[i]) != name(back[i]) {
				t.Fatalf("in another order %s is %s", name(there[i]), name(back[i]))
			}
		}
	})
}
