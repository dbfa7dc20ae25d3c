package logreg_test

import (
	"errors"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/logreg"
)

// FuzzLoad reads anything as a Model and as an Online; so that more than the
// checksum is tried, it is also framed as a payload.
func FuzzLoad(f *testing.F) {
	x := mat.NewDense(4, 2, []float64{1, 0, 0, 1, 1, 1, 0, 0})
	for _, o := range []*logreg.Options{nil, {OneVsRest: true}} {
		m, _, err := logreg.Fit(f.Context(), x, []int{0, 1, 2, 1}, 3, o)
		if err != nil {
			f.Fatal(err)
		}
		data, err := m.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[16 : len(data)-4])
		online, err := logreg.NewOnline(m, x, nil)
		if err != nil {
			f.Fatal(err)
		}
		if data, err = online.MarshalBinary(); err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[16 : len(data)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files := [][]byte{data}
		for _, kind := range []string{"RKLR", "RKLO"} {
			for version := range uint32(2) {
				files = append(files, binfile.Append(nil, kind, version+1, func(b []byte) []byte { return append(b, data...) }))
			}
		}
		for _, file := range files {
			var m logreg.Model
			if err := m.UnmarshalBinary(file); err == nil {
				m.AppendProba(nil, []int32{0, 1, 9}, []float64{1, 1, 1})
				if again, err := m.MarshalBinary(); err != nil || m.UnmarshalBinary(again) != nil {
					t.Fatal("a model that was loaded cannot be saved and loaded again")
				}
			} else if !errors.Is(err, logreg.ErrFormat) {
				t.Fatal(err)
			}
			var o logreg.Online
			if err := o.UnmarshalBinary(file); err == nil {
				if again, err := o.MarshalBinary(); err != nil || o.UnmarshalBinary(again) != nil {
					t.Fatal("an Online that was loaded cannot be saved and loaded again")
				}
			} else if !errors.Is(err, logreg.ErrFormat) {
				t.Fatal(err)
			}
		}
	})
}
