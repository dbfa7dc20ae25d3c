package risk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// An Opinion is a second opinion on a document.
type Opinion struct {
	// Level is a level of the scale.
	Level string `json:"level"`
	// Reason says why, in words.
	Reason string `json:"reason,omitempty"`
	// Tokens is what the opinion has cost, less than 0 where nobody knows. An
	// Escalator that fails may still tell it.
	Tokens int `json:"tokens,omitempty"`
}

// An Escalator gives a second opinion where the first answer is in doubt: a
// larger model, a person. ctx ends when nobody waits for it any more.
// Implementations are safe for concurrent use and do not change what they are
// given.
type Escalator interface {
	Escalate(ctx context.Context, doc Document, first Assessment) (Opinion, error)
}

// Escalated is how asking for one second opinion went.
type Escalated struct {
	Document Document
	First    Assessment // what was in doubt
	Opinion  Opinion    // zero where there is none
	Result   EscalationResult
	Err      error // why there is no opinion, or why it makes no sense
	Duration time.Duration
}

// ErrEscalation says that EscalationOptions make no sense.
var ErrEscalation = errors.New("risk: invalid escalation options")

// EscalationOptions say when a second opinion is asked for, and at what cost.
// Without Band, MinConfidence and Levels it never is.
type EscalationOptions struct {
	// Scale is what answers are on. nil means DefaultScale.
	Scale Scale
	// Thresholds returns the cuts between the levels that gave an answer, as Cut
	// takes them; it is called for each, and may return nil where they are not
	// known, as a panic does. nil means the Thresholds method of the scorer, such
	// as a Model has.
	Thresholds func(Assessment) []float64
	// Band is how close to a threshold a score is in doubt: |score - threshold|
	// <= Band. MinConfidence is the probability of its level below which an
	// answer is in doubt, if it has probabilities. Levels are always in doubt.
	Band          float64
	MinConfidence float64
	Levels        []string
	// Timeout is how long to wait for an opinion. 0 means 2 s. The caller's own
	// deadline ends it sooner, with some time left.
	Timeout time.Duration
	// MaxRunning is how many opinions may be on their way. 0 means 16.
	MaxRunning int
	// Budget limits the cost. nil means the default Budget.
	Budget *Budget
	// Breaker leaves the Escalator alone for a while when it fails. Opinions
	// that make no sense are failures.
	Breaker BreakerOptions
	// OnEscalated, if not nil, is told of each, on the goroutine of the call. That
	// it panics changes nothing.
	OnEscalated func(context.Context, *Escalated)
}

// An Escalation is a Scorer that asks for a second opinion where the answer of
// another scorer is in doubt. It never fails for that: without a valid opinion
// the first answer stands. An opinion of another level changes the answer:
//
//   - Level is the opinion's, Method is MethodEscalation;
//   - Score is moved to the nearest that belongs to that level, and Threshold
//     is the cut that decides it then;
//   - all else stays what the first scorer said, the probabilities too, which
//     the score then is not the mean of.
//
// It is made by NewEscalation and calls the Escalator on goroutines that it
// starts when they are needed; Close ends them.
type Escalation struct {
	scorer  Scorer
	o       EscalationOptions
	fixed   []float64 // thresholds, where Thresholds is nil
	calls   *bounded[consultation, Opinion]
	circuit circuit
}

// consultation is what an Escalator is asked.
type consultation struct {
	doc   Document
	first Assessment
}

// NewEscalation returns an Escalation of the answers of s. The error wraps
// ErrEscalation. opts say when to escalate.
func NewEscalation(s Scorer, e Escalator, opts *EscalationOptions) (*Escalation, error) {
	x := &Escalation{scorer: s}
	if opts != nil {
		x.o = *opts
	}
	o := &x.o
	if o.Scale == nil {
		o.Scale = DefaultScale()
	}
	if err := o.Scale.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEscalation, err)
	}
	if o.Thresholds == nil {
		t, ok := s.(interface{ Thresholds() []float64 })
		if !ok {
			return nil, fmt.Errorf("%w: a %T does not tell its thresholds; set Thresholds", ErrEscalation, s)
		}
		x.fixed = t.Thresholds()
		if err := checkThresholds(o.Scale, x.fixed); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEscalation, err)
		}
	}
	for _, level := range o.Levels {
		if o.Scale.Index(level) < 0 {
			return nil, fmt.Errorf("%w: Levels has %q, which is not on the scale %q", ErrEscalation, level, []string(o.Scale))
		}
	}
	if !(o.Band >= 0 && o.Band <= 1) || !(o.MinConfidence >= 0 && o.MinConfidence <= 1) {
		return nil, fmt.Errorf("%w: Band is %v and MinConfidence %v, want numbers in [0,1]", ErrEscalation, o.Band, o.MinConfidence)
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.MaxRunning <= 0 {
		o.MaxRunning = 16
	}
	if o.Budget == nil {
		var err error
		if o.Budget, err = NewBudget(nil); err != nil {
			return nil, err
		}
	}
	x.calls = newBounded(o.Timeout, o.MaxRunning, func(ctx context.Context, c consultation) (Opinion, error) {
		return consult(ctx, e, c, o.Budget)
	})
	return x, nil
}

// consult asks e if the budget allows it. What is late is settled too, and so is
// what panics, at a cost that nobody knows.
func consult(ctx context.Context, e Escalator, c consultation, b *Budget) (op Opinion, err error) {
	settle, err := b.Take()
	if err != nil {
		return op, err
	}
	tokens := -1
	defer func() { settle(tokens) }()
	op, err = e.Escalate(ctx, c.doc, c.first)
	tokens = op.Tokens
	return op, err
}

// Score answers as the first scorer does, or as a second opinion says. The
// error is the first scorer's.
func (x *Escalation) Score(ctx context.Context, doc Document) (Assessment, error) {
	return x.Explain(ctx, doc, 0)
}

// Explain answers as Score does and has the first scorer explain its answer.
func (x *Escalation) Explain(ctx context.Context, doc Document, n int) (Assessment, error) {
	a, err := Explain(ctx, x.scorer, doc, n)
	if err != nil {
		return a, err
	}
	thresholds := x.fixed
	if x.o.Thresholds != nil {
		_ = guard("Thresholds", func() { thresholds = x.o.Thresholds(a) }) // then they are not known
	}
	if !x.doubts(&a, thresholds) {
		return a, nil
	}
	return x.escalate(ctx, doc, a, thresholds), nil
}

// Breaker returns what is done with calls of the Escalator.
func (x *Escalation) Breaker() BreakerState { return x.circuit.State() }

// Close ends the goroutines of x, as Deadline's does. After it, doubts end in
// EscalationError.
func (x *Escalation) Close(ctx context.Context) error { return x.calls.close(ctx) }

// doubts says whether a is in doubt.
func (x *Escalation) doubts(a *Assessment, thresholds []float64) bool {
	if x.o.Band > 0 {
		for _, t := range thresholds {
			if math.Abs(a.Score-t) <= x.o.Band {
				return true
			}
		}
	}
	if x.o.MinConfidence > 0 && !a.Probabilities.IsZero() && a.Probabilities.Of(a.Level) < x.o.MinConfidence {
		return true
	}
	return slices.Contains(x.o.Levels, a.Level)
}

// escalate returns a after a second opinion.
func (x *Escalation) escalate(ctx context.Context, doc Document, a Assessment, thresholds []float64) Assessment {
	began := time.Now()
	t := Escalated{Document: doc, First: a}
	if turn, ok := x.circuit.enter(&x.o.Breaker); !ok {
		t.Err = ErrBreaker
	} else {
		t.Opinion, t.Err = x.calls.do(ctx, consultation{doc, a})
		if t.Err == nil {
			t.Err = x.apply(&a, &t.Opinion, thresholds)
		}
		out := outcomeOf(ctx, t.Err)
		if errors.Is(t.Err, ErrBudget) {
			out = neither
		}
		x.circuit.leave(&x.o.Breaker, turn, out)
	}
	t.Result = resultOf(t.Err)
	if t.Err == nil && a.Level != t.First.Level {
		t.Result = EscalationChanged
	}
	a.Escalated, a.Escalation = true, t.Result
	switch t.Result {
	case EscalationConfirmed, EscalationChanged:
		a.EscalationReason = brief(t.Opinion.Reason)
	case EscalationInvalid:
		a.EscalationReason = brief(t.Err.Error())
	}
	if x.o.OnEscalated != nil {
		t.Duration = time.Since(began)
		_ = guard("OnEscalated", func() { x.o.OnEscalated(ctx, &t) })
	}
	return a
}

// brief returns the beginning of words from elsewhere, as UTF-8 of 1000 bytes at
// most.
func brief(s string) string {
	const most = 1000
	return cutText(utf8Only(s[:min(len(s), most+utf8.UTFMax)]), most)
}

// resultOf returns how a second opinion ended that failed by err, or confirmed.
func resultOf(err error) EscalationResult {
	switch {
	case err == nil:
		return EscalationConfirmed
	case errors.Is(err, ErrBreaker):
		return EscalationBreaker
	case errors.Is(err, ErrBudget), errors.Is(err, ErrOverload): // two limits of the cost
		return EscalationBudget
	case errors.Is(err, ErrInvalid):
		return EscalationInvalid
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return EscalationTimeout
	}
	return EscalationError
}

// apply gives a the level of an opinion. The error wraps ErrInvalid; then a is
// as it was.
func (x *Escalation) apply(a *Assessment, op *Opinion, thresholds []float64) error {
	rank := x.o.Scale.Index(op.Level)
	if rank < 0 {
		return fmt.Errorf("%w: the opinion's level %q is not on the scale %q", ErrInvalid, op.Level, []string(x.o.Scale))
	}
	if op.Level == a.Level {
		return nil
	}
	if err := checkThresholds(x.o.Scale, thresholds); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	score := a.Score
	if rank > 0 {
		score = max(score, thresholds[rank-1])
	}
	if rank < len(thresholds) && score >= thresholds[rank] {
		score = math.Nextafter(thresholds[rank], -1)
	}
	got, threshold := Cut(thresholds, score)
	if got != rank || score < 0 {
		return fmt.Errorf("%w: no score belongs to the opinion's level %q by the thresholds %v", ErrInvalid, op.Level, thresholds)
	}
	a.Score, a.Level, a.Threshold, a.Method = score, op.Level, threshold, MethodEscalation
	return nil
}
