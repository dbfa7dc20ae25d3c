package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// verdict is what is remembered of a Feedback: which document it is about, what
// it says, and when it was given.
type verdict struct {
	document, says uint64
	time           int64 // nanoseconds since 1970, 0 where it is not known
}

// MarshalText writes v in hexadecimal digits.
func (v verdict) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%016x%016x%016x", v.document, v.says, uint64(v.time)), nil
}

// UnmarshalText reads it. The error wraps ErrCorrupt.
func (v *verdict) UnmarshalText(text []byte) error {
	var t uint64
	if n, err := fmt.Sscanf(string(text), "%16x%16x%16x", &v.document, &v.says, &t); n < 3 || err != nil || len(text) != 48 {
		return fmt.Errorf("%w: feedback %.60q of a sealed segment", ErrCorrupt, text)
	}
	v.time = int64(t)
	return nil
}

// verdictOf returns what to remember of f. Texts that differ have the same one
// with a probability of 2^-64.
func verdictOf(f *risk.Feedback) verdict {
	short := func(texts ...string) uint64 {
		var b []byte
		for _, t := range texts {
			b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
		}
		h := sha256.Sum256(b)
		return binary.BigEndian.Uint64(h[:])
	}
	v := verdict{document: short(f.ID), says: short(f.Level, f.Assessed, f.Actor, f.Reason)}
	if !f.Time.IsZero() {
		v.time = f.Time.UnixNano()
	}
	return v
}

// verdicts are those of the segments that there are, by document, in the order
// they came.
type verdicts map[uint64][]verdict

// has reports whether v is not new: the last one about its document says the
// same, at whatever time, or an earlier one does at the same time. So a request
// that is sent again changes nothing, and a mind that changes twice is kept.
func (s verdicts) has(v verdict) bool {
	all := s[v.document]
	for i, old := range all {
		if old.says == v.says && (i == len(all)-1 || v.time != 0 && old.time == v.time) {
			return true
		}
	}
	return false
}

func (s verdicts) add(v verdict) { s[v.document] = append(s[v.document], v) }

// remove takes back the last add of v's document.
func (s verdicts) remove(v verdict) {
	if all := s[v.document]; len(all) > 1 {
		s[v.document] = all[:len(all)-1]
	} else {
		delete(s, v.document)
	}
}

// expire forgets the verdicts of a segment, the oldest of theirs.
func (s verdicts) expire(old []verdict) {
	for _, v := range old {
		if all := s[v.document]; len(all) > 1 {
			s[v.document] = all[1:]
		} else {
			delete(s, v.document)
		}
	}
}

// feedbackTime is the time of a record of f.
func feedbackTime(f *risk.Feedback, now time.Time) time.Time {
	if f.Time.IsZero() {
		return now
	}
	return f.Time
}
