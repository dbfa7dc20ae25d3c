package logreg

import (
	"context"

	"gonum.org/v1/gonum/floats"
)

// conjugate is the memory of the conjugate gradients.
type conjugate struct {
	residual, direction, product, scaled, diagonal []float64
}

func newConjugate(n int) *conjugate {
	v := make([]float64, 5*n)
	return &conjugate{v[:n:n], v[n : 2*n : 2*n], v[2*n : 3*n : 3*n], v[3*n : 4*n : 4*n], v[4*n:]}
}

// solve writes to step a solution of H step = -grad whose residual is at most
// tolerance times grad's length.
func (c *conjugate) solve(ctx context.Context, s *newton, step, grad []float64, tolerance float64) error {
	clear(step)
	floats.ScaleTo(c.residual, -1, grad)
	s.diagonal(c.diagonal)
	floats.DivTo(c.scaled, c.residual, c.diagonal)
	copy(c.direction, c.scaled)
	rho := floats.Dot(c.residual, c.scaled)
	goal := tolerance * floats.Norm(grad, 2)
	for range 500 {
		if floats.Norm(c.residual, 2) <= goal {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.hessian(c.product, c.direction)
		curvature := floats.Dot(c.direction, c.product)
		if !(curvature > 0) {
			break // lost to rounding; what stands is a descent direction
		}
		alpha := rho / curvature
		floats.AddScaled(step, alpha, c.direction)
		floats.AddScaled(c.residual, -alpha, c.product)
		floats.DivTo(c.scaled, c.residual, c.diagonal)
		next := floats.Dot(c.residual, c.scaled)
		floats.Scale(next/rho, c.direction)
		floats.Add(c.direction, c.scaled)
		rho = next
	}
	return nil
}
