package logreg

import "math"

// A Temperature is a calibration map: it divides the logits of a classifier
// before the softmax, above 1 to make it less sure, below 1 to make it surer
// (Guo et al., On Calibration of Modern Neural Networks, 2017). It never
// changes which class is the most probable. The zero value, and 1, change
// nothing; one below 0 makes no sense. It is 1 over the beta_ of scikit-learn.
type Temperature float64

// smallest stands for a probability of 0 where a logarithm is taken.
const smallest = 1e-300

// faint is added to probabilities before a logarithm is taken of what
// calibration maps are given, so that it is finite. scikit-learn adds the same.
const faint = 1e-12

// maxBeta bounds the inverse of a temperature, as scikit-learn does: its
// logarithm is from -10 to 10.
const maxBeta = 22026.465794806718

// Apply replaces the probabilities p, one a class, by calibrated ones: the
// softmax of log(p + 1e-12) / t. NaN makes all NaN, and nothing happens where p
// is empty. It does not allocate and is safe for concurrent use.
func (t Temperature) Apply(p []float64) {
	if t == 0 || t == 1 {
		return
	}
	for k, v := range p {
		p[k] = math.Log(max(v, 0)+faint) / float64(t)
	}
	Softmax(p)
}

// FitTemperature returns the temperature, from exp(-10) to exp(10), that gives
// the classes y the least weighted log loss, where p holds a row of
// probabilities, one a class, for each of y. The rows should be out-of-fold
// predictions: a classifier's own training examples flatter it. weights has one
// for each of y, not negative; nil means 1 each. Where no temperature is better
// than another, it is 1. The errors wrap ErrClasses, ErrRow, or ErrOptions for
// weights.
//
// The log loss is convex in the inverse temperature, which is found by Newton's
// method inside a bracket to 1e-9 of itself. It is that of scikit-learn's
// _TemperatureScaling for probabilities.
func FitTemperature(p []float64, y []int, classes int, weights []float64) (Temperature, error) {
	if err := checkHeldOut(p, y, classes, weights); err != nil {
		return 0, err
	}
	s := slope{lead: make([]float64, len(p)), classes: classes, weights: weights}
	for i, c := range y {
		own := math.Log(p[i*classes+c] + faint)
		for k := range classes {
			s.lead[i*classes+k] = math.Log(p[i*classes+k]+faint) - own
		}
	}
	return Temperature(1 / s.root()), nil
}

// slope is the derivative of the log loss by the inverse temperature.
type slope struct {
	lead    []float64 // rows x classes: the logit of each class minus that of the row's own
	classes int
	weights []float64
}

// at returns the slope at beta and its derivative, which is not negative.
func (s *slope) at(beta float64) (first, second float64) {
	for i := 0; i < len(s.lead); i += s.classes {
		row := s.lead[i : i+s.classes]
		top := 0.0 // the row's own class leads itself by 0
		for _, v := range row {
			top = max(top, v)
		}
		var sum, mean, square float64
		for _, v := range row {
			e := math.Exp(beta * (v - top))
			sum += e
			mean += e * v
			square += e * v * v
		}
		mean /= sum
		w := weightOf(s.weights, i/s.classes)
		first += w * mean
		second += w * max(0, square/sum-mean*mean)
	}
	return first, second
}

// root returns where the slope is 0, or the bound that it points to.
func (s *slope) root() float64 {
	beta, lo, hi := 1.0, 1/maxBeta, maxBeta
	first, second := s.at(beta)
	switch {
	case first == 0:
		return beta
	case first > 0:
		if f, _ := s.at(lo); f >= 0 {
			return lo
		}
	default:
		if f, _ := s.at(hi); f <= 0 {
			return hi
		}
	}
	for last, before := math.Inf(1), math.Inf(1); first != 0; {
		if first > 0 {
			hi = beta
		} else {
			lo = beta
		}
		next := beta - first/second
		if !(next > lo && next < hi) || math.Abs(next-beta) > before/2 {
			next = math.Sqrt(lo * hi) // Newton leaves the bracket or dawdles
		}
		before, last = last, math.Abs(next-beta)
		beta = next
		if last <= 1e-9*beta {
			break
		}
		first, second = s.at(beta)
	}
	return beta
}
