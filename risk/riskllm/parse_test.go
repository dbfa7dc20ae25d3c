package riskllm

import (
	"errors"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"finish_reason":"stop","message":{"content":"{\"level\":\"high\",\"reason\":\"x\"}"}}],"usage":{"total_tokens":7}}`,
		`{"choices":[{"message":{"refusal":"no"}}]}`, `{"choices":[{"finish_reason":"length"}]}`, `{"choices":null,"usage":{"total_tokens":-1}}`, `[]`, ``,
		`{"choices":[{"message":{"content":"{\"level\":\"\\ud800\"}"}}],"usage":{"total_tokens":1e99}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		op, err := parse(body, "")
		if err != nil && !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: error %v wraps neither", body, err)
		}
		if (err == nil) != (op.Level != "") || op.Tokens < -1 || op.Tokens >= maxTokens || len(op.Level) > maxReason || len(op.Reason) > maxReason {
			t.Errorf("%q: %+v, error %v", body, op, err)
		}
		if !utf8.ValidString(op.Level) || !utf8.ValidString(op.Reason) {
			t.Errorf("%q: not UTF-8: %+v", body, op)
		}
	})
}
