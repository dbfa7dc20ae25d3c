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

// TestScoreBins has each probability in the bin between whose ends it lies, and
// no lower bin for a greater one.
func TestScoreBins(t *testing.T) {
	table := newBinTable()
	end := func(b int) float64 { // the upper end of a bin
		if x := float64(b+1) / scoreBins; x <= 0.5 {
			return 2 * x * x
		} else {
			return 1 - 2*(1-x)*(1-x)
		}
	}
	last := 0
	check := func(p float64, want int) {
		t.Helper()
		if b := table.of(p); b != want || b < last {
			t.Fatalf("bin of %v is %d after %d, want %d", p, b, last, want)
		}
		last = want
	}
	check(0, 0)
	for b := range scoreBins {
		from := 0.0
		if b > 0 {
			from = end(b - 1)
		}
		check(from+(end(b)-from)/1e6, b)
		check((from+end(b))/2, b)
		check(end(b), b)
	}
	if last != scoreBins-1 || end(last) != 1 {
		t.Errorf("the last bin is %d, to %v", last, end(last))
	}
}
