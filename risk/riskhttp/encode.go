package riskhttp

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/riskkit/riskkit/risk"
)

// appendAssessment appends a as encoding/json marshals it, byte for byte, some
// ten times faster. The error is that of a number which JSON has not.
func appendAssessment(b []byte, a *risk.Assessment) ([]byte, error) {
	e := encoder{b: b}
	e.float(`{"risk_score":`, a.Score)
	e.str(`,"risk_label":`, a.Level)
	e.str(`,"risk_score_method":`, string(a.Method))
	e.str(`,"risk_model_version":`, a.ModelVersion)
	e.float(`,"risk_threshold":`, a.Threshold)
	e.some(`,"id":`, a.ID)
	if !a.Probabilities.IsZero() {
		e.raw(`,"probabilities":`)
		for i := range a.Probabilities.Len() {
			level, p := a.Probabilities.At(i)
			e.str(open(i, "{"), level)
			e.float(":", p)
		}
		e.raw("}")
	}
	if len(a.Categories) > 0 {
		e.raw(`,"categories":`)
		for i, c := range a.Categories {
			e.raw(open(i, "["))
			e.str(`{"name":`, c.Name)
			e.float(`,"share":`, c.Share)
			e.raw("}")
		}
		e.raw("]")
	}
	if len(a.Explanation) > 0 {
		e.raw(`,"explanation":`)
		for i, c := range a.Explanation {
			e.raw(open(i, "["))
			e.str(`{"term":`, c.Term)
			e.float(`,"contribution":`, c.Contribution)
			e.raw("}")
		}
		e.raw("]")
	}
	e.some(`,"risk_model_digest":`, a.ModelDigest)
	e.some(`,"fallback_reason":`, string(a.FallbackReason))
	e.raw(`,"escalated":`)
	e.b = strconv.AppendBool(e.b, a.Escalated)
	e.some(`,"escalation":`, string(a.Escalation))
	e.some(`,"escalation_reason":`, a.EscalationReason)
	e.some(`,"rollout":`, a.Rollout)
	e.some(`,"arm":`, string(a.Arm))
	if a.Truncated {
		e.raw(`,"truncated":true`)
	}
	e.raw("}")
	return e.b, e.err
}

// open returns what stands before element i.
func open(i int, first string) string {
	if i > 0 {
		return ","
	}
	return first
}

// An encoder appends JSON to b. err is the first error.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

// some appends a field unless it is empty.
func (e *encoder) some(name, s string) {
	if s != "" {
		e.str(name, s)
	}
}

// str appends a string. One that has more than plain ASCII, or what encoding/json
// escapes for HTML, is left to encoding/json.
func (e *encoder) str(name, s string) {
	e.b = append(e.b, name...)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			j, _ := json.Marshal(s) // a string always can be
			e.b = append(e.b, j...)
			return
		}
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, s...)
	e.b = append(e.b, '"')
}

// float appends a number as ECMAScript writes it, as encoding/json does.
func (e *encoder) float(name string, f float64) {
	e.b = append(e.b, name...)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if e.err == nil {
			e.err = fmt.Errorf("%w: %s is %v, which JSON has not", risk.ErrInvalid, name, f)
		}
		return
	}
	if a := math.Abs(f); a == 0 || 1e-6 <= a && a < 1e21 {
		e.b = strconv.AppendFloat(e.b, f, 'f', -1, 64)
		return
	}
	e.b = strconv.AppendFloat(e.b, f, 'e', -1, 64)
	if n := len(e.b); e.b[n-4] == 'e' && e.b[n-3] == '-' && e.b[n-2] == '0' {
		e.b = append(e.b[:n-2], e.b[n-1])
	}
}
