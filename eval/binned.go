package eval

import (
	"fmt"
	"math"
)

// scoreBins is the number of bins that the probabilities of a level are counted
// in. They are narrow where rare levels gather: bin b below the middle begins
// at 2(b/scoreBins)², 0.0005 wide at 0 and 0.03 at 0.5, and those above the
// middle mirror them. The upper end of a bin belongs to it.
const scoreBins = 64

// A binTable has the bin of each probability p at 2048(1-p), rounded down: the
// ends of bins are 2048ths. To look it up takes less than a square root and a
// branch that a processor guesses wrong.
type binTable [2049]uint8

func newBinTable() *binTable {
	t := new(binTable)
	for b := range scoreBins / 2 {
		for i := b * b; i < (b+1)*(b+1); i++ {
			t[i], t[2047-i] = uint8(scoreBins-1-b), uint8(b)
		}
	}
	return t
}

// of returns the bin of a probability. A greater one has no lower bin.
func (t *binTable) of(p float64) int { return int(t[int(2048*(1-p))]) }

// A scoreBin sums over the examples to which a level's probability in its range
// was given: the weight of those of that level and of the others, and the
// weighted probabilities.
type scoreBin struct {
	weight [2]float64 // of the others, of the level
	sum    float64
}

func (b *scoreBin) add(weight, p float64, positive bool) {
	is := 0 // as oneIf does
	if positive {
		is = 1
	}
	b.weight[is] += weight
	b.sum += weight * p
}

func (b *scoreBin) merge(o scoreBin) {
	b.weight[1] += o.weight[1]
	b.weight[0] += o.weight[0]
	b.sum += o.sum
}

// level returns the bins of a level's probabilities and the weight of the
// examples of the level and of the others.
func (e *Evaluation) level(level int) (bins []scoreBin, positive, negative float64) {
	bins = e.scores[level*scoreBins : (level+1)*scoreBins]
	for _, b := range bins {
		positive += b.weight[1]
		negative += b.weight[0]
	}
	return bins, positive, negative
}

// A Binned is a metric of scores that were only counted in bins. The value that
// the scores themselves would give lies from Low to High, both included, to
// rounding; Value is what they give if those of a bin are spread evenly.
type Binned struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// rocAUC returns the area under the ROC curve of one level against the rest:
// the probability that an example of the level was given a higher probability
// of it than one of another level (Hanley and McNeil, The Meaning and Use of
// the Area under a Receiver Operating Characteristic Curve, 1982). Pairs in the
// same bin are open. It is nil without examples of the one or the other kind.
func (e *Evaluation) rocAUC(level int) *Binned {
	bins, positive, negative := e.level(level)
	if positive == 0 || negative == 0 {
		return nil
	}
	below, sure, open := 0.0, 0.0, 0.0
	for _, b := range bins {
		sure += b.weight[1] * below
		open += b.weight[1] * b.weight[0]
		below += b.weight[0]
	}
	pairs := positive * negative
	return &Binned{Value: (sure + open/2) / pairs, Low: sure / pairs, High: min(1, (sure+open)/pairs)}
}

// averagePrecision returns the average precision of one level against the rest,
// the area under the steps of its precision-recall curve. Within a bin the
// curve runs between all others first and the level first, and evenly if both
// are spread (Davis and Goadrich, The Relationship between Precision-Recall and
// ROC Curves, 2006). It is nil without examples of the level.
func (e *Evaluation) averagePrecision(level int) *Binned {
	bins, positive, _ := e.level(level)
	if positive == 0 {
		return nil
	}
	var a Binned
	tp, fp := 0.0, 0.0 // in the bins above
	for i := len(bins) - 1; i >= 0; i-- {
		p, n := bins[i].weight[1], bins[i].weight[0]
		if p > 0 {
			all, size := tp+fp, p+n
			even := p / size
			if all > 0 {
				even += (tp - p*all/size) / size * math.Log1p(size/all)
			}
			a.Value += p * even
			a.High += p * (tp + p) / (tp + p + fp)
			low := p
			if f := fp + n; f > 0 {
				low -= f * math.Log1p(p/(tp+f))
			}
			a.Low += low
		}
		tp += p
		fp += n
	}
	a.High = min(1, a.High/positive)
	a.Low = max(0, a.Low/positive)
	a.Value = min(a.High, max(a.Low, a.Value/positive))
	return &a
}

// Lift returns how many times as many examples of a level there are among the
// share of all examples to which the highest probability of it was given as
// among all: Lift(2, 0.05) = 8 says that reviewing a twentieth finds eight
// times as many of level 2 as reviewing at random. The error wraps ErrInput
// where level is none or share not in (0,1], and is ErrEmpty without examples
// of the level.
func (e *Evaluation) Lift(level int, share float64) (Binned, error) {
	if level < 0 || level >= len(e.levels) || !(share > 0 && share <= 1) {
		return Binned{}, fmt.Errorf("%w: lift of level %d of %d at share %v", ErrInput, level, len(e.levels), share)
	}
	bins, positive, negative := e.level(level)
	if positive == 0 {
		return Binned{}, ErrEmpty
	}
	left := share * (positive + negative) // of those to be looked at
	found := 0.0
	i := len(bins) - 1
	for ; i > 0 && bins[i].weight[1]+bins[i].weight[0] <= left; i-- {
		left -= bins[i].weight[1] + bins[i].weight[0]
		found += bins[i].weight[1]
	}
	p, n := bins[i].weight[1], bins[i].weight[0]
	left = min(left, p+n)
	scale := 1 / positive / share
	return Binned{
		Value: (found + p*ratio(left, p+n)) * scale,
		Low:   (found + max(0, left-n)) * scale,
		High:  (found + min(p, left)) * scale,
	}, nil
}

// Reliability returns the reliability curve of a level in bins of its
// probability, up to 16 that are narrow near 0 and 1, the lowest first; empty
// ones are left out. The error wraps ErrInput where level is none.
func (e *Evaluation) Reliability(level int) ([]ReliabilityBin, error) {
	if level < 0 || level >= len(e.levels) {
		return nil, fmt.Errorf("%w: level %d of %d", ErrInput, level, len(e.levels))
	}
	const merged = 4
	bins, _, _ := e.level(level)
	var curve []ReliabilityBin
	for i := 0; i < len(bins); i += merged {
		var b scoreBin
		for _, x := range bins[i : i+merged] {
			b.merge(x)
		}
		if w := b.weight[1] + b.weight[0]; w > 0 {
			curve = append(curve, ReliabilityBin{Weight: w, Predicted: b.sum / w, Observed: b.weight[1] / w})
		}
	}
	return curve, nil
}

// A Murphy is the Brier score taken apart (Murphy, A New Vector Partition of
// the Probability Score, 1973): Brier = Reliability - Resolution + Uncertainty
// + Within, summed over the levels, and halved as the score is with two.
type Murphy struct {
	// Reliability is the weighted mean squared distance of the bins of
	// Evaluation.Reliability from the diagonal: what a better calibration would
	// gain. Chance alone adds up to about 4/n for each level.
	Reliability float64 `json:"reliability"`
	// Resolution is the weighted variance of what was observed in the bins:
	// how far the probabilities tell examples apart.
	Resolution float64 `json:"resolution"`
	// Uncertainty is the score of always giving each level's share.
	Uncertainty float64 `json:"uncertainty"`
	// Within is the rest: what the probabilities do within the bins (Stephenson
	// et al., Two Extra Components in the Brier Score Decomposition, 2008).
	Within float64 `json:"within"`
}

// murphy takes the Brier score apart.
func (e *Evaluation) murphy(brier float64) (m Murphy) {
	for c := range e.levels {
		_, positive, negative := e.level(c)
		n := positive + negative
		share := positive / n
		m.Uncertainty += share * (1 - share)
		curve, _ := e.Reliability(c) // c is a level
		for _, b := range curve {
			m.Reliability += b.Weight / n * (b.Predicted - b.Observed) * (b.Predicted - b.Observed)
			m.Resolution += b.Weight / n * (b.Observed - share) * (b.Observed - share)
		}
	}
	if len(e.levels) == 2 {
		m.Uncertainty /= 2
		m.Reliability /= 2
		m.Resolution /= 2
	}
	m.Within = brier - (m.Reliability - m.Resolution + m.Uncertainty)
	return m
}
