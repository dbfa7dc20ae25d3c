// Package jsonobj reads and writes JSON objects whose keys have an order that
// means something, such as levels from the lowest to the highest.
package jsonobj

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Marshal returns an object with the fields in the order they come.
func Marshal[V any](fields iter.Seq2[string, V]) ([]byte, error) {
	b := []byte{'{'}
	for name, v := range fields {
		if len(b) > 1 {
			b = append(b, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// Unmarshal calls set with the fields of the object data in their order.
func Unmarshal[V any](data []byte, set func(name string, v V)) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // the keys of an object are strings
		var v V
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		set(name, v)
	}
	_, err := d.Token()
	return err
}
