package binfile

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func sample() []byte {
	return Append(nil, "TEST", 2, func(b []byte) []byte {
		b = AppendUint(b, 7)
		b = AppendStrings(b, []string{"", "disk full"})
		b = AppendFloats(b, []float64{0, -1.5})
		return AppendBytes(b, "end")
	})
}

func read(data []byte) (n uint64, s []string, f []float64, end []byte, err error) {
	_, r, err := Open(data, "TEST", 2)
	if err != nil {
		return
	}
	n, s, f, end = r.Uint(), r.Strings(), r.Floats(), r.Bytes()
	return n, s, f, end, r.Close()
}

func TestRoundTrip(t *testing.T) {
	n, s, f, end, err := read(sample())
	if err != nil || n != 7 || !slices.Equal(s, []string{"", "disk full"}) || !slices.Equal(f, []float64{0, -1.5}) || string(end) != "end" {
		t.Errorf("read %v %q %v %q, error %v", n, s, f, end, err)
	}
}

func TestDamage(t *testing.T) {
	data := sample()
	for i := range data {
		for bit := range 8 {
			damaged := slices.Clone(data)
			damaged[i] ^= 1 << bit
			if _, _, _, _, err := read(damaged); err == nil {
				t.Fatalf("bit %d of byte %d flipped: no error", bit, i)
			}
		}
		if _, _, _, _, err := read(data[:i]); err == nil {
			t.Fatalf("cut at %d: no error", i)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"newer version": {Append(nil, "TEST", 3, func(b []byte) []byte { return b }), "version 3"},
		"other format":  {Append(nil, "ELSE", 1, func(b []byte) []byte { return b }), `magic is "ELSE"`},
		"too long":      {append(sample(), 0), "payload is"},
		"absurd count":  {Append(nil, "TEST", 1, func(b []byte) []byte { return AppendUint(AppendUint(b, 1), 1<<60) }), "ends too early"},
		"NaN": {Append(nil, "TEST", 1, func(b []byte) []byte {
			return AppendFloats(AppendStrings(AppendUint(b, 1), nil), []float64{math.NaN()})
		}), "value 0 of 1 is NaN"},
		"more than is read": {Append(nil, "TEST", 1, func(b []byte) []byte {
			return AppendUint(AppendBytes(AppendFloats(AppendStrings(AppendUint(b, 1), nil), nil), ""), 1)
		}), "8 bytes too many"},
	} {
		if _, _, _, _, err := read(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", name, err, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sample())
	f.Fuzz(func(t *testing.T, payload []byte) {
		// With the frame right, what is inside must still be safe to read.
		read(Append(nil, "TEST", 1, func(b []byte) []byte { return append(b, payload...) }))
		read(payload)
	})
}
