package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// A Kind says what an Event did.
type Kind string

// The kinds of events.
const (
	KindRegistered Kind = "registered"
	KindPromoted   Kind = "promoted" // to staging or production
	KindArchived   Kind = "archived"
	KindRolledBack Kind = "rolled_back" // production, to an earlier version
)

// An Event is one line of a model's history.
type Event struct {
	Seq   int64     `json:"seq"` // from 1
	Time  time.Time `json:"time"`
	Kind  Kind      `json:"kind"`
	Model string    `json:"model"`
	// Version is what was registered or moved.
	Version int `json:"version"`
	// Stage is where Version stands since, and From the version that it took
	// the place of there, 0 for none.
	Stage  Stage  `json:"stage,omitempty"`
	From   int    `json:"from,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Of a registered version.
	Digest      *Digest           `json:"digest,omitempty"`
	Files       []FileInfo        `json:"files,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	// Previous is the hash of the event before, zeros for the first.
	Previous Digest `json:"previous"`
	// Hash is the hash of this event, that is of its JSON without this field.
	Hash Digest `json:"-"`
}

// An event is stored, in format 1, as one line: head, the event's JSON, middle,
// the hash of that JSON, tail. Being read back, it must be these bytes and no
// others.
const (
	eventHead   = `{"format":1,"event":`
	eventMiddle = `,"hash":"`
	eventTail   = "\"}\n"
	hashSize    = len(digestPrefix) + 2*sha256.Size
)

// maxText is the greatest length, in bytes, of the texts of an event together.
const maxText = 1 << 20

// check returns an error that wraps ErrInput where the texts that callers gave
// cannot be kept as they are.
func (e *Event) check() error {
	total := 0
	ok := func(s string) bool {
		total += len(s)
		return utf8.ValidString(s)
	}
	valid := ok(e.Actor) && ok(e.Reason) && ok(e.Description)
	for k, v := range e.Tags {
		valid = valid && ok(k) && ok(v)
	}
	if !valid {
		return fmt.Errorf("%w: actor, reason, description or tags are not UTF-8", ErrInput)
	}
	if total > maxText {
		return fmt.Errorf("%w: actor, reason, description and tags have %d bytes, at most %d are allowed", ErrInput, total, maxText)
	}
	return nil
}

// encode sets e.Hash and returns the bytes to store.
func (e *Event) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("registry: event: %w", err)
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	e.Hash = DigestOf(raw)
	return slices.Concat([]byte(eventHead), raw, []byte(eventMiddle), []byte(e.Hash.String()), []byte(eventTail)), nil
}

// decodeEvent reads what encode wrote; otherwise the error wraps ErrCorrupt.
func decodeEvent(data []byte) (Event, error) {
	var e Event
	raw, head := bytes.CutPrefix(data, []byte(eventHead))
	raw, tail := bytes.CutSuffix(raw, []byte(eventTail))
	if !head || !tail || len(raw) < len(eventMiddle)+hashSize {
		return e, fmt.Errorf("%w: not a whole event of format 1", ErrCorrupt)
	}
	raw, hash := raw[:len(raw)-hashSize], string(raw[len(raw)-hashSize:])
	raw, middle := bytes.CutSuffix(raw, []byte(eventMiddle))
	if !middle {
		return e, fmt.Errorf("%w: not a whole event of format 1", ErrCorrupt)
	}
	if e.Hash = DigestOf(raw); e.Hash.String() != hash {
		return e, fmt.Errorf("%w: hash of the event is %q, its content has %v", ErrCorrupt, hash, e.Hash)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("%w: event: %w", ErrCorrupt, err)
	}
	return e, nil
}
