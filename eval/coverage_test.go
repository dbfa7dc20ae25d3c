package eval_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/race"
)

// TestWilsonCovers sums the binomial distribution over all numbers of hits: no
// chance is involved. Of 2% of 50 the interval jumps with each hit.
func TestWilsonCovers(t *testing.T) {
	sum, cells, least := 0.0, 0.0, 1.0
	for _, n := range []int{50, 100, 200, 500, 1000, 2000, 5000, 10_000} {
		var row []float64
		for _, p := range []float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6} {
			b := distuv.Binomial{N: float64(n), P: p}
			covered := 0.0
			spread := 8*math.Sqrt(float64(n)*p*(1-p)) + 8
			for h := max(0, int(float64(n)*p-spread)); h <= min(n, int(float64(n)*p+spread)); h++ {
				i, err := eval.Wilson(float64(h), float64(n), 0.95)
				if err != nil {
					t.Fatal(err)
				}
				if i.Contains(p) {
					covered += b.Prob(float64(h))
				}
			}
			row = append(row, math.Round(1000*covered)/1000)
			sum, cells, least = sum+covered, cells+1, min(least, covered)
		}
		t.Logf("n = %5d: %v", n, row)
	}
	t.Logf("on average %.4f, at least %.4f", sum/cells, least)
	if mean := sum / cells; mean < 0.94 || mean > 0.965 || least < 0.90 {
		t.Errorf("95%% intervals cover %.4f on average and at least %.4f", mean, least)
	}
}

// A world draws labelled predictions whose true metrics are known.
type world struct {
	matrix eval.Matrix                                                            // shares
	draw   func(rng *rand.Rand) (truth, predicted int, proba []float64)           // an example
	metric map[string]func(*eval.Intervals, eval.Matrix) (eval.Interval, float64) // and its true value
}

// confused returns a world in which a level with a share is hit with the
// probability right, and otherwise mostly missed by one.
func confused(shares []float64, right float64) world {
	m := eval.Matrix{make([]float64, 3), make([]float64, 3), make([]float64, 3)}
	var cum [9]float64
	sum := 0.0
	for i := range cum {
		c, d := i/3, i%3
		w := right
		switch {
		case c == 1 && d != 1:
			w = (1 - right) / 2
		case c != d:
			w = (1 - right) * []float64{0, 0.9, 0.1}[max(c-d, d-c)]
		}
		m[c][d] = shares[c] * w
		sum += m[c][d]
		cum[i] = sum
	}
	proba := []float64{0.3, 0.4, 0.3}
	return world{matrix: m, draw: func(rng *rand.Rand) (int, int, []float64) {
		u, i := rng.Float64(), 0
		for i < 8 && u >= cum[i] {
			i++
		}
		return i / 3, i % 3, proba
	}, metric: map[string]func(*eval.Intervals, eval.Matrix) (eval.Interval, float64){
		"macro-F1":         func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.MacroF1, m.Macro().F1 },
		"weighted F1":      func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.Weighted.F1, m.Weighted().F1 },
		"F1 of the rarest": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.Levels[2].F1, m.Level(2).F1 },
		"balanced accuracy": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) {
			return i.BalancedAccuracy, m.BalancedAccuracy()
		},
		"MCC":   func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.MCC, m.MCC() },
		"kappa": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.Kappa, m.Kappa() },
		"quadratic kappa": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) {
			return i.QuadraticKappa, m.QuadraticKappa()
		},
		"accuracy": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) { return i.Accuracy, m.Accuracy() },
		"recall of a level": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) {
			return i.Levels[0].Recall, m.Level(0).Recall
		},
		"precision of level": func(i *eval.Intervals, m eval.Matrix) (eval.Interval, float64) {
			return i.Levels[0].Precision, m.Level(0).Precision
		},
	}}
}

// coverage returns how often each metric's interval holds its true value.
func coverage(t *testing.T, w world, n, tries int, seed uint64) map[string]float64 {
	t.Helper()
	covered := map[string]float64{}
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	for try := range tries {
		e := newEvaluation(t, levels)
		for range n {
			truth, predicted, proba := w.draw(rng)
			if err := e.Add(truth, predicted, proba); err != nil {
				t.Fatal(err)
			}
		}
		i, err := e.Intervals(&eval.IntervalOptions{Seed: uint64(try), Resamples: 500})
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range w.metric {
			if interval, v := f(&i, w.matrix); interval.Contains(v) {
				covered[name] += 1 / float64(tries)
			}
		}
	}
	return covered
}

// TestBootstrapCovers holds the intervals of the metrics of the confusion
// matrix, of levels with a share from 2% to 60%.
func TestBootstrapCovers(t *testing.T) {
	sizes, shares, rights, tries := []int{50, 1000}, [][]float64{{0.6, 0.38, 0.02}}, []float64{0.65, 0.9}, 150
	if *eval.Thorough {
		sizes, rights, tries = []int{50, 100, 200, 500, 1000, 10_000}, []float64{0.5, 0.65, 0.8, 0.9, 0.97}, 1000
		shares = append(shares, []float64{0.5, 0.4, 0.1}, []float64{0.4, 0.35, 0.25})
	} else if testing.Short() || race.Enabled {
		tries = 40
	}
	hold(t, tries, func(visit func(map[string]float64)) {
		seed := uint64(0)
		for _, share := range shares {
			for _, right := range rights {
				for _, n := range sizes {
					seed++
					visit(coverage(t, confused(share, right), n, tries, seed))
				}
			}
		}
	})
}

// hold checks that 95% intervals cover 94 to 96.5% on average over all that is
// visited, and never less than 90%, give or take three and four standard
// errors of so many tries.
func hold(t *testing.T, tries int, each func(visit func(map[string]float64))) {
	t.Helper()
	sum, least, visits := map[string]float64{}, map[string]float64{}, 0.0
	each(func(covered map[string]float64) {
		visits++
		for name, v := range covered {
			sum[name] += v
			if least[name] == 0 || v < least[name] {
				least[name] = v
			}
		}
	})
	for name, s := range sum {
		t.Logf("%-18s covered %.3f on average, at least %.3f", name, s/visits, least[name])
		slack := 3 * math.Sqrt(0.05*0.95/float64(tries)/visits)
		if mean := s / visits; mean < 0.94-slack || mean > 0.965+slack && name != "ECE" || least[name] < 0.90-4*math.Sqrt(0.1*0.9/float64(tries)) {
			t.Errorf("%s: 95%% intervals cover %.3f on average and at least %.3f", name, mean, least[name])
		}
	}
}

// calibrated returns a world of right probabilities: the logits of the levels
// are normal around those that give the last level a share.
func calibrated(offset, spread float64) world {
	draw := func(rng *rand.Rand) (truth, predicted int, proba []float64) {
		proba = make([]float64, 3)
		sum := 0.0
		for c := range proba {
			proba[c] = math.Exp(spread * rng.NormFloat64())
			if c == 2 {
				proba[c] *= math.Exp(offset)
			}
			sum += proba[c]
		}
		u := rng.Float64()
		truth = -1
		for c := range proba {
			proba[c] /= sum
			if u -= proba[c]; u < 0 && truth < 0 {
				truth = c
			}
			if proba[c] > proba[predicted] {
				predicted = c
			}
		}
		return max(0, truth), predicted, proba
	}
	return world{draw: draw}
}

// TestProbabilityIntervalsCover holds those of log loss, Brier score and the
// areas, against the values of very many examples. That of the
// calibration error may cover more.
func TestProbabilityIntervalsCover(t *testing.T) {
	offsets, sizes, tries, truth := []float64{0, -3}, []int{50, 1000}, 150, 200_000
	if *eval.Thorough {
		offsets, sizes, tries, truth = []float64{0.7, 0, -1.5, -3}, []int{50, 200, 1000, 10_000}, 1000, 4_000_000
	} else if testing.Short() || race.Enabled {
		tries, truth = 40, 50_000
	}
	hold(t, tries, func(visit func(map[string]float64)) {
		for seed, offset := range offsets {
			w := calibrated(offset, 1.5)
			e := newEvaluation(t, levels)
			rng := rand.New(rand.NewPCG(uint64(seed), 99))
			for range truth {
				truth, predicted, proba := w.draw(rng)
				if err := e.Add(truth, predicted, proba); err != nil {
					t.Fatal(err)
				}
			}
			r, err := e.Report()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("share of high %.3f, log loss %.3f, ROC AUC %.3f, average precision %.3f", float64(r.Levels[2].Support)/float64(r.N),
				r.LogLoss, r.Levels[2].ROCAUC.Value, r.Levels[2].AveragePrecision.Value)
			w.metric = map[string]func(*eval.Intervals, eval.Matrix) (eval.Interval, float64){
				"log loss": func(i *eval.Intervals, _ eval.Matrix) (eval.Interval, float64) { return i.LogLoss, r.LogLoss },
				"Brier":    func(i *eval.Intervals, _ eval.Matrix) (eval.Interval, float64) { return i.Brier, r.Brier },
				"ROC AUC": func(i *eval.Intervals, _ eval.Matrix) (eval.Interval, float64) {
					return i.Levels[2].ROCAUC, r.Levels[2].ROCAUC.Value
				},
				"average precision": func(i *eval.Intervals, _ eval.Matrix) (eval.Interval, float64) {
					return i.Levels[2].AveragePrecision, r.Levels[2].AveragePrecision.Value
				},
				"ECE": func(i *eval.Intervals, _ eval.Matrix) (eval.Interval, float64) { return i.ECE, r.ECE },
			}
			for _, n := range sizes {
				visit(coverage(t, w, n, tries, uint64(seed)))
			}
		}
	})
}
