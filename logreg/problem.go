package logreg

import "gonum.org/v1/gonum/floats"

// problem is what the solvers minimise over weights W and intercepts b:
//
//	sum_i weight_i * -ln P(y_i | x_i) + l2/2 * |W|^2 + l1 * |W|_1
//
// r counts the free logits of a row: one a class, but with two classes only
// that of class 1, class 0's being 0. Vectors of parameters hold r values a
// feature and then the r intercepts.
type problem struct {
	x       *Rows
	y       []int
	weight  []float64 // of each row
	classes int
	r       int
	free    int // the first class with a free logit
	l1, l2  float64
	base    []float64 // rows x classes, logits to start from, without intercepts; nil for none
}

// coef and intercept are the two parts of a vector of parameters.
func (q *problem) coef(v []float64) []float64      { return v[:q.x.features*q.r] }
func (q *problem) intercept(v []float64) []float64 { return v[q.x.features*q.r:] }

// scatter adds to dst the outer product of row i, with a 1 at its end, and t.
func (q *problem) scatter(dst []float64, i int, t []float64) {
	ind, val := q.x.Row(i)
	for k, j := range ind {
		d := dst[int(j)*len(t):][:len(t)]
		v := val[k]
		for l := range d {
			d[l] += v * t[l]
		}
	}
	floats.Add(q.intercept(dst), t)
}

// product writes the r logits of row i under the parameters v.
func (q *problem) product(u []float64, i int, v []float64) {
	copy(u, q.intercept(v))
	ind, val := q.x.Row(i)
	for k, j := range ind {
		d := v[int(j)*len(u):][:len(u)]
		x := val[k]
		for l := range u {
			u[l] += x * d[l]
		}
	}
}

// begin sets the parameters to those of a Model.
func (q *problem) begin(params []float64, m *Model) {
	for j := range m.features {
		for k := range q.r {
			params[j*q.r+k] = m.Coef(q.free+k, j) - m.Coef(0, j)*float64(q.free)
		}
	}
	b := q.intercept(params)
	for k := range b {
		b[k] = m.intercept[q.free+k] - m.intercept[0]*float64(q.free)
	}
}

// bounded reports whether the objective at the parameters is far from where
// numbers end. Nothing could be done from there.
func (q *problem) bounded(params []float64) bool {
	const far = 1e300
	w := floats.Norm(q.coef(params), 2)
	sum := w * w
	u := make([]float64, q.r)
	for i, weight := range q.weight {
		q.product(u, i, params)
		sum += weight * floats.Norm(u, 1)
	}
	return sum < far // and is a number
}

// model returns the Model of the parameters. Intercepts are shifted to a mean
// of 0, which changes no probability.
func (q *problem) model(params []float64) *Model {
	m := &Model{
		classes: q.classes, features: q.x.features,
		coef:      make([]float64, q.x.features*q.classes),
		intercept: make([]float64, q.classes),
	}
	for j := range m.features {
		copy(m.coef[j*m.classes+q.free:(j+1)*m.classes], params[j*q.r:])
	}
	b := m.intercept[q.free:]
	copy(b, q.intercept(params))
	if q.r > 1 {
		floats.AddConst(-floats.Sum(b)/float64(q.r), b)
	}
	return m
}
