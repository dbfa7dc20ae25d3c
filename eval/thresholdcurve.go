package eval

import "fmt"

// A CurvePoint says what a threshold does that parts the levels from one on from
// those below: of the examples with at least this score, Precision are truly of
// that level or above; of those that truly are, Recall have it; and it is Share
// of all examples that have it.
type CurvePoint struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Share     float64 `json:"share"`
}

// ThresholdCurve returns what each threshold between level-1 and level does, to
// choose one by hand: from threshold 0, where all examples are above, to the
// last that leaves one there, at most 1000 of them, evenly by number of scores.
// A recall without examples of the level is 0. Scores and true levels are as for
// Thresholds, also the errors. It takes time n log n.
func ThresholdCurve(scores []float64, truth []int, levels, level int) ([]CurvePoint, error) {
	if err := checkScores(scores, truth, levels); err != nil {
		return nil, err
	}
	if level < 1 || level >= levels {
		return nil, fmt.Errorf("%w: a curve for level %d of %d, want one above the lowest", ErrInput, level, levels)
	}
	c := newCuts(scores, truth, levels)
	positives := total(c.support[level:])
	var curve []CurvePoint
	for i, t := range c.thresholds {
		above := len(scores) - total(c.below[i])
		if above == 0 {
			break
		}
		hits := positives - total(c.below[i][level:])
		curve = append(curve, CurvePoint{
			Threshold: t, Share: float64(above) / float64(len(scores)),
			Precision: ratio(int64(hits), int64(above)), Recall: ratio(int64(hits), int64(positives)),
			F1: ratio(int64(2*hits), int64(above+positives)),
		})
	}
	return curve, nil
}
