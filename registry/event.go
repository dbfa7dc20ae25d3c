package registry

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
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
	KindRegistered  Kind = "registered"
	KindPromoted    Kind = "promoted" // to staging or production
	KindArchived    Kind = "archived"
	KindRolledBack  Kind = "rolled_back" // production, to an earlier version
	KindAliased     Kind = "aliased"
	KindUnaliased   Kind = "unaliased" // the alias names no version any more
	KindAnnotated   Kind = "annotated" // description or tags changed
	KindProtected   Kind = "protected" // moving a stage or alias needs an approval
	KindUnprotected Kind = "unprotected"
	KindApproved    Kind = "approved"  // a move to a protected stage or alias
	KindCollected   Kind = "collected" // the files of an archived version may be deleted
	// A rollout also ends, without an event of its own, where production moves
	// or its version is archived.
	KindRolloutStarted Kind = "rollout_started"
	KindRolloutChanged Kind = "rollout_changed"
	KindRolloutAborted Kind = "rollout_aborted"
)

// An Event is one line of a model's history.
type Event struct {
	Seq   int64     `json:"seq"` // from 1
	Time  time.Time `json:"time"`
	Kind  Kind      `json:"kind"`
	Model string    `json:"model"`
	// Version is what was registered or moved, 0 where that is none.
	Version int `json:"version"`
	// Stage is where Version stands since, or the stage that was protected or
	// that an approval is for. Alias is the same of an alias. From is the
	// version that Version took the place of there, 0 for none.
	Stage  Stage  `json:"stage,omitempty"`
	Alias  string `json:"alias,omitempty"`
	From   int    `json:"from,omitempty"`
	Actor  string `json:"actor,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Of a registered version.
	Digest  *Digest    `json:"digest,omitempty"`
	Files   []FileInfo `json:"files,omitempty"`
	Key     string     `json:"key,omitempty"`
	Lineage *Lineage   `json:"lineage,omitempty"`
	Schema  *Schema    `json:"schema,omitempty"`
	// Of a registered or annotated version. Where an annotation has a
	// Description, it is the new one; of its Tags, those with an empty value
	// are removed.
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	// Rollout, of the events that start and change one, is what it is since,
	// without Started.
	Rollout *Rollout `json:"rollout,omitempty"`
	// Evidence is what the decision rests on, as compact JSON.
	Evidence json.RawMessage `json:"evidence,omitempty"`
	// Previous is the hash of the event before, zeros for the first.
	Previous Digest `json:"previous"`
	// State, which some events have, is the digest of the State before this
	// event as a snapshot has it.
	State *Digest `json:"state,omitempty"`
	// Hash is the hash of this event, that is of its JSON without this field.
	Hash Digest `json:"-"`
	// Signature is what the event was signed with, if it was. It is no part of
	// what is hashed.
	Signature *Signature `json:"-"`
}

// A Signature is an ed25519 signature of an event, and with it of all events
// before and of the files that they register, for an event has their digests.
type Signature struct {
	Key   ed25519.PublicKey
	Bytes []byte
}

// An event is stored as one line: a head that says the format, the event's JSON
// and the hash of that JSON, and, in format 2, the key that it was signed with
// and the signature. Being read back, it must be these bytes and no others.
const (
	eventHead      = `{"format":1,"event":`
	signedHead     = `{"format":2,"event":`
	eventHash      = `,"hash":"`
	eventKey       = `","key":"`
	eventSignature = `","signature":"`
	eventTail      = "\"}\n"

	hashSize    = len(digestPrefix) + 2*sha256.Size
	signedSize  = len(eventKey) + 2*ed25519.PublicKeySize + len(eventSignature) + 2*ed25519.SignatureSize
	signedBytes = "riskkit registry event " // stands before the hash in what is signed
)

// maxText is the greatest length, in bytes, of the texts of an event together,
// maxEvidence of its evidence.
const (
	maxText     = 1 << 20
	maxEvidence = 64 << 10
)

// check returns an error that wraps ErrInput where the texts that callers gave
// cannot be kept as they are.
func (e *Event) check() error {
	total := 0
	ok := func(s string) bool {
		total += len(s)
		return utf8.ValidString(s)
	}
	valid := ok(e.Actor) && ok(e.Reason) && ok(e.Description) && ok(e.Key)
	for k, v := range e.Tags {
		valid = valid && ok(k) && ok(v)
	}
	if l := e.Lineage; l != nil {
		valid = valid && ok(l.Data) && ok(l.Code) && ok(l.Run)
	}
	if e.Schema != nil {
		for _, c := range slices.Concat(e.Schema.Inputs, e.Schema.Outputs) {
			valid = valid && ok(c.Name) && ok(c.Type)
		}
	}
	if !valid {
		return fmt.Errorf("%w: the texts of an event (actor, reason, description, tags, …) are not all UTF-8", ErrInput)
	}
	if total > maxText {
		return fmt.Errorf("%w: the texts of an event (actor, reason, description, tags, …) have %d bytes, at most %d are allowed", ErrInput, total, maxText)
	}
	if len(e.Evidence) > maxEvidence {
		return fmt.Errorf("%w: the evidence of an event has %d bytes, at most %d are allowed", ErrInput, len(e.Evidence), maxEvidence)
	}
	// It stands inside of the event, so it must not be nested as deeply as JSON
	// may be.
	inside := slices.Concat([]byte("["), e.Evidence, []byte("]"))
	if len(e.Evidence) > 0 && !(json.Valid(e.Evidence) && json.Valid(inside) && utf8.Valid(e.Evidence)) {
		return fmt.Errorf("%w: the evidence of an event is not JSON: %.100q", ErrInput, e.Evidence)
	}
	return nil
}

// encode sets e.Hash and returns the bytes to store, signed if signer is not
// nil.
func (e *Event) encode(signer crypto.Signer) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("registry: event: %w", err)
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	e.Hash = DigestOf(raw)
	if signer == nil {
		return slices.Concat([]byte(eventHead), raw, []byte(eventHash), []byte(e.Hash.String()), []byte(eventTail)), nil
	}
	sig, err := sign(signer, e.Hash)
	if err != nil {
		return nil, err
	}
	e.Signature = sig
	return slices.Concat([]byte(signedHead), raw, []byte(eventHash), []byte(e.Hash.String()),
		fmt.Appendf(nil, "%s%x%s%x", eventKey, []byte(sig.Key), eventSignature, sig.Bytes), []byte(eventTail)), nil
}

var errEvent = fmt.Errorf("%w: not a whole event of format 1 or 2", ErrCorrupt)

// splitEvent takes what encode wrote apart; otherwise the error wraps
// ErrCorrupt. It checks neither hash nor signature.
func splitEvent(data []byte) (raw []byte, hash string, sig *Signature, err error) {
	raw, tail := bytes.CutSuffix(data, []byte(eventTail))
	raw, head := bytes.CutPrefix(raw, []byte(eventHead))
	if !head {
		if raw, head = bytes.CutPrefix(raw, []byte(signedHead)); !head || len(raw) < signedSize {
			return nil, "", nil, errEvent
		}
		if sig, err = decodeSignature(raw[len(raw)-signedSize:]); err != nil {
			return nil, "", nil, err
		}
		raw = raw[:len(raw)-signedSize]
	}
	if !tail || len(raw) < len(eventHash)+hashSize {
		return nil, "", nil, errEvent
	}
	raw, hash = raw[:len(raw)-hashSize], string(raw[len(raw)-hashSize:])
	raw, middle := bytes.CutSuffix(raw, []byte(eventHash))
	if !middle {
		return nil, "", nil, errEvent
	}
	return raw, hash, sig, nil
}

// decodeEvent reads what encode wrote; otherwise the error wraps ErrCorrupt. It
// does not check the signature.
func decodeEvent(data []byte) (Event, error) {
	raw, hash, sig, err := splitEvent(data)
	if err != nil {
		return Event{}, err
	}
	e := Event{Hash: DigestOf(raw), Signature: sig}
	if e.Hash.String() != hash {
		return e, fmt.Errorf("%w: hash of the event is %q, its content has %v", ErrCorrupt, hash, e.Hash)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("%w: event: %w", ErrCorrupt, err)
	}
	return e, nil
}
