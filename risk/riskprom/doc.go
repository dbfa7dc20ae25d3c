// Package riskprom is metrics of package risk for Prometheus: Metrics is a
// risk.Observer.
//
//	metrics, err := riskprom.New(reg, nil)
//	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Observers: risk.Observers{metrics}, …})
//	scheduler, err := psi.NewScheduler(svc, nil)
//	metrics.WatchDrift(scheduler)
//
// # Metrics
//
//	risk_requests_total{method}                    documents assessed
//	risk_score_value{method}                       histogram of scores, 0.05 to 1
//	risk_score_duration_seconds                    histogram of the time answers took, 1 µs to 1 s
//	risk_fallbacks_total{reason}                   answers of another than the first choice
//	risk_errors_total{stage}                       errors that no caller saw
//	risk_audit_write_errors_total                  those of stage audit
//	risk_escalations_total{result}                 second opinions
//	risk_feedback_total{agreement}                 verdicts of operators
//	risk_breaker_state{stage}                      0 closed, 1 half open, 2 open
//	risk_model_info{role,version,digest}           1 for production, and for a candidate
//	risk_canary_ratio                              share that the candidate answers
//	risk_shadow_answers_total                      answers of a candidate beside
//	risk_shadow_disagreements_total                those of them that say another level
//	risk_shadow_dropped_total                      documents it was not asked about
//
// and with WatchDrift
//
//	risk_data_drift_psi{feature}                   PSI in the last sweep that could judge
//	last_data_drift_psi_FEATURE                    the same, without a label
//	risk_data_drift_status                         of the last sweep: 0 stable, 1 monitor, 2 alert, -1 insufficient_data
//	risk_data_drift_standing                       the standing status, in the same numbers
//	risk_data_drift_status_is{status}, …_standing_is{status}
//	risk_data_drift_last_run_timestamp_seconds     when the last sweep began that did not fail
//	risk_data_drift_sweeps_total, …_sweep_failures_total, …_sweeps_skipped_total
//
// Labels are out of closed sets, and a value outside them counts as other; only
// risk_model_info has versions, of which those that answer no more vanish.
// Every series is there from the beginning, at 0, but those of versions and of
// drift, which are there when there is something to tell. docs/metrics.md says
// what to make of them; docs/grafana and docs/prometheus have a dashboard and
// alerts.
package riskprom
