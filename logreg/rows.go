package logreg

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Rows is a sparse matrix in compressed rows, filled one row at a time: what
// Fit reads without a copy. It is a mat.Matrix. Reading it is safe for
// concurrent use as long as nobody appends.
type Rows struct {
	features int
	start    []int // of row i in ind and val; one more than there are rows
	ind      []int32
	val      []float64
}

// ErrRow says that a row of a matrix cannot be used.
var ErrRow = errors.New("logreg: invalid row")

// NewRows returns a matrix with no rows and so many features (columns).
func NewRows(features int) *Rows { return &Rows{features: features, start: []int{0}} }

// Append adds a row with values val at the columns ind, which must ascend, be
// less than the number of features, and come with finite values; otherwise the
// error wraps ErrRow, names the row and the place, and x is unchanged. The
// slices are copied.
func (x *Rows) Append(ind []int32, val []float64) error {
	if len(ind) != len(val) {
		return fmt.Errorf("%w %d: %d indices with %d values", ErrRow, x.Len(), len(ind), len(val))
	}
	for k, j := range ind {
		switch {
		case j < 0 || int(j) >= x.features:
			return fmt.Errorf("%w %d: index %d of %d features", ErrRow, x.Len(), j, x.features)
		case k > 0 && ind[k-1] >= j:
			return fmt.Errorf("%w %d: index %d after %d", ErrRow, x.Len(), j, ind[k-1])
		case math.IsNaN(val[k]) || math.IsInf(val[k], 0):
			return fmt.Errorf("%w %d: value of feature %d is %v", ErrRow, x.Len(), j, val[k])
		}
	}
	x.ind = append(x.ind, ind...)
	x.val = append(x.val, val...)
	x.start = append(x.start, len(x.ind))
	return nil
}

// Grow makes room for so many more rows with so many values in all.
func (x *Rows) Grow(rows, values int) {
	x.start, x.ind, x.val = slices.Grow(x.start, rows), slices.Grow(x.ind, values), slices.Grow(x.val, values)
}

// NumFeatures returns the number of columns.
func (x *Rows) NumFeatures() int { return x.features }

// Len returns the number of rows.
func (x *Rows) Len() int { return len(x.start) - 1 }

// Row returns the columns of row i that are not zero and their values. They
// belong to x and must not be changed.
func (x *Rows) Row(i int) (ind []int32, val []float64) {
	a, b := x.start[i], x.start[i+1]
	return x.ind[a:b:b], x.val[a:b:b]
}

// Dims, At and T make Rows a mat.Matrix; At takes time linear in the row.
func (x *Rows) Dims() (rows, columns int) { return x.Len(), x.features }

// At returns the value at row i, column j.
func (x *Rows) At(i, j int) float64 {
	if j < 0 || j >= x.features {
		panic(mat.ErrColAccess) // the contract of mat.Matrix
	}
	ind, val := x.Row(i)
	for k, c := range ind {
		if int(c) == j {
			return val[k]
		}
	}
	return 0
}

// T returns the transpose, without a copy.
func (x *Rows) T() mat.Matrix { return mat.Transpose{Matrix: x} }

// DoRowNonZero calls fn for each value of row i that is not zero.
func (x *Rows) DoRowNonZero(i int, fn func(i, j int, v float64)) {
	ind, val := x.Row(i)
	for k, j := range ind {
		fn(i, int(j), val[k])
	}
}

// rowsOf returns m as Rows: itself, or a copy that takes only what is not zero.
func rowsOf(m mat.Matrix) (*Rows, error) {
	if x, ok := m.(*Rows); ok {
		return x, nil
	}
	n, d := m.Dims()
	if d > math.MaxInt32 {
		return nil, fmt.Errorf("%w: %d columns", ErrRow, d)
	}
	x := NewRows(d)
	sparse, _ := m.(mat.RowNonZeroDoer)
	var ind []int32
	var val []float64
	for i := range n {
		ind, val = ind[:0], val[:0]
		if sparse != nil {
			sparse.DoRowNonZero(i, func(_, j int, v float64) { ind, val = append(ind, int32(j)), append(val, v) })
		} else {
			for j := range d {
				if v := m.At(i, j); v != 0 {
					ind, val = append(ind, int32(j)), append(val, v)
				}
			}
		}
		if err := x.Append(ind, val); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// byFrequency numbers the features by how many rows have them, the most
// frequent first.
func (x *Rows) byFrequency() []int32 {
	count := make([]int, x.features)
	for _, j := range x.ind {
		count[j]++
	}
	from := make([]int32, x.Len()+2) // the next number for features of so many rows less one
	for _, n := range count {
		from[x.Len()-n+1]++
	}
	for n := 1; n < len(from); n++ {
		from[n] += from[n-1]
	}
	rank := make([]int32, x.features)
	for j, n := range count {
		rank[j] = from[x.Len()-n]
		from[x.Len()-n]++
	}
	return rank
}

// reordered returns a copy with the rows in the order given and the features
// renumbered. Within a row they are no longer in order.
func (x *Rows) reordered(order []int, rank []int32) *Rows {
	c := &Rows{
		features: x.features, start: make([]int, 1, len(x.start)),
		ind: make([]int32, 0, len(x.ind)), val: make([]float64, 0, len(x.val)),
	}
	for _, i := range order {
		ind, val := x.Row(i)
		for _, j := range ind {
			c.ind = append(c.ind, rank[j])
		}
		c.val = append(c.val, val...)
		c.start = append(c.start, len(c.ind))
	}
	return c
}
