package logreg

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// proximal minimises a problem with an L1 penalty by proximal Newton steps: the
// loss is replaced by its quadratic model, whose minimum under the penalty is
// sought by coordinate descent, and a backtracking line search goes there
// (Yuan, Ho and Lin, An Improved GLMNET for L1-regularized Logistic Regression,
// 2012; Friedman, Hastie and Tibshirani, Regularization Paths for Generalized
// Linear Models via Coordinate Descent, 2010). A coordinate is the row of a
// feature's weights; the intercepts follow each move to their optimum in the
// model. Only features that are used, or whose gradient says that they should
// be, take part in a step. How far a step may move a weight grows and shrinks
// with how right the model was.
//
// The certificate is a point of the dual problem. For any distributions q_i
// over the classes with sum_i weight_i (e_yi - q_i) = 0, where e_y is the
// certainty of class y, and V = sum_i x_i weight_i (e_yi - q_i), the optimum is
// at least
//
//	sum_i weight_i H(q_i) - R*(V), R*(V) = sum_jk max(|V_jk| - l1, 0)^2 / (2 l2)
//
// with H the entropy; where l2 is 0, R* is 0 as long as no |V_jk| is above l1,
// and infinite otherwise. The probabilities p_i at optimal intercepts meet the
// condition, and so do q_i = (1-tau) e_yi + tau p_i, whose V is tau times that
// of p; tau is chosen from 0 to 1 for the best bound. The objective less the
// bound is, with R the penalty,
//
//	sum_i weight_i KL(q_i || p_i) + sum_jk R(W_jk) + R*(V_jk) - W_jk V_jk
//
// where no term is negative, so nothing is lost to cancellation.
type proximal struct {
	newton
	columns columns
	reach   []float64 // the largest size of a value of each column
	grad    []float64 // of the loss by the weights
	rest    []float64 // of the loss by the intercepts, next to nothing
	target  []float64 // the weights where the model is at its least
	t       []float64 // rows x r, the model's gradient by the logits, as if intercepts had stayed
	pull    []float64 // intercepts at the target less intercepts
	moved   []float64 // rows x r, logits at the target less logits
	inverse []float64 // of the Hessian by the intercepts, r x r
	working []int     // features that take part in this step
	blocks  []float64 // of the first of them; see block
	further []float64 // the block of one of the others
	fall    float64   // by how much the model is lower at the target

	radius   float64 // how far a weight may move any logit in a step
	accuracy float64 // a sweep that lowers the model by less than this share of its fall is the last
	floor    float64 // or by less than this, which is rounding

	slopes, change, answer []float64 // r each, for the feature at hand
}

const (
	firstRadius   = 2
	loosest       = 0.03 // accuracy
	sweepsPerLeap = 4
	leapsAtOnce   = 5 // at most, while each gains as many times what the last sweep did
)

// columns are the columns of a matrix, without its zeros.
type columns struct {
	start []int // of column j in row and val; one more than there are columns
	row   []int32
	val   []float64
}

// at returns the rows of column j that are not zero and their values.
func (c *columns) at(j int) (row []int32, val []float64) {
	a, b := c.start[j], c.start[j+1]
	return c.row[a:b:b], c.val[a:b:b]
}

// columns copies the rows that have a weight.
func (q *problem) columns() columns {
	c := columns{start: make([]int, q.x.features+1)}
	each := func(do func(i, j int, v float64)) {
		for i, w := range q.weight {
			ind, val := q.x.Row(i)
			for k, j := range ind {
				if w > 0 && val[k] != 0 {
					do(i, int(j), val[k])
				}
			}
		}
	}
	each(func(_, j int, _ float64) { c.start[j+1]++ })
	for j := range q.x.features {
		c.start[j+1] += c.start[j]
	}
	n := c.start[q.x.features]
	c.row, c.val = make([]int32, n), make([]float64, n)
	next := slices.Clone(c.start)
	each(func(i, j int, v float64) {
		c.row[next[j]], c.val[next[j]] = int32(i), v
		next[j]++
	})
	return c
}

// proximal starts from the parameters as they are and leaves the fitted ones in
// them.
func (q *problem) proximal(ctx context.Context, params []float64, tolerance float64, limit int) (Result, error) {
	n, d, r := q.x.Len()*q.r, q.x.features*q.r, q.r
	s := &proximal{
		newton:  newton{problem: q, params: params, logits: make([]float64, n), p: make([]float64, n)},
		columns: q.columns(), reach: make([]float64, q.x.features),
		grad: make([]float64, d), target: make([]float64, d), t: make([]float64, n), moved: make([]float64, n),
		rest: make([]float64, r), pull: make([]float64, r), inverse: make([]float64, r*r), further: make([]float64, 2*r*r),
		radius: firstRadius, accuracy: loosest,
		slopes: make([]float64, r), change: make([]float64, r), answer: make([]float64, r),
	}
	for j := range s.reach {
		_, val := s.columns.at(j)
		s.reach[j] = floats.Norm(val, math.Inf(1))
	}
	return s.run(ctx, tolerance, limit)
}

func (s *proximal) run(ctx context.Context, tolerance float64, limit int) (Result, error) {
	var res Result
	bound := math.Inf(-1) // the optimum is not below
	var way progress
	for {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		slack := s.evaluateAnew()
		res.Objective = s.loss
		for _, w := range s.coef(s.params) {
			res.Objective += s.penalty(w)
		}
		gap := s.gap() + slack
		if !(gap <= res.Objective) {
			gap = res.Objective // the optimum is not below 0
		}
		res.Gap = gap
		if older := res.Objective - bound; older < gap {
			res.Gap = max(older, 0x1p-52*res.Objective)
		}
		bound = max(bound, res.Objective-gap)
		if res.Gap <= tolerance*res.Objective {
			res.Status = Converged
			return res, nil
		}
		if res.Iterations >= limit {
			res.Status = IterationLimit
			return res, nil
		}
		if way.stuck(res) {
			res.Status = Stalled
			return res, nil
		}
		s.floor = 1e-27 * res.Objective
		res.Iterations++
		passes, err := s.descend(ctx, limit-res.Iterations)
		if err != nil {
			return res, err
		}
		res.Iterations += passes
		if !(s.fall > 0) || !s.search() {
			res.Status = Stalled
			return res, nil
		}
	}
}

// evaluateAnew computes logits, probabilities, loss and gradients from the
// parameters, with the intercepts at their optimum, of which it returns what is
// still to be gained.
func (s *proximal) evaluateAnew() float64 {
	for i := range s.y {
		s.product(s.logits[i*s.r:(i+1)*s.r], i, s.params)
	}
	slack := s.centre()
	for i, c := range s.y {
		t := s.t[i*s.r : (i+1)*s.r]
		floats.ScaleTo(t, s.weight[i], s.p[i*s.r:(i+1)*s.r])
		if c >= s.free {
			t[c-s.free] -= s.weight[i]
		}
	}
	for j := range s.x.features {
		s.slope(s.row(s.grad, j), j)
	}
	return slack
}

// row returns the r values of feature j.
func (s *proximal) row(v []float64, j int) []float64 { return v[j*s.r : (j+1)*s.r] }

// slope writes the product of column j with t.
func (s *proximal) slope(dst []float64, j int) {
	clear(dst)
	row, val := s.columns.at(j)
	for e, i := range row {
		t, v := s.t[int(i)*len(dst):][:len(dst)], val[e]
		for k := range dst {
			dst[k] += v * t[k]
		}
	}
}

// penalty returns what a weight costs.
func (s *proximal) penalty(w float64) float64 { return (s.l2/2*math.Abs(w) + s.l1) * math.Abs(w) }

// rise returns how much more a weight of next costs than one of w.
func (s *proximal) rise(w, next float64) float64 {
	d := next - w
	if w*next < 0 {
		return d*s.l2*(w+d/2) + s.l1*(math.Abs(next)-math.Abs(w))
	}
	return d * (s.l2*(w+d/2) + math.Copysign(s.l1, w+next))
}

// search moves the parameters towards the target as far as lowers the objective
// enough (Armijo's rule, but for rounding), and reports whether anything did.
func (s *proximal) search() bool {
	w := s.coef(s.params)
	for i := range s.y {
		copy(s.moved[i*s.r:(i+1)*s.r], s.pull)
	}
	slope, longest := floats.Dot(s.rest, s.pull), 0.0
	for _, j := range s.working {
		row, val := s.columns.at(j)
		for k := range s.r {
			a := j*s.r + k
			d := s.target[a] - w[a]
			if d == 0 {
				continue
			}
			slope += d*s.grad[a] + s.rise(w[a], s.target[a])
			longest = max(longest, math.Abs(d)*s.reach[j])
			for e, i := range row {
				s.moved[int(i)*s.r+k] += val[e] * d
			}
		}
	}
	for t := 1.0; t > 1e-18; t /= 2 {
		change, size := s.lossChange(t)
		for _, j := range s.working {
			for a := j * s.r; a < (j+1)*s.r; a++ {
				rise := s.rise(w[a], s.towards(a, t))
				change, size = change+rise, size+math.Abs(rise)
			}
		}
		if !(change <= min(math.MaxFloat64, 1e-4*t*slope+0x1p-46*size)) {
			continue
		}
		for _, j := range s.working {
			for a := j * s.r; a < (j+1)*s.r; a++ {
				w[a] = s.towards(a, t)
			}
		}
		floats.AddScaled(s.intercept(s.params), t, s.pull)
		// The model need not be solved more exactly than it is right, nor where
		// it is the radius that holds the step back.
		wrong := math.Abs(1 + change/s.fall)
		s.accuracy = max(1e-6, min(loosest, wrong/3))
		if longest >= 0.9*s.radius {
			s.accuracy = loosest
		}
		switch {
		case t < 1:
			s.radius = 2 * t * longest
		case wrong < 0.1:
			s.radius *= 8
		default:
			s.radius *= 2
		}
		return true
	}
	return false
}

// towards returns what weight a is a share t of the way to its target.
func (s *proximal) towards(a int, t float64) float64 {
	w := s.params[a]
	if t == 1 {
		return s.target[a] // exactly
	}
	return w + t*(s.target[a]-w)
}

// lossChange returns by how much a share t of the way to the target changes the
// loss, with digits that the difference of two sums would lose, and the sum of
// the sizes of its parts.
func (s *proximal) lossChange(t float64) (change, size float64) {
	z, d := make([]float64, s.classes), make([]float64, s.classes)
	for i, c := range s.y {
		if s.weight[i] == 0 {
			continue
		}
		clear(d)
		floats.ScaleTo(d[s.free:], t, s.moved[i*s.r:(i+1)*s.r])
		floats.AddConst(-d[c], d)
		rise := 0.0
		if floats.Norm(d, math.Inf(1)) < 1 {
			s.chances(z, i, c)
			for k, p := range z {
				rise += p * math.Expm1(d[k])
			}
			rise = math.Log1p(rise)
		} else {
			clear(z)
			copy(z[s.free:], s.logits[i*s.r:(i+1)*s.r])
			floats.Add(d, z)
			rise = Softmax(d) - Softmax(z)
		}
		rise *= s.weight[i]
		change, size = change+rise, size+math.Abs(rise)
	}
	return change, size
}
