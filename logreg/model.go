package logreg

import "math"

// A Model is a fitted logistic regression. It is made by Fit or
// UnmarshalBinary, does not change afterwards, and is safe for concurrent use.
// The zero value has no classes.
type Model struct {
	classes   int
	features  int
	coef      []float64 // features x classes, a row a feature
	intercept []float64 // of each class
}

// NumClasses returns the number of classes.
func (m *Model) NumClasses() int { return m.classes }

// NumFeatures returns the number of features.
func (m *Model) NumFeatures() int { return m.features }

// Coef returns the weight of a feature for a class. With two classes, class 0's
// weights are all 0 and class 1's are the log-odds of class 1, which is what
// scikit-learn's single row of coef_ holds.
func (m *Model) Coef(class, feature int) float64 { return m.coef[feature*m.classes+class] }

// Intercept returns the intercept of a class.
func (m *Model) Intercept(class int) float64 { return m.intercept[class] }

// AppendLogits appends to dst one logit a class for the sparse row with values
// val at the features ind: intercept plus weights times values. Features that
// the model does not have are passed over.
func (m *Model) AppendLogits(dst []float64, ind []int32, val []float64) []float64 {
	first := len(dst)
	dst = append(dst, m.intercept...)
	z := dst[first:]
	for i, j := range ind {
		if int(j) >= m.features || j < 0 {
			continue
		}
		w := m.coef[int(j)*m.classes:]
		for k := range z {
			z[k] += w[k] * val[i]
		}
	}
	return dst
}

// AppendProba appends to dst the probability of each class for the sparse row
// with values val at the features ind: the softmax of its logits. It does not
// allocate where dst has room.
func (m *Model) AppendProba(dst []float64, ind []int32, val []float64) []float64 {
	first := len(dst)
	dst = m.AppendLogits(dst, ind, val)
	Softmax(dst[first:])
	return dst
}

// Softmax replaces the logits z by probabilities, exp(z[k]) over the sum of all
// exp(z), and returns the logarithm of that sum, -Inf where z is empty. Large
// logits do not overflow; NaN makes all NaN.
func Softmax(z []float64) float64 {
	if len(z) == 0 {
		return math.Inf(-1)
	}
	top := z[0]
	for _, v := range z[1:] {
		top = max(top, v)
	}
	sum := 0.0
	for k, v := range z {
		z[k] = math.Exp(v - top)
		sum += z[k]
	}
	for k := range z {
		z[k] /= sum
	}
	return top + math.Log(sum)
}
