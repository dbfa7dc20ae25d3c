package risk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/audit"
)

// untimed leaves out when something was logged.
func untimed(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func ExampleLogObserver() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: untimed}))
	observer := risk.NewLogObserver(log)
	observer.Scored(context.Background(), &risk.Scored{
		Document:   risk.Document{ID: "INC-1", Text: "The shop is down"},
		Assessment: risk.Assessment{Score: 0.75, Level: "high", Method: risk.MethodML, ModelVersion: "3", Threshold: 0.5},
		Duration:   14 * time.Microsecond,
	})
	observer.BreakerChanged(risk.StageModel, risk.BreakerOpen)
	// Output:
	// {"level":"DEBUG","msg":"assessed","id":"INC-1","risk_score":0.75,"risk_label":"high","risk_score_method":"ml","risk_model_version":"3","risk_threshold":0.5,"escalated":false,"duration_ns":14000}
	// {"level":"WARN","msg":"breaker changed","stage":"model","breaker":"open"}
}

// TestLogObserver wants a line for each event, names that an Assessment and a
// ServiceStatus have as JSON, and never the text.
func TestLogObserver(t *testing.T) {
	var out bytes.Buffer
	o := risk.NewLogObserver(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: untimed})))
	ctx := t.Context()
	doc := risk.Document{ID: "INC-1", Text: "secret text"}
	full := risk.Assessment{
		Score: 0.25, Level: "medium", Method: risk.MethodHeuristic, ModelVersion: "lexicon-1", Threshold: 0.2, ModelDigest: "d",
		FallbackReason: risk.ReasonPanic, Escalated: true, Escalation: risk.EscalationError, Rollout: "r", Arm: risk.ArmCandidate, Truncated: true,
	}
	o.Scored(ctx, &risk.Scored{Document: doc, Assessment: full, Duration: time.Millisecond})
	o.Shadowed(ctx, &risk.Shadowed{Document: doc, Rollout: "r", Production: full, Candidate: risk.Assessment{Level: "low"}})
	o.Shadowed(ctx, &risk.Shadowed{Document: doc, Rollout: "r", Err: errors.New("no answer")})
	o.Shadowed(ctx, &risk.Shadowed{Document: doc, Rollout: "r", Dropped: true})
	o.Feedback(ctx, &risk.Feedback{ID: "INC-1", Level: "high", Assessed: "low", Actor: "on call", Reason: "outage"})
	o.ModelChanged(&risk.ServiceStatus{ML: true, Method: risk.MethodML, Model: "m", Version: "1", Digest: "d"})
	o.ModelChanged(&risk.ServiceStatus{Error: "away", Rollout: &risk.RolloutStatus{ID: "r", Version: "2", Share: 0.5, Error: "corrupt"}})
	o.BreakerChanged(risk.StageEscalation, risk.BreakerClosed)
	o.Failed(risk.StageAudit, errors.New("disk full"))
	want := `{"level":"DEBUG","msg":"assessed","id":"INC-1","risk_score":0.25,"risk_label":"medium","risk_score_method":"heuristic","risk_model_version":"lexicon-1","risk_threshold":0.2,"escalated":true,"duration_ns":1000000,"risk_model_digest":"d","fallback_reason":"panic","escalation":"error","rollout":"r","arm":"candidate","truncated":true}
{"level":"DEBUG","msg":"shadowed","id":"INC-1","rollout":"r","assessment":{"risk_score":0.25,"risk_label":"medium","risk_score_method":"heuristic","risk_model_version":"lexicon-1"},"candidate":{"risk_score":0,"risk_label":"low","risk_score_method":"","risk_model_version":""}}
{"level":"DEBUG","msg":"shadowed","id":"INC-1","rollout":"r","error":"no answer"}
{"level":"DEBUG","msg":"shadowed","id":"INC-1","rollout":"r","not_asked":true}
{"level":"INFO","msg":"feedback","id":"INC-1","feedback":{"level":"high","assessed":"low","actor":"on call","reason":"outage"}}
{"level":"INFO","msg":"model changed","ml_enabled":true,"risk_score_method":"ml","model":"m","risk_model_version":"1","risk_model_digest":"d"}
{"level":"WARN","msg":"model changed","ml_enabled":false,"risk_score_method":"","model":"","risk_model_version":"","risk_model_digest":"","error":"away","rollout":{"id":"r","risk_model_version":"2","risk_model_digest":"","share":0.5,"paused":false,"shadow":false,"error":"corrupt"}}
{"level":"INFO","msg":"breaker changed","stage":"escalation","breaker":"closed"}
{"level":"WARN","msg":"failed","stage":"audit","error":"disk full"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if strings.Contains(out.String(), doc.Text) {
		t.Error("the text is logged")
	}
	recorded := map[string]bool{} // names that the audit log has
	for f := range reflect.TypeFor[audit.Record]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		recorded[name] = true
	}
	for i, text := range strings.Split(out.String(), "\n")[:5] {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		for name := range line {
			if i > 0 && name != "level" && name != "msg" && !recorded[name] {
				t.Errorf("line %d: %s is no name of the audit log's", i, name)
			}
		}
	}
	data, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var fields, line map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		t.Fatal(err)
	}
	for name := range line {
		if _, ok := fields[name]; !ok && !recorded[name] && name != "level" && name != "msg" {
			t.Errorf("%s is no name of an Assessment or the audit log's", name)
		}
	}
	for name := range fields {
		if _, ok := line[name]; !ok && name != "probabilities" {
			t.Errorf("%s of an Assessment is not logged", name)
		}
	}
}

// TestLogObserverDisabled wants no allocation for what is not logged.
func TestLogObserverDisabled(t *testing.T) {
	if race.Enabled {
		t.Skip("allocations are not counted under the race detector")
	}
	o := risk.NewLogObserver(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	ctx, s := context.Background(), &risk.Scored{}
	if n := testing.AllocsPerRun(100, func() { o.Scored(ctx, s) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
