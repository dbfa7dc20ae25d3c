package logreg

import "context"

func (q *problem) proximal(ctx context.Context, params []float64, tolerance float64, limit int) (Result, error) {
	return q.newton(ctx, params, tolerance, limit)
}
