package logreg_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/riskkit/riskkit/logreg"
)

// TestStratifiedFolds holds that folds and the rows of a class in them differ
// by at most 1 in number, that every class occurs outside of every fold, and
// that the seed alone draws them.
func TestStratifiedFolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		classes, k := 1+rng.IntN(5), 2+rng.IntN(6)
		y := make([]int, 2*classes+k+rng.IntN(100))
		for i := range y {
			y[i] = i / 2
			if y[i] >= classes {
				y[i] = int(float64(classes) * math.Pow(rng.Float64(), 3))
			}
		}
		fold, err := logreg.StratifiedFolds(y, classes, k, 7)
		if err != nil {
			t.Fatal(err)
		}
		sizes, inside := make([]int, k), make([][]int, classes)
		for c := range inside {
			inside[c] = make([]int, k)
		}
		for i, f := range fold {
			sizes[f]++
			inside[y[i]][f]++
		}
		for _, counts := range append(inside, sizes) {
			if slices.Max(counts)-slices.Min(counts) > 1 {
				t.Errorf("%d rows of %d classes in %d folds: %v, of each class %v", len(y), classes, k, sizes, inside)
			}
		}
		for c, counts := range inside {
			if total := sumInts(counts); slices.Max(counts) == total {
				t.Errorf("class %d occurs in one fold alone: %v", c, counts)
			}
		}
		again, err := logreg.StratifiedFolds(y, classes, k, 7)
		if err != nil || !slices.Equal(fold, again) {
			t.Errorf("the same seed gives other folds, error %v", err)
		}
	}
	y := make([]int, 100)
	a, errA := logreg.StratifiedFolds(y, 1, 2, 1)
	b, errB := logreg.StratifiedFolds(y, 1, 2, 2)
	if errA != nil || errB != nil || slices.Equal(a, b) {
		t.Errorf("another seed gives the same folds, errors %v and %v", errA, errB)
	}
}

func sumInts(v []int) (sum int) {
	for _, n := range v {
		sum += n
	}
	return sum
}

func TestContiguousFolds(t *testing.T) {
	for n := 2; n < 40; n++ {
		for k := 2; k <= n; k++ {
			fold, err := logreg.ContiguousFolds(n, k)
			if err != nil {
				t.Fatal(err)
			}
			sizes := make([]int, k)
			for _, f := range fold {
				sizes[f]++
			}
			if len(fold) != n || !slices.IsSorted(fold) || slices.Max(sizes)-slices.Min(sizes) > 1 {
				t.Errorf("%d rows in %d folds: %v", n, k, fold)
			}
		}
	}
}

func TestFoldsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		y          []int
		classes, k int
		want       error
	}{
		"one fold":        {[]int{0, 0, 1, 1}, 2, 1, logreg.ErrOptions},
		"too many folds":  {[]int{0, 0, 1, 1}, 2, 5, logreg.ErrOptions},
		"no rows":         {nil, 2, 2, logreg.ErrOptions},
		"no classes":      {[]int{0, 0, 1, 1}, 0, 2, logreg.ErrClasses},
		"endless classes": {[]int{0, 0, 1, 1}, math.MaxInt, 2, logreg.ErrClasses},
		"unknown class":   {[]int{0, 0, 1, 2}, 2, 2, logreg.ErrClasses},
		"negative class":  {[]int{0, 0, 1, -1}, 2, 2, logreg.ErrClasses},
		"absent class":    {[]int{0, 0, 0, 0}, 2, 2, logreg.ErrClasses},
		"class of one":    {[]int{0, 0, 0, 1}, 2, 2, logreg.ErrClasses},
	} {
		if fold, err := logreg.StratifiedFolds(c.y, c.classes, c.k, 1); !errors.Is(err, c.want) || fold != nil {
			t.Errorf("%s: %v, error %v, want %v", name, fold, err, c.want)
		}
	}
	for _, c := range [][2]int{{10, 1}, {10, 11}, {0, 2}, {-3, 2}} {
		if fold, err := logreg.ContiguousFolds(c[0], c[1]); !errors.Is(err, logreg.ErrOptions) || fold != nil {
			t.Errorf("%v: %v, error %v", c, fold, err)
		}
	}
}
