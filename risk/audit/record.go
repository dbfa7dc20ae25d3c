package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// A Hash is a SHA-256, or an HMAC of it. As text it is 64 lower-case
// hexadecimal digits.
type Hash [32]byte

// String returns the digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads the digits. The error wraps ErrCorrupt.
func (h *Hash) UnmarshalText(text []byte) error {
	var v Hash
	if len(text) != 2*len(v) || bytes.ContainsAny(text, "ABCDEF") {
		return fmt.Errorf("%w: hash %.80q, want %d lower-case hexadecimal digits", ErrCorrupt, text, 2*len(v))
	}
	if _, err := hex.Decode(v[:], text); err != nil {
		return fmt.Errorf("%w: hash %q: %w", ErrCorrupt, text, err)
	}
	*h = v
	return nil
}

// A Kind says what a Record tells of.
type Kind string

// The kinds. The last five are the log's own.
const (
	KindScored   Kind = "scored"   // an answer
	KindShadowed Kind = "shadowed" // what a candidate would have answered
	KindFeedback Kind = "feedback" // an operator's verdict
	KindModel    Kind = "model"    // other versions answer from here on
	KindGap      Kind = "gap"      // records are missing that there was no room for
	KindTorn     Kind = "torn"     // what a process that died had not finished was cut off
	KindExpired  Kind = "expired"  // old segments are deleted
	KindOpened   Kind = "opened"   // a segment begins
	KindSealed   Kind = "sealed"   // a segment ends
)

// A Record is one line of the log. Which fields beside the first ones are set
// depends on Kind.
type Record struct {
	// Writer names the chain that the record is of, and Config is what its
	// segment says of the configuration. They stand in the segment's first
	// record and not in each.
	Writer string `json:"-"`
	Config string `json:"-"`
	// Seq numbers the records of a chain from 1.
	Seq  int64 `json:"seq"`
	Kind Kind  `json:"kind"`
	// Time is when the document came in, for feedback when it was given, for
	// the log's own kinds when they were written.
	Time time.Time `json:"time"`
	// ID is the Document's.
	ID string `json:"id,omitempty"`
	// Assessment is the answer. Its ID is the record's.
	Assessment *risk.Assessment `json:"assessment,omitempty"`
	// Candidate is the candidate's answer, Rollout the rollout that it is of,
	// Error says why there is none, and NotAsked that it was not asked for one.
	Candidate *risk.Assessment `json:"candidate,omitempty"`
	Rollout   string           `json:"rollout,omitempty"`
	Error     string           `json:"error,omitempty"`
	NotAsked  bool             `json:"not_asked,omitempty"`
	// Duration is how long the answer took.
	Duration time.Duration `json:"duration_ns,omitempty"`
	// TextHMAC is the HMAC-SHA-256 of the text, by Options.Key.
	TextHMAC Hash `json:"text_hmac,omitzero"`
	// Text, Tags and CreatedAt are the Document's, where texts are kept.
	Text      string    `json:"text,omitempty"`
	Tags      []string  `json:"tags,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`

	Feedback *risk.Feedback      `json:"feedback,omitempty"`
	Model    *risk.ServiceStatus `json:"model,omitempty"`
	// Missing is how many records a gap stands for.
	Missing int64    `json:"missing,omitempty"`
	Torn    *Torn    `json:"torn,omitempty"`
	Expired *Expired `json:"expired,omitempty"`
	Opened  *Opened  `json:"opened,omitempty"`
	Sealed  *Sealed  `json:"sealed,omitempty"`

	// Hash is the SHA-256 of the hash before and of the line up to its own.
	Hash Hash `json:"hash"`
}

// Opened begins a segment.
type Opened struct {
	Format int    `json:"format"`
	Writer string `json:"writer"`
	Config string `json:"config,omitempty"`
	// Before is the hash of the record before, zero in front of the first.
	Before Hash `json:"before"`
}

// Sealed ends a segment. Its Hash covers, through the chain, every byte of the
// segment and of those before.
type Sealed struct {
	// Records counts those before this one, Bytes are their length.
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
	// From and To are the least and the greatest Time of them.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Feedback has what is needed to know feedback again.
	Feedback []verdict `json:"feedback,omitempty"`
}

// Torn tells of what was cut off behind the last whole record.
type Torn struct {
	Bytes  int64 `json:"bytes"`
	SHA256 Hash  `json:"sha256"`
}

// Expired tells that the records up to Seq, which has Hash, are deleted.
type Expired struct {
	Seq  int64 `json:"seq"`
	Hash Hash  `json:"hash"`
}

// EventID names the record among all: the writer and the number.
func (r *Record) EventID() string { return r.Writer + "/" + strconv.FormatInt(r.Seq, 10) }

// Document returns the document that was assessed; its text is empty unless
// texts are kept.
func (r *Record) Document() risk.Document {
	return risk.Document{ID: r.ID, Text: r.Text, Tags: r.Tags, CreatedAt: r.CreatedAt}
}

// DecodeRecord reads one line, with or without its line feed. It does not look
// at the hash. The error wraps ErrCorrupt.
func DecodeRecord(line []byte) (Record, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Record{}, fmt.Errorf("%w: there is more behind the record", ErrCorrupt)
	}
	if !r.complete() {
		return Record{}, fmt.Errorf("%w: a record of kind %.40q is not known, or not complete", ErrCorrupt, r.Kind)
	}
	for _, a := range []*risk.Assessment{r.Assessment, r.Candidate} {
		if a != nil {
			a.ID = r.ID
		}
	}
	return r, nil
}

// complete reports whether r is of a kind that is known and has what that needs.
func (r *Record) complete() bool {
	switch r.Kind {
	case KindScored, KindShadowed:
		return r.Assessment != nil
	case KindFeedback:
		return r.Feedback != nil
	case KindModel:
		return r.Model != nil
	case KindTorn:
		return r.Torn != nil
	case KindExpired:
		return r.Expired != nil
	case KindOpened:
		return r.Opened != nil
	case KindSealed:
		return r.Sealed != nil
	}
	return r.Kind == KindGap
}
