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
	ovr       bool      // each class stands against all others
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
	if len(z) == 3 {
		m.addThree((*[3]float64)(z), ind, val)
		return dst
	}
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

// addThree adds the weighted values of a row to the logits of three classes.
func (m *Model) addThree(z *[3]float64, ind []int32, val []float64) {
	z0, z1, z2 := z[0], z[1], z[2]
	val = val[:len(ind)]
	for i, j := range ind {
		if uint32(j) < uint32(m.features) {
			w, v := m.coef[3*int(j):][:3], val[i]
			z0 += v * w[0]
			z1 += v * w[1]
			z2 += v * w[2]
		}
	}
	*z = [3]float64{z0, z1, z2}
}

// AppendProba appends to dst the probability of each class for the sparse row
// with values val at the features ind: the softmax of its logits, or, one
// against the rest, the logistic function of each, divided by their sum. It
// does not allocate where dst has room.
func (m *Model) AppendProba(dst []float64, ind []int32, val []float64) []float64 {
	first := len(dst)
	dst = m.AppendLogits(dst, ind, val)
	m.Proba(dst[first:])
	return dst
}

// Proba replaces the logits z, one a class, by probabilities.
func (m *Model) Proba(z []float64) {
	if !m.ovr {
		Softmax(z)
		return
	}
	sum := 0.0
	for k, v := range z {
		z[k] = Logistic(v)
		sum += z[k]
	}
	for k := range z {
		if sum == 0 {
			z[k] = 1 / float64(len(z))
		} else {
			z[k] /= sum
		}
	}
}

// OneVsRest reports whether each class was fitted against all others.
func (m *Model) OneVsRest() bool { return m.ovr }

// against returns the model of class k against all others that m holds.
func (m *Model) against(k int) *Model {
	if m == nil {
		return nil
	}
	b := &Model{classes: 2, features: m.features, coef: make([]float64, 2*m.features), intercept: []float64{0, m.intercept[k]}}
	for j := range m.features {
		b.coef[2*j+1] = m.coef[j*m.classes+k]
	}
	return b
}

// Logistic returns 1/(1+exp(-z)) without overflow.
func Logistic(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
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
