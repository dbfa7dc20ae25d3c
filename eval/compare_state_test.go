package eval

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskkit/riskkit/internal/race"
)

// TestPairsMerge parts examples, shuffles the parts, writes and reads them, and
// compares with the whole.
func TestPairsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	all := randomPairs(rng, 500, 3)
	o := &PairsOptions{Flips: 7}
	whole := addPairs(t, threeLevels, o, all)
	for range 10 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		merged := addPairs(t, threeLevels, o, nil)
		for i := 0; i < len(all); i += 100 {
			data, err := json.Marshal(addPairs(t, threeLevels, o, all[i:i+100]))
			if err != nil {
				t.Fatal(err)
			}
			part := new(Pairs)
			if err := json.Unmarshal(data, part); err != nil {
				t.Fatal(err)
			}
			if err := merged.Merge(part); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(whole, merged, cmp.AllowUnexported(Pairs{}, cell{}, flip{}), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Fatalf("merged (-whole +merged):\n%s", diff)
		}
	}
	if whole.N() != 500 {
		t.Errorf("N is %d", whole.N())
	}
}

func TestArmsMerge(t *testing.T) {
	all := randomPairs(rand.New(rand.NewPCG(5, 5)), 300, 3)
	add := func(all []aPair) *Arms {
		s, err := NewArms(threeLevels)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range all {
			if err := s.Add(i%2, x.truth, x.a, x.probaA); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	whole, merged := add(all), add(nil)
	for i := 0; i < len(all); i += 100 {
		data, err := json.Marshal(add(all[i : i+100]))
		if err != nil {
			t.Fatal(err)
		}
		part := new(Arms)
		if err := json.Unmarshal(data, part); err != nil {
			t.Fatal(err)
		}
		if err := merged.Merge(part); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(whole, merged, cmp.AllowUnexported(Arms{}, arm{}, cell{}, loss{}), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("merged (-whole +merged):\n%s", diff)
	}
	if a, b := whole.N(); a != 150 || b != 150 {
		t.Errorf("N is %d and %d", a, b)
	}
}

// TestPairsOfAnyID writes and reads ids that are not UTF-8, which sort otherwise
// once they are JSON.
func TestPairsOfAnyID(t *testing.T) {
	p := addPairs(t, threeLevels, nil, []aPair{{id: "\xff", b: 1}, {id: "\U0001f600", b: 1}, {id: "a", b: 1}, {id: "\xfe", b: 1}})
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Pairs
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.listFlips(), back.listFlips()); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
}

// seedsOf are states for the fuzz tests to start from.
func seedsOf(f *testing.F, states ...json.Marshaler) {
	for _, s := range states {
		data, err := s.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{``, `null`, `{}`, `{"levels":["a","b"],"counts":[1,0,0,0,0,0,0,-1]}`, `{"levels":["a","b"],"counts":[9223372036854775807,1,0,0,0,0,0,1]}`} {
		f.Add([]byte(s))
	}
}

func FuzzPairsJSON(f *testing.F) {
	weighted, _ := weightedOfBoth(f)
	seedsOf(f, weighted, addPairs(f, threeLevels, nil, randomPairs(rand.New(rand.NewPCG(8, 8)), 20, 3)), addPairs(f, []string{"a", "b"}, nil, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Pairs
		if err := json.Unmarshal(data, &p); err != nil || p.levels == nil {
			return
		}
		written, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		var back Pairs
		if err := json.Unmarshal(written, &back); err != nil {
			t.Fatalf("reading what was written, %s: %v", written, err)
		}
		if again, err := json.Marshal(&back); err != nil || !bytes.Equal(again, written) {
			t.Errorf("written %s, again %s, error %v", written, again, err)
		}
		useEvidence(t, p.levels, &p)
		_ = back.Merge(&p)
		if c, err := p.Compare(&CompareOptions{Resamples: 2}); err == nil {
			if _, err := json.Marshal(c); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

func FuzzArmsJSON(f *testing.F) {
	arms, err := NewArms(threeLevels)
	if err != nil {
		f.Fatal(err)
	}
	for i, x := range randomPairs(rand.New(rand.NewPCG(9, 9)), 20, 3) {
		if err := arms.Add(i%2, x.truth, x.a, x.probaA); err != nil {
			f.Fatal(err)
		}
	}
	_, weighted := weightedOfBoth(f)
	seedsOf(f, arms, weighted)
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Arms
		if err := json.Unmarshal(data, &s); err != nil || s.levels == nil {
			return
		}
		useEvidence(t, s.levels, &s)
		if c, err := s.Compare(&CompareOptions{Resamples: 2}); err == nil {
			if _, err := json.Marshal(c); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

// useEvidence judges by a state that was read.
func useEvidence(t *testing.T, levels []string, e Evidence) {
	g, err := NewGate(levels, &GateOptions{Checks: []Check{{Metric: MetricMacroF1}, {Metric: MetricLogLoss, Margin: 0.1}}, MinSamples: -1, MinPerLevel: -1})
	if err != nil {
		t.Fatal(err)
	}
	v, err := g.Judge(Look{Evidence: e})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("%+v: %v", v, err)
	}
}

func TestPairsAddDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	p := addPairs(t, threeLevels, nil, randomPairs(rand.New(rand.NewPCG(10, 10)), 1000, 3))
	a, b := []float64{0.2, 0.5, 0.3}, []float64{0.1, 0.2, 0.7}
	if n := testing.AllocsPerRun(100, func() { _ = p.Add("A", 2, 1, 2, a, b) }); n > 0 {
		t.Errorf("Add allocates %v times", n)
	}
}
