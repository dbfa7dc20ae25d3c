package logreg_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskkit/riskkit/logreg"
)

// countdown is a context that is cancelled when it has been asked so often.
type countdown struct {
	context.Context
	left *int
}

func (c countdown) Err() error {
	if *c.left--; *c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelledMidFit cancels at each time that a fit looks, and wants no model,
// no other error, and no goroutine.
func TestCancelledMidFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		x, y := random(rand.New(rand.NewPCG(11, 11)), 3000, 50, 3)
		for _, o := range []*logreg.Options{{C: 100}, {L1Ratio: 1}, {OneVsRest: true}} {
			for looks := range 40 {
				left := looks
				m, _, err := logreg.Fit(countdown{t.Context(), &left}, x, y, 3, o)
				if left >= 0 {
					break // it was done before
				}
				if !errors.Is(err, context.Canceled) || m != nil {
					t.Fatalf("%+v, cancelled at look %d: error is %v", o, looks, err)
				}
			}
		}
	})
}

// TestManyWeights fits a hundred thousand weights, classes times features, and
// wants memory to be some vectors of that length, and of rows times classes.
func TestManyWeights(t *testing.T) {
	const classes, features = 50, 2000
	rng := rand.New(rand.NewPCG(12, 12))
	x := logreg.NewRows(features)
	var y []int
	for i := range 1000 {
		a, b := int32(rng.IntN(features/2)), int32(features/2+rng.IntN(features/2))
		if err := x.Append([]int32{a, b}, []float64{1, 1}); err != nil {
			t.Fatal(err)
		}
		y = append(y, (i+int(a))%classes)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	m, res, err := logreg.Fit(t.Context(), x, y, classes, nil)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if res.Status != logreg.Converged || m.Size() != 8*classes*(features+1) {
		t.Errorf("%+v, size %d", res, m.Size())
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 20*uint64(m.Size()) {
		t.Errorf("%d bytes were allocated for a model of %d", grown, m.Size())
	}
	t.Logf("%d weights in %v", classes*features, time.Since(start))
}

// TestSeeds wants every order of the rows to lead to the same optimum, and the
// same order to the same bytes.
func TestSeeds(t *testing.T) {
	x, y := random(rand.New(rand.NewPCG(13, 13)), 2000, 60, 3)
	var first float64
	for seed := range uint64(4) {
		o := &logreg.Options{C: 10, Seed: seed}
		m, res, err := logreg.Fit(t.Context(), x, y, 3, o)
		if err != nil || res.Status != logreg.Converged {
			t.Fatalf("seed %d: %+v, error %v", seed, res, err)
		}
		if first == 0 {
			first = res.Objective
		}
		if diff := res.Objective - first; diff > 2e-6*first || diff < -2e-6*first {
			t.Errorf("seed %d: objective is %v, with seed 0 %v", seed, res.Objective, first)
		}
		again, _, err := logreg.Fit(t.Context(), x, y, 3, o)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := m.MarshalBinary()
		b, _ := again.MarshalBinary()
		if string(a) != string(b) {
			t.Errorf("seed %d: fitted again, the bytes differ", seed)
		}
	}
}
