package psi

import (
	"cmp"
	"math"
	"slices"
)

// minExpected is how many observations a bin needs on the smaller side, were
// there no drift, for the χ² law to hold.
const minExpected = 5

// A feature may be tested in several ways. Each has its part of the error that
// is accepted.
const (
	trendWeight = 0.75 // of what the trend and the χ² of all bins share
	rareWeight  = 0.5  // of all, where there are rare bins
)

// evidence is the memory that one feature after another passes through.
type evidence struct {
	baseline, recent []int64 // of the bins left after merging
	rare             [][2]int64
	tests            int // that rare might have had
}

// p returns the probability that chance alone makes the counts differ as much,
// and over how many bins that was judged. Two bins have an exact test,
// categories Pearson's, numbers a test of their trend and one of all bins. Bins
// too rare for these are tested one by one, so that a burst in one of them is
// not lost among the others.
func (e *evidence) p(f *feature, n int64, recent []int64, m int64) (p float64, bins int) {
	e.merge(f, n, recent, m)
	bins = len(e.baseline)
	var sn, sm int64 // of the bins left
	for i := range e.baseline {
		sn, sm = sn+e.baseline[i], sm+e.recent[i]
	}
	main := 1.0
	switch {
	case bins == 2:
		main = exact(e.baseline[1], sn, e.recent[1], sm)
	case bins > 2:
		if f.unordered() {
			_, statistic := chiSquare(e.baseline, sn, e.recent, sm)
			main = survival(bins, statistic*(1-1/(float64(sn)+float64(sm))))
			break
		}
		main = survival(bins, e.symmetric(sn, sm))
		if last := len(f.Counts) - 1; bins > 3 {
			main = min(main/(1-trendWeight), trend(f.Counts[:last], recent[:last])/trendWeight)
		}
	}
	if len(e.rare) == 0 {
		return min(1, main), bins
	}
	rare := 1.0
	for _, c := range e.rare {
		rare = min(rare, exact(c[0], n, c[1], m))
	}
	rare *= float64(e.tests)
	if bins < 2 {
		return min(1, rare), bins
	}
	return min(1, main/(1-rareWeight), rare/rareWeight), bins
}

// merge fills e with the bins of a feature that are to be judged together, and
// with those that are too rare for that and are judged one by one too. Rare
// bins join their neighbours where bins are in order; rare categories, new ones
// and what is missing among them, become one bin, and are left out if that is
// rare itself. What is missing has no neighbours and is left out where it is
// rare.
func (e *evidence) merge(f *feature, n int64, recent []int64, m int64) {
	e.baseline, e.recent, e.rare = e.baseline[:0], e.recent[:0], e.rare[:0]
	smaller := float64(min(n, m)) / (float64(n) + float64(m))
	isRare := func(c, r int64) bool { return (float64(c)+float64(r))*smaller < minExpected }
	filled := 0
	for i, c := range f.Counts {
		if c > 0 || recent[i] > 0 {
			filled++
		}
	}
	var pc, pr int64 // the pool of what is rare
	last := len(f.Counts) - 1
	ordered := !f.unordered()
	for i, c := range f.Counts {
		r := recent[i]
		if c == 0 && r == 0 {
			continue
		}
		rare := filled > 2 && isRare(c, r) // two bins need not be common: their test is exact
		if rare {
			e.rare = append(e.rare, [2]int64{c, r})
		}
		switch missing := i == last; {
		case ordered && !missing && filled > 2:
			if pc, pr = pc+c, pr+r; !isRare(pc, pr) {
				e.add(pc, pr)
				pc, pr = 0, 0
			}
		case !rare:
			e.add(c, r)
		case !ordered:
			pc, pr = pc+c, pr+r
		}
	}
	// Where edges are quantiles, the counts of the baseline are as good as given,
	// and so a bin is rare because of what is recent: as if all had been tested.
	if e.tests = filled; !ordered {
		e.tests = len(e.rare) + 1
	}
	switch k := len(e.baseline); {
	case pc == 0 && pr == 0:
	case ordered:
		// The remainder joins the bin before it, which is the one before what
		// is missing, if that was added.
		if k > 0 && (f.Counts[last] > 0 || recent[last] > 0) && !isRare(f.Counts[last], recent[last]) {
			k--
		}
		if k == 0 {
			e.baseline, e.recent = slices.Insert(e.baseline, 0, pc), slices.Insert(e.recent, 0, pr)
		} else {
			e.baseline[k-1] += pc
			e.recent[k-1] += pr
		}
	case !isRare(pc, pr):
		e.add(pc, pr)
	case len(e.rare) > 1:
		e.rare = append(e.rare, [2]int64{pc, pr})
	}
}

func (e *evidence) add(c, r int64) {
	e.baseline, e.recent = append(e.baseline, c), append(e.recent, r)
}

// symmetric returns the χ² of the bins in e, which are of n and m, with the
// plain mean of the two shares in the place of the pooled one. Edges are
// quantiles of the baseline, so that chance is in the shares that fall between
// them. Pearson's statistic takes those for known where m is much greater than
// n, and alarms many times too often; this one does not.
func (e *evidence) symmetric(n, m int64) (statistic float64) {
	for i, c := range e.baseline {
		b, r := float64(c)/float64(n), float64(e.recent[i])/float64(m)
		statistic += (b - r) * (b - r) / (b + r)
	}
	return 2 * statistic / noise(n, m)
}

// trend returns the probability that chance alone moves or spreads the counts
// of ordered bins as much. It asks for growth at either end by Savage's scores,
// -ln u and -ln(1-u) of the ranks u in both samples together, and so for two of
// the components of χ² in place of all. Where some texts have become longer, or
// all a bit, nearly all of the change is in those, and this finds it in smaller
// samples than the whole χ² does.
func trend(baseline, recent []int64) float64 {
	var sn, sm int64
	for i, c := range baseline {
		sn, sm = sn+c, sm+recent[i]
	}
	if sn == 0 || sm == 0 {
		return 1
	}
	n, m := float64(sn), float64(sm)
	all := n + m
	// The scores have the mean 1; (x, y) are what they are beyond it.
	var below, xx, xy, yy, dx, dy float64
	low, high := 0.0, 0.0 // entropies of what is below and of what is not
	for i, c := range baseline {
		t := float64(c) + float64(recent[i])
		if t == 0 {
			continue
		}
		d := float64(recent[i])/m - float64(c)/n
		below += t
		nextLow, nextHigh := entropy(below/all), entropy((all-below)/all)
		x, y := (low-nextLow)*all/t, (nextHigh-high)*all/t
		low, high = nextLow, nextHigh
		t /= all
		xx, xy, yy = xx+t*x*x, xy+t*x*y, yy+t*y*y
		dx, dy = dx+d*x, dy+d*y
	}
	det := xx*yy - xy*xy
	if !(det > 1e-9*xx*yy) {
		return 1
	}
	statistic := (dx*dx*yy - 2*dx*dy*xy + dy*dy*xx) / det * n * m / all * (1 - 1/all)
	// Savage's scores have one long tail, and the edges are chosen by the
	// baseline, so that the χ² law has too short a tail for small samples. This
	// one, of F, is fitted to simulations (TestNoFalseAlarms).
	freedom := 1 / (3/n + 1/m)
	return math.Exp(-freedom / 2 * math.Log1p(statistic/freedom))
}

// entropy is u ln u, the integral of ln u beyond -u.
func entropy(u float64) float64 {
	if u <= 0 {
		return 0
	}
	return u * math.Log(u)
}

// BenjaminiHochberg returns the p-values corrected for there being several: to
// act on those up to q is to be wrong on average in a share of at most q of
// them, and, where there is nothing to find, to act at all with a probability of
// at most q. That holds for independent tests and for those that err together.
// The order stays as it is; p is not changed. NaN stays NaN, and is one of the
// several.
func BenjaminiHochberg(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	q := make([]float64, len(p))
	least := 1.0
	for k, i := range order {
		least = min(least, p[i]*float64(len(p))/float64(len(p)-k))
		q[i] = least
	}
	return q
}

// exact returns the probability that chance alone makes two shares differ as
// much: a of n and b of m. It is twice the smaller tail of the distribution of
// b given a+b, with half of b's own probability (Fisher's exact test by mid-p),
// or, where all counts are large, the same by the normal law.
func exact(a, n, b, m int64) float64 {
	t, all := float64(a)+float64(b), float64(n)+float64(m)
	fn, fm := float64(n), float64(m)
	if n <= 0 || m <= 0 || t <= 0 || t >= all {
		return 1
	}
	k := float64(b)
	mean := t / all * fm
	if smallest := min(t, all-t) / all * min(fn, fm); smallest >= 1000 {
		sd := math.Sqrt(mean * (1 - t/all) * fn / (all - 1))
		return math.Erfc(math.Abs(k-mean) / sd / math.Sqrt2)
	}
	// From b away from the mean, in multiples of its own probability.
	sum, next := 0.0, 1.0
	if k >= mean {
		for ; next > sum*1e-17; k++ {
			sum += next
			next *= (t - k) / (k + 1) * (fm - k) / (fn - t + k + 1)
		}
	} else {
		for ; next > sum*1e-17; k-- {
			sum += next
			next *= k / (t - k + 1) * (fn - t + k) / (fm - k + 1)
		}
	}
	k = float64(b)
	p, q := fm/all, fn/all
	own := binomial(k, t, p, q) + binomial(float64(m-b), float64(n-a)+float64(m-b), p, q) - binomial(fm, all, p, q)
	return min(1, (2*sum-1)*math.Exp(own))
}

// binomial returns the logarithm of the probability of k of n at a rate p, its
// complement being q. It is put together from what is small, the errors of
// Stirling's formula and the deviances, and so stays exact for large counts.
func binomial(k, n, p, q float64) float64 {
	switch k {
	case 0:
		return n * logOf(q, p)
	case n:
		return n * logOf(p, q)
	}
	deviance := func(x, mean float64) float64 { return x*math.Log1p((x-mean)/mean) - (x - mean) }
	return stirling(n) - stirling(k) - stirling(n-k) - deviance(k, n*p) - deviance(n-k, n*q) -
		0.5*math.Log(2*math.Pi*k*(n-k)/n)
}

// logOf is ln p, q being 1-p.
func logOf(p, q float64) float64 {
	if q < 0.5 {
		return math.Log1p(-q)
	}
	return math.Log(p)
}

// stirling returns the error of Stirling's formula for the logarithm of n!.
func stirling(n float64) float64 {
	if n < 16 {
		l, _ := math.Lgamma(n + 1)
		return l - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	s := 1 / (n * n)
	return (1.0/12 - s*(1.0/360-s*(1.0/1260-s/1680))) / n
}
