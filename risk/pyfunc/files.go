package pyfunc

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the loader
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// Options say what stands in the files beside the model. The zero value leaves
// out what is not known.
type Options struct {
	// Schema is the model's signature. nil, or one of its two lists empty, means
	// what the loader takes and gives. Inputs must have a column "text" of type
	// string, or be a single column of that type; types are the scalar ones of
	// MLflow: boolean, integer, long, float, double, string, binary, datetime.
	Schema *registry.Schema
	// RunID is MLflow's run that the model is of.
	RunID string
	// Path is the folder among the run's artifacts that the files go to. Empty
	// means "model".
	Path string
	// Time is when the model was made.
	Time time.Time
	// Python is the version that MLflow is to run the model with, such as
	// "3.12" or "3.12.4"; load_model warns where it runs in another. Empty
	// means "3.11". The loader works from 3.8 on.
	Python string
}

const (
	format   = 1 // of data/model.json
	dataFile = "data/model.json"
	codeDir  = "code"
	condaEnv = "conda.yaml"
	venvEnv  = "python_env.yaml"
)

//go:embed loader.py
var loader []byte

var pythonVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?$`)

// Files returns the files of m as an MLflow model, by their paths with slashes.
// The same model and options always give the same bytes. nil opts means the
// defaults.
//
// Features can be a *tfidf.Vectorizer, *tfidf.Hashing or *tfidf.Union, the
// classifiers *logreg.Model, and the Calibrator one of logreg. Any other part,
// and StemLanguage, which the loader does not have, are errors that wrap
// registry.ErrUnsupported; options that make no sense wrap registry.ErrInput.
func Files(m *risk.Model, opts *Options) (map[string][]byte, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Path == "" {
		o.Path = "model"
	}
	if o.Python == "" {
		o.Python = "3.11"
	}
	switch {
	case m == nil:
		return nil, fmt.Errorf("%w: pyfunc: no model", registry.ErrInput)
	case !pythonVersion.MatchString(o.Python):
		return nil, fmt.Errorf("%w: pyfunc: Python is %q, want a version such as \"3.12\"", registry.ErrInput, o.Python)
	}
	c := m.Config()
	signature, err := newSignature(o.Schema, &c)
	if err != nil {
		return nil, err
	}
	content, err := describe(&c)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(content)
	if err != nil { // a number that JSON does not have
		return nil, fmt.Errorf("%w: pyfunc: the model cannot be written as JSON: %w", registry.ErrUnsupported, err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(data))
	code := bytes.Replace(loader, []byte(`SHA256 = ""`), fmt.Appendf(nil, "SHA256 = %q", digest), 1)
	module := fmt.Sprintf("riskkit_loader_%.8x", sha256.Sum256(code))
	return map[string][]byte{
		"MLmodel":                      mlmodel(&o, signature, module, digest),
		dataFile:                       data,
		codeDir + "/" + module + ".py": code,
		"requirements.txt":             []byte("mlflow\n"),
		condaEnv:                       conda(o.Python),
		venvEnv:                        virtualenv(o.Python),
	}, nil
}

// VersionFiles is Files of the model of a registered version, whose files read
// returns. Where Schema is nil or Time zero, they are the version's. A version
// without risk.ModelFile is an error that wraps registry.ErrNotFound; other
// errors are those of Files, of read, of the context, or wrap risk.ErrModel.
func VersionFiles(ctx context.Context, v registry.Version, read func(file string) ([]byte, error), opts *Options) (map[string][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := v.File(risk.ModelFile); err != nil {
		return nil, err
	}
	data, err := read(risk.ModelFile)
	if err != nil {
		return nil, err
	}
	m, err := risk.ReadModel(data)
	if err != nil {
		return nil, fmt.Errorf("version %d of model %q: %w", v.Number, v.Model, err)
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Schema == nil {
		o.Schema = v.Schema
	}
	if o.Time.IsZero() {
		o.Time = v.CreatedAt
	}
	if err := ctx.Err(); err != nil { // loading may have taken long
		return nil, err
	}
	return Files(m, &o)
}
