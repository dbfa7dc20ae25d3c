package eval

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// An Answered is an answer whose label may come.
type Answered struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Level int       `json:"level"`
	Proba []float64 `json:"proba,omitempty"`
	// Reviewed is the probability, as it was known at the time, that this answer
	// would be looked at and labelled, in (0,1]; 0 means 1. Answers that are
	// never reviewed say nothing about their kind: review a few of each.
	Reviewed float64 `json:"reviewed,omitempty"`
}

// check returns an error that wraps ErrInput unless a can wait.
func (a *Answered) check() error {
	switch {
	case a.ID == "" || !utf8.ValidString(a.ID):
		return fmt.Errorf("%w: an answer has the id %q, want one in UTF-8", ErrInput, a.ID)
	case a.Level < 0 || slices.ContainsFunc(a.Proba, func(p float64) bool { return !(p >= 0 && p <= 1) }):
		return fmt.Errorf("%w: answer %q has level %d and probabilities %v", ErrInput, a.ID, a.Level, a.Proba)
	case !(a.Reviewed >= 0 && a.Reviewed <= 1) || badWeight(1/cmp.Or(a.Reviewed, 1)):
		return fmt.Errorf("%w: answer %q is reviewed with probability %v", ErrInput, a.ID, a.Reviewed)
	}
	return nil
}

// A Labelled is an answer with its label, to be evaluated.
type Labelled struct {
	Answered
	Truth int
	// LabelledAt is when the label came that counts.
	LabelledAt time.Time
}

// Weight returns for how many answers like it one stands: 1/Reviewed. With these
// weights the labelled answers are to all answers what they would be had all
// been reviewed (Horvitz and Thompson, A Generalization of Sampling Without
// Replacement from a Finite Universe, 1952).
func (l Labelled) Weight() float64 { return 1 / cmp.Or(l.Reviewed, 1) }

// JoinerOptions say how answers and labels are joined. The zero value means the
// defaults.
type JoinerOptions struct {
	// Horizon is how long a label may take. 0 means 30 days.
	Horizon time.Duration
	// Capacity is how many answers wait at most. 0 means 100,000.
	Capacity int
}

// JoinerCounts count what became of answers and labels.
type JoinerCounts struct {
	Answers int64 `json:"answers"`
	// Repeated counts answers whose id waits already; the first counts.
	Repeated int64 `json:"repeated"`
	// Joined had a label when they matured, Unlabelled had none.
	Joined     int64 `json:"joined"`
	Unlabelled int64 `json:"unlabelled"`
	// Early counts those of both that matured before their horizon, because
	// there was no more room.
	Early int64 `json:"early"`
	// Late counts labels that came after the horizon, Unmatched those whose
	// answer does not wait: it has matured, or never was. Neither counts.
	Late      int64 `json:"late"`
	Unmatched int64 `json:"unmatched"`
	// Duplicate counts labels that said again what was known, Changed those that
	// said otherwise; of those the last to come counts.
	Duplicate int64 `json:"duplicate"`
	Changed   int64 `json:"changed"`
}

// A Joiner joins labels with the answers that they are for, by id. An answer
// waits for the horizon and then matures, with the label that it has by then or
// without: so answers whose labels come fast do not stand for all, and a label
// may be corrected as long as its answer waits. It is made by NewJoiner and must
// not be used from several goroutines at once. It holds at most Capacity answers
// in memory; written as JSON together with what joined made of the others, they
// go on waiting after a restart.
type Joiner struct {
	joined  func(Labelled)
	o       JoinerOptions
	waiting map[string]*waiting
	order   []*waiting // as they came, from head on
	head    int
	counts  JoinerCounts
}

// waiting is an answer with the label that it has, if labelled.
type waiting struct {
	Labelled
	labelled bool
}

// NewJoiner returns a Joiner that calls joined with each answer that matures
// with a label, in the order of answers, from within Answer and Mature. nil opts
// means the defaults. The error wraps ErrInput where options make no sense.
func NewJoiner(joined func(Labelled), opts *JoinerOptions) (*Joiner, error) {
	j := &Joiner{joined: joined, waiting: map[string]*waiting{}}
	if opts != nil {
		j.o = *opts
	}
	const days = 24 * time.Hour
	j.o.Horizon, j.o.Capacity = cmp.Or(j.o.Horizon, 30*days), cmp.Or(j.o.Capacity, 100_000)
	if j.o.Horizon < 0 || j.o.Capacity < 0 || joined == nil {
		return nil, fmt.Errorf("%w: a joiner with horizon %v and capacity %d, or without somewhere to join to", ErrInput, j.o.Horizon, j.o.Capacity)
	}
	return j, nil
}

// Answer takes in an answer, its probabilities copied. Answers should come in
// about the order of time: none matures before those that came earlier.
// The error wraps ErrInput where its id is empty or not UTF-8, its level negative,
// or a probability not in [0,1].
func (j *Joiner) Answer(a Answered) error {
	if err := a.check(); err != nil {
		return err
	}
	j.counts.Answers++
	if j.waiting[a.ID] != nil {
		j.counts.Repeated++
		return nil
	}
	if len(j.waiting) == j.o.Capacity {
		j.counts.Early++
		j.mature()
	}
	a.Proba = slices.Clone(a.Proba)
	w := &waiting{Labelled: Labelled{Answered: a}}
	j.waiting[a.ID] = w
	j.order = append(j.order, w)
	return nil
}

// Label takes in what the level of an answer truly is, as it became known at a
// time. Labels may come in any order; JoinerCounts says what becomes of those
// that are late, repeated or changed. The error wraps ErrInput where truth is
// negative.
func (j *Joiner) Label(id string, truth int, at time.Time) error {
	if truth < 0 {
		return fmt.Errorf("%w: label of %q is level %d", ErrInput, id, truth)
	}
	w := j.waiting[id]
	switch {
	case w == nil:
		j.counts.Unmatched++
	case at.Sub(w.At) > j.o.Horizon:
		j.counts.Late++
	case w.labelled && w.Truth == truth:
		j.counts.Duplicate++
	default:
		if w.labelled {
			j.counts.Changed++
		}
		w.labelled, w.Truth, w.LabelledAt = true, truth, at
	}
	return nil
}

// Mature ends the wait of the answers whose horizon is over by now. Taken
// together a call takes constant time an answer.
func (j *Joiner) Mature(now time.Time) {
	for j.head < len(j.order) && now.Sub(j.order[j.head].At) > j.o.Horizon {
		j.mature()
	}
}

// mature ends the wait of the answer that came first.
func (j *Joiner) mature() {
	w := j.order[j.head]
	j.order[j.head] = nil
	if j.head++; 2*j.head >= len(j.order) {
		j.order, j.head = slices.Delete(j.order, 0, j.head), 0
	}
	delete(j.waiting, w.ID)
	if !w.labelled {
		j.counts.Unlabelled++
		return
	}
	j.counts.Joined++
	j.joined(w.Labelled)
}

// Waiting returns how many answers wait.
func (j *Joiner) Waiting() int { return len(j.waiting) }

// Counts returns what became of answers and labels so far. Those that wait are
// in Answers alone.
func (j *Joiner) Counts() JoinerCounts { return j.counts }
