// Package riskotel is metrics and traces of package risk for OpenTelemetry:
// [Metrics] is a risk.Observer, and a [Scorer] is a risk.Scorer that has a span
// for each assessment.
//
//	metrics, err := riskotel.NewMetrics(nil)
//	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Observers: risk.Observers{metrics}, …})
//	scorer := riskotel.NewScorer(svc, nil)
//
// # Metrics
//
// They are called so that OpenTelemetry's exporter for Prometheus gives them the
// names of package riskprom, and the dashboard and the alerts of riskkit work
// with either:
//
//	risk.requests{method}             risk_requests_total
//	risk.score.value{method}          risk_score_value
//	risk.score.duration               risk_score_duration_seconds
//	risk.fallbacks{reason}            risk_fallbacks_total
//	risk.errors{stage}                risk_errors_total
//	risk.audit.write_errors           risk_audit_write_errors_total
//	risk.escalations{result}          risk_escalations_total
//	risk.feedback{agreement}          risk_feedback_total
//	risk.breaker.state{stage}         risk_breaker_state
//	risk.model.info{role,version,digest}
//	risk.canary                       risk_canary_ratio
//	risk.shadow.answers, risk.shadow.disagreements, risk.shadow.dropped
//	risk.data_drift.psi{feature}, risk.data_drift.status, risk.data_drift.standing, …
//
// docs/metrics.md has the meaning of all. The names of single features,
// last_data_drift_psi_FEATURE, are for Prometheus alone: here psi has the
// feature as an attribute.
//
// Attributes are made beforehand, so that Scored does not allocate with
// OpenTelemetry's SDK. The SDK keeps each number in one place, which processors
// share; package riskprom does not.
//
// # Spans
//
// Spans are called risk.score, risk.explain and risk.score_batch. Attributes
// have the names that an Assessment has as JSON: risk_score, risk_label,
// risk_score_method and so on, without the text. Where a rollout is going on, an
// event feature_flag.evaluation says which arm answered. A span of a batch tells
// nothing of each document. The example of NewScorer over HTTP has a span for
// each document, those of a batch too.
package riskotel
