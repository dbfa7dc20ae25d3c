package psi

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/riskkit/riskkit/internal/race"
)

// The tables in docs/drift.md are what these tests print with -v -thorough.
var thorough = flag.Bool("thorough", false, "simulate a hundred times as many sweeps")

// tries scales a number of tries.
func tries(n int) int {
	switch {
	case *thorough:
		return 100 * n
	case testing.Short() || race.Enabled:
		return max(1, n/4)
	}
	return n
}

var sizes = []int64{50, 100, 200, 500, 1000, 10000}

// kinds is the number of kinds of text that correlated features depend on.
const kinds = 10

// A source is a feature without drift: the shares of its bins, and those in
// texts of each kind, whose average they are.
type source struct {
	feature
	shares []float64
	byKind [kinds][]float64
}

// sources are features like those of a model: numbers in ten bins, words of
// very different frequency, categories.
func sources(numbers, words, categories int) (s []source) {
	ten := slices.Repeat([]float64{0.1}, 10)
	edges := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for j := range numbers {
		s = append(s, newSource(feature{Name: fmt.Sprint("number", j), Edges: edges}, append(slices.Clone(ten), 0)))
	}
	for j := range words {
		share := 0.002 * math.Pow(200, float64(j)/float64(max(1, words-1)))
		s = append(s, newSource(feature{Name: fmt.Sprint(termPrefix, j), Edges: []float64{0.5}}, []float64{1 - share, share, 0}))
	}
	zipf, sum := make([]float64, 32), 0.0
	for i := range zipf[:30] {
		zipf[i] = 1 / float64(i+1)
		sum += zipf[i]
	}
	for i := range zipf {
		zipf[i] /= sum
	}
	for j := range categories {
		shares := [][]float64{{0.5, 0.3, 0.2, 0, 0}, {0.97, 0.029, 0, 0.001}, zipf}[j%3]
		f := feature{Name: fmt.Sprint("category", j)}
		for i := range len(shares) - 2 {
			f.Categories = append(f.Categories, fmt.Sprint(i))
		}
		s = append(s, newSource(f, shares))
	}
	return s
}

// newSource makes texts of kind k have, nearly always, what lies at the kth
// tenth of the cumulative shares.
func newSource(f feature, shares []float64) source {
	const strength = 0.9
	s := source{feature: f, shares: shares}
	s.Counts = make([]int64, len(shares))
	for k := range kinds {
		lo, hi := float64(k)/kinds, float64(k+1)/kinds
		at := 0.0
		for _, share := range shares {
			within := max(0, min(hi, at+share)-max(lo, at)) * kinds
			s.byKind[k] = append(s.byKind[k], strength*within+(1-strength)*share)
			at += share
		}
	}
	return s
}

// multinomial adds n draws from shares to dst.
func multinomial(rng *rand.Rand, dst []int64, n int64, shares []float64) {
	rest := 1.0
	for i, s := range shares {
		if n == 0 {
			return
		}
		c := n
		if s < rest*(1-1e-12) {
			c = 0
			if s > 0 {
				c = int64(distuv.Binomial{N: float64(n), P: s / rest, Src: rng}.Rand())
			}
		}
		dst[i] += c
		n, rest = n-c, rest-s
	}
}

// draw sets the counts of samples of n texts of the sources, from independent
// features or from correlated ones.
func draw(rng *rand.Rand, s []source, dst [][]int64, n int64, correlated bool) {
	whole := slices.Repeat([]float64{1.0 / kinds}, kinds)
	ofKind := make([]int64, kinds)
	if correlated {
		multinomial(rng, ofKind, n, whole)
	}
	for j := range s {
		clear(dst[j])
		if !correlated {
			multinomial(rng, dst[j], n, s[j].shares)
			continue
		}
		for k := range kinds {
			multinomial(rng, dst[j], ofKind[k], s[j].byKind[k])
		}
	}
}

// quantiles gives numbers the bins that a baseline has: as many of its values
// in each, so that chance is in the shares that they have in all texts.
func quantiles(rng *rand.Rand, s *source, counts []int64, n int64) []float64 {
	shares, sum := make([]float64, len(s.shares)), 0.0
	for i := range 10 {
		counts[i] = n / 10
		shares[i] = distuv.Gamma{Alpha: float64(n)/10 + 0.1, Beta: 1, Src: rng}.Rand()
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

// sweeps simulates sweeps of n against m texts, without drift but for what
// change does to the shares, and calls seen with each report.
func sweeps(rng *rand.Rand, s []source, n, m int64, correlated bool, times int, change map[int][]float64, seen func(Report)) {
	s = slices.Clone(s)
	recent := make([][]int64, len(s))
	baseline := make([][]int64, len(s))
	features := make([]feature, len(s))
	for j := range s {
		baseline[j], recent[j] = make([]int64, len(s[j].shares)), make([]int64, len(s[j].shares))
		features[j] = s[j].feature
		features[j].Counts = baseline[j]
	}
	o, err := (&CompareOptions{MinSample: 1}).normalized()
	if err != nil {
		panic(err)
	}
	now := slices.Clone(s)
	for range times {
		draw(rng, s, baseline, n, correlated)
		copy(now, s)
		for j := range now {
			if c := change[j]; c != nil {
				now[j].shares = c
			} else if !correlated && len(s[j].Edges) == 9 {
				now[j].shares = quantiles(rng, &s[j], baseline[j], n)
			}
		}
		draw(rng, now, recent, m, correlated)
		seen(compare(features, func(dst []int64, j int) []int64 { return append(dst, recent[j]...) }, o))
	}
}

// TestNoFalseAlarms asks for at most 5% of sweeps that are not stable, and of
// features called drifted, at all sizes where nothing drifts.
func TestNoFalseAlarms(t *testing.T) {
	real60, numbers := sources(12, 45, 3), sources(60, 0, 0)
	for _, c := range []struct {
		name       string
		s          []source
		correlated bool
		times      int
	}{{"as of a model", real60, false, 20}, {"as of a model, correlated", real60, true, 10}, {"numbers only", numbers, false, 10}} {
		rng := rand.New(rand.NewPCG(5, 5))
		times := tries(c.times)
		t.Logf("%s: percent of sweeps not stable (percent of features), %d sweeps each, n down, m across %v", c.name, times, sizes)
		worst, all := 0, 0
		for _, n := range sizes {
			row := fmt.Sprintf("| %d |", n)
			for _, m := range sizes {
				alarms, drifted := 0, 0.0
				sweeps(rng, c.s, n, m, c.correlated, times, nil, func(r Report) {
					if r.Status != StatusStable {
						alarms++
					}
					drifted += r.Drifted
				})
				worst, all = max(worst, alarms), all+alarms
				row += fmt.Sprintf(" %.1f (%.2f) |", 100*float64(alarms)/float64(times), 100*drifted/float64(times))
				if drifted > 0.05*float64(times) {
					t.Errorf("%s, n=%d, m=%d: %.1f%% of features are called drifted", c.name, n, m, 100*drifted/float64(times))
				}
				atMost(t, fmt.Sprintf("%s, n=%d, m=%d: sweeps not stable", c.name, n, m), alarms, times, 0.05)
			}
			t.Log(row)
		}
		atMost(t, c.name+": sweeps not stable at all sizes", all, len(sizes)*len(sizes)*times, 0.05)
	}
}

// atMost fails where hits of n are more than a share by what chance does not
// explain in one of 10,000 cases.
func atMost(t *testing.T, what string, hits, n int, share float64) {
	t.Helper()
	tail := 0.0
	for k := hits; k <= n; k++ {
		tail += math.Exp(binomial(float64(k), float64(n), share, 1-share))
	}
	if hits > 0 && tail < 1e-4 {
		t.Errorf("%s: %d of %d, want at most %.3g%%", what, hits, n, 100*share)
	}
}

// longer returns the shares of ten equal bins of lengths, their logarithms
// being normal with the given deviation, where a fifth of texts is twice as
// long.
func longer(deviation float64) []float64 {
	shares := make([]float64, 11)
	before := 0.0
	for i := range 10 {
		z := distuv.UnitNormal.Quantile(float64(i+1) / 10)
		c := 0.8*float64(i+1)/10 + 0.2*distuv.UnitNormal.CDF(z-math.Ln2/deviation)
		if i == 9 {
			c = 1
		}
		shares[i], before = c-before, c
	}
	return shares
}

// best returns the power of the most powerful test of level alpha there is for
// a change from shares p to q, both known, in samples of n and m: that of
// Neyman and Pearson, by the likelihood ratio to what the two have in common.
func best(rng *rand.Rand, p, q []float64, n, m int64, alpha float64, times int) float64 {
	ratios := make([]float64, times)
	x, y := make([]int64, len(p)), make([]int64, len(p))
	for k := range ratios {
		clear(x)
		clear(y)
		multinomial(rng, x, n, p)
		multinomial(rng, y, m, q)
		for i := range p {
			if common := (float64(n)*p[i] + float64(m)*q[i]) / float64(n+m); common > 0 {
				if x[i] > 0 {
					ratios[k] += float64(x[i]) * math.Log(p[i]/common)
				}
				if y[i] > 0 {
					ratios[k] += float64(y[i]) * math.Log(q[i]/common)
				}
			}
		}
	}
	// Where something drifts, a ratio is as much likelier than where nothing
	// does, as it says; so the level needs no second simulation.
	slices.SortFunc(ratios, func(a, b float64) int { return -cmp.Compare(a, b) })
	level := 0.0
	for k, r := range ratios {
		if level += math.Exp(-r) / float64(times); level > alpha {
			return float64(k) / float64(times)
		}
	}
	return 1
}

// TestPower asks that sweeps find shifts, and how often the best test there is
// would.
func TestPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	s := sources(12, 45, 3)
	number, word, category := 0, 12, 57
	s[word] = newSource(s[word].feature, []float64{0.9995, 0.0005, 0})
	times := tries(80)
	t.Logf("n, m, percent of %d sweeps that find it, that are alerts, and what the best test finds", times)
	for _, c := range []struct {
		name   string
		j      int
		shares []float64
		n, m   int64
		want   float64 // what share of sweeps finds it
	}{
		{"a fifth of texts twice as long", number, longer(0.66), 1000, 200, 0.12},
		{"a fifth of texts twice as long", number, longer(0.66), 10000, 200, 0.2},
		{"a fifth of texts twice as long", number, longer(0.66), 1000, 1000, 0.75},
		{"a fifth of texts twice as long", number, longer(0.66), 10000, 1000, 0.95},
		{"a new name in 5% of texts", word, []float64{0.95, 0.05, 0}, 1000, 200, 0.8},
		{"a new name in 5% of texts", word, []float64{0.95, 0.05, 0}, 10000, 200, 0.8},
		{"a new name in 5% of texts", word, []float64{0.95, 0.05, 0}, 1000, 1000, 0.95},
		{"a new name in 5% of texts", word, []float64{0.95, 0.05, 0}, 10000, 1000, 0.95},
		{"a level in 45% of texts, not in 30%", category, []float64{0.5 * 55 / 70, 0.45, 0.2 * 55 / 70, 0, 0}, 1000, 200, 0.55},
		{"a level in 45% of texts, not in 30%", category, []float64{0.5 * 55 / 70, 0.45, 0.2 * 55 / 70, 0, 0}, 10000, 200, 0.7},
		{"a level in 45% of texts, not in 30%", category, []float64{0.5 * 55 / 70, 0.45, 0.2 * 55 / 70, 0, 0}, 1000, 1000, 0.95},
		{"a level in 45% of texts, not in 30%", category, []float64{0.5 * 55 / 70, 0.45, 0.2 * 55 / 70, 0, 0}, 10000, 1000, 0.95},
	} {
		found, alerts := 0, 0
		sweeps(rng, s, c.n, c.m, false, times, map[int][]float64{c.j: c.shares}, func(r Report) {
			f := r.Features[slices.IndexFunc(r.Features, func(f FeatureReport) bool { return f.Name == s[c.j].Name })]
			if f.Status != StatusStable {
				found++
			}
			if f.Status == StatusAlert {
				alerts++
			}
		})
		can := best(rng, s[c.j].shares, c.shares, c.n, c.m, 0.05/float64(len(s)), max(1000, times))
		share := func(k int) float64 { return 100 * float64(k) / float64(times) }
		t.Logf("| %s | %d | %d | %.1f | %.1f | %.1f |", c.name, c.n, c.m, share(found), share(alerts), 100*can)
		atMost(t, fmt.Sprintf("%s, n=%d, m=%d: not found", c.name, c.n, c.m), times-found, times, 1-c.want)
	}
}

// TestIntervalCoverage asks that intervals hold the PSI of the populations, and
// compares with the bootstrap.
func TestIntervalCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	times, resamples := tries(50), 100
	ten := slices.Repeat([]float64{0.1}, 10)
	t.Logf("PSI, n, m, percent of %d intervals at 95%% that hold it, and of the bootstrap's", times)
	for _, c := range []struct {
		name string
		p, q []float64
	}{
		{"ten bins, nothing", ten, ten},
		{"ten bins, a fifth twice as long", ten, longer(0.66)[:10]},
		{"ten bins, much", ten, []float64{0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.14, 0.17, 0.21}},
		{"a level", []float64{0.5, 0.3, 0.2}, []float64{0.4, 0.45, 0.15}},
		{"a word from 1% to 5%", []float64{0.99, 0.01}, []float64{0.95, 0.05}},
	} {
		truth := 0.0
		for i := range c.p {
			truth += (c.q[i] - c.p[i]) * math.Log(c.q[i]/c.p[i])
		}
		for _, size := range [][2]int64{{200, 200}, {1000, 200}, {10000, 1000}} {
			n, m := size[0], size[1]
			ours, theirs := 0, 0
			for range times {
				x, y := sample(rng, n, c.p), sample(rng, m, c.q)
				low, high, err := Interval(x, y, 0.95)
				if err != nil {
					t.Fatal(err)
				}
				if low <= truth && truth <= high {
					ours++
				}
				psi, _ := PSI(x, y)
				again := make([]float64, resamples)
				for k := range again {
					again[k], _ = PSI(sample(rng, n, shares(x)), sample(rng, m, shares(y)))
				}
				slices.Sort(again)
				// The resampled PSI is as much too high as the PSI itself.
				low, high = max(0, 2*psi-again[resamples*39/40]), max(0, 2*psi-again[resamples/40])
				if low <= truth && truth <= high {
					theirs++
				}
			}
			t.Logf("| %s | %.3f | %d | %d | %.1f | %.1f |", c.name, truth, n, m, 100*float64(ours)/float64(times), 100*float64(theirs)/float64(times))
			atMost(t, fmt.Sprintf("%s, n=%d, m=%d: intervals without the truth", c.name, n, m), times-ours, times, 0.08)
		}
	}
}

func sample(rng *rand.Rand, n int64, shares []float64) []int64 {
	dst := make([]int64, len(shares))
	multinomial(rng, dst, n, shares)
	return dst
}

func shares(counts []int64) []float64 {
	n := int64(0)
	for _, c := range counts {
		n += c
	}
	s := make([]float64, len(counts))
	for i, c := range counts {
		s[i] = float64(c) / float64(n)
	}
	return s
}

// TestLevels sums, over all counts of a word, how often tests of its share at
// the level that one of 60 features has are wrong, in multiples of that level.
// The exact test must not be wrong a tenth more often than it says.
func TestLevels(t *testing.T) {
	const level = 0.05 / 60
	t.Log("share, n, m, times too often: Pearson's test, PSI by its law, Fisher's exact test, and the same by mid-p, which is used")
	shares := []float64{0.002, 0.005, 0.02, 0.05, 0.2, 0.4}
	for _, share := range shares[:max(1, min(len(shares), tries(6)))] {
		for _, size := range [][2]int64{{100, 500}, {1000, 200}, {1000, 1000}, {10000, 50}, {10000, 200}} {
			n, m := size[0], size[1]
			var wrong [4]float64
			each := func(n int64, do func(k int64, p float64)) {
				mean := float64(n) * share
				wide := 6*math.Sqrt(mean) + 8
				for k := int64(max(0, mean-wide)); k <= min(n, int64(mean+wide)); k++ {
					do(k, math.Exp(binomial(float64(k), float64(n), share, 1-share)))
				}
			}
			each(n, func(a int64, pa float64) {
				each(m, func(b int64, pb float64) {
					if pa*pb < 1e-12 || a+b == 0 {
						return
					}
					x, y := []int64{n - a, a}, []int64{m - b, b}
					_, chi := chiSquare(x, n, y, m)
					psi, _, _ := interval(x, n, y, m, 0)
					t, all := float64(a+b), float64(n+m)
					rate, rest := float64(m)/all, float64(n)/all
					own := binomial(float64(b), t, rate, rest) + binomial(float64(m-b), all-t, rate, rest) - binomial(float64(m), all, rate, rest)
					p := exact(a, n, b, m)
					for i, p := range []float64{survival(2, chi), survival(2, psi/noise(n, m)), p + math.Exp(own), p} {
						if p < level {
							wrong[i] += pa * pb
						}
					}
				})
			})
			t.Logf("| %.1f%% | %d | %d | %.2f | %.2f | %.2f | %.2f |", 100*share, n, m, wrong[0]/level, wrong[1]/level, wrong[2]/level, wrong[3]/level)
			if wrong[3] > 1.1*level {
				t.Errorf("share %v, n=%d, m=%d: the exact test is wrong %.2f times too often", share, n, m, wrong[3]/level)
			}
		}
	}
}

// TestQuantileEdges is TestLevels for a number whose ten bins are quantiles of
// the baseline.
func TestQuantileEdges(t *testing.T) {
	const level = 0.05 / 60
	rng := rand.New(rand.NewPCG(10, 10))
	number := sources(1, 0, 0)[0]
	times := tries(3000)
	t.Logf("n, m, times too often of %d: Pearson's test, PSI by its law, and what is used", times)
	var e evidence
	for _, size := range [][2]int64{{50, 10000}, {100, 10000}, {1000, 10000}, {1000, 1000}, {1000, 100}, {10000, 200}} {
		n, m := size[0], size[1]
		var wrong [3]int
		counts := make([]int64, 11)
		for range times {
			recent := sample(rng, m, quantiles(rng, &number, counts, n))
			bins, chi := chiSquare(counts, n, recent, m)
			psi, _, _ := interval(counts, n, recent, m, 0)
			f := number.feature
			f.Counts = counts
			used, _ := e.p(&f, n, recent, m)
			for i, p := range []float64{survival(bins, chi), survival(bins, psi/noise(n, m)), used} {
				if p < level {
					wrong[i]++
				}
			}
		}
		ratio := func(k int) float64 { return float64(k) / float64(times) / level }
		t.Logf("| %d | %d | %.2f | %.2f | %.2f |", n, m, ratio(wrong[0]), ratio(wrong[1]), ratio(wrong[2]))
		atMost(t, fmt.Sprintf("n=%d, m=%d: wrong at 1/1200", n, m), wrong[2], times, 1.2*level)
	}
}

// BenchmarkCompareOfAModel compares 60 features like those of a model.
func BenchmarkCompareOfAModel(b *testing.B) {
	rng := rand.New(rand.NewPCG(8, 8))
	s := sources(12, 45, 3)
	features := make([]feature, len(s))
	recent := make([][]int64, len(s))
	for j := range s {
		features[j] = s[j].feature
		features[j].Counts = sample(rng, 10000, s[j].shares)
		recent[j] = sample(rng, 1000, s[j].shares)
	}
	o, err := (*CompareOptions)(nil).normalized()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		compare(features, func(dst []int64, j int) []int64 { return append(dst, recent[j]...) }, o)
	}
}
