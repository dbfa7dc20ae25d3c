package logreg

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// newton minimises a problem without an L1 penalty by truncated Newton steps:
// conjugate gradients on products with the Hessian, preconditioned by its
// diagonal, and a backtracking line search (Nocedal and Wright, Numerical
// Optimization, 2nd ed., algorithm 7.1).
//
// Before each step the intercepts b are brought to their own optimum, a small
// problem on the logits alone. So the weights W are judged by f(W) = min_b
// F(W, b), and since f minus l2/2 times the squared weights is convex,
//
//	f(W) - min f <= |grad f(W)|^2 / (2 l2).
//
// Without a penalty there is no such constant. Then f is compared with the
// weights V that are at most ten times as long as W:
//
//	f(W) - f(V) <= |grad f(W)| * |W - V| <= 11 |grad f(W)| |W|,
//
// or, as long as W is 0, with nothing but 0.
type newton struct {
	*problem
	params []float64
	logits []float64 // rows x r
	p      []float64 // rows x r, the probabilities of the free classes
	loss   float64   // sum of weighted cross-entropies
}

// newton starts from the parameters as they are and leaves the fitted ones in
// them.
func (q *problem) newton(ctx context.Context, params []float64, tolerance float64, limit int) (Result, error) {
	s := &newton{
		problem: q, params: params,
		logits: make([]float64, q.x.Len()*q.r),
		p:      make([]float64, q.x.Len()*q.r),
	}
	for i := range q.y {
		s.product(s.logits[i*q.r:(i+1)*q.r], i, params)
	}
	return s.run(ctx, tolerance, limit)
}

func (s *newton) run(ctx context.Context, tolerance float64, limit int) (Result, error) {
	n := len(s.params)
	grad, step := make([]float64, n), make([]float64, n)
	cg := newConjugate(n)
	moved := make([]float64, len(s.logits))
	var res Result
	var way progress
	first := 0.0
	for {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		slack := s.centre()
		s.gradient(grad)
		w := s.coef(s.params)
		g := s.coef(grad)
		res.Objective = s.loss + s.l2*floats.Dot(w, w)/2
		if s.l2 > 0 {
			res.Gap = floats.Dot(g, g)/(2*s.l2) + slack
		} else {
			res.Gap = 11*floats.Norm(g, 2)*floats.Norm(w, 2) + slack
			if floats.Norm(w, 2) == 0 && floats.Norm(g, 2) > 0 {
				res.Gap = res.Objective
			}
		}
		if !(res.Gap <= res.Objective) {
			res.Gap = res.Objective // the optimum is not below 0
		}
		if res.Gap <= tolerance*res.Objective {
			res.Status = Converged
			return res, nil
		}
		if res.Iterations == limit {
			res.Status = IterationLimit
			return res, nil
		}
		if way.stuck(res) {
			res.Status = Stalled
			return res, nil
		}
		res.Iterations++
		norm := floats.Norm(grad, 2)
		if first == 0 {
			first = norm
		}
		err := cg.solve(ctx, s, step, grad, min(0.1, math.Sqrt(norm/first)))
		if err != nil {
			return res, err
		}
		if !s.search(grad, step, moved) {
			res.Status = Stalled
			return res, nil
		}
	}
}

// progress watches whether steps still lead anywhere.
type progress struct {
	objective, gap float64
	idle           int
}

// stuck takes in where a step begins. It reports whether five in a row have
// neither halved the gap nor lowered the objective by what floating point tells
// from rounding.
func (p *progress) stuck(r Result) bool {
	if p.idle == 0 || r.Gap < p.gap/2 || r.Objective < (1-1e-14)*p.objective {
		*p = progress{r.Objective, r.Gap, 0}
	}
	p.idle++
	return p.idle > 5
}

// evaluate computes probabilities and loss from the logits.
func (s *newton) evaluate() {
	s.loss = 0
	z := make([]float64, s.classes)
	for i, c := range s.y {
		row := s.logits[i*s.r : (i+1)*s.r]
		clear(z)
		copy(z[s.free:], row)
		picked := z[c]
		s.loss += s.weight[i] * (Softmax(z) - picked)
		copy(s.p[i*s.r:(i+1)*s.r], z[s.free:])
	}
}

// lossAt returns the loss at logits + t*moved.
func (s *newton) lossAt(t float64, moved []float64) float64 {
	loss := 0.0
	z := make([]float64, s.classes)
	for i, c := range s.y {
		clear(z)
		for k := range s.r {
			z[s.free+k] = s.logits[i*s.r+k] + t*moved[i*s.r+k]
		}
		picked := z[c]
		loss += s.weight[i] * (Softmax(z) - picked)
	}
	return loss
}

// centre brings the intercepts to their optimum for the weights as they are and
// leaves probabilities and loss evaluated there. It returns an estimate of what
// is still to be gained by the intercepts, as good as zero.
func (s *newton) centre() float64 {
	r := s.r
	g, h := make([]float64, r), make([]float64, r*r)
	grad, hess := mat.NewVecDense(r, g), mat.NewSymDense(r, h) // of the upper triangle of h
	var step mat.VecDense
	var chol mat.Cholesky
	slack := math.Inf(1)
	for range 50 {
		s.evaluate()
		clear(g)
		clear(h)
		total := 0.0
		for i, c := range s.y {
			weight := s.weight[i]
			total += weight
			p := s.p[i*r : (i+1)*r]
			for k, v := range p {
				v *= weight
				row := h[k*r:][:len(p)]
				g[k] += v
				row[k] += v
				for l := k; l < len(p); l++ {
					row[l] -= v * p[l]
				}
			}
			if c >= s.free {
				g[c-s.free] -= weight
			}
		}
		if r > 1 {
			// A constant added to all intercepts changes nothing: the Hessian
			// is singular along the vector of ones, to which the gradient is
			// orthogonal. Filling that direction in does not move the solution.
			for k := range r {
				for l := range k + 1 {
					hess.SetSym(k, l, hess.At(k, l)+total/float64(r*r))
				}
			}
		}
		if !chol.Factorize(hess) || chol.SolveVecTo(&step, grad) != nil {
			return slack // saturated: the intercepts cannot be told apart
		}
		gain := mat.Dot(grad, &step) / 2
		if !(gain < slack) || gain <= 1e-16*s.loss {
			return max(0, min(gain, slack))
		}
		slack = gain
		// The loss is self-concordant-like: damping by the step's length keeps
		// Newton from leaping where it is nearly flat.
		t := 1 / max(1, floats.Norm(step.RawVector().Data, math.Inf(1))/2)
		b := s.intercept(s.params)
		for k := range r {
			d := -t * step.AtVec(k)
			b[k] += d
			for i := range s.y {
				s.logits[i*r+k] += d
			}
		}
	}
	s.evaluate()
	return slack
}

// gradient writes the gradient of the objective.
func (s *newton) gradient(grad []float64) {
	floats.ScaleTo(s.coef(grad), s.l2, s.coef(s.params))
	clear(s.intercept(grad))
	t := make([]float64, s.r)
	for i, c := range s.y {
		weight := s.weight[i]
		for k := range t {
			t[k] = weight * s.p[i*s.r+k]
		}
		if c >= s.free {
			t[c-s.free] -= weight
		}
		s.scatter(grad, i, t)
	}
}

// hessian writes the product of the Hessian with v.
func (s *newton) hessian(dst, v []float64) {
	floats.ScaleTo(s.coef(dst), s.l2, s.coef(v))
	clear(s.intercept(dst))
	u := make([]float64, s.r)
	for i := range s.y {
		s.product(u, i, v)
		p := s.p[i*s.r : (i+1)*s.r]
		mean := floats.Dot(p, u)
		for k := range u {
			u[k] = s.weight[i] * p[k] * (u[k] - mean)
		}
		s.scatter(dst, i, u)
	}
}

// diagonal writes the diagonal of the Hessian.
func (s *newton) diagonal(dst []float64) {
	for j := range s.coef(dst) {
		dst[j] = s.l2 + math.SmallestNonzeroFloat32
	}
	b := s.intercept(dst)
	for k := range b {
		b[k] = math.SmallestNonzeroFloat32 // where all rows are saturated
	}
	for i := range s.y {
		ind, val := s.x.Row(i)
		for k := range s.r {
			p := s.p[i*s.r+k]
			h := s.weight[i] * p * (1 - p)
			b[k] += h
			for l, j := range ind {
				dst[int(j)*s.r+k] += h * val[l] * val[l]
			}
		}
	}
}

// search moves the parameters along step as far as lowers the objective enough
// (Armijo's rule), and reports whether anything did.
func (s *newton) search(grad, step, moved []float64) bool {
	for i := range s.y {
		s.product(moved[i*s.r:(i+1)*s.r], i, step)
	}
	w, d := s.coef(s.params), s.coef(step)
	slope := floats.Dot(grad, step)
	linear, square := s.l2*floats.Dot(w, d), s.l2*floats.Dot(d, d)/2
	for t := 1.0; t > 1e-10; t /= 2 {
		change := s.lossAt(t, moved) - s.loss + t*linear + t*t*square
		if change <= 1e-4*t*slope && change < 0 {
			floats.AddScaled(s.params, t, step)
			floats.AddScaled(s.logits, t, moved)
			return true
		}
	}
	return false
}
