package psi_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/riskkit/riskkit/psi"
)

// TestOddSequences calls a monitor in any order and holds it against a plain
// Profile: a window ends by Take and by a sweep that can judge, and by nothing
// else, and each count is in one window.
func TestOddSequences(t *testing.T) {
	base := mixed(t)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m, err := psi.NewMonitor(base, values(2), &psi.CompareOptions{MinSample: 30})
		if err != nil {
			t.Fatal(err)
		}
		score, err := m.Numeric("score")
		if err != nil {
			t.Fatal(err)
		}
		level, err := m.Categorical("level")
		if err != nil {
			t.Fatal(err)
		}
		plain := psi.NewProfile(base)
		for step := range 2000 {
			var err error
			switch rng.IntN(40) {
			case 0:
				if got := m.Take(); encoded(t, got) != encoded(t, plain) {
					t.Fatalf("seed %d, step %d: took %s, want %s", seed, step, encoded(t, got), encoded(t, plain))
				}
				plain = psi.NewProfile(base)
			case 1:
				want, err := psi.Compare(plain, &psi.CompareOptions{MinSample: 30})
				if err != nil {
					t.Fatal(err)
				}
				got, err := m.Sweep(t.Context())
				if err != nil || string(marshal(t, got)) != string(marshal(t, want)) {
					t.Fatalf("seed %d, step %d: report %s, want %s, error %v", seed, step, marshal(t, got), marshal(t, want), err)
				}
				if got.Status != psi.StatusInsufficient {
					plain = psi.NewProfile(base)
				}
			case 2, 3, 4, 5, 6, 7, 8, 9:
				v := rng.Float64()
				score.Observe(v)
				err = plain.AddNumeric("score", v)
			case 10, 11:
				v := []string{"low", "high", "", "new"}[rng.IntN(4)]
				level.Observe(v)
				err = plain.AddCategorical("level", v)
			case 12, 13, 14:
				ind, val := []int32{1}, []float64{rng.NormFloat64()}
				m.ObserveFeatures(ind, val)
				err = plain.Add(ind, val)
			default:
				s := fmt.Sprintf("%d %.3f", rng.IntN(4), rng.NormFloat64())
				m.Observe(s)
				ind, val := values(2).AppendFeatures(nil, nil, s)
				err = plain.Add(ind, val)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Profile(); step%50 == 0 && encoded(t, got) != encoded(t, plain) {
				t.Fatalf("seed %d, step %d: the window has %s, want %s", seed, step, encoded(t, got), encoded(t, plain))
			}
		}
	}
}
