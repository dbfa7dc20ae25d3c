package riskllm

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/riskkit/riskkit/risk"
)

const (
	maxReason = 1000    // how many bytes of a reason are kept, and a level has at most
	maxTokens = 1 << 24 // more than a call can take
)

// completion is what a response is read for.
type completion struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	Usage json.RawMessage `json:"usage"`
}

// tokens returns the total in a usage, -1 where that tells none.
func tokens(usage json.RawMessage) int {
	var u struct {
		Total *float64 `json:"total_tokens"`
	}
	err := json.Unmarshal(usage, &u)
	if err != nil || u.Total == nil || *u.Total < 0 || *u.Total >= maxTokens || *u.Total != math.Trunc(*u.Total) {
		return -1
	}
	return int(*u.Total)
}

// parse returns the opinion in the body of a successful response, without the
// key. The error wraps ErrAnswer or ErrRefused.
func parse(body []byte, key secret) (risk.Opinion, error) {
	op := risk.Opinion{Tokens: -1}
	var c completion
	if err := json.Unmarshal(body, &c); err != nil {
		return op, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	op.Tokens = tokens(c.Usage)
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
		return op, fmt.Errorf("%w: %s", ErrRefused, cut(key.hide(r), 200))
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
	if len(said.Level) > maxReason {
		return op, fmt.Errorf("%w: its level has %d bytes", ErrAnswer, len(said.Level))
	}
	op.Level, op.Reason = key.hide(said.Level), cut(key.hide(said.Reason), maxReason)
	return op, nil
}
