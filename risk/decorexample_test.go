package risk_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// remote stands for a Scorer that may be slow or fail.
type remote struct{}

func (remote) Score(ctx context.Context, doc risk.Document) (risk.Assessment, error) {
	if strings.Contains(doc.Text, "riddle") {
		<-ctx.Done()
		return risk.Assessment{}, ctx.Err()
	}
	return risk.Assessment{ID: doc.ID, Score: 0.5, Level: "medium", Threshold: 0.4, Method: risk.MethodML, ModelVersion: "3"}, nil
}

func ExampleLimit() {
	s := &risk.Limit{Scorer: remote{}, MaxText: 1000}
	a, err := s.Score(context.Background(), risk.Document{Text: strings.Repeat("The shop is down. ", 100)})
	fmt.Println(a.Level, a.Truncated, err)
	// Output: medium true <nil>
}

func ExampleDeadline() {
	s := risk.NewDeadline(remote{}, &risk.DeadlineOptions{Timeout: 10 * time.Millisecond})
	defer s.Close(context.Background())
	_, err := s.Score(context.Background(), risk.Document{Text: "a riddle"})
	fmt.Println(err)
	// Output: risk: the scorer took too long
}

// A stack by hand: what is slow is left behind, what fails is left alone for a
// while, and the heuristic answers then.
func ExampleBreaker() {
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	deadline := risk.NewDeadline(remote{}, &risk.DeadlineOptions{Timeout: 10 * time.Millisecond})
	defer deadline.Close(context.Background())
	s := &risk.Fallback{
		First: &risk.Breaker{
			Scorer: deadline,
			BreakerOptions: risk.BreakerOptions{
				Failures: 2,
				Pause:    time.Minute,
				OnChange: func(state risk.BreakerState) { fmt.Println("the breaker is", state) },
			},
		},
		Second: heuristic,
		Scale:  risk.DefaultScale(),
	}
	for range 3 {
		a, err := s.Score(context.Background(), risk.Document{Text: "a riddle"})
		fmt.Println(a.Method, a.FallbackReason, err)
	}
	// Output:
	// heuristic timeout <nil>
	// the breaker is open
	// heuristic timeout <nil>
	// heuristic breaker <nil>
}

func ExampleCanary() {
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &risk.Canary{
		Production: heuristic,
		Candidate:  remote{},
		Scale:      risk.DefaultScale(),
		Rollout:    "rollout-7",
		Takes:      func(doc risk.Document) bool { return len(doc.Tags) > 0 && doc.Tags[0] == "beta" },
	}
	for _, tag := range []string{"beta", "shop"} {
		a, err := s.Score(context.Background(), risk.Document{Text: "The shop is down", Tags: []string{tag}})
		fmt.Println(tag, a.Arm, a.Method, err)
	}
	// Output:
	// beta candidate ml <nil>
	// shop production heuristic <nil>
}

func ExampleShadow() {
	ctx := context.Background()
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := risk.NewShadow(remote{}, heuristic, &risk.ShadowOptions{Rollout: "rollout-7"})
	for _, text := range []string{"Total outage, data loss", "Some users see timeouts"} {
		a, err := s.Score(ctx, risk.Document{Text: text})
		fmt.Println(a.Method, a.Level, err)
	}
	if err := s.Close(ctx); err != nil { // waits until the candidate has scored both
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", s.Stats())
	// Output:
	// ml medium <nil>
	// ml medium <nil>
	// {Pairs:2 Disagreements:1 Errors:0 Dropped:0}
}

// desk is an Escalator that people are behind: what is in doubt waits in a
// queue until one of them has looked at it, or until the Escalation's timeout.
type desk chan review

type review struct {
	doc    risk.Document
	first  risk.Assessment
	answer chan<- risk.Opinion
}

func (d desk) Escalate(ctx context.Context, doc risk.Document, first risk.Assessment) (risk.Opinion, error) {
	answer := make(chan risk.Opinion, 1) // who is late does not wait for us
	select {
	case d <- review{doc, first, answer}:
	case <-ctx.Done():
		return risk.Opinion{}, ctx.Err()
	}
	select {
	case o := <-answer:
		return o, nil
	case <-ctx.Done():
		return risk.Opinion{}, ctx.Err()
	}
}

// Doubtful incidents are reviewed by people; people cost no tokens.
func ExampleEscalation() {
	ctx := context.Background()
	queue := make(desk)
	go func() { // a person
		for r := range queue {
			r.answer <- risk.Opinion{Level: "high", Reason: "they cannot pay"}
		}
	}()
	defer close(queue)
	s, err := risk.NewEscalation(remote{}, queue, &risk.EscalationOptions{
		Thresholds:  func(risk.Assessment) []float64 { return []float64{0.4, 0.7} },
		Band:        0.1,
		Timeout:     time.Minute,
		OnEscalated: func(_ context.Context, e *risk.Escalated) { fmt.Println("reviewed:", e.Opinion.Reason) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	a, err := s.Score(ctx, risk.Document{Text: "The till says no"})
	fmt.Println(a.Level, a.Score, a.Method, a.Escalation, err)
	// Output:
	// reviewed: they cannot pay
	// high 0.7 escalation changed <nil>
}

func ExampleBudget() {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b, err := risk.NewBudget(&risk.BudgetOptions{CallsPerMinute: 1, Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	settle, err := b.Take()
	fmt.Println(err)
	settle(420) // what the call has cost
	_, err = b.Take()
	fmt.Println(err)
	now = now.Add(2 * time.Minute)
	_, err = b.Take()
	fmt.Println(err)
	// Output:
	// <nil>
	// risk: over budget: 1 of 1 calls a minute are spent
	// <nil>
}
