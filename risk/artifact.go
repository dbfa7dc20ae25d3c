package risk

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/riskkit/riskkit/registry"
)

// The files of a registered model.
const (
	ModelFile    = "model.bin"     // the Model
	BaselineFile = "baseline.json" // its Drift
	MetricsFile  = "metrics.json"  // its TrainReport
	CardFile     = "card.md"       // its model card
)

// maxBaseline is the greatest size of BaselineFile in bytes.
const maxBaseline = 16 << 20

// NewArtifact returns the files of a trained model, ready to be registered. The
// same model and report always give the same files.
func NewArtifact(m *Model, r *TrainReport) (registry.Artifact, error) {
	model, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	metrics, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("risk: report: %w", err)
	}
	golden, err := m.golden()
	if err != nil {
		return nil, err
	}
	a := registry.Artifact{ModelFile: model, MetricsFile: metrics, CardFile: r.Card(m), GoldenFile: golden}
	if m.c.Drift != nil {
		if a[BaselineFile], err = json.Marshal(m.c.Drift); err != nil {
			return nil, fmt.Errorf("risk: baseline: %w", err)
		}
	}
	return a, nil
}

// OpenModel loads the model of a registered version, verified. Its answers name
// the version's number and digest. A version without BaselineFile gives a model
// without Drift. Errors wrap ErrModel or are the registry's.
func OpenModel(ctx context.Context, r registry.Registry, v registry.Version) (*Model, error) {
	if f, err := v.File(BaselineFile); err == nil && f.Size > maxBaseline {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d make sense", ErrModel, BaselineFile, f.Size, maxBaseline)
	}
	data, err := registry.ReadFile(ctx, r, v, ModelFile)
	if err != nil {
		return nil, err
	}
	c, err := readModel(data)
	if err != nil {
		return nil, err
	}
	c.Version, c.Digest = fmt.Sprint(v.Number), v.Digest.String()
	if _, err := v.File(BaselineFile); err == nil {
		if data, err = registry.ReadFile(ctx, r, v, BaselineFile); err != nil {
			return nil, err
		}
		c.Drift = new(Drift)
		if err := json.Unmarshal(data, c.Drift); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrModel, BaselineFile, err)
		}
	}
	m, err := NewModel(c)
	if err != nil {
		return nil, err
	}
	if c.Drift != nil { // found out now rather than at the first sweep
		if _, err := m.NewMonitor(nil); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	return m, nil
}
