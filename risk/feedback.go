package risk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrFeedback says that a Feedback makes no sense.
var ErrFeedback = errors.New("risk: invalid feedback")

// A Feedback is an operator's verdict on one incident. It joins the assessments
// of the Document with its ID, and is what the next model learns from.
type Feedback struct {
	// ID is the Document's.
	ID string `json:"id"`
	// Level is the true level, as the operator sees it.
	Level string `json:"level"`
	// Assessed is the level that the operator was shown, if known.
	Assessed string `json:"assessed,omitempty"`
	// Actor says who, Reason why, Time when.
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time,omitzero"`
}

// An Agreement says how an operator's verdict stands to the answer. The set is
// closed, so that it can label a metric.
type Agreement string

// The agreements.
const (
	Agrees           Agreement = "agrees"
	RaisesLevel      Agreement = "raises"  // the operator's level is higher
	LowersLevel      Agreement = "lowers"  // it is lower
	AgreementUnknown Agreement = "unknown" // what the operator was shown is not known
)

// Agreements returns all of them.
func Agreements() []Agreement {
	return []Agreement{Agrees, RaisesLevel, LowersLevel, AgreementUnknown}
}

// A FeedbackSink keeps feedback. PutFeedback returns once it is kept; the same
// feedback again changes nothing. Implementations are safe for concurrent use.
// audit.Log is one.
type FeedbackSink interface {
	PutFeedback(ctx context.Context, f Feedback) error
}

// Check returns an error that wraps ErrFeedback unless f has an ID, and levels
// that are on scale.
func (f *Feedback) Check(scale Scale) error {
	switch {
	case f.ID == "":
		return fmt.Errorf("%w: it has no id", ErrFeedback)
	case scale.Index(f.Level) < 0:
		return fmt.Errorf("%w: level %q, want one of %q", ErrFeedback, f.Level, []string(scale))
	case f.Assessed != "" && scale.Index(f.Assessed) < 0:
		return fmt.Errorf("%w: assessed level %q, want one of %q", ErrFeedback, f.Assessed, []string(scale))
	}
	return nil
}

// Agreement says how f stands to what was assessed.
func (f *Feedback) Agreement(scale Scale) Agreement {
	level, assessed := scale.Index(f.Level), scale.Index(f.Assessed)
	switch {
	case level < 0 || assessed < 0:
		return AgreementUnknown
	case level > assessed:
		return RaisesLevel
	case level < assessed:
		return LowersLevel
	}
	return Agrees
}
