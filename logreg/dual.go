package logreg

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

// dual minimises a problem with an L2 penalty of strength 1 by coordinate
// ascent on its dual (Yu, Huang and Lin, Dual Coordinate Descent Methods for
// Logistic Regression and Maximum Entropy Models, 2011; Shalev-Shwartz and
// Zhang, Stochastic Dual Coordinate Ascent, 2013). Each row has a distribution
// mu over the classes, and the weights are
//
//	W = sum_i weight_i x_i (e_yi - mu_i),
//
// where e_y is the certainty of class y. One row at a time, mu goes to the
// optimum that it has while the others stand still: with z the logits of the
// row and a = weight |x|^2, the least of
//
//	sum_k mu_k ln mu_k - z mu + a/2 |mu - mu before|^2.
//
// The intercepts b, which are free, ask that R = sum_i weight_i (e_yi - mu_i)
// is 0. They are the multipliers of that constraint: they follow R at a small
// rate during an epoch and once more at its end (an augmented Lagrangian).
//
// Rows that have next to nothing to gain rest for a few epochs. Rows are
// visited in another random order each time: in a fixed one the ascent takes
// many times as long. So that memory is read in order all the same, the rows
// are copied in a random order once, and visited in blocks. Features are
// renumbered by how many rows have them, which keeps the weights that matter
// close together.
//
// The certificate is the duality gap. The distributions are tilted by one
// factor a class, the same for all rows, so that R is 0; then W is summed up
// anew and the intercepts are brought to their optimum, and what is left
// between the two problems is
//
//	sum_i weight_i KL(mu_i || p_i) + |b R|
//
// with p the probabilities. No term is negative, so nothing is lost to
// cancellation. Where logits start from given ones there are no intercepts, and
// no constraint.
type dual struct {
	newton           // of the copied rows
	rank   []int32   // the number that a feature has in the copy
	n      int       // columns of w: all classes but the last, whose weights are minus their sum
	w      []float64 // features x n
	b      []float64 // intercepts of the classes, which sum to 0
	mu     []float64 // rows x classes
	logMu  []float64 // their logarithms
	square []float64 // squared length of each row
	rest   []uint8   // for how many epochs a row still rests
	nap    []uint8   // how long it rested the last time
	blocks []int     // where the blocks of rows begin
	size   int       // of a block
	rate   float64   // of b after R, 0 where there are no intercepts
	z, d   []float64 // of the row at hand: logits, and what mu changes by
	f, old []float64 // and ln mu - z, mu before
}

const (
	blockRows     = 16   // short enough that the order is as good as random
	interceptRate = 0.02 // as if all rows had a feature of which this is the square
	restShare     = 0.2  // rows with less than this share of the mean gain rest
	longestNap    = 3    // epochs
	patience      = 30   // epochs in which the gap must shrink to a third
)

// dual starts from the parameters if warm, and leaves the fitted ones in them.
// Status is Stalled where another solver should go on from there.
func (q *problem) dual(ctx context.Context, params []float64, warm bool, tolerance float64, limit int, seed uint64) (Result, error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := q.newDual(rng)
	if warm {
		s.beginAt(params)
	} else {
		s.beginAnew()
	}
	var res Result
	floor, judged, before := 0.0, 3.0, math.Inf(1)
	for {
		if res.Iterations >= limit {
			res.Status = IterationLimit
			break
		}
		res.Iterations++
		rng.Shuffle(len(s.blocks), func(a, b int) { s.blocks[a], s.blocks[b] = s.blocks[b], s.blocks[a] })
		gap, value, err := s.epoch(ctx, floor)
		if err != nil {
			return res, err
		}
		floor = restShare * gap / float64(len(s.y))
		if gap <= judged*tolerance*(value+gap) {
			s.certify(&res)
			res.Iterations++
			if res.Gap <= tolerance*res.Objective {
				res.Status = Converged
				break
			}
			// The gap summed up on the way is some multiple of the one
			// certified; when to ask again follows from it.
			judged = 0.9 * min(3, gap/res.Gap)
			clear(s.rest)
		}
		if gap <= 1e-17*value {
			res.Status = Stalled // beyond what floating point can tell
			break
		}
		if res.Iterations%patience == 0 {
			if !(gap < before/3) {
				res.Status = Stalled
				break
			}
			before = gap
		}
	}
	if res.Status != Converged {
		s.certify(&res)
		if math.IsNaN(res.Gap) || math.IsNaN(res.Objective) {
			res.Status = Stalled
			return res, nil // with the parameters as they were
		}
	}
	s.export(params)
	return res, nil
}

// newDual copies the problem.
func (q *problem) newDual(rng *rand.Rand) *dual {
	rows, k := len(q.y), q.classes
	s := &dual{
		newton: newton{
			params: make([]float64, (q.x.features+1)*q.r),
			logits: make([]float64, rows*q.r), p: make([]float64, rows*q.r),
		},
		rank: q.x.byFrequency(), n: max(1, k-1), b: make([]float64, k),
		w: make([]float64, q.x.features*(k-1)), mu: make([]float64, rows*k), logMu: make([]float64, rows*k),
		square: make([]float64, rows), rest: make([]uint8, rows), nap: make([]uint8, rows),
		z: make([]float64, k), d: make([]float64, k), f: make([]float64, k), old: make([]float64, k),
	}
	order := rng.Perm(rows)
	c := *q
	c.x, c.y, c.weight = q.x.reordered(order, s.rank), make([]int, rows), make([]float64, rows)
	for to, i := range order {
		c.y[to], c.weight[to] = q.y[i], q.weight[i]
		_, val := c.x.Row(to)
		for _, v := range val {
			s.square[to] += v * v
		}
	}
	s.problem = &c
	s.rate = interceptRate
	if q.base != nil {
		s.rate = 0
		c.base = make([]float64, 0, len(q.base))
		for _, i := range order {
			z := q.base[i*k : (i+1)*k]
			mean := floats.Sum(z) / float64(k)
			for _, v := range z {
				c.base = append(c.base, v-mean)
			}
		}
	}
	s.size = max(1, min(blockRows, rows/64))
	for i := 0; i < rows; i += s.size {
		s.blocks = append(s.blocks, i)
	}
	return s
}

// beginAnew sets mu between the certainty of a row's class and the share that
// each class has: where on that line the dual objective is the best.
func (s *dual) beginAnew() {
	k := s.classes
	prior := make([]float64, k)
	total := floats.Sum(s.weight)
	for i, c := range s.y {
		prior[c] += s.weight[i] / total
	}
	if s.base != nil { // classes may be missing
		for j, p := range prior {
			prior[j] = 0.5*p + 0.5/float64(k)
		}
	}
	set := func(step float64) {
		for i, c := range s.y {
			for j, p := range prior {
				s.mu[i*k+j] = step * p
			}
			s.mu[i*k+c] += 1 - step
		}
	}
	set(1)
	s.sum() // w is in proportion to the step
	square := s.norm()
	value := func(step float64) float64 {
		v := -step * step * square / 2
		for c, p := range prior {
			for j, m := range prior {
				m *= step
				if j == c {
					m += 1 - step
				}
				v -= total * p * m * math.Log(m)
			}
		}
		return v
	}
	best := 0.5
	for step := best; step > 1e-6; step *= 0.8 {
		if value(step) > value(best) {
			best = step
		}
	}
	set(best)
	floats.Scale(best, s.w)
	for i, m := range s.mu {
		s.logMu[i] = math.Log(m)
	}
	if s.base != nil {
		return
	}
	for j, p := range prior {
		s.b[j] = math.Log(p)
	}
	floats.AddConst(-floats.Sum(s.b)/float64(k), s.b)
}

// beginAt sets mu to the probabilities that the parameters give.
func (s *dual) beginAt(params []float64) {
	for j, to := range s.rank {
		copy(s.w[int(to)*s.n:][:s.n], params[j*s.r:])
	}
	s.setIntercepts(s.intercept(params))
	k := s.classes
	for i := range s.y {
		s.score(i)
		Softmax(s.z)
		for j, p := range s.z {
			s.mu[i*k+j] = max(p, smallest)
			s.logMu[i*k+j] = math.Log(s.mu[i*k+j])
		}
	}
	s.sum()
}

// setIntercepts sets b, which sums to 0, to the free intercepts.
func (s *dual) setIntercepts(free []float64) {
	s.b[0] = 0
	copy(s.b[s.free:], free)
	floats.AddConst(-floats.Sum(s.b)/float64(s.classes), s.b)
}

// norm returns the squared length of all weights.
func (s *dual) norm() float64 {
	sum := 0.0
	for i := 0; i < len(s.w); i += s.n {
		last := 0.0
		for _, v := range s.w[i : i+s.n] {
			sum += v * v
			last += v
		}
		if s.r > 1 {
			sum += last * last
		}
	}
	return sum
}

// sum computes w from mu.
func (s *dual) sum() {
	clear(s.w)
	for i, c := range s.y {
		for j := range s.d {
			s.d[j] = -s.weight[i] * s.mu[i*s.classes+j]
		}
		s.d[c] += s.weight[i]
		s.add(i)
	}
}

// add adds the outer product of row i and d to w. With two classes w is that of
// class 1.
func (s *dual) add(i int) {
	ind, val := s.x.Row(i)
	val = val[:len(ind)]
	switch {
	case s.r == 1:
		d := s.d[1]
		for l, j := range ind {
			s.w[j] += val[l] * d
		}
	case s.n == 2:
		d0, d1 := s.d[0], s.d[1]
		for l, j := range ind {
			w, v := s.w[2*int(j):][:2], val[l]
			w[0] += v * d0
			w[1] += v * d1
		}
	default:
		for l, j := range ind {
			w, v := s.w[int(j)*s.n:][:s.n], val[l]
			for m := range w {
				w[m] += v * s.d[m]
			}
		}
	}
}

// score computes the logits z of row i, which sum to 0.
func (s *dual) score(i int) {
	ind, val := s.x.Row(i)
	val = val[:len(ind)]
	switch {
	case s.r == 1:
		sum := 0.0
		for l, j := range ind {
			sum += val[l] * s.w[j]
		}
		s.z[0], s.z[1] = s.b[0]-sum/2, s.b[1]+sum/2
	case s.n == 2:
		var z0, z1 float64
		for l, j := range ind {
			w, v := s.w[2*int(j):][:2], val[l]
			z0 += v * w[0]
			z1 += v * w[1]
		}
		s.z[0], s.z[1], s.z[2] = s.b[0]+z0, s.b[1]+z1, s.b[2]-z0-z1
	default:
		clear(s.z)
		for l, j := range ind {
			w, v := s.w[int(j)*s.n:][:s.n], val[l]
			for m := range w {
				s.z[m] += v * w[m]
			}
		}
		s.z[s.n] = -floats.Sum(s.z[:s.n])
		floats.Add(s.z, s.b)
	}
	if s.base != nil {
		floats.Add(s.z, s.base[i*s.classes:(i+1)*s.classes])
	}
}

// epoch visits all rows that do not rest; those that have less than floor to
// gain rest from then on. It returns the sum of the gaps that rows had when
// they were visited, and the value of the dual objective.
func (s *dual) epoch(ctx context.Context, floor float64) (gap, value float64, err error) {
	k := s.classes
	for n, first := range s.blocks {
		if n%64 == 0 && ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		for i := first; i < min(first+s.size, len(s.y)); i++ {
			if s.rest[i] > 0 {
				s.rest[i]--
				continue
			}
			mine := s.weight[i] * s.look(i)
			gap += mine
			if mine <= floor {
				s.nap[i] = min(2*s.nap[i]+1, longestNap)
				s.rest[i] = s.nap[i]
				continue
			}
			s.nap[i] = 0
			s.visit(i)
		}
	}
	rate := s.rate
	if s.r == 1 {
		rate /= 2 // see visit
	}
	for i, c := range s.y {
		weight := s.weight[i]
		s.b[c] += rate * weight
		for j, m := range s.mu[i*k : (i+1)*k] {
			s.b[j] -= rate * weight * m
			value -= weight * m * s.logMu[i*k+j]
		}
	}
	return gap, value - s.norm()/2, nil
}

// look computes the logits of row i and returns its share of the duality gap,
// KL(mu || p), where p are the probabilities of the logits.
func (s *dual) look(i int) float64 {
	k := s.classes
	s.score(i)
	mu, logMu := s.mu[i*k:(i+1)*k], s.logMu[i*k:(i+1)*k]
	f := s.f[:len(mu)]
	mean := 0.0
	for j, m := range mu {
		f[j] = logMu[j] - s.z[j]
		mean += m * f[j]
	}
	square, near := 0.0, true
	for j, m := range mu {
		f[j] -= mean
		square += m * f[j] * f[j]
		near = near && math.Abs(f[j]) < 0.1
	}
	if near {
		return square / 2
	}
	sum := 0.0
	for j, m := range mu {
		sum += m * math.Exp(min(700, -f[j]))
	}
	return math.Log(sum)
}

// visit takes mu of row i, which look has just looked at, to its optimum. With
// two classes, w is the difference of their weights, which halves a.
func (s *dual) visit(i int) {
	k := s.classes
	mu := s.mu[i*k : (i+1)*k]
	rate, a := s.rate, s.weight[i]*(s.square[i]+s.rate)
	if s.r == 1 {
		rate, a = rate/2, a/2
	}
	copy(s.old, mu)
	s.improve(mu, s.logMu[i*k:(i+1)*k], a)
	for j := range mu {
		s.d[j] = s.weight[i] * (s.old[j] - mu[j])
		s.b[j] += rate * s.d[j]
	}
	s.add(i)
}

// improve solves the small problem of one row by Newton's method on ln mu,
// where f holds ln mu - z up to a constant.
func (s *dual) improve(mu, logMu []float64, a float64) {
	f := s.f[:len(mu)]
	logMu = logMu[:len(mu)]
	for range 30 {
		num, den, excess := 0.0, 0.0, -1.0
		for j, m := range mu {
			h := m / (1 + a*m)
			num += f[j] * h
			den += h
			excess += m
		}
		shift := (excess - num) / den // keeps the sum at 1
		far := false
		for j, m := range mu {
			d := max(-8, min(2, -(f[j]+shift)/(1+a*m)))
			logMu[j] += d
			if math.Abs(d) < 0.02 {
				mu[j] = m * (1 + d*(1+d*(1./2+d*(1./6+d/24)))) // exp(d) to 3e-11
			} else {
				mu[j] = math.Exp(logMu[j])
				far = far || math.Abs(d)*min(1, 50*mu[j]) > 0.05
			}
			f[j] += d + a*(mu[j]-m)
		}
		if !far {
			break
		}
	}
	sum := 0.0
	for _, m := range mu {
		sum += m
	}
	log := sum - 1
	if log -= log * log / 2; math.Abs(sum-1) > 1e-5 { // what the series leaves out is below 1e-15
		log = math.Log(sum)
	}
	scale := 1 / sum
	for j := range mu {
		mu[j] = max(mu[j]*scale, smallest)
		logMu[j] = max(logMu[j]-log, logSmallest)
	}
}

// logSmallest is the logarithm of smallest.
const logSmallest = -690.7755278982137

// export writes weights and intercepts to parameters in the caller's order.
func (s *dual) export(params []float64) {
	for j, from := range s.rank {
		w := s.w[int(from)*s.n:][:s.n]
		copy(params[j*s.r:], w)
		if s.r > 1 {
			params[j*s.r+s.n] = -floats.Sum(w)
		}
	}
	copy(s.intercept(params), s.intercept(s.params))
}
