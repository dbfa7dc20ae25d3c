package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// figures are what a JSON object of numbers and strings holds, in its order.
type figures struct {
	names  []string
	values map[string]any
}

// UnmarshalJSON reads an object.
func (f *figures) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%q is no object", data)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		switch value.(type) {
		case string, float64:
			f.set(name.(string), value)
		default:
			return fmt.Errorf("%v is %v, want a number or a string", name, value)
		}
	}
	return nil
}

// MarshalJSON writes the object.
func (f figures) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range f.names {
		if i > 0 {
			b = append(b, ',')
		}
		for k, part := range []any{name, f.values[name]} {
			j, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			if k == 1 {
				b = append(b, ':')
			}
			b = append(b, j...)
		}
	}
	return append(b, '}'), nil
}

// set gives a name a value.
func (f *figures) set(name string, value any) {
	if f.values == nil {
		f.values = map[string]any{}
	}
	if _, ok := f.values[name]; !ok {
		f.names = append(f.names, name)
	}
	f.values[name] = value
}

// number returns a number, NaN if there is none of that name.
func (f *figures) number(name string) float64 {
	v, ok := f.values[name].(float64)
	if !ok {
		return math.NaN()
	}
	return v
}

// medians returns the median of each number over several runs, and of what is
// no number the first.
func medians(runs []figures) figures {
	var m figures
	if len(runs) == 0 {
		return m
	}
	for _, name := range runs[0].names {
		value := runs[0].values[name]
		if _, ok := value.(float64); ok {
			all := make([]float64, len(runs))
			for i := range runs {
				all[i] = runs[i].number(name)
			}
			value = median(all)
		}
		m.set(name, value)
	}
	return m
}

// median returns the median of x, in any order.
func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return quantile(x, 0.5)
}

// quantile returns a quantile of x, which ascends, drawing a line between
// neighbours as numpy does; NaN if there is none.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	at := q * float64(len(x)-1)
	below := int(at)
	above := min(below+1, len(x)-1)
	return x[below] + (at-float64(below))*(x[above]-x[below])
}

// mean returns the mean of x.
func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
