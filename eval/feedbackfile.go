package eval

import (
	"encoding/json"
	"fmt"
	"time"
)

// joinerState is the form of a Joiner as JSON.
type joinerState struct {
	Waiting []waitingState `json:"waiting"` // as they came
	Counts  JoinerCounts   `json:"counts"`
}

type waitingState struct {
	Answered
	Truth      *int      `json:"truth,omitempty"` // nil without a label
	LabelledAt time.Time `json:"labelled_at,omitzero"`
}

// MarshalJSON writes the answers that wait, with their labels, and the counts:
// some 150 bytes an answer.
func (j *Joiner) MarshalJSON() ([]byte, error) {
	s := joinerState{Waiting: make([]waitingState, 0, len(j.waiting)), Counts: j.counts}
	for _, w := range j.order[j.head:] {
		state := waitingState{Answered: w.Answered}
		if w.labelled {
			state.Truth, state.LabelledAt = &w.Truth, w.LabelledAt
		}
		s.Waiting = append(s.Waiting, state)
	}
	return json.Marshal(s)
}

// UnmarshalJSON replaces what a Joiner of NewJoiner knows by what MarshalJSON
// wrote; the options stay its own. More answers than its Capacity, and such that
// cannot be, give an error that wraps ErrInput and leaves j as it was.
func (j *Joiner) UnmarshalJSON(data []byte) error {
	var s joinerState
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%w: joiner: %w", ErrInput, err)
	}
	if j.joined == nil || len(s.Waiting) > j.o.Capacity {
		return fmt.Errorf("%w: joiner: %d answers wait for one of capacity %d, which NewJoiner must have made", ErrInput, len(s.Waiting), j.o.Capacity)
	}
	if err := s.Counts.check(len(s.Waiting)); err != nil {
		return fmt.Errorf("joiner: %w", err)
	}
	fresh := Joiner{joined: j.joined, o: j.o, waiting: make(map[string]*waiting, len(s.Waiting)), counts: s.Counts}
	for i, state := range s.Waiting {
		if err := state.check(); err != nil {
			return fmt.Errorf("joiner: %w", err)
		}
		w := &waiting{Labelled: Labelled{Answered: state.Answered}}
		if state.Truth != nil {
			w.labelled, w.Truth, w.LabelledAt = true, *state.Truth, state.LabelledAt
		}
		if w.Truth < 0 || fresh.waiting[w.ID] != nil {
			return fmt.Errorf("%w: joiner: answer %d, %q, has true level %d, or waits twice", ErrInput, i, w.ID, w.Truth)
		}
		fresh.waiting[w.ID] = w
		fresh.order = append(fresh.order, w)
	}
	*j = fresh
	return nil
}

// check returns an error unless so many that wait are the rest of all answers.
func (c JoinerCounts) check(waiting int) error {
	left := c.Answers
	for _, n := range []int64{c.Repeated, c.Joined, c.Unlabelled} {
		if n < 0 || n > left {
			return fmt.Errorf("%w: counts %+v", ErrInput, c)
		}
		left -= n
	}
	if left != int64(waiting) || c.Early < 0 || c.Early > c.Joined+c.Unlabelled || min(c.Late, c.Unmatched, c.Duplicate, c.Changed) < 0 {
		return fmt.Errorf("%w: counts %+v with %d that wait", ErrInput, c, waiting)
	}
	return nil
}
