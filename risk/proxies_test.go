package risk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/eval"
	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
)

func TestCountAnswer(t *testing.T) {
	scale := risk.DefaultScale()
	p, err := eval.NewProxies(scale)
	if err != nil {
		t.Fatal(err)
	}
	a := risk.Assessment{ID: "INC-1", Score: 0.85, Level: "high", Escalated: true, Probabilities: risk.NewProbabilities(scale, []float64{0.1, 0.1, 0.8})}
	if err := risk.CountAnswer(p, &a); err != nil {
		t.Fatal(err)
	}
	want, err := eval.NewProxies(scale)
	if err != nil {
		t.Fatal(err)
	}
	if err := want.Answer(2, 0.85, 0.8, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := testing.AllocsPerRun(100, func() { _ = risk.CountAnswer(p, &a) }); n > 0 && !race.Enabled {
		t.Errorf("it allocates %v times", n)
	}
	a.Level = "grave"
	wantError(t, "a level beyond", risk.CountAnswer(p, &a), risk.ErrInvalid, "grave")
}
