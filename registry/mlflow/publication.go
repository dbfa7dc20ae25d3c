package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riskkit/riskkit/registry"
)

// A Publication is what MLflow shows of a version: a run with files, parameters,
// metrics and datasets, and a description. The default one has the version's
// files under data, an MLmodel with a flavor of riskkit's own, which says their
// digests, and the version's lineage. MLflow's Python client finds and loads
// these files, but mlflow.pyfunc does not know how to run them.
type Publication struct {
	// Files are those of MLflow's model folder by their path in it, such as
	// MLmodel or data/model.json.
	Files map[string][]byte
	// Params, Metrics and Datasets are those of the version's run. Metrics that
	// are NaN are left out.
	Params   map[string]string
	Metrics  map[string]float64
	Datasets []Dataset
	// Flavors are those of the MLmodel, for the run's page. nil means riskkit's.
	Flavors map[string]any
	// Card is the description in Markdown. MLflow shows 5000 characters of it.
	// Empty means the version's description and what is known of it.
	Card string
}

const (
	modelDir       = "model" // the artifacts of a run that are its model
	mlmodelFile    = "MLmodel"
	maxDescription = 5000 // characters
	timeFormat     = "2006-01-02 15:04:05.000000"
)

// publication calls Publish and checks what it returns.
func (r *Registry) publication(ctx context.Context, v registry.Version, a registry.Artifact) (*Publication, error) {
	if v.Collected { // its files are gone
		return &Publication{Params: lineageTags("", v)}, nil
	}
	pub, err := r.o.Publish(ctx, v, r.reader(ctx, v, a))
	if err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	if pub == nil {
		return nil, fmt.Errorf("%w: Publish returned nothing", registry.ErrInput)
	}
	for name := range pub.Files {
		if err := checkPath(name); err != nil {
			return nil, err
		}
	}
	return pub, nil
}

// Publish makes the default publication, for a Publish of one's own to add to.
func Publish(v registry.Version, read func(file string) ([]byte, error)) (*Publication, error) {
	pub := &Publication{Files: map[string][]byte{mlmodelFile: mlmodel(v)}, Params: lineageTags("", v), Flavors: map[string]any{flavor: flavorOf(v)}}
	for _, f := range v.Files {
		data, err := read(f.Name)
		if err != nil {
			return nil, err
		}
		pub.Files["data/"+f.Name] = data
	}
	if l := v.Lineage; l != nil && l.Data != "" {
		pub.Datasets = []Dataset{{
			Name: "training data", Digest: shortDigest(l.Data), SourceType: "riskkit", Source: jsonText(map[string]string{"digest": l.Data}), Context: "training",
		}}
	}
	return pub, nil
}

// shortDigest is a digest that MLflow takes for a dataset: at most 36
// characters.
func shortDigest(digest string) string {
	_, after, ok := strings.Cut(digest, ":")
	if ok && after != "" {
		digest = after
	}
	r := []rune(strings.ToValidUTF8(digest, "?"))
	return string(r[:min(len(r), 36)])
}

// flavor is the name of riskkit's own flavor.
const flavor = "riskkit"

// A riskkitFlavor is what an MLmodel says of a version.
type riskkitFlavor struct {
	Format  int                 `json:"format"`
	Model   string              `json:"model"`
	Version int                 `json:"version"`
	Digest  registry.Digest     `json:"digest"`
	Data    string              `json:"data"`
	Files   []registry.FileInfo `json:"files"`
}

func flavorOf(v registry.Version) riskkitFlavor {
	return riskkitFlavor{1, v.Model, v.Number, v.Digest, "data", v.Files}
}

// mlmodel returns the MLmodel of a version. It is YAML whose values are JSON,
// which YAML contains.
func mlmodel(v registry.Version) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "artifact_path: %s\nutc_time_created: '%s'\nflavors:\n  %s: %s\n", modelDir, v.CreatedAt.UTC().Format(timeFormat), flavor, jsonText(flavorOf(v)))
	if inputs, outputs, ok := signature(v.Schema); ok {
		b.WriteString("signature:\n")
		for _, f := range []struct{ name, columns string }{{"inputs", inputs}, {"outputs", outputs}} {
			if f.columns != "" {
				fmt.Fprintf(&b, "  %s: '%s'\n", f.name, strings.ReplaceAll(f.columns, "'", "''"))
			}
		}
	}
	return b.Bytes()
}

// mlflowTypes are the types that a signature may have.
var mlflowTypes = []string{"boolean", "integer", "long", "float", "double", "string", "binary", "datetime"}

// signature returns a schema as the JSON that MLflow's signatures have. ok is
// false if it has no inputs or types that MLflow does not know.
func signature(s *registry.Schema) (inputs, outputs string, ok bool) {
	if s == nil || len(s.Inputs) == 0 {
		return "", "", false
	}
	columns := func(all []registry.Column) string {
		if len(all) == 0 {
			return ""
		}
		var out []map[string]any
		for _, c := range all {
			ok = ok && slices.Contains(mlflowTypes, c.Type)
			out = append(out, map[string]any{"name": c.Name, "type": c.Type, "required": !c.Optional})
		}
		return jsonText(out)
	}
	ok = true
	inputs, outputs = columns(s.Inputs), columns(s.Outputs)
	return inputs, outputs, ok
}

// loggedModel is what a run's page shows of its model.
func (p *Publication) loggedModel(runID string, created time.Time) []byte {
	flavors := p.Flavors
	if flavors == nil {
		flavors = map[string]any{flavor: map[string]any{}}
	}
	b, err := json.Marshal(map[string]any{
		"artifact_path": modelDir, "flavors": flavors, "run_id": runID, "utc_time_created": created.UTC().Format(timeFormat),
	})
	if err != nil { // a flavor that is no JSON
		p = &Publication{}
		return p.loggedModel(runID, created)
	}
	return b
}
