package riskllm_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskllm"
)

var address = regexp.MustCompile(`\S+@\S+`)

func Example() {
	// A stand-in for the server of a language model.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[{"finish_reason":"stop","message":{"content":
			"{\"reason\":\"nobody can pay\",\"level\":\"high\"}"}}],"usage":{"total_tokens":412}}`)
	}))
	defer server.Close()

	llm, err := riskllm.New(server.URL+"/v1", "some-model", &riskllm.Options{
		Key:    func(context.Context) (string, error) { return os.Getenv("LLM_KEY"), nil },
		Redact: func(s string) string { return address.ReplaceAllString(s, "[address]") },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	budget, err := risk.NewBudget(&risk.BudgetOptions{CallsPerMinute: 10, TokensPerDay: 200_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	heuristic, err := risk.NewHeuristic(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := risk.NewEscalation(heuristic, llm, &risk.EscalationOptions{
		Thresholds:  func(risk.Assessment) []float64 { return []float64{0.35, 0.6} },
		Levels:      []string{"low"}, // look twice before nothing is done
		Budget:      budget,
		OnEscalated: func(_ context.Context, e *risk.Escalated) { fmt.Println(e.Result, e.Opinion.Reason) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer s.Close(ctx)
	a, err := s.Score(ctx, risk.Document{Text: "The till says no, ask ada@shop.example"})
	fmt.Println(a.Level, a.Method, err)
	_, day := budget.Spent()
	fmt.Println(day.Tokens, "tokens")
	// Output:
	// changed nobody can pay
	// high escalation <nil>
	// 412 tokens
}
