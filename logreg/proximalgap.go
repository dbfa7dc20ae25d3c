package logreg

import "math"

// gap returns how far the objective can be above its optimum: the least over
// tau, in which it is convex, to about a hundredth.
func (s *proximal) gap() float64 {
	top := 0.0
	for _, g := range s.grad {
		if !(math.Abs(g) <= top) {
			top = math.Abs(g) // NaN too
		}
	}
	low, high := 0.0, 1.0
	if s.l2 == 0 {
		high = min(1, s.l1/top)
	}
	best := math.Inf(1)
	tau := high
	for range 20 {
		gap, slope, curvature := s.excess(tau)
		if !(gap < math.Inf(1)) {
			break
		}
		best = min(best, gap)
		if slope <= 0 && tau == high {
			break
		}
		if slope > 0 {
			high = tau
		} else {
			low = tau
		}
		if math.Abs(slope)*(high-low) <= 0.01*best {
			break
		}
		// Twice as far as Newton's method would go, so that the least is soon
		// between low and high.
		if tau -= 2 * slope / curvature; !(tau > low && tau < high) {
			tau = (low + high) / 2
		}
	}
	return best
}

// excess returns how far the objective is above the dual point of tau, and the
// first two derivatives of that by tau.
func (s *proximal) excess(tau float64) (gap, slope, curvature float64) {
	z := make([]float64, s.classes)
	for i, c := range s.y {
		weight := s.weight[i]
		if weight == 0 {
			continue
		}
		p, rest := s.chances(z, i, c)
		q := p + (1-tau)*rest
		curvature += weight * rest * (1/tau + rest/max(q, math.SmallestNonzeroFloat64))
		if tau == 1 {
			continue
		}
		lead := math.Log1p((1 - tau) * rest / p) // ln(q/p)
		if p < 1e-200 {
			clear(z)
			copy(z[s.free:], s.logits[i*s.r:(i+1)*s.r])
			own := z[c]
			lead = math.Log(q) + Softmax(z) - own
		}
		fade := math.Log(tau)
		gap += weight * max(0, q*lead+tau*rest*fade)
		slope += weight * rest * (fade - lead)
	}
	for a, w := range s.coef(s.params) {
		v := -s.grad[a]
		over := max(tau*math.Abs(v)-s.l1, 0)
		if w == 0 && over == 0 {
			continue
		}
		conjugate := 0.0
		if over > 0 && s.l2 > 0 {
			conjugate = over * over / (2 * s.l2)
			slope += math.Abs(v) * over / s.l2
			curvature += v * v / s.l2
		}
		gap += max(0, s.penalty(w)-tau*v*w+conjugate)
		slope -= v * w
	}
	return gap, slope, curvature
}

// chances writes the probabilities of row i to z, one a class, and returns that
// of class c and that of the others.
func (s *proximal) chances(z []float64, i, c int) (p, rest float64) {
	copy(z[s.free:], s.p[i*s.r:(i+1)*s.r])
	if s.free == 1 {
		z[0] = 1 - z[1]
	}
	for k, v := range z {
		if k != c {
			rest += v
		}
	}
	return z[c], rest
}
