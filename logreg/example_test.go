package logreg_test

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/riskkit/riskkit/logreg"
)

func ExampleFit() {
	x := mat.NewDense(6, 2, []float64{
		1, 0,
		0.9, 0.1,
		0.5, 0.5,
		0.4, 0.6,
		0.1, 0.9,
		0, 1,
	})
	y := []int{0, 0, 1, 1, 2, 2}
	m, result, err := logreg.Fit(context.Background(), x, y, 3, &logreg.Options{C: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Status)
	for _, p := range m.AppendProba(nil, []int32{0, 1}, []float64{0.5, 0.5}) {
		fmt.Printf("%.2f ", p)
	}
	fmt.Println()
	// Output:
	// converged
	// 0.10 0.86 0.04
}

func ExampleFitTemperature() {
	// Held-out predictions that are surer than they ought to be: 0.99, but
	// right in three of four.
	p := []float64{
		0.99, 0.01,
		0.99, 0.01,
		0.01, 0.99,
		0.99, 0.01,
	}
	y := []int{0, 0, 1, 1}
	t, err := logreg.FitTemperature(p, y, 2, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	calibrated := []float64{0.99, 0.01}
	t.Apply(calibrated)
	fmt.Printf("temperature %.2f, %.2f instead of 0.99\n", t, calibrated[0])
	// Output: temperature 4.18, 0.75 instead of 0.99
}

func ExampleFitCalibration() {
	// Held-out predictions that never say medium, class 1, loud enough.
	p := []float64{
		0.8, 0.1, 0.1,
		0.6, 0.3, 0.1,
		0.6, 0.3, 0.1,
		0.5, 0.3, 0.2,
		0.2, 0.2, 0.6,
		0.1, 0.1, 0.8,
	}
	y := []int{0, 1, 1, 1, 2, 2}
	c, err := logreg.FitCalibration(logreg.CalibrationSigmoid, p, y, 3, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	row := []float64{0.6, 0.3, 0.1}
	c.Apply(row)
	fmt.Printf("%.2f\n", row)
	data, err := logreg.MarshalCalibration(logreg.Temperature(1.5))
	fmt.Println(string(data), err)
	// Output:
	// [0.24 0.63 0.13]
	// {"method":"temperature","temperature":1.5} <nil>
}
