package mlflow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/riskkit/riskkit/registry"
)

// A Dataset is what a run was trained or tested on.
type Dataset struct {
	// Name and Digest tell datasets apart: at most 500 and 36 characters.
	Name, Digest string
	// SourceType and Source say where it is, Source in JSON. Empty means
	// nowhere that is known.
	SourceType, Source string
	// Schema and Profile describe it in JSON. They may be empty.
	Schema, Profile string
	// Context says what for, such as training.
	Context string
}

type datasetWire struct {
	Tags    []pair `json:"tags,omitempty"`
	Dataset struct {
		Name       string `json:"name"`
		Digest     string `json:"digest"`
		SourceType string `json:"source_type"`
		Source     string `json:"source"`
		Schema     string `json:"schema,omitempty"`
		Profile    string `json:"profile,omitempty"`
	} `json:"dataset"`
}

const contextTag = "mlflow.data.context"

func (w datasetWire) dataset() Dataset {
	d := w.Dataset
	return Dataset{d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile, mapOf(w.Tags)[contextTag]}
}

func (d Dataset) wire() (datasetWire, error) {
	var w datasetWire
	for _, f := range []struct {
		what, value string
		limit       int
	}{{"name", d.Name, 500}, {"digest", d.Digest, 36}, {"context", d.Context, 500}, {"source", d.Source, 65535}, {"schema", d.Schema, 1048575}, {"profile", d.Profile, 16777215}} {
		if n := utf8.RuneCountInString(f.value); n > f.limit || !utf8.ValidString(f.value) {
			return w, fmt.Errorf("%w: the %s of dataset %.40q has %d characters, MLflow keeps at most %d in UTF-8", registry.ErrInput, f.what, d.Name, n, f.limit)
		}
	}
	if d.Name == "" || d.Digest == "" {
		return w, fmt.Errorf("%w: dataset with name %q and digest %q, want both", registry.ErrInput, d.Name, d.Digest)
	}
	if d.SourceType == "" {
		d.SourceType = "unknown"
	}
	if d.Source == "" {
		d.Source = "{}"
	}
	w.Dataset.Name, w.Dataset.Digest, w.Dataset.SourceType, w.Dataset.Source = d.Name, d.Digest, d.SourceType, d.Source
	w.Dataset.Schema, w.Dataset.Profile = d.Schema, d.Profile
	if d.Context != "" {
		w.Tags = []pair{{contextTag, d.Context}}
	}
	return w, nil
}

// LogInputs says which datasets a run used. Saying it again changes nothing.
func (c *Client) LogInputs(ctx context.Context, runID string, datasets []Dataset) error {
	if len(datasets) == 0 {
		return nil
	}
	var all []datasetWire
	for _, d := range datasets {
		w, err := d.wire()
		if err != nil {
			return err
		}
		all = append(all, w)
	}
	return c.post(ctx, "runs/log-inputs", map[string]any{"run_id": runID, "datasets": all}, nil)
}

// LogModel says that a run made a model: model is its MLmodel in JSON, with at
// least artifact_path, flavors, utc_time_created and run_id. Saying it again
// lists the model twice.
func (c *Client) LogModel(ctx context.Context, runID string, model []byte) error {
	if !json.Valid(model) {
		return fmt.Errorf("%w: the model of run %s is not in JSON", registry.ErrInput, runID)
	}
	r := api(http.MethodPost, "runs/log-model")
	r.repeat = false
	r.json = map[string]string{"run_id": runID, "model_json": string(model)}
	return c.do(ctx, r, nil)
}
