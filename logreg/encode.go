package logreg

import (
	"errors"
	"fmt"

	"github.com/riskkit/riskkit/internal/binfile"
)

// A file of a Model is framed by internal/binfile; its payload is the number of
// classes, since version 2 whether each stands against the rest, the intercepts
// and the weights, a row a feature.
const (
	magic   = "RKLR"
	version = 2
)

// ErrFormat says that bytes are not a Model, or a calibration, as it is written.
var ErrFormat = errors.New("logreg: invalid model file")

// AppendBinary appends m to b in a format that UnmarshalBinary reads, now and
// in later versions. The same Model always gives the same bytes. The error is
// always nil.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	return binfile.Append(b, magic, version, func(b []byte) []byte {
		ovr := uint64(0)
		if m.ovr {
			ovr = 1
		}
		b = binfile.AppendUint(b, uint64(m.classes))
		b = binfile.AppendUint(b, ovr)
		b = binfile.AppendFloats(b, m.intercept)
		return binfile.AppendFloats(b, m.coef)
	}), nil
}

// MarshalBinary is AppendBinary to nothing.
func (m *Model) MarshalBinary() ([]byte, error) { return m.AppendBinary(nil) }

// UnmarshalBinary makes m the Model that data holds. The error wraps ErrFormat
// and says what is wrong; m is then unchanged. It must not be called while m is
// in use.
func (m *Model) UnmarshalBinary(data []byte) error {
	v, r, err := binfile.Open(data, magic, version)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	classes, ovr := r.Uint(), uint64(0)
	if v > 1 {
		ovr = r.Uint()
	}
	intercept, coef := r.Floats(), r.Floats()
	if err := r.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if classes < 1 || classes < 2 && ovr == 0 || classes != uint64(len(intercept)) || len(coef)%len(intercept) != 0 || ovr > 1 {
		return fmt.Errorf("%w: %d classes with %d intercepts and %d weights", ErrFormat, classes, len(intercept), len(coef))
	}
	*m = Model{classes: int(classes), features: len(coef) / len(intercept), coef: coef, intercept: intercept, ovr: ovr == 1}
	return nil
}
