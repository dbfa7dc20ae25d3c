package risk_test

import (
	"strings"
	"testing"

	"github.com/riskkit/riskkit/psi"
	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/risk"
)

// TestServiceWatchesAnswers sweeps what a service answered: as at training time,
// and once all that comes in is severe.
func TestServiceWatchesAnswers(t *testing.T) {
	_, reg := stocked(t)
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	bare := must(risk.OpenModel(t.Context(), reg, must(reg.Resolve(t.Context(), "incident-risk", "production"))))
	sweep := func(keep func(risk.Assessment) bool) map[string]psi.FeatureReport {
		t.Helper()
		var texts []string
		for _, x := range usual(77, 3000) {
			a, err := bare.Score(t.Context(), x.Document)
			if err != nil {
				t.Fatal(err)
			}
			if keep(a) {
				texts = append(texts, x.Text)
			}
		}
		for _, text := range texts[:min(len(texts), 400)] {
			if _, err := s.Score(t.Context(), risk.Document{Text: text}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Sweep(t.Context())
		if err != nil || r.NRecent < 200 {
			t.Fatalf("%d texts, error %v", r.NRecent, err)
		}
		by := map[string]psi.FeatureReport{}
		for _, f := range r.Features {
			by[f.Name] = f
		}
		return by
	}
	all := sweep(func(risk.Assessment) bool { return true })
	for _, name := range []string{"score", "level", "method", "escalated"} {
		if f := all[name]; f.Status != psi.StatusStable || f.NRecent != 400 {
			t.Errorf("as at training: %s is %+v", name, f)
		}
	}
	severe := sweep(func(a risk.Assessment) bool { return a.Level == "high" })
	if f := severe["level"]; f.Status != psi.StatusAlert || !strings.Contains(f.Moved, `"high"`) {
		t.Errorf("all severe: level is %+v", f)
	}
	if f := severe["score"]; f.Status != psi.StatusAlert {
		t.Errorf("all severe: score is %+v", f)
	}
	if f := severe["method"]; f.Status != psi.StatusStable {
		t.Errorf("all severe: method is %+v", f)
	}
}

// TestOldBaselineIsServed has a version of before answers were watched.
func TestOldBaselineIsServed(t *testing.T) {
	_, reg := stocked(t)
	v, err := reg.Resolve(t.Context(), "incident-risk", "production")
	if err != nil {
		t.Fatal(err)
	}
	artifact := registry.Artifact{}
	for _, f := range v.Files {
		if artifact[f.Name], err = registry.ReadFile(t.Context(), reg, v, f.Name); err != nil {
			t.Fatal(err)
		}
	}
	// Format 1 had neither the host's own features nor those of shape.
	artifact[risk.BaselineFile] = []byte(`{"text_features":{"risky":["outage"],"terms":[]},"baseline":{"format":"riskkit-baseline/1","n":10,"features":[` +
		`{"name":"text_length","edges":[50],"counts":[5,5,0]},{"name":"token_count","edges":[9],"counts":[5,5,0]},` +
		`{"name":"risky_token_count","edges":[0.5],"counts":[5,5,0]},{"name":"unknown_token_ratio","edges":[0.5],"counts":[5,5,0]}]}}`)
	if _, err := reg.Register(t.Context(), "incident-risk", artifact, &registry.RegisterOptions{Stage: registry.Production}); err != nil {
		t.Fatal(err)
	}
	s := service(t, risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
	for range 200 {
		if a := score(t, s); a.Method != risk.MethodML || a.ModelVersion != "3" {
			t.Fatalf("answer %+v, status %+v", a, s.Status())
		}
	}
	if r, err := s.Sweep(t.Context()); err != nil || r.NRecent != 200 || len(r.Features) != 4 {
		t.Errorf("report %+v, error %v", r, err)
	}
}
