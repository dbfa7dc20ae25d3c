package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLn compares with the standard library.
func TestLn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	values := []float64{1, 0x1p-52, 1 - 0x1p-52, math.Nextafter(math.Sqrt2/2, 0), math.Sqrt2 / 2, 0.5, math.MaxFloat64, 0x1p-1022}
	for range 100_000 {
		values = append(values, rng.Float64()+0x1p-60, math.Exp(-40*rng.Float64()))
	}
	for _, x := range values {
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 4e-16*math.Abs(want) {
			t.Fatalf("ln(%v) is %v, want %v", x, got, want)
		}
	}
}

// TestScoreBinsAscend has no lower bin for a greater probability.
func TestScoreBinsAscend(t *testing.T) {
	last := 0
	for i := range 1_000_001 {
		b := scoreBinOf(float64(i) / 1_000_000)
		if b < last || b >= scoreBins || b-last > 1 {
			t.Fatalf("bin of %v is %d after %d", float64(i)/1_000_000, b, last)
		}
		last = b
	}
	if last != scoreBins-1 {
		t.Errorf("the last bin is %d", last)
	}
}
