package logreg

import "context"

func (q *problem) dual(ctx context.Context, params []float64, warm bool, tolerance float64, limit int, seed uint64) (Result, error) {
	return q.newton(ctx, params, tolerance, limit)
}
