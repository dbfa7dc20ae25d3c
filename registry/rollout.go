package registry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Rollout is how far a version, the candidate, stands beside the one in
// production: for which documents it answers, or whether it only scores them
// too. A model has one at most, [State].Rollout. It ends when it is aborted,
// when its version is promoted to production or archived, and whenever
// production becomes another version.
type Rollout struct {
	// ID is what the keys are hashed with. It stays the same as long as the
	// rollout lasts, so that a key that Version has stays with it as the share
	// grows.
	ID      string `json:"id"`
	Version int    `json:"version"`
	// BasisPoints is the share of the keys that go to Version, from 0 to 10000.
	BasisPoints int `json:"basis_points"`
	// Tags are in order of their bytes. Documents with one of them go to
	// Version, whatever their key.
	Tags []string `json:"tags,omitempty"`
	// Paused says that for now all goes to production and Version scores
	// nothing. Who resumes finds the shares as they were.
	Paused bool `json:"paused,omitempty"`
	// Shadow says that Version scores beside production and answers nothing.
	// The share is what it will have.
	Shadow bool `json:"shadow,omitempty"`
	// Started is the time of the event that began it.
	Started time.Time `json:"started,omitzero"`
}

// Takes reports whether the answer to a document, of which key is what stays
// together (such as a customer), comes from r.Version. Without a key that takes
// one of r.Tags. It is false where r is nil, paused or in shadow. It does not
// allocate.
func (r *Rollout) Takes(key string, tags []string) bool {
	if r == nil || r.Paused || r.Shadow {
		return false
	}
	for _, tag := range r.Tags {
		if slices.Contains(tags, tag) {
			return true
		}
	}
	return key != "" && r.BasisPoints > 0 && Bucket(r.ID, key) < r.BasisPoints
}

// String says what r does, such as "version 2 to 5%, paused"; "no rollout" where
// r is nil.
func (r *Rollout) String() string {
	if r == nil {
		return "no rollout"
	}
	s := fmt.Sprintf("version %d to %s%%", r.Version, strconv.FormatFloat(float64(r.BasisPoints)/100, 'f', -1, 64))
	if len(r.Tags) > 0 {
		s += " and " + strings.Join(r.Tags, ", ")
	}
	if r.Shadow {
		s += ", in shadow"
	}
	if r.Paused {
		s += ", paused"
	}
	return s
}

// The most tags of a rollout, and the most bytes of each.
const (
	maxRolloutTags = 100
	maxRolloutTag  = 256
)

// check returns an error that wraps ErrInput where r cannot be one.
func (r *Rollout) check() error {
	if !validName(r.ID) {
		return fmt.Errorf("%w: rollout ID %.200q, want 1 to %d ASCII letters, digits, '.', '_' and '-', beginning with a letter or digit", ErrInput, r.ID, maxName)
	}
	if r.BasisPoints < 0 || r.BasisPoints > 10000 {
		return fmt.Errorf("%w: a rollout to %d basis points, want 0 to 10000", ErrInput, r.BasisPoints)
	}
	if len(r.Tags) > maxRolloutTags {
		return fmt.Errorf("%w: a rollout with %d tags, at most %d are allowed", ErrInput, len(r.Tags), maxRolloutTags)
	}
	for i, tag := range r.Tags {
		if tag == "" || len(tag) > maxRolloutTag || !utf8.ValidString(tag) || i > 0 && tag <= r.Tags[i-1] {
			return fmt.Errorf("%w: rollout tag %.300q, want 1 to %d bytes of UTF-8, in order and once", ErrInput, tag, maxRolloutTag)
		}
	}
	return nil
}

// equal reports whether two rollouts, either of which may be nil, are the same.
func (r *Rollout) equal(o *Rollout) bool {
	if r == nil || o == nil {
		return r == o
	}
	return r.ID == o.ID && r.Version == o.Version && r.BasisPoints == o.BasisPoints && slices.Equal(r.Tags, o.Tags) &&
		r.Paused == o.Paused && r.Shadow == o.Shadow && r.Started.Equal(o.Started)
}

// widens reports whether r lets its version answer more than before, which may
// be nil, did. A share that is paused counts.
func (r *Rollout) widens(before *Rollout) bool {
	if r.Shadow || r.BasisPoints == 0 && len(r.Tags) == 0 {
		return false
	}
	return before == nil || before.Shadow || r.BasisPoints > before.BasisPoints ||
		slices.ContainsFunc(r.Tags, func(tag string) bool { return !slices.Contains(before.Tags, tag) })
}
