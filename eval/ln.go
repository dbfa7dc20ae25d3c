package eval

import "math"

// ln is math.Log of a normal positive number, in a form that the compiler
// schedules among its neighbours (the method of FDLIBM's e_log.c: x = 2^k *
// (1+f), ln(1+f) from a polynomial in (f/(2+f))²). Where the processor does not
// fuse multiplication and addition it gives the same bits.
func ln(x float64) float64 {
	const (
		one      = 0x3ff0000000000000 // the bits of 1
		low      = 0x3fe6a09e667f3bcd // the bits of sqrt(2)/2, where 1+f begins
		fraction = 1<<52 - 1
		ln2Hi    = 6.93147180369123816490e-01
		ln2Lo    = 1.90821492927058770002e-10
	)
	b := math.Float64bits(x) + (one - low)
	k := float64(int64(b>>52) - 0x3ff)
	f := math.Float64frombits(b&fraction+low) - 1
	s := f / (2 + f)
	s2 := s * s
	s4 := s2 * s2
	odd := s2 * (6.666666666666735130e-01 + s4*(2.857142874366239149e-01+s4*(1.818357216161805012e-01+s4*1.479819860511658591e-01)))
	even := s4 * (3.999999999940941908e-01 + s4*(2.222219843214978396e-01+s4*1.531383769920937332e-01))
	half := 0.5 * f * f
	return k*ln2Hi - ((half - (s*(half+(odd+even)) + k*ln2Lo)) - f)
}
