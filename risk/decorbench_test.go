package risk_test

import (
	"context"
	"testing"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// instant is a Scorer that takes no time.
type instant struct{}

func (instant) Score(_ context.Context, d risk.Document) (risk.Assessment, error) {
	return risk.Assessment{ID: d.ID, Score: 0.5, Level: "medium", Threshold: 0.4, Method: risk.MethodML, ModelVersion: "1"}, nil
}

// BenchmarkDecorators measures what each decorator costs around a Scorer that
// costs next to nothing.
func BenchmarkDecorators(b *testing.B) {
	scale := risk.DefaultScale()
	deadline := risk.NewDeadline(instant{}, &risk.DeadlineOptions{Local: true})
	ended := risk.NewDeadline(instant{}, nil)
	// The candidate keeps up as far as it can; what it cannot is dropped.
	shadow := risk.NewShadow(instant{}, instant{}, &risk.ShadowOptions{Queue: 1 << 14})
	second := escalation(b, instant{}, nil, risk.EscalationOptions{Band: 0.01, MinConfidence: 0.5})
	for _, c := range []struct {
		name   string
		scorer risk.Scorer
	}{
		{"none", instant{}},
		{"limit", &risk.Limit{Scorer: instant{}}},
		{"fallback", &risk.Fallback{First: instant{}, Second: instant{}, Scale: scale}},
		{"breaker", &risk.Breaker{Scorer: instant{}}},
		{"canary", &risk.Canary{Production: instant{}, Candidate: instant{}, Scale: scale, Takes: func(d risk.Document) bool { return len(d.ID)%2 == 0 }}},
		{"deadline", deadline},
		{"deadline-notlocal", ended},
		{"shadow", shadow},
		{"escalation-sure", second},
	} {
		doc := risk.Document{ID: "INC-1", Text: "The shop is down for everybody since nine o'clock; nobody can pay.", Tags: []string{"shop"}}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.scorer.Score(context.Background(), doc); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := c.scorer.Score(context.Background(), doc); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
	for _, d := range []interface{ Close(context.Context) error }{deadline, ended, shadow, second} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		if err := d.Close(ctx); err != nil {
			b.Error(err)
		}
		cancel()
	}
}
