package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/risk"
)

// strange are strings that JSON writes in other ways.
var strange = []string{"", "plain", `"quoted" \ back`, "line\nfeed\r\t\b\f\x00\x1f\x7f", "größer 漢字 🚒", "\xff\xfe broken \xc3", "\u2028\u2029", "<b>&amp;</b>", "\ufffd", strings.Repeat("long ", 50)}

// anyRecord returns a record of any kind with any content.
func anyRecord(rng *rand.Rand) *Record {
	text := func() string { return strange[rng.IntN(len(strange))] }
	number := func() float64 {
		return []float64{0, 1, 0.5, rng.Float64(), -rng.Float64(), 1e-7 * rng.Float64(), 1e-12, 5e-324, math.MaxFloat64, 1e21, 123456789, math.Copysign(0, -1)}[rng.IntN(12)]
	}
	when := func() time.Time {
		return day.Add(time.Duration(rng.Int64N(1e18))).Add(-time.Duration(rng.Int64N(1e18)))
	}
	assessment := func() *risk.Assessment {
		a := &risk.Assessment{
			Score: number(), Level: text(), Method: risk.Method(text()), ModelVersion: text(), Threshold: number(), ModelDigest: text(), Escalated: rng.IntN(2) == 0,
			FallbackReason: risk.FallbackReason(text()), Escalation: risk.EscalationResult(text()), EscalationReason: text(), Rollout: text(), Arm: risk.Arm(text()), Truncated: rng.IntN(2) == 0,
		}
		if rng.IntN(2) == 0 {
			a.Probabilities = risk.NewProbabilities(risk.Scale{"low", "größer", `"high"`}, []float64{number(), number(), number()})
		}
		for range rng.IntN(3) {
			a.Categories = append(a.Categories, risk.Category{Name: text(), Share: number()})
			a.Explanation = append(a.Explanation, risk.Contribution{Term: text(), Contribution: number()})
		}
		return a
	}
	r := &Record{Seq: rng.Int64N(1e6), Time: when(), ID: text(), Hash: Hash{1, 2, 0xff}}
	kinds := []Kind{KindScored, KindShadowed, KindFeedback, KindModel, KindGap, KindTorn, KindExpired, KindOpened, KindSealed}
	switch r.Kind = kinds[rng.IntN(len(kinds))]; r.Kind {
	case KindScored:
		r.Assessment, r.Duration, r.TextHMAC, r.Text, r.Tags, r.CreatedAt = assessment(), time.Duration(rng.Int64N(1e9)), Hash{byte(rng.IntN(2))}, text(), []string{text(), text()}, when()
	case KindShadowed:
		r.Assessment, r.Candidate, r.Rollout, r.Error, r.NotAsked = assessment(), assessment(), text(), text(), rng.IntN(2) == 0
	case KindFeedback:
		r.Feedback = &risk.Feedback{ID: "INC-1", Level: "high", Actor: "on call", Reason: "it burns", Time: when()}
	case KindModel:
		r.Model = &risk.ServiceStatus{ML: true, Method: risk.MethodML, Version: "7", Rollout: &risk.RolloutStatus{ID: "r", Share: 0.1}}
	case KindGap:
		r.Missing = rng.Int64N(100)
	case KindTorn:
		r.Torn = &Torn{Bytes: 7}
	case KindExpired:
		r.Expired = &Expired{Seq: 9}
	case KindOpened:
		r.Opened = &Opened{Format: 1, Writer: "web-1", Config: "sha256:12"}
	case KindSealed:
		r.Sealed = &Sealed{Records: 3, Bytes: 1000, From: day, To: day, Feedback: []verdict{{1, 2, -3}, {math.MaxUint64, 0, math.MinInt64}}}
	}
	return r
}

// TestEncoding holds the encoder against encoding/json, byte by byte, and the
// decoder against both.
func TestEncoding(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		r := anyRecord(rng)
		r.Time = r.Time.UTC()
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		ok(t, e.Encode(r))
		got := appendRecord(nil, r)
		got = append(append(append(got, lineHash...), r.Hash.String()...), lineEnd...)
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Fatalf("-encoding/json +ours:\n%s", diff)
		}
		back, err := DecodeRecord(got)
		ok(t, err)
		// Bytes that are no UTF-8 are written as \ufffd, what is read of them not.
		same := bytes.ReplaceAll(got[:len(got)-lineTail], []byte(`\ufffd`), []byte("\ufffd"))
		if again := appendRecord(nil, &back); !bytes.Equal(same, again) {
			t.Fatalf("read back and written again:\n%s\nwas\n%s", again, got)
		}
	}
}

// TestNotNumbers writes what is not a number so that it can be read.
func TestNotNumbers(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		r := &Record{Kind: KindScored, Time: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), Assessment: &risk.Assessment{
			Score: v, Probabilities: risk.NewProbabilities(risk.DefaultScale(), []float64{v, 0.5, v}), Categories: []risk.Category{{Name: "x", Share: v}},
		}}
		line := append(appendRecord(nil, r), '}')
		back, err := DecodeRecord(line)
		if err != nil || back.Assessment.Score != 0 || back.Assessment.Probabilities.Of("medium") != 0.5 || !back.Time.IsZero() {
			t.Errorf("%s is read as %+v, error %v", line, back.Assessment, err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, line := range []string{
		"", "{", "[]", "null", `{"seq":1}`, `{"seq":1,"kind":"other"}`, `{"seq":1,"kind":"scored"}`, `{"seq":1,"kind":"gap","more":1}`, `{"seq":1,"kind":"gap"} {}`,
		`{"seq":1,"kind":"gap","hash":"00"}`, `{"seq":1,"kind":"gap","hash":"` + strings.Repeat("AB", 32) + `"}`, `{"seq":1,"kind":"gap","hash":"` + strings.Repeat("zz", 32) + `"}`,
		`{"seq":1,"kind":"sealed","sealed":{"feedback":["12"]}}`,
	} {
		if r, err := DecodeRecord([]byte(line)); !errors.Is(err, ErrCorrupt) || r.Kind != "" {
			t.Errorf("%q is read as %+v, error %v", line, r, err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		f.Add(append(appendRecord(nil, anyRecord(rng)), '}'))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := DecodeRecord(line)
		if err != nil {
			is(t, err, ErrCorrupt)
			return
		}
		once := append(appendRecord(nil, &r), '}')
		again, err := DecodeRecord(once)
		if err != nil {
			t.Fatalf("%s cannot be read: %v", once, err)
		}
		if twice := append(appendRecord(nil, &again), '}'); !bytes.Equal(once, twice) {
			t.Fatalf("%s is written again as %s", once, twice)
		}
	})
}
