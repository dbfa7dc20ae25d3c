package logreg

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

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
