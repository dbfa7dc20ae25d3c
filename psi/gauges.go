package psi

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// A Gauge is a number that a metrics system may want to have.
type Gauge struct {
	// Name has letters, digits and underscores alone and begins with a letter.
	// Gauges of one name have the same names of labels.
	Name, Help string
	// Labels are nil where there are none.
	Labels map[string]string
	Value  float64
	// Counter says that Value only grows while the process lives.
	Counter bool
}

// The names of gauges.
const (
	namePSI      = "last_data_drift_psi"
	nameTime     = "last_data_drift_sweep_timestamp_seconds"
	nameStatus   = "last_data_drift_status"
	nameStanding = "last_data_drift_standing"
	nameSweeps   = "data_drift_sweeps_total"
	nameFailures = "data_drift_sweep_failures_total"
	nameSkipped  = "data_drift_sweeps_skipped_total"
)

// Gauges returns the state of s at one moment, always in the same order:
//
//	last_data_drift_psi{feature="F"}         PSI of a feature in the last sweep that could judge
//	last_data_drift_psi_F                    the same, without a label
//	last_data_drift_sweep_timestamp_seconds  when the last sweep began that did not fail
//	last_data_drift_status                   its status: 0 stable, 1 monitor, 2 alert, -1 insufficient_data
//	last_data_drift_status_is{status="S"}    1 for that status, 0 for the others
//	last_data_drift_standing                 the standing status, in the same numbers
//	last_data_drift_standing_is{status="S"}  1 for that status, 0 for the others
//	data_drift_sweeps_total                  sweeps that ended
//	data_drift_sweep_failures_total          those of them that failed
//	data_drift_sweeps_skipped_total          sweeps that were due and that a later one made up for
//
// What no sweep told yet is left out. In the form without a label, what is
// neither an ASCII letter nor a digit in the name of a feature is an
// underscore. Where several features would have the same name so, those whose
// own name is another have a hash of it behind; Help has the name itself.
func (s *Scheduler) Gauges() []Gauge {
	s.mu.Lock()
	last, standing, judged, count := s.last, s.standing.status, s.judged, s.count
	s.mu.Unlock()

	value := map[string]float64{}
	for _, f := range slices.Backward(judged.Features) { // of two of one name the first stands
		value[strings.ToValidUTF8(f.Name, "\ufffd")] = f.PSI
	}
	features := slices.Sorted(maps.Keys(value))
	var g []Gauge
	for _, f := range features {
		g = append(g, Gauge{Name: namePSI, Help: "PSI of features in the last sweep that could judge.", Labels: map[string]string{"feature": f}, Value: value[f]})
	}
	names := metricNames(features)
	for i, f := range features {
		g = append(g, Gauge{Name: namePSI + "_" + names[i], Help: fmt.Sprintf("PSI of feature %q in the last sweep that could judge.", f), Value: value[f]})
	}
	if !last.Time.IsZero() {
		g = append(g, Gauge{Name: nameTime, Help: "Time when the last sweep began that did not fail, in Unix seconds.", Value: float64(last.Time.UnixMilli()) / 1000})
	}
	g = appendStatus(g, nameStatus, "Status of the last sweep that did not fail", last.Report.Status)
	g = appendStatus(g, nameStanding, "Standing status", standing)
	return append(g,
		Gauge{Name: nameSweeps, Help: "Sweeps that ended.", Value: float64(count.sweeps), Counter: true},
		Gauge{Name: nameFailures, Help: "Sweeps that failed.", Value: float64(count.failures), Counter: true},
		Gauge{Name: nameSkipped, Help: "Sweeps that were due and that a later one made up for.", Value: float64(count.skipped), Counter: true},
	)
}

// appendStatus appends a status as a number and as one number for each status.
func appendStatus(g []Gauge, name, help string, status Status) []Gauge {
	g = append(g, Gauge{Name: name, Help: help + ": 0 stable, 1 monitor, 2 alert, -1 insufficient_data.", Value: float64(status.rank() - StatusStable.rank())})
	for _, each := range []Status{StatusInsufficient, StatusStable, StatusMonitor, StatusAlert} {
		is := 0.0
		if each == status {
			is = 1
		}
		g = append(g, Gauge{Name: name + "_is", Help: help + ": 1 for it, 0 for the others.", Labels: map[string]string{"status": string(each)}, Value: is})
	}
	return g
}

// metricNames returns a name of letters, digits and underscores for each
// feature, all different. The features are different and sorted, so that the
// answer does not depend on their order anywhere else.
func metricNames(features []string) []string {
	names := make([]string, len(features))
	taken := map[string]int{}
	for i, f := range features {
		names[i] = metricName(f)
		taken[names[i]]++
	}
	for i, f := range features {
		if names[i] == f || taken[names[i]] == 1 {
			continue
		}
		name, h := names[i], fnv.New32a()
		for taken[names[i]] > 0 {
			h.Write([]byte(f))
			names[i] = fmt.Sprintf("%s_%08x", name, h.Sum32())
		}
		taken[names[i]] = 1
	}
	return names
}

// metricName replaces what is no ASCII letter or digit by underscores.
func metricName(feature string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, feature)
}
