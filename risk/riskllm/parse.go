package riskllm

import (
	"encoding/json"
	"fmt"

	"github.com/riskkit/riskkit/risk"
)

// maxReason is how many bytes of a reason are kept.
const maxReason = 1000

// completion is what a response is read for.
type completion struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	Usage struct {
		TotalTokens *int `json:"total_tokens"`
	} `json:"usage"`
}

// parse returns the opinion in the body of a successful response. The error
// wraps ErrAnswer or ErrRefused.
func parse(body []byte) (risk.Opinion, error) {
	op := risk.Opinion{Tokens: -1}
	var c completion
	if err := json.Unmarshal(body, &c); err != nil {
		return op, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if t := c.Usage.TotalTokens; t != nil && *t >= 0 {
		op.Tokens = *t
	}
	if len(c.Choices) == 0 {
		return op, fmt.Errorf("%w: it has no choices", ErrAnswer)
	}
	choice := &c.Choices[0]
	switch choice.FinishReason {
	case "length":
		return op, fmt.Errorf("%w: it is cut off; raise MaxTokens", ErrAnswer)
	case "content_filter":
		return op, fmt.Errorf("%w: by a filter of its server", ErrRefused)
	}
	if r := choice.Message.Refusal; r != "" {
		return op, fmt.Errorf("%w: %s", ErrRefused, cut(r, 200))
	}
	var said struct {
		Level  string `json:"level"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal([]byte(choice.Message.Content), &said); err != nil {
		return op, fmt.Errorf("%w: its content is not the JSON that was asked for: %w", ErrAnswer, err)
	}
	if said.Level == "" {
		return op, fmt.Errorf("%w: it names no level", ErrAnswer)
	}
	op.Level, op.Reason = said.Level, cut(said.Reason, maxReason)
	return op, nil
}
