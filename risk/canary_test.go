package risk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/riskkit/riskkit/risk"
)

// failures is the Observer that keeps what failed.
type failures struct {
	risk.NopObserver
	stages []risk.Stage
	errs   []error
}

func (f *failures) Failed(stage risk.Stage, err error) {
	f.stages, f.errs = append(f.stages, stage), append(f.errs, err)
}

func TestCanary(t *testing.T) {
	candidate := scorerFunc(func(d risk.Document) (risk.Assessment, error) {
		a, err := sleepy{}.Score(context.Background(), d)
		a.ModelVersion = "2"
		return a, err
	})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		id, text string
		ctx      context.Context
		version  string
		arm      risk.Arm
		reason   risk.FallbackReason
		told     error
	}{
		"production":               {id: "p", version: "1", arm: risk.ArmProduction},
		"candidate":                {id: "c", version: "2", arm: risk.ArmCandidate},
		"candidate fails":          {id: "c", text: "error", version: "1", arm: risk.ArmProduction, reason: risk.ReasonError, told: errBroken},
		"candidate panics":         {id: "c", text: "panic", version: "1", arm: risk.ArmProduction, reason: risk.ReasonPanic, told: risk.ErrPanic},
		"candidate makes no sense": {id: "c", text: "nan", version: "1", arm: risk.ArmProduction, reason: risk.ReasonInvalid, told: risk.ErrInvalid},
		"the caller gave up":       {id: "c", text: "error", ctx: canceled, version: "1", arm: risk.ArmProduction, reason: risk.ReasonError},
	} {
		f := &failures{}
		s := &risk.Canary{
			Production: instant{}, Candidate: candidate, Scale: risk.DefaultScale(), Rollout: "r7", Observer: f,
			Takes: func(d risk.Document) bool { return d.ID == "c" },
		}
		if c.ctx == nil {
			c.ctx = t.Context()
		}
		a, err := s.Score(c.ctx, risk.Document{ID: c.id, Text: c.text})
		if err != nil || a.ModelVersion != c.version || a.Arm != c.arm || a.Rollout != "r7" || a.FallbackReason != c.reason {
			t.Errorf("%s: %+v, error %v", name, a, err)
		}
		switch {
		case c.told == nil && len(f.errs) > 0:
			t.Errorf("%s: told of %v", name, f.errs)
		case c.told != nil && (len(f.errs) != 1 || f.stages[0] != risk.StageCandidate || !errors.Is(f.errs[0], c.told)):
			t.Errorf("%s: told of %v %v, want %v", name, f.stages, f.errs, c.told)
		}
	}
}
