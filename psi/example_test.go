package psi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/riskkit/riskkit/psi"
)

func ExamplePSI() {
	baseline, recent := []int64{100, 100, 100}, []int64{20, 30, 50}
	v, err := psi.PSI(baseline, recent)
	fmt.Printf("%.3f, by chance alone %.3f on average %v\n", v, psi.Expected(3, 300, 100), err)
	p, err := psi.Homogeneity(baseline, recent)
	fmt.Printf("chance does that with a probability of %.4f %v\n", p, err)
	// Output:
	// 0.139, by chance alone 0.027 on average <nil>
	// chance does that with a probability of 0.0059 <nil>
}

func ExampleInterval() {
	baseline, recent := []int64{1000, 1000, 1000}, []int64{200, 300, 500}
	low, high, err := psi.Interval(baseline, recent, 0.95)
	fmt.Printf("the PSI of all texts is between %.2f and %.2f %v\n", low, high, err)
	fmt.Printf("chance alone exceeds %.4f once in twenty times\n", psi.Critical(3, 3000, 1000, 0.05))
	// Output:
	// the PSI of all texts is between 0.09 and 0.20 <nil>
	// chance alone exceeds 0.0080 once in twenty times
}

func ExampleMonitor() {
	features, err := psi.NewTextFeatures(nil, &psi.TextOptions{Risky: []string{"data loss", "outage"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	training := func(yield func(string) bool) { // lengths from 4 to 400 characters
		for i := range 1000 {
			if !yield(strings.Repeat("slow", 1+i%100)) {
				return
			}
		}
	}
	baseline, err := psi.NewBaseline(features, training, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := psi.NewMonitor(baseline, features, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 500 {
		m.Observe(strings.Repeat("slow", 1+i%100))
	}
	report, err := m.Sweep(context.Background())
	fmt.Println(report.Status, err)
	for i := range 500 {
		m.Observe(strings.Repeat("slow", 60+i%100))
	}
	report, err = m.Sweep(context.Background())
	fmt.Println(report.Status, err)
	fmt.Println(report.Features[0].Moved)
	// Output:
	// stable <nil>
	// alert <nil>
	// text_length: 69% of texts are now over 362 characters, 10% at training
}

// Two replicas count the same traffic apart. What they write is merged to what
// one process would have counted.
func ExampleProfile_Merge() {
	features, err := psi.NewTextFeatures(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	training := func(yield func(string) bool) {
		for i := range 1000 {
			if !yield(strings.Repeat("slow", 1+i%100)) {
				return
			}
		}
	}
	baseline, err := psi.NewBaseline(features, training, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := map[string][]byte{} // files, rows or objects that all replicas reach
	for replica := range 2 {
		m, err := psi.NewMonitor(baseline, features, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		for i := range 150 {
			m.Observe(strings.Repeat("slow", 1+(2*i+replica)%100))
		}
		store[fmt.Sprintf("2026-03-01/replica-%d", replica)], err = m.Take().MarshalBinary()
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	all := psi.NewProfile(baseline)
	for _, data := range store {
		p, err := psi.ParseProfile(baseline, data)
		if err == nil {
			err = all.Merge(p)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	report, err := psi.Compare(all, nil)
	fmt.Println(all.N(), report.Status, err)
	// Output: 300 stable <nil>
}

// Features of the host's own, beside texts or, as here, without any.
func ExampleBuilder() {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		b.Numeric("latency_ms", float64(20+i%50))
		b.Categorical("region", []string{"eu", "us"}[i%2])
	}
	baseline, err := b.Baseline()
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := psi.NewMonitor(baseline, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	latency, err1 := m.Numeric("latency_ms")
	region, err2 := m.Categorical("region")
	if err := errors.Join(err1, err2); err != nil {
		fmt.Println(err)
		return
	}
	for i := range 500 { // or from many goroutines
		latency.Observe(float64(20 + i%50))
		region.Observe([]string{"eu", "us", "asia"}[i%3])
	}
	report, err := m.Sweep(context.Background())
	fmt.Println(report.Status, err)
	for _, f := range report.Features {
		fmt.Println(f.Status, f.Name, f.Moved)
	}
	// Output:
	// alert <nil>
	// alert region region: 33% of texts are now of a new category, 0% at training
	// stable latency_ms
}
