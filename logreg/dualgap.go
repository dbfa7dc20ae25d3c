package logreg

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// certify brings mu to where R is 0 and the intercepts to their optimum, and
// computes objective and duality gap there.
func (s *dual) certify(res *Result) {
	k := s.classes
	clear(s.intercept(s.params))
	for i := range s.y {
		for j := range s.r {
			s.logits[i*s.r+j] = s.logMu[i*k+s.free+j]
			if s.r == 1 {
				s.logits[i] -= s.logMu[i*k]
			}
		}
	}
	s.adjust()
	for i := range s.y {
		s.probabilities(i, s.mu[i*k:(i+1)*k])
	}
	for i, m := range s.mu {
		s.logMu[i] = math.Log(m)
	}
	s.sum()

	b := s.intercept(s.params)
	if s.r == 1 {
		b[0] = s.b[1] - s.b[0]
	} else {
		copy(b, s.b)
	}
	s.setIntercepts(b)
	for i := range s.y {
		s.score(i)
		if s.r == 1 {
			s.logits[i] = s.z[1] - s.z[0]
		} else {
			copy(s.logits[i*k:], s.z)
		}
	}
	slack := s.adjust()
	s.setIntercepts(b)
	gap := 0.0
	p, r := s.z, s.d
	clear(r)
	for i, c := range s.y {
		s.probabilities(i, p)
		for j, m := range s.mu[i*k : (i+1)*k] {
			gap += s.weight[i] * max(0, m*(s.logMu[i*k+j]-math.Log(p[j]))-m+p[j])
			r[j] -= s.weight[i] * m
		}
		r[c] += s.weight[i]
	}
	res.Objective = s.loss + s.norm()/2
	res.Gap = gap + math.Abs(floats.Dot(s.b, r)) + slack
}

// adjust brings the intercepts to their optimum, where there are any, and
// evaluates probabilities and loss.
func (s *dual) adjust() (slack float64) {
	if s.base != nil {
		s.evaluate()
		return 0
	}
	return s.centre()
}

// probabilities writes those of all classes, none of them 0, as centre left
// them for row i.
func (s *dual) probabilities(i int, p []float64) {
	if s.r == 1 {
		p[0], p[1] = Logistic(-s.logits[i]), Logistic(s.logits[i])
	} else {
		copy(p, s.newton.p[i*s.r:(i+1)*s.r])
	}
	for j := range p {
		p[j] = max(p[j], smallest)
	}
}
