package logreg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// A Calibrator replaces the probabilities p of a classifier, one a class, by
// calibrated ones. Those of this package do not allocate and are safe for
// concurrent use.
type Calibrator interface {
	Apply(p []float64)
}

// A Calibration names a kind of Calibrator. The empty one means
// CalibrationNone.
type Calibration string

// The kinds of Calibrator that FitCalibration fits. A temperature is one number
// and suits few examples, sigmoids are two a class, isotonic maps take any
// shape that rises but want some thousand examples and can say exactly 0.
const (
	CalibrationNone        Calibration = "none"        // Identity
	CalibrationTemperature Calibration = "temperature" // Temperature
	CalibrationSigmoid     Calibration = "sigmoid"     // Sigmoids
	CalibrationIsotonic    Calibration = "isotonic"    // Isotonics
)

// String returns the name of c.
func (c Calibration) String() string {
	if c == "" {
		c = CalibrationNone
	}
	return string(c)
}

// Identity is the Calibrator that changes nothing.
type Identity struct{}

// Apply does nothing.
func (Identity) Apply([]float64) {}

// FitCalibration fits a Calibrator of the kind to held-out predictions: p has a
// row of probabilities, one a class, for each of the classes y, and weights one
// for each of y, not negative, nil meaning 1 each. The rows should be
// out-of-fold predictions, and kinds be compared by the log loss on rows that
// the Calibrator was not fitted on; on its own, isotonic flatters itself.
// Errors wrap ErrOptions for weights and kinds that make no sense, ErrClasses or
// ErrRow.
func FitCalibration(kind Calibration, p []float64, y []int, classes int, weights []float64) (Calibrator, error) {
	var c Calibrator
	var err error
	switch kind {
	case "", CalibrationNone:
		c, err = Identity{}, checkHeldOut(p, y, classes, weights)
	case CalibrationTemperature:
		c, err = FitTemperature(p, y, classes, weights)
	case CalibrationSigmoid:
		c, err = FitSigmoids(p, y, classes, weights)
	case CalibrationIsotonic:
		c, err = FitIsotonics(p, y, classes, weights)
	default:
		err = fmt.Errorf("%w: calibration %q, want %q, %q, %q or %q", ErrOptions, string(kind),
			CalibrationNone, CalibrationTemperature, CalibrationSigmoid, CalibrationIsotonic)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Sigmoids calibrate each class against the rest by a Sigmoid of its log-odds
// and bring the results to a sum of 1, as scikit-learn's CalibratedClassifierCV
// does with method "sigmoid". For two classes there is one Sigmoid, of class 1.
type Sigmoids []Sigmoid

// FitSigmoids fits Sigmoids to held-out predictions; see FitCalibration. The
// score of a class with probability p is log(p + 1e-12) - log(1 - p + 1e-12),
// the log-odds made finite. With two classes that is the decision function of a
// logistic regression, which scikit-learn would use; with more, scikit-learn
// uses a class's logit, which depends on an arbitrary constant and cannot be
// had from probabilities. The errors are those of FitCalibration.
func FitSigmoids(p []float64, y []int, classes int, weights []float64) (Sigmoids, error) {
	var s Sigmoids
	err := eachClass(p, y, classes, weights, func(p []float64, positive []bool) error {
		for i, v := range p {
			p[i] = logOdds(v)
		}
		one, err := FitSigmoid(p, positive, weights)
		s = append(s, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// NumClasses returns the number of classes, 0 where there is no Sigmoid.
func (s Sigmoids) NumClasses() int { return numClasses(len(s)) }

// Apply replaces the probabilities p, one a class, by calibrated ones, which
// sum to 1. Where all sigmoids say 0, all classes get the same. With two
// classes only p[1] is looked at. NaN makes all NaN. A row that does not have
// NumClasses values stays as it is.
func (s Sigmoids) Apply(p []float64) {
	if len(p) == 0 || len(p) != s.NumClasses() {
		return
	}
	first := len(p) - len(s)
	for k, one := range s {
		p[first+k] = one.Predict(logOdds(p[first+k]))
	}
	normalise(p)
}

// Validate returns an error that wraps ErrFormat unless all numbers are finite
// and there is one Sigmoid, for two classes, or at least three.
func (s Sigmoids) Validate() error { return validate("sigmoids", s, Sigmoid.Validate) }

// Isotonics calibrate each class against the rest by an Isotonic of its
// probability and bring the results to a sum of 1, as scikit-learn's
// CalibratedClassifierCV does with method "isotonic" (Zadrozny and Elkan,
// 2002). For two classes there is one Isotonic, of class 1. The probabilities
// can be exactly 0.
type Isotonics []Isotonic

// FitIsotonics fits Isotonics to held-out predictions; see FitCalibration, also
// for its errors.
func FitIsotonics(p []float64, y []int, classes int, weights []float64) (Isotonics, error) {
	var s Isotonics
	target := make([]float64, len(y))
	err := eachClass(p, y, classes, weights, func(p []float64, positive []bool) error {
		for i, is := range positive {
			target[i] = 0
			if is {
				target[i] = 1
			}
		}
		one, err := FitIsotonic(p, target, weights)
		s = append(s, one)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// NumClasses returns the number of classes, 0 where there is no Isotonic.
func (s Isotonics) NumClasses() int { return numClasses(len(s)) }

// Apply replaces the probabilities p, one a class, by calibrated ones, which
// sum to 1. Where all maps say 0, all classes get the same. With two classes
// only p[1] is looked at. NaN makes all NaN. A row that does not have
// NumClasses values stays as it is.
func (s Isotonics) Apply(p []float64) {
	if len(p) == 0 || len(p) != s.NumClasses() {
		return
	}
	first := len(p) - len(s)
	for k := range s {
		p[first+k] = s[k].Predict(p[first+k])
	}
	normalise(p)
}

// Validate returns an error that wraps ErrFormat unless each Isotonic is valid
// with Y from 0 to 1 and there is one, for two classes, or at least three.
func (s Isotonics) Validate() error {
	return validate("isotonic maps", s, func(one Isotonic) error {
		if err := one.Validate(); err != nil {
			return err
		}
		if lo, hi := one.Y[0], one.Y[len(one.Y)-1]; lo < 0 || hi > 1 {
			return fmt.Errorf("%w: isotonic: Y from %v to %v, want from 0 to 1", ErrFormat, lo, hi)
		}
		return nil
	})
}

// validate checks the maps of a Calibrator.
func validate[M any](name string, maps []M, valid func(M) error) error {
	if len(maps) == 0 || len(maps) == 2 {
		return fmt.Errorf("%w: %d %s, want 1 for two classes or at least 3", ErrFormat, len(maps), name)
	}
	for k, one := range maps {
		if err := valid(one); err != nil {
			return fmt.Errorf("%w (%d of %d %s)", err, k+1, len(maps), name)
		}
	}
	return nil
}

// numClasses returns how many classes so many maps are for.
func numClasses(maps int) int {
	if maps == 1 {
		return 2
	}
	return maps
}

// logOdds returns the score of a class with probability p that sigmoids are fed
// with, from -27.7 to 27.7. NaN gives NaN.
func logOdds(p float64) float64 {
	p = min(max(p, 0), 1)
	return math.Log(p+faint) - math.Log(1-p+faint)
}

// normalise brings what the maps say of the classes to a sum of 1 by the rules
// of scikit-learn's _CalibratedClassifier.
func normalise(p []float64) {
	sum := 0.0
	for k, v := range p {
		p[k] = min(max(v, 0), 1)
		sum += p[k]
	}
	switch {
	case len(p) == 2:
		p[0] = 1 - p[1]
	case sum == 0:
		for k := range p {
			p[k] = 1 / float64(len(p))
		}
	default:
		for k := range p {
			p[k] /= sum
		}
	}
}

// eachClass calls fit for each class that has a map with the rows'
// probabilities of it, which fit may change, and whether they are of the class.
func eachClass(p []float64, y []int, classes int, weights []float64, fit func(p []float64, positive []bool) error) error {
	if err := checkHeldOut(p, y, classes, weights); err != nil {
		return err
	}
	first := 0
	if classes == 2 {
		first = 1
	}
	column, positive := make([]float64, len(y)), make([]bool, len(y))
	for k := first; k < classes; k++ {
		for i, c := range y {
			column[i], positive[i] = p[i*classes+k], c == k
		}
		if err := fit(column, positive); err != nil {
			return fmt.Errorf("class %d: %w", k, err)
		}
	}
	return nil
}

// checkHeldOut checks rows of probabilities with their classes and weights.
func checkHeldOut(p []float64, y []int, classes int, weights []float64) error {
	if classes < 2 || len(y) == 0 || len(p)/classes != len(y) || len(p)%classes != 0 {
		return fmt.Errorf("%w: %d probabilities for %d rows of %d classes", ErrClasses, len(p), len(y), classes)
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("%w %d: probability of class %d is %v", ErrRow, i/classes, i%classes, v)
		}
	}
	for i, c := range y {
		if c < 0 || c >= classes {
			return fmt.Errorf("%w: row %d has class %d of %d", ErrClasses, i, c, classes)
		}
	}
	return checkWeights(weights, len(y))
}

// checkWeights checks the weights of n rows; nil means 1 each.
func checkWeights(weights []float64, n int) error {
	if weights == nil {
		return nil
	}
	if len(weights) != n {
		return fmt.Errorf("%w: %d weights for %d rows", ErrOptions, len(weights), n)
	}
	total := 0.0
	for i, w := range weights {
		if !(w >= 0) {
			return fmt.Errorf("%w: weight of row %d is %v, want a number from 0 on", ErrOptions, i, w)
		}
		total += w
	}
	if !(total > 0 && total < 1e300) {
		return fmt.Errorf("%w: weights sum to %v, want more than 0 and less than 1e300", ErrOptions, total)
	}
	return nil
}

// weightOf returns the weight of row i.
func weightOf(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// stored is the form of a Calibrator as JSON.
type stored struct {
	Method      Calibration `json:"method"`
	Temperature *float64    `json:"temperature,omitempty"`
	Sigmoids    Sigmoids    `json:"sigmoids,omitempty"`
	Isotonics   Isotonics   `json:"isotonics,omitempty"`
}

// MarshalCalibration returns c as a JSON object that names its kind, which
// UnmarshalCalibration reads, now and in later versions. The same Calibrator
// always gives the same bytes; nil is Identity and a Temperature of 0 is 1.
// Errors wrap ErrOptions for a type that is not of this package and ErrFormat
// for one that is not valid.
func MarshalCalibration(c Calibrator) ([]byte, error) {
	var s stored
	switch c := c.(type) {
	case nil, Identity:
		s.Method = CalibrationNone
	case Temperature:
		t := float64(c)
		if t == 0 {
			t = 1
		}
		s.Method, s.Temperature = CalibrationTemperature, &t
	case Sigmoids:
		s.Method, s.Sigmoids = CalibrationSigmoid, c
	case Isotonics:
		s.Method, s.Isotonics = CalibrationIsotonic, c
	default:
		return nil, fmt.Errorf("%w: a calibrator of type %T cannot be saved", ErrOptions, c)
	}
	if _, err := s.calibrator(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// UnmarshalCalibration returns the Calibrator that data holds as
// MarshalCalibration writes it. What is unknown, out of range or more than that
// is an error, which wraps ErrFormat and says what is wrong.
func UnmarshalCalibration(data []byte) (Calibrator, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var s stored
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: calibration: %w", ErrFormat, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: calibration: more than one JSON value", ErrFormat)
	}
	return s.calibrator()
}

// calibrator returns what s stands for, if it is valid.
func (s *stored) calibrator() (Calibrator, error) {
	var c Calibrator
	rest := *s // what the method has no use for
	rest.Method = ""
	switch s.Method {
	case CalibrationNone:
		c = Identity{}
	case CalibrationTemperature:
		if s.Temperature == nil || !(*s.Temperature > 0) || math.IsInf(*s.Temperature, 0) {
			return nil, fmt.Errorf("%w: calibration: temperature is missing or not a positive number", ErrFormat)
		}
		c, rest.Temperature = Temperature(*s.Temperature), nil
	case CalibrationSigmoid:
		if err := s.Sigmoids.Validate(); err != nil {
			return nil, err
		}
		c, rest.Sigmoids = s.Sigmoids, nil
	case CalibrationIsotonic:
		if err := s.Isotonics.Validate(); err != nil {
			return nil, err
		}
		c, rest.Isotonics = s.Isotonics, nil
	default:
		return nil, fmt.Errorf("%w: calibration: method %q is unknown", ErrFormat, string(s.Method))
	}
	if rest.Temperature != nil || rest.Sigmoids != nil || rest.Isotonics != nil {
		return nil, fmt.Errorf("%w: calibration: method %q with the numbers of another", ErrFormat, string(s.Method))
	}
	return c, nil
}
