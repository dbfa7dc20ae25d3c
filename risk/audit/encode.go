package audit

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/riskkit/riskkit/risk"
)

// appendRecord appends r as encoding/json writes it, but for its hash, which
// follows, the closing brace and the IDs of its assessments. What is not a
// number is null.
func appendRecord(b []byte, r *Record) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendInt(b, r.Seq, 10)
	return appendBody(b, r)
}

// appendBody appends what follows the number of a record.
func appendBody(b []byte, r *Record) []byte {
	b = appendString(append(b, `,"kind":`...), string(r.Kind))
	b = appendTime(append(b, `,"time":`...), r.Time)
	b = appendText(b, `,"id":`, r.ID)
	if r.Assessment != nil {
		b = appendAssessment(append(b, `,"assessment":`...), r.Assessment)
	}
	if r.Candidate != nil {
		b = appendAssessment(append(b, `,"candidate":`...), r.Candidate)
	}
	b = appendText(b, `,"rollout":`, r.Rollout)
	b = appendText(b, `,"error":`, r.Error)
	if r.NotAsked {
		b = append(b, `,"not_asked":true`...)
	}
	b = appendInt(b, `,"duration_ns":`, int64(r.Duration))
	if r.TextHMAC != (Hash{}) {
		b = append(b, `,"text_hmac":"`...)
		b = append(hex.AppendEncode(b, r.TextHMAC[:]), '"')
	}
	b = appendText(b, `,"text":`, r.Text)
	if len(r.Tags) > 0 {
		b = append(b, `,"tags":[`...)
		for i, tag := range r.Tags {
			b = appendString(comma(b, i), tag)
		}
		b = append(b, ']')
	}
	if !r.CreatedAt.IsZero() {
		b = appendTime(append(b, `,"created_at":`...), r.CreatedAt)
	}
	return appendRare(b, r)
}

// appendRare appends what few records have.
func appendRare(b []byte, r *Record) []byte {
	if r.Feedback != nil {
		b = appendValue(b, `,"feedback":`, r.Feedback)
	}
	if r.Model != nil {
		b = appendValue(b, `,"model":`, r.Model)
	}
	b = appendInt(b, `,"missing":`, r.Missing)
	if r.Torn != nil {
		b = appendValue(b, `,"torn":`, r.Torn)
	}
	if r.Expired != nil {
		b = appendValue(b, `,"expired":`, r.Expired)
	}
	if r.Opened != nil {
		b = appendValue(b, `,"opened":`, r.Opened)
	}
	if r.Sealed != nil {
		b = appendValue(b, `,"sealed":`, r.Sealed)
	}
	return b
}

// appendValue appends a value of ours, which has only what JSON can say.
func appendValue(b []byte, key string, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return b
	}
	return append(append(b, key...), text...)
}

// appendAssessment appends a without its ID.
func appendAssessment(b []byte, a *risk.Assessment) []byte {
	b = appendFloat(append(b, `{"risk_score":`...), a.Score)
	b = appendString(append(b, `,"risk_label":`...), a.Level)
	b = appendString(append(b, `,"risk_score_method":`...), string(a.Method))
	b = appendString(append(b, `,"risk_model_version":`...), a.ModelVersion)
	b = appendFloat(append(b, `,"risk_threshold":`...), a.Threshold)
	if n := a.Probabilities.Len(); n > 0 {
		b = append(b, `,"probabilities":{`...)
		for i := range n {
			level, p := a.Probabilities.At(i)
			b = append(appendString(comma(b, i), level), ':')
			b = appendFloat(b, p)
		}
		b = append(b, '}')
	}
	if len(a.Categories) > 0 {
		b = append(b, `,"categories":[`...)
		for i, c := range a.Categories {
			b = appendString(append(comma(b, i), `{"name":`...), c.Name)
			b = append(appendFloat(append(b, `,"share":`...), c.Share), '}')
		}
		b = append(b, ']')
	}
	if len(a.Explanation) > 0 {
		b = append(b, `,"explanation":[`...)
		for i, c := range a.Explanation {
			b = appendString(append(comma(b, i), `{"term":`...), c.Term)
			b = append(appendFloat(append(b, `,"contribution":`...), c.Contribution), '}')
		}
		b = append(b, ']')
	}
	b = appendText(b, `,"risk_model_digest":`, a.ModelDigest)
	b = appendText(b, `,"fallback_reason":`, string(a.FallbackReason))
	b = strconv.AppendBool(append(b, `,"escalated":`...), a.Escalated)
	b = appendText(b, `,"escalation":`, string(a.Escalation))
	b = appendText(b, `,"escalation_reason":`, a.EscalationReason)
	b = appendText(b, `,"rollout":`, a.Rollout)
	b = appendText(b, `,"arm":`, string(a.Arm))
	if a.Truncated {
		b = append(b, `,"truncated":true`...)
	}
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendText appends a key and a string, unless that is empty.
func appendText(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, key...), s)
}

// appendInt appends a key and a number, unless that is 0.
func appendInt(b []byte, key string, v int64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), v, 10)
}

// appendTime appends t in UTC. JSON has years of four digits; any other time is
// written as the zero one.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		t = time.Time{}
	}
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendFloat appends v as encoding/json does: the shortest digits that are
// read back as v, with an exponent where it is small or large.
func appendFloat(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, v, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 is e-9
		b = b[:n-1]
	}
	return b
}

// appendString appends s in quotes. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if i += plain(s[i:]); i == len(s) {
			break
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRuneInString(s[i:]); !(r == utf8.RuneError && size == 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		}
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// plain returns how many bytes at the beginning of s stand for themselves, or a
// few less, eight at a time.
func plain(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s)-n >= 8; n += 8 {
		t := s[n : n+8]
		v := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, back := v^(ones*'"'), v^(ones*'\\')
		// A byte below c borrows from the bit above it when c is taken away.
		if (v|(v-ones*' ')|(quote-ones)|(back-ones))&high != 0 {
			break
		}
	}
	return n
}
