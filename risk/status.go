package risk

import "strconv"

// ServiceStatus tells what a Service answers with, and why.
type ServiceStatus struct {
	// ML says whether the model is switched on, Method what answers.
	ML     bool   `json:"ml_enabled"`
	Method Method `json:"risk_score_method"`
	// Model, Version and Digest are those of the model in use, if any.
	Model   string `json:"model,omitempty"`
	Version string `json:"risk_model_version,omitempty"`
	Digest  string `json:"risk_model_digest,omitempty"`
	// Rollout is what is being rolled out, nil for nothing.
	Rollout *RolloutStatus `json:"rollout,omitempty"`
	// Breaker is the state of the model's breaker.
	Breaker string `json:"breaker"`
	// Error says why there is no model, or why another than the one in use
	// could not be loaded. Empty means that all is well.
	Error string `json:"error,omitempty"`
	// Fallbacks counts the answers that the heuristic gave because the model
	// failed at them; LastFallback says how the last of them failed.
	Fallbacks    int64  `json:"fallbacks"`
	LastFallback string `json:"last_fallback,omitempty"`
}

// RolloutStatus tells of the candidate of a rollout.
type RolloutStatus struct {
	ID      string `json:"id"`
	Version string `json:"risk_model_version"`
	Digest  string `json:"risk_model_digest,omitempty"`
	// Share of the documents that the candidate answers, in [0,1]; 0 while the
	// rollout is paused or only shadows. Tags always go to it else.
	Share  float64  `json:"share"`
	Tags   []string `json:"tags,omitempty"`
	Paused bool     `json:"paused,omitempty"`
	Shadow bool     `json:"shadow,omitempty"`
	// Pairs counts what a candidate in shadow scored.
	Pairs *ShadowStats `json:"pairs,omitempty"`
	// Error says why the candidate could not be loaded; then production
	// answers in its place.
	Error string `json:"error,omitempty"`
}

// Status tells what s answers with, and why.
func (s *Service) Status() ServiceStatus {
	l := s.live.Load()
	st := ServiceStatus{ML: l.ml, Method: MethodHeuristic, Breaker: BreakerClosed.String(), Fallbacks: s.fallbacks.Load()}
	if a := l.production; a != nil {
		v := a.version
		st.Method, st.Model, st.Version, st.Digest = MethodML, v.Model, strconv.Itoa(v.Number), v.Digest.String()
		st.Breaker = a.breaker.State().String()
	}
	if l.rollout != nil {
		st.Rollout = l.rolloutStatus()
	}
	if l.err != nil {
		st.Error = l.err.Error()
	}
	if err := s.last.Load(); err != nil {
		st.LastFallback = (*err).Error()
	}
	return st
}

func (l *live) rolloutStatus() *RolloutStatus {
	r := l.rollout
	st := &RolloutStatus{ID: r.ID, Version: strconv.Itoa(r.Version), Paused: r.Paused, Shadow: r.Shadow, Tags: r.Tags}
	if !r.Paused && !r.Shadow && l.candidate != nil {
		st.Share = float64(r.BasisPoints) / 10000
	}
	if l.candidate != nil {
		st.Digest = l.candidate.version.Digest.String()
	}
	if l.candErr != nil {
		st.Error = l.candErr.Error()
	}
	if l.shadow != nil {
		pairs := l.shadow.Stats()
		st.Pairs = &pairs
	}
	return st
}
