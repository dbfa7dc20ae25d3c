package logreg

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
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
		if res.Iterations == 0 && !(s.loss <= math.MaxFloat64) && floats.Norm(s.params, math.Inf(1)) != 0 {
			clear(s.params) // a start that floating point cannot go on from
			continue
		}
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

// descend minimises the quadratic model under the penalty and leaves where in
// target and pull. It returns the passes over all rows that this took beside
// its first sweep, at most limit.
func (s *proximal) descend(ctx context.Context, limit int) (int, error) {
	s.begin()
	all := make([]int, len(s.working))
	for a := range all {
		all[a] = a
	}
	visited, values := 0, max(1, len(s.columns.val))
	more, last := true, 0.0
	sweep := func(features []int) error {
		gained := 0.0
		for _, a := range features {
			gained += s.visit(a)
			j := s.working[a]
			visited += s.columns.start[j+1] - s.columns.start[j]
		}
		s.fall += gained
		last = gained
		more = gained > max(s.accuracy*s.fall, s.floor) && visited/values < limit
		return ctx.Err()
	}
	err := sweep(all)
	visited = 0
	var used []int
	for more && err == nil {
		// The others rest until those that are used stand.
		used = used[:0]
		for a, j := range s.working {
			if floats.Norm(s.row(s.target, j), math.Inf(1)) > 0 {
				used = append(used, a)
			}
		}
		leapAt, wait := sweepsPerLeap, sweepsPerLeap
		for n := 1; n <= 100 && more && err == nil; n++ {
			if err = sweep(used); !more || err != nil || n < leapAt {
				continue
			}
			var gained float64
			for n := 0; n == 0 || n < leapsAtOnce && gained > leapsAtOnce*last && err == nil; n++ {
				var cost int
				gained, cost, err = s.leap(ctx)
				visited += cost
				s.fall += gained
			}
			if gained == 0 {
				wait *= 2
			}
			leapAt += wait
		}
		if err == nil {
			err = sweep(all)
		}
	}
	return min(visited/values, limit), err
}

// begin sets up the quadratic model at the parameters.
func (s *proximal) begin() {
	w := s.coef(s.params)
	copy(s.target, w)
	s.invert()
	// What centre left.
	g := s.rest
	clear(g)
	for i := range s.y {
		floats.Add(g, s.t[i*s.r:(i+1)*s.r])
	}
	floats.ScaleTo(s.pull, -1, s.follow(g))
	s.fall = -floats.Dot(g, s.pull) / 2
	s.working = s.working[:0]
	for j := range s.x.features {
		for k := j * s.r; k < (j+1)*s.r; k++ {
			if w[k] != 0 || math.Abs(s.grad[k]) > s.l1 {
				s.working = append(s.working, j)
				break
			}
		}
	}
	size := len(s.further)
	most := 4 * (len(s.params) + len(s.t)) / size // the memory of a few vectors
	n := min(most, len(s.working))
	s.blocks = slices.Grow(s.blocks[:0], n*size)[:n*size]
	for a, j := range s.working[:n] {
		s.fill(s.blocks[a*size:(a+1)*size], j)
	}
}

// invert inverts the Hessian by the intercepts. Where it has no inverse, the
// intercepts stay.
func (s *proximal) invert() {
	r := s.r
	hess := mat.NewSymDense(r, nil)
	total := 0.0
	for i, weight := range s.weight {
		total += weight
		p := s.p[i*r : (i+1)*r]
		for k := range p {
			hess.SetSym(k, k, hess.At(k, k)+weight*p[k])
			for l := range k + 1 {
				hess.SetSym(k, l, hess.At(k, l)-weight*p[k]*p[l])
			}
		}
	}
	if r > 1 {
		// Along the vector of ones it is singular, which changes nothing; see
		// centre.
		for k := range r {
			for l := range k + 1 {
				hess.SetSym(k, l, hess.At(k, l)+total/float64(r*r))
			}
		}
	}
	clear(s.inverse)
	var chol mat.Cholesky
	var inverse mat.SymDense
	if !chol.Factorize(hess) || chol.InverseTo(&inverse) != nil {
		return
	}
	for k := range r {
		for l := range r {
			s.inverse[k*r+l] = inverse.At(k, l)
		}
	}
}

// follow returns, but for the sign, how the intercepts answer to a change g of
// their gradient.
func (s *proximal) follow(g []float64) []float64 {
	for k := range s.answer {
		s.answer[k] = floats.Dot(s.inverse[k*s.r:(k+1)*s.r], g)
	}
	return s.answer
}

// block returns two symmetric matrices of the a-th working feature: the second
// derivatives of the model by its weights and the intercepts, and by its
// weights twice while the intercepts follow.
func (s *proximal) block(a int) (cross, own []float64) {
	b := s.further
	if size := len(b); (a+1)*size <= len(s.blocks) {
		b = s.blocks[a*size : (a+1)*size]
	} else {
		s.fill(b, s.working[a])
	}
	return b[:s.r*s.r], b[s.r*s.r:]
}

// fill computes the block of feature j.
func (s *proximal) fill(b []float64, j int) {
	r := s.r
	clear(b)
	cross, own := b[:r*r], b[r*r:]
	row, val := s.columns.at(j)
	most := 0.0
	for e, i := range row {
		x, weight := val[e], s.weight[i]
		p := s.p[int(i)*r:][:r]
		most += x * x * weight
		for k, v := range p {
			h := x * weight * v
			cross[k*r+k] += h
			own[k*r+k] += x * h
			for l, u := range p[:k+1] {
				cross[k*r+l] -= h * u
				own[k*r+l] -= x * h * u
			}
		}
	}
	for k := range r {
		for l := range k {
			cross[l*r+k] = cross[k*r+l]
			own[l*r+k] = own[k*r+l]
		}
	}
	for k := range r {
		follow := s.follow(cross[k*r : (k+1)*r])
		for l := range r {
			own[k*r+l] -= floats.Dot(follow, cross[l*r:(l+1)*r])
		}
		// Saturated rows do not bend the model; yet it must not be flat.
		own[k*r+k] = max(own[k*r+k], 0) + 1e-12*most
	}
}

// visit moves the weights of the a-th working feature to where the model is at
// its least while the others stay, and returns by how much that lowers it.
func (s *proximal) visit(a int) float64 {
	j, r := s.working[a], s.r
	w, g, d := s.row(s.target, j), s.slopes, s.change
	cross, own := s.block(a)
	s.slope(g, j)
	for k := range g {
		g[k] += floats.Dot(cross[k*r:(k+1)*r], s.pull)
	}
	copy(d, w)
	gained := s.minimise(j, w, g, own)
	floats.SubTo(d, w, d)
	if floats.Norm(d, math.Inf(1)) == 0 {
		return 0
	}
	row, val := s.columns.at(j)
	for e, i := range row {
		p, t := s.p[int(i)*r:][:r], s.t[int(i)*r:][:r]
		mean := 0.0
		for k, v := range p {
			mean += v * d[k]
		}
		f := val[e] * s.weight[i]
		for k, v := range p {
			t[k] += f * v * (d[k] - mean)
		}
	}
	for k := range g {
		g[k] = floats.Dot(cross[k*r:(k+1)*r], d)
	}
	floats.Sub(s.pull, s.follow(g))
	return gained
}

// minimise moves the weights w of feature j to the minimum of the model with
// the gradient g and the Hessian h under the penalty, and returns by how much
// that lowers it. g goes along.
func (s *proximal) minimise(j int, w, g, h []float64) float64 {
	total := 0.0
	for range 100 {
		gained := 0.0
		for k, v := range w {
			bend := h[k*s.r+k]
			next := 0.0
			if goal := bend*v - g[k]; math.Abs(goal) > s.l1 {
				next = math.Copysign(math.Abs(goal)-s.l1, goal) / (bend + s.l2)
			}
			next = s.within(j, k, next)
			d := next - v
			if d == 0 || !(math.Abs(d) < math.MaxFloat64) {
				continue // beyond what floating point can tell
			}
			gained -= d*(g[k]+bend*d/2) + s.rise(v, next)
			w[k] = next
			for l := range g {
				g[l] += h[k*s.r+l] * d
			}
		}
		if s.r == 1 {
			return gained
		}
		gained += s.shift(j, w)
		if total += gained; !(gained > 1e-3*total) {
			break
		}
	}
	return total
}

// within returns the weight nearest to w to which that of feature j and class k
// may move in this step.
func (s *proximal) within(j, k int, w float64) float64 {
	now, most := s.params[j*s.r+k], s.radius/s.reach[j]
	return max(now-most, min(now+most, w))
}

// shift takes one of the weights of a feature from all of them, which changes
// no probability, where the rest then costs the least, and returns how much
// less.
func (s *proximal) shift(j int, w []float64) float64 {
	sum := floats.Sum(w)
	least := func(c float64) bool {
		below, above := 0, 0
		for _, v := range w {
			if v < c {
				below++
			} else if v > c {
				above++
			}
		}
		slope := s.l1*float64(below-above) + s.l2*(float64(len(w))*c-sum)
		return math.Abs(slope) <= s.l1*float64(len(w)-below-above)
	}
	if least(0) {
		return 0
	}
	at := slices.IndexFunc(w, least)
	if at < 0 {
		return 0
	}
	c, gained := w[at], 0.0
	for k, v := range w {
		if s.within(j, k, v-c) != v-c {
			return 0
		}
		gained -= s.rise(v, v-c)
	}
	floats.AddConst(-c, w)
	return gained
}

// support is what leap knows of the weights that are not zero.
type support struct {
	place []int     // of each in target
	class []int     // of each, from 0 to r-1
	cross []float64 // its second derivatives by the intercepts, r each
	bend  []float64 // its second derivative
	start []int     // of row i in index and val; one more than there are rows
	index []int32   // of a weight
	val   []float64 // of the row at that weight's feature
}

// support gathers the weights of target that are not zero.
func (s *proximal) support() *support {
	u := &support{start: make([]int, 1, len(s.y)+1)}
	number := make([]int32, len(s.target)) // from 1 on
	for a, j := range s.working {
		if floats.Norm(s.row(s.target, j), math.Inf(1)) == 0 {
			continue
		}
		cross, own := s.block(a)
		for k, w := range s.row(s.target, j) {
			if w == 0 {
				continue
			}
			u.place = append(u.place, j*s.r+k)
			u.class = append(u.class, k)
			u.cross = append(u.cross, cross[k*s.r:(k+1)*s.r]...)
			u.bend = append(u.bend, own[k*s.r+k]+s.l2)
			number[j*s.r+k] = int32(len(u.place))
		}
	}
	for i, weight := range s.weight {
		ind, val := s.x.Row(i)
		for e, j := range ind {
			for _, n := range number[int(j)*s.r : (int(j)+1)*s.r] {
				if n > 0 && weight > 0 {
					u.index, u.val = append(u.index, n-1), append(u.val, val[e])
				}
			}
		}
		u.start = append(u.start, len(u.index))
	}
	return u
}

// row returns the weights that meet row i and the values that they meet.
func (u *support) row(i int) (index []int32, val []float64) {
	a, b := u.start[i], u.start[i+1]
	return u.index[a:b:b], u.val[a:b:b]
}

// leap moves the weights that are not zero all at once, by conjugate gradients
// on the model, which is smooth as long as none of them changes its sign: what
// coordinate descent is slow at where features go together. It returns by how
// much that lowers the model and how many values it read.
func (s *proximal) leap(ctx context.Context) (gained float64, cost int, err error) {
	u := s.support()
	n := len(u.place)
	v := make([]float64, 6*n)
	grad, step, residual := v[:n], v[n:2*n], v[2*n:3*n]
	scaled, direction, product := v[3*n:4*n], v[4*n:5*n], v[5*n:]
	s.uphill(u, grad)
	for i, a := range u.place {
		w := s.target[a]
		if s.within(a/s.r, u.class[i], w-grad[i]/u.bend[i]) == w {
			u.bend[i] = math.Inf(1) // it is as far as it may go
		}
	}
	floats.ScaleTo(residual, -1, grad)
	floats.DivTo(scaled, residual, u.bend)
	copy(direction, scaled)
	rho := floats.Dot(residual, scaled)
	goal := 0.01 * rho
	for range 100 {
		if err := ctx.Err(); err != nil {
			return 0, cost, err
		}
		cost += len(u.index) / s.r
		s.bend(u, product, direction)
		alpha := rho / floats.Dot(direction, product)
		if !(alpha > 0 && alpha < math.MaxFloat64) {
			break // lost to rounding
		}
		floats.AddScaled(step, alpha, direction)
		floats.AddScaled(residual, -alpha, product)
		floats.DivTo(scaled, residual, u.bend)
		next := floats.Dot(residual, scaled)
		if next <= goal || s.leave(u, product, step, 1) > n/100 {
			break // so many changes of sign and it is another model
		}
		floats.Scale(next/rho, direction)
		floats.Add(direction, scaled)
		rho = next
	}
	for t := 1.0; t > 0.01; t /= 2 {
		s.leave(u, direction, step, t)
		cost += len(u.index) / s.r
		s.bend(u, product, direction)
		if gained := -floats.Dot(grad, direction) - floats.Dot(direction, product)/2; gained > 0 {
			s.land(u, direction)
			return gained, cost, nil
		}
	}
	return 0, cost, nil
}

// leave writes what t times the step can move the weights by before they are 0
// or as far as they may go, and returns how many stop short.
func (s *proximal) leave(u *support, dst, step []float64, t float64) int {
	short := 0
	for i, a := range u.place {
		w := s.target[a]
		next := s.within(a/s.r, u.class[i], w+t*step[i])
		if next*w < 0 {
			next = 0
		}
		dst[i] = next - w
		if next != w+t*step[i] {
			short++
		}
	}
	return short
}

// uphill writes the gradient of the model and the penalty.
func (s *proximal) uphill(u *support, grad []float64) {
	clear(grad)
	for i := range s.y {
		t := s.t[i*s.r : (i+1)*s.r]
		index, val := u.row(i)
		for e, n := range index {
			grad[n] += val[e] * t[u.class[n]]
		}
	}
	for n, a := range u.place {
		w := s.target[a]
		grad[n] += floats.Dot(u.cross[n*s.r:(n+1)*s.r], s.pull) + s.l2*w + math.Copysign(s.l1, w)
	}
}

// bend writes the product of the Hessian of the model and the penalty, while
// the intercepts follow, with v.
func (s *proximal) bend(u *support, dst, v []float64) {
	floats.ScaleTo(dst, s.l2, v)
	for i := range s.y {
		z := s.bendRow(u, i, v)
		index, val := u.row(i)
		for e, n := range index {
			dst[n] += val[e] * z[u.class[n]]
		}
	}
	pull := s.pulled(u, v)
	for n := range dst {
		dst[n] -= floats.Dot(u.cross[n*s.r:(n+1)*s.r], pull)
	}
}

// bendRow returns how the model's gradient by the logits of row i changes with
// v, while the intercepts stay.
func (s *proximal) bendRow(u *support, i int, v []float64) []float64 {
	z := s.change
	clear(z)
	index, val := u.row(i)
	for e, n := range index {
		z[u.class[n]] += val[e] * v[n]
	}
	p := s.p[i*s.r : (i+1)*s.r]
	mean := 0.0
	for k, q := range p {
		mean += q * z[k]
	}
	for k, q := range p {
		z[k] = s.weight[i] * q * (z[k] - mean)
	}
	return z
}

// pulled returns, but for the sign, how the intercepts follow v.
func (s *proximal) pulled(u *support, v []float64) []float64 {
	clear(s.slopes)
	for n, d := range v {
		floats.AddScaled(s.slopes, d, u.cross[n*s.r:(n+1)*s.r])
	}
	return s.follow(s.slopes)
}

// land moves the target by v.
func (s *proximal) land(u *support, v []float64) {
	for n, a := range u.place {
		s.target[a] += v[n]
	}
	for i := range s.y {
		floats.Add(s.t[i*s.r:(i+1)*s.r], s.bendRow(u, i, v))
	}
	floats.Sub(s.pull, s.pulled(u, v))
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
		if !(change <= 1e-4*t*slope+0x1p-46*size) {
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
