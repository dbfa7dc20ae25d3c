package logreg

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

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
