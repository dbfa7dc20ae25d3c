package risk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/riskkit/riskkit/internal/binfile"
	"github.com/riskkit/riskkit/logreg"
	"github.com/riskkit/riskkit/tfidf"
)

// A file of a Model is framed by internal/binfile; its payload is a head as
// JSON, a file of a tfidf.Vectorizer, one of a logreg.Model and, since version 2,
// one of the logreg.Model of the tags, empty if there are none.
const (
	modelMagic   = "RKMD"
	modelVersion = 2
)

// modelHead is what a file of a Model says beside its parts. Version 1 had
// Temperature and neither Calibration nor Tags.
type modelHead struct {
	Scale       Scale           `json:"scale"`
	Thresholds  []float64       `json:"thresholds"`
	Temperature float64         `json:"temperature,omitempty"`
	Calibration json.RawMessage `json:"calibration,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
}

// AppendBinary appends m to b in a format that ReadModel reads, now and in
// later versions, without its version, digest and drift baseline. The same
// Model always gives the same bytes. Models of other parts than a
// *tfidf.Vectorizer, *logreg.Model and the Calibrators of logreg cannot be
// saved; the error wraps ErrModel.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	head := modelHead{Scale: m.c.Scale, Thresholds: m.c.Thresholds, Tags: m.c.Tags}
	if m.c.Calibrator != nil {
		var err error
		if head.Calibration, err = logreg.MarshalCalibration(m.c.Calibrator); err != nil {
			return b, fmt.Errorf("%w: a calibrator of type %T cannot be saved: %w", ErrModel, m.c.Calibrator, err)
		}
	}
	v, ok := m.c.Features.(*tfidf.Vectorizer)
	if !ok {
		return b, fmt.Errorf("%w: features of type %T cannot be saved", ErrModel, m.c.Features)
	}
	c, ok := m.c.Classifier.(*logreg.Model)
	if !ok {
		return b, fmt.Errorf("%w: a classifier of type %T cannot be saved", ErrModel, m.c.Classifier)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrModel, err)
	}
	features, err := v.MarshalBinary()
	if err != nil {
		return b, err
	}
	classifier, err := c.MarshalBinary()
	if err != nil {
		return b, err
	}
	var tags []byte
	if m.c.TagClassifier != nil {
		t, ok := m.c.TagClassifier.(*logreg.Model)
		if !ok {
			return b, fmt.Errorf("%w: a tag classifier of type %T cannot be saved", ErrModel, m.c.TagClassifier)
		}
		if tags, err = t.MarshalBinary(); err != nil {
			return b, err
		}
	}
	return binfile.Append(b, modelMagic, modelVersion, func(b []byte) []byte {
		b = binfile.AppendBytes(b, text)
		b = binfile.AppendBytes(b, features)
		b = binfile.AppendBytes(b, classifier)
		return binfile.AppendBytes(b, tags)
	}), nil
}

// MarshalBinary is AppendBinary to nothing.
func (m *Model) MarshalBinary() ([]byte, error) { return m.AppendBinary(nil) }

// ReadModel returns the Model that data holds. The error wraps ErrModel and
// says what is wrong.
func ReadModel(data []byte) (*Model, error) {
	c, err := readModel(data)
	if err != nil {
		return nil, err
	}
	return NewModel(c)
}

func readModel(data []byte) (ModelConfig, error) {
	fail := func(err error) (ModelConfig, error) { return ModelConfig{}, fmt.Errorf("%w: %w", ErrModel, err) }
	version, r, err := binfile.Open(data, modelMagic, modelVersion)
	if err != nil {
		return fail(err)
	}
	text, features, classifier := r.Bytes(), r.Bytes(), r.Bytes()
	var tags []byte
	if version > 1 {
		tags = r.Bytes()
	}
	if err := r.Close(); err != nil {
		return fail(err)
	}
	var head modelHead
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&head); err != nil {
		return fail(fmt.Errorf("head: %w", err))
	}
	c := ModelConfig{Scale: head.Scale, Thresholds: head.Thresholds, Tags: head.Tags}
	switch t := head.Temperature; {
	case t != 0 && (version > 1 || !(t > 0)):
		return fail(fmt.Errorf("temperature is %v", t))
	case version == 1 && (head.Calibration != nil || head.Tags != nil):
		return fail(errors.New("the head is of a later version"))
	case t > 0:
		c.Calibrator = logreg.Temperature(t)
	case head.Calibration != nil:
		if c.Calibrator, err = logreg.UnmarshalCalibration(head.Calibration); err != nil {
			return fail(err)
		}
	}
	if len(tags) > 0 {
		m := new(logreg.Model)
		if err := m.UnmarshalBinary(tags); err != nil {
			return fail(err)
		}
		c.TagClassifier = m
	}
	v, lr := new(tfidf.Vectorizer), new(logreg.Model)
	if err := v.UnmarshalBinary(features); err != nil {
		return fail(err)
	}
	if err := lr.UnmarshalBinary(classifier); err != nil {
		return fail(err)
	}
	c.Features, c.Classifier = v, lr
	return c, nil
}
