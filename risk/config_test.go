package risk_test

import (
	"testing"

	"github.com/riskkit/riskkit/risk"
)

// TestConfig makes a model anew of the parts of another.
func TestConfig(t *testing.T) {
	m, _ := trained()
	c := m.Config()
	again, err := risk.NewModel(c)
	if err != nil {
		t.Fatal(err)
	}
	doc := usual(3, 1)[0].Document
	want, err := m.Score(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Score(t.Context(), doc)
	if err != nil || got.Score != want.Score || got.Level != want.Level || got.ModelVersion != want.ModelVersion || !got.Probabilities.Equal(want.Probabilities) {
		t.Errorf("%+v, error %v, want %+v", got, err, want)
	}
	c.Scale[0], c.Thresholds[0] = "changed", -1
	if m.Scale()[0] == "changed" || m.Thresholds()[0] == -1 {
		t.Error("what Config returns is not a copy")
	}
}
