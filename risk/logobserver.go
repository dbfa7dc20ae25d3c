package risk

import (
	"context"
	"log/slog"
)

// LogObserver is an Observer that logs what happens, under the names that records
// of package audit have as JSON. It never logs a text. Make one with NewLogObserver;
// it is as safe for concurrent use as its Logger.
//
// Answers and what a candidate says beside them are told at LevelDebug, verdicts
// and changes at LevelInfo, and at LevelWarn what wants a look: errors, versions
// that cannot be loaded, breakers that open. What the Logger's handler is not
// enabled for costs no memory.
type LogObserver struct{ log *slog.Logger }

// NewLogObserver returns a LogObserver that logs to l. nil means slog.Default,
// as it is now.
func NewLogObserver(l *slog.Logger) *LogObserver {
	if l == nil {
		l = slog.Default()
	}
	return &LogObserver{l}
}

// Scored logs an answer.
func (o *LogObserver) Scored(ctx context.Context, s *Scored) {
	if !o.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	a := &s.Assessment
	attrs := append(make([]slog.Attr, 0, 16), slog.String("id", s.Document.ID))
	attrs = append(appendAnswer(attrs, a),
		slog.Float64("risk_threshold", a.Threshold), slog.Bool("escalated", a.Escalated), slog.Int64("duration_ns", int64(s.Duration)))
	for _, x := range [...]struct{ key, value string }{
		{"risk_model_digest", a.ModelDigest},
		{"fallback_reason", string(a.FallbackReason)},
		{"escalation", string(a.Escalation)},
		{"rollout", a.Rollout},
		{"arm", string(a.Arm)},
	} {
		if x.value != "" {
			attrs = append(attrs, slog.String(x.key, x.value))
		}
	}
	if a.Truncated {
		attrs = append(attrs, slog.Bool("truncated", true))
	}
	o.log.LogAttrs(ctx, slog.LevelDebug, "assessed", attrs...)
}

// Shadowed logs what a candidate answered beside.
func (o *LogObserver) Shadowed(ctx context.Context, s *Shadowed) {
	if !o.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 4), slog.String("id", s.Document.ID), slog.String("rollout", s.Rollout))
	switch {
	case s.Dropped:
		attrs = append(attrs, slog.Bool("not_asked", true))
	case s.Err != nil:
		attrs = append(attrs, slog.Any("error", s.Err))
	default:
		attrs = append(attrs, answerGroup("assessment", &s.Production), answerGroup("candidate", &s.Candidate))
	}
	o.log.LogAttrs(ctx, slog.LevelDebug, "shadowed", attrs...)
}

func answerGroup(key string, a *Assessment) slog.Attr {
	return slog.Attr{Key: key, Value: slog.GroupValue(appendAnswer(nil, a)...)}
}

func appendAnswer(attrs []slog.Attr, a *Assessment) []slog.Attr {
	return append(attrs,
		slog.Float64("risk_score", a.Score), slog.String("risk_label", a.Level),
		slog.String("risk_score_method", string(a.Method)), slog.String("risk_model_version", a.ModelVersion))
}

// Feedback logs a verdict, in a group because its level is not that of the log.
func (o *LogObserver) Feedback(ctx context.Context, f *Feedback) {
	o.log.LogAttrs(ctx, slog.LevelInfo, "feedback", slog.String("id", f.ID), slog.Attr{Key: "feedback", Value: slog.GroupValue(
		slog.String("level", f.Level), slog.String("assessed", f.Assessed), slog.String("actor", f.Actor), slog.String("reason", f.Reason))})
}

// ModelChanged logs what answers now, and at LevelWarn where something could not
// be loaded.
func (o *LogObserver) ModelChanged(st *ServiceStatus) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.Bool("ml_enabled", st.ML), slog.String("risk_score_method", string(st.Method)),
		slog.String("model", st.Model), slog.String("risk_model_version", st.Version), slog.String("risk_model_digest", st.Digest),
	}
	if st.Error != "" {
		level, attrs = slog.LevelWarn, append(attrs, slog.String("error", st.Error))
	}
	if r := st.Rollout; r != nil {
		rollout := []slog.Attr{
			slog.String("id", r.ID), slog.String("risk_model_version", r.Version), slog.String("risk_model_digest", r.Digest),
			slog.Float64("share", r.Share), slog.Bool("paused", r.Paused), slog.Bool("shadow", r.Shadow),
		}
		if r.Error != "" {
			level, rollout = slog.LevelWarn, append(rollout, slog.String("error", r.Error))
		}
		attrs = append(attrs, slog.Attr{Key: "rollout", Value: slog.GroupValue(rollout...)})
	}
	o.log.LogAttrs(context.Background(), level, "model changed", attrs...)
}

// BreakerChanged logs the state of a breaker, at LevelWarn where it opens.
func (o *LogObserver) BreakerChanged(stage Stage, state BreakerState) {
	level := slog.LevelInfo
	if state == BreakerOpen {
		level = slog.LevelWarn
	}
	o.log.LogAttrs(context.Background(), level, "breaker changed", slog.String("stage", string(stage)), slog.String("breaker", state.String()))
}

// Failed logs an error.
func (o *LogObserver) Failed(stage Stage, err error) {
	o.log.LogAttrs(context.Background(), slog.LevelWarn, "failed", slog.String("stage", string(stage)), slog.Any("error", err))
}
