package psi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/riskkit/riskkit/internal/fixture"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
)

func pageHinkley(t testing.TB, o *psi.PageHinkleyOptions) *psi.PageHinkley {
	t.Helper()
	p, err := psi.NewPageHinkley(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// generated has the numbers of the function of this name in
// internal/drift/sudden_fixture.py.
func generated(seed uint64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		seed = seed*6364136223846793005 + 1442695040888963407
		out[i] = float64(seed>>11) / (1 << 53)
	}
	return out
}

// state is what the JSON of a PageHinkley says, in the order of the fixture.
func state(t *testing.T, p *psi.PageHinkley) [6]float64 {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		State struct {
			N    float64 `json:"n"`
			Mean float64 `json:"mean"`
			Rise float64 `json:"rise"`
			Low  float64 `json:"least_sum"`
			Fall float64 `json:"fall"`
			High float64 `json:"most_sum"`
		} `json:"state"`
	}
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	s := j.State
	return [6]float64{s.N, s.Mean, s.Rise, s.Low, s.Fall, s.High}
}

// TestPageHinkleyEqualsRiver holds the changes and the states in between to
// those of river, to the last bit, written by internal/drift/sudden_fixture.py.
// The changes in its digits are also published by river.
func TestPageHinkleyEqualsRiver(t *testing.T) {
	var f struct {
		Cases []struct {
			Name, Digits string
			Seed         uint64
			Published    []int
			Mode         string
			Options      struct {
				MinInstances            int64 `json:"min_instances"`
				Delta, Threshold, Alpha float64
			}
			Found  []int
			States [][7]float64
		}
	}
	fixture.LoadFile(t, "pagehinkley", &f)
	if len(f.Cases) < 9 {
		t.Fatalf("%d cases", len(f.Cases))
	}
	for _, c := range f.Cases {
		o := psi.PageHinkleyOptions{
			MinSample: c.Options.MinInstances, Delta: c.Options.Delta, Lambda: c.Options.Threshold, Alpha: c.Options.Alpha,
		}
		if c.Mode != "both" {
			o.Only = psi.Direction(c.Mode)
		}
		stream := generated(c.Seed, 5000)
		for i := range stream {
			stream[i] += 0.5 * float64(i/1000*int(c.Seed+3)%4)
		}
		if c.Digits != "" {
			stream = stream[:0]
			for _, d := range c.Digits {
				stream = append(stream, float64(d-'0'))
			}
		}
		p := pageHinkley(t, &o)
		var found []int
		states := c.States
		for i, x := range stream {
			if p.Observe(x) != "" {
				found = append(found, i)
			}
			if len(states) > 0 && int(states[0][0]) == i {
				if got := state(t, p); got != [6]float64(states[0][1:]) {
					t.Fatalf("%s: state after value %d is %v, river's %v", c.Name, i, got, states[0][1:])
				}
				states = states[1:]
			}
		}
		if !slices.Equal(found, c.Found) || len(states) > 0 {
			t.Errorf("%s: changes at %v, river's at %v; %d states not reached", c.Name, found, c.Found, len(states))
		}
		if c.Published != nil && !slices.Equal(found, c.Published) {
			t.Errorf("%s: changes at %v, published are %v", c.Name, found, c.Published)
		}
	}
}

func TestPageHinkleyDirection(t *testing.T) {
	for _, c := range []struct {
		only psi.Direction
		step float64
		want psi.Direction
	}{{"", 1, psi.Up}, {"", -1, psi.Down}, {psi.Up, 1, psi.Up}, {psi.Up, -1, ""}, {psi.Down, 1, ""}, {psi.Down, -1, psi.Down}} {
		p := pageHinkley(t, &psi.PageHinkleyOptions{Lambda: 5, Only: c.only})
		var got psi.Direction
		for i := 0; i < 200 && got == ""; i++ {
			got = p.Observe(c.step * float64(i/100))
		}
		if got != c.want {
			t.Errorf("a step of %v, only %q: %q, want %q", c.step, c.only, got, c.want)
		}
		if got != "" && (p.N() != 0 || p.Mean() != 0) {
			t.Errorf("after a change %d values with mean %v are remembered", p.N(), p.Mean())
		}
	}
}

// TestPageHinkleyUpsideDown: a stream turned upside down changes at the same
// values, the other way.
func TestPageHinkleyUpsideDown(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	turned := map[psi.Direction]psi.Direction{psi.Up: psi.Down, psi.Down: psi.Up, "": ""}
	p, q := pageHinkley(t, &psi.PageHinkleyOptions{Lambda: 8}), pageHinkley(t, &psi.PageHinkleyOptions{Lambda: 8})
	changes := 0
	for range 20000 {
		x := rng.NormFloat64()
		a, b := p.Observe(x), q.Observe(-x)
		if a != turned[b] {
			t.Fatalf("%q one way, %q the other", a, b)
		}
		if a != "" {
			changes++
		}
	}
	if changes < 10 {
		t.Errorf("only %d changes", changes)
	}
}

func TestPageHinkleyStrangeValues(t *testing.T) {
	p := pageHinkley(t, nil)
	p.Observe(0.5)
	before := state(t, p)
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -1.1e100} {
		if d := p.Observe(x); d != "" || state(t, p) != before {
			t.Errorf("%v counts: %q, state %v", x, d, state(t, p))
		}
	}
	for i := range 1000 { // as wide as streams may be, without a NaN
		p.Observe(1e100 * float64(1-2*(i&1)))
		for _, v := range state(t, p) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("after %d values the state is %v", i+1, state(t, p))
			}
		}
	}
}

func TestPageHinkleyRestart(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	p := pageHinkley(t, &psi.PageHinkleyOptions{MinSample: 20, Delta: 0.01, Lambda: 6, Alpha: 0.999, Only: psi.Up})
	q := pageHinkley(t, &psi.PageHinkleyOptions{MinSample: 20, Delta: 0.01, Lambda: 6, Alpha: 0.999, Only: psi.Up})
	changes := 0
	for i := range 3000 {
		if i%7 == 0 {
			data, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			q = new(psi.PageHinkley)
			if err := json.Unmarshal(data, q); err != nil {
				t.Fatalf("after %d values: %v", i, err)
			}
		}
		x := rng.NormFloat64()
		a, b := p.Observe(x), q.Observe(x)
		if a != b || state(t, p) != state(t, q) {
			t.Fatalf("value %d: %q and %q", i, a, b)
		}
		if a != "" {
			changes++
		}
	}
	if changes == 0 {
		t.Error("no change")
	}
}

func TestPageHinkleyErrors(t *testing.T) {
	for _, o := range []psi.PageHinkleyOptions{
		{MinSample: -1}, {Delta: -1}, {Delta: math.NaN()}, {Delta: math.Inf(1)}, {Lambda: -1}, {Lambda: math.Inf(1)}, {Alpha: 1.1}, {Alpha: -1}, {Alpha: math.NaN()}, {Only: "left"},
	} {
		if _, err := psi.NewPageHinkley(&o); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%+v: error is %v", o, err)
		}
	}
	const options = `"options":{"min_sample":30,"delta":0.005,"lambda":50,"alpha":0.9999}`
	for name, data := range map[string]string{
		"not JSON":      `{`,
		"other format":  `{"format":"riskkit-page-hinkley/9"}`,
		"options":       `{"format":"riskkit-page-hinkley/1","options":{"alpha":2}}`,
		"negative":      `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"n":-1}}`,
		"from nothing":  `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"mean":1}}`,
		"order":         `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"n":5,"rise":1,"least_sum":2}}`,
		"order of fall": `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"n":5,"fall":1,"most_sum":0}}`,
		"magnitude":     `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"n":5,"mean":1e200}}`,
		"sum":           `{"format":"riskkit-page-hinkley/1",` + options + `,"state":{"n":5,"least_sum":-1e200}}`,
	} {
		p := pageHinkley(t, nil)
		p.Observe(3)
		before := state(t, p)
		if err := p.UnmarshalJSON([]byte(data)); !errors.Is(err, psi.ErrInput) || state(t, p) != before {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestPageHinkleyRunLength measures the table in the comment of PageHinkley.
func TestPageHinkleyRunLength(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("a simulation")
	}
	const most = 50000
	for _, c := range []struct{ sigma, lambda, run, delay float64 }{
		{0.1, 50, most, 1089}, {0.1, 10, 20434, 109}, {0.25, 50, 39586, 237}, {0.25, 20, 7816, 76}, {0.5, 50, 8845, 96}, {1, 50, 1614, 38},
	} {
		opts := &psi.PageHinkleyOptions{Lambda: c.lambda}
		rng := rand.New(rand.NewPCG(5, 5))
		const streams = 400
		run, delay, kept := 0.0, 0.0, 0.0
		for range streams {
			p := pageHinkley(t, opts)
			n := 0
			for n++; n < most && p.Observe(c.sigma*rng.NormFloat64()) == ""; n++ {
			}
			run += float64(n) / streams
		}
		for range streams {
			p := pageHinkley(t, opts)
			for i := 1; i <= 500+most; i++ {
				x := c.sigma * rng.NormFloat64()
				if i > 500 {
					x += c.sigma
				}
				if p.Observe(x) != "" {
					if i > 500 {
						delay += float64(i - 500)
						kept++
					}
					break
				}
			}
		}
		delay /= kept
		t.Logf("σ %v, Lambda %v: run length %.0f, delay %.0f in %v streams", c.sigma, c.lambda, run, delay, kept)
		if math.Abs(run/c.run-1) > 0.02 || math.Abs(delay/c.delay-1) > 0.02 {
			t.Errorf("σ %v, Lambda %v: run length %.0f, delay %.0f; the comment says %v and %v", c.sigma, c.lambda, run, delay, c.run, c.delay)
		}
	}
}

func TestPageHinkleyDoesNotAllocate(t *testing.T) {
	p := pageHinkley(t, nil)
	i := 0
	if n := testing.AllocsPerRun(1000, func() { p.Observe(float64(i & 1)); i++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPageHinkleyJSON(f *testing.F) {
	p := pageHinkley(f, nil)
	for i := range 40 {
		if data, err := json.Marshal(p); err == nil && i%10 == 0 {
			f.Add(data)
		}
		p.Observe(float64(i))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := new(psi.PageHinkley)
		if err := p.UnmarshalJSON(data); err != nil {
			if !errors.Is(err, psi.ErrInput) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q := new(psi.PageHinkley)
		if err := q.UnmarshalJSON(again); err != nil || *p != *q {
			t.Fatalf("read %+v, written and read %+v, error %v", p, q, err)
		}
		for i := range 10 {
			p.Observe(float64(i))
		}
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkPageHinkley(b *testing.B) {
	p := pageHinkley(b, nil)
	stream := generated(1, 1024)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Observe(stream[i&1023])
	}
}

func ExamplePageHinkley() {
	p, err := psi.NewPageHinkley(&psi.PageHinkleyOptions{Lambda: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 400 {
		score := 0.2 + 0.1*float64(i%3)
		if i >= 300 {
			score += 0.3 // something happened
		}
		if d := p.Observe(score); d != "" {
			fmt.Printf("the scores went %s, noticed %d values later\n", d, i-300)
		}
	}
	// Output:
	// the scores went up, noticed 35 values later
}
