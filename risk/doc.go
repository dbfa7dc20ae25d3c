// Package risk scores the risk of incident text.
//
// Anything that answers an [Assessment] for a [Document] is a [Scorer]. A
// [Heuristic] is one that always answers, from a lexicon; a [Model], made by
// [Train], is one that learned from labelled examples; a [Fallback] asks the
// one and, whatever goes wrong there, answers as the other; and a [Service]
// does that with the version of a model that a registry has in production:
//
//	svc, err := risk.NewService(ctx, &risk.ServiceOptions{Registry: reg, Model: "incident-risk", ML: true})
//	a, err := svc.Score(ctx, risk.Document{ID: "INC-1", Text: "..."})
//
// # Scores and levels
//
// A score is the expected severity in [0,1] under the probabilities of the
// levels of a [Scale]: 0 is surely the lowest, 1 surely the highest. The level
// follows from the score by thresholds, so the two never disagree. A Model's
// probabilities are calibrated on examples that were held out.
//
// # Answers that can be audited
//
// Each Assessment says how it came about: risk_score_method,
// risk_model_version, the digest of the version, the risk_threshold that
// decided the level, and why another scorer than the first choice answered.
// [Explain] adds the terms that moved the score.
//
// # The model is off until it is switched on
//
// A Service answers by the heuristic unless ServiceOptions.ML or the
// environment variable RISK_ML_ENABLED is true. A model that is missing,
// corrupt, on another scale or panicking never becomes an error to the caller:
// the heuristic answers and [Service.Status] says why.
//
// # Concurrency
//
// All types are safe for concurrent use unless they say otherwise. A [Deadline],
// a [Shadow] and an [Escalation] start goroutines, which their Close ends and
// waits for; nothing else here starts one that outlives the call.
package risk
