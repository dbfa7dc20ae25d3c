package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// VerifyOptions say what Verify looks at. The zero value is everything.
type VerifyOptions struct {
	// Models are the models to look at, which must be there. None means all.
	Models []string
	// Progress, if not nil, is called after each event and each file.
	Progress func(VerifyReport)
}

// A VerifyReport counts what was found to be as it should.
type VerifyReport struct {
	Models   int   `json:"models"`
	Events   int   `json:"events"`
	Signed   int   `json:"signed"` // events with a right signature
	Versions int   `json:"versions"`
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"` // of files
}

// Damage is where a registry is not what was written. It wraps what is wrong
// with it, mostly ErrCorrupt, or ErrNotFound where something is missing.
type Damage struct {
	Model string
	// Seq is the event, if it is damaged, else 0.
	Seq int64
	// Version and File are the file that is damaged, if it is one.
	Version int
	File    string
	// The first wrong byte of the stored event or blob is among Length bytes
	// from Offset: Length is 1 where only one byte is wrong, as a rule. 0 means
	// that the bytes are as they were written, and wrong.
	Offset, Length int64

	Err error
}

// Error says where what is wrong.
func (d *Damage) Error() string {
	place := fmt.Sprintf("event %d of model %q", d.Seq, d.Model)
	if d.Seq == 0 {
		place = fmt.Sprintf("%s of version %d of model %q", d.File, d.Version, d.Model)
	}
	switch d.Length {
	case 0:
	case 1:
		place += fmt.Sprintf(", byte %d", d.Offset)
	default:
		place += fmt.Sprintf(", bytes %d to %d", d.Offset, d.Offset+d.Length-1)
	}
	return fmt.Sprintf("%s: %v", place, d.Err)
}

// Unwrap returns what is wrong.
func (d *Damage) Unwrap() error { return d.Err }

// Verify reads a whole registry: each event, whether its hash and the one of the
// event before are right, whether it is allowed where it stands, and its
// signature, if it has one; each snapshot that an event vouches for; each file
// of each version whose files are not collected. The first thing that is wrong
// is the error, a *Damage; a model that this Log has seen and that is gone is one
// that wraps ErrCorrupt. What was appended after Verify began may be left out.
func (l *Log) Verify(ctx context.Context, opts *VerifyOptions) (VerifyReport, error) {
	v := verification{l: l, good: map[Digest]bool{}}
	if opts != nil {
		v.o = *opts
	}
	seen, models := l.seen(), map[string]bool{}
	for model, err := range l.Models(ctx) {
		if err != nil {
			return v.report, err
		}
		models[model] = true
		if len(v.o.Models) > 0 && !slices.Contains(v.o.Models, model) {
			continue
		}
		s, err := v.events(ctx, model)
		if err == nil {
			err = v.files(ctx, s)
		}
		if err != nil {
			return v.report, err
		}
		v.report.Models++
	}
	for _, model := range v.o.Models {
		if !models[model] {
			return v.report, fmt.Errorf("%w: model %q", ErrNotFound, model)
		}
	}
	return v.report, vanished(seen, models)
}

// seen returns the models that this Log has seen.
func (l *Log) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.states))
}

// vanished returns an error that wraps ErrCorrupt where one of the models seen
// before is not among those that are there.
func vanished(seen []string, there map[string]bool) error {
	for _, model := range seen {
		if !there[model] {
			return fmt.Errorf("%w: the log of model %q is gone", ErrCorrupt, model)
		}
	}
	return nil
}

type verification struct {
	l      *Log
	o      VerifyOptions
	report VerifyReport
	good   map[Digest]bool // blobs
}

func (v *verification) progress() {
	if v.o.Progress != nil {
		v.o.Progress(v.report)
	}
}

// events checks the events of a model.
func (v *verification) events(ctx context.Context, model string) (*State, error) {
	s := newState(model)
	for data, err := range v.l.store.Events(ctx, model, 1) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d := &Damage{Model: model, Seq: s.Seq + 1, Err: err}
		if err != nil {
			return nil, d
		}
		e, err := decodeEvent(data)
		if err != nil {
			d.Err = err
			d.Offset, d.Length = locateEvent(data)
			return nil, d
		}
		d.Err = v.l.trust(&e)
		if e.Signature != nil {
			if !e.Signature.valid(e.Hash) {
				d.Err = fmt.Errorf("%w: the signature is wrong", ErrUntrusted)
				d.Offset, d.Length = int64(len(data)-len(eventTail)-signedSize), int64(signedSize)
			}
			v.report.Signed++
		}
		if d.Err == nil && e.State != nil {
			d.Err = v.snapshot(ctx, s, *e.State)
		}
		if d.Err == nil {
			d.Err = s.apply(e)
		}
		if d.Err != nil {
			return nil, d
		}
		v.report.Events++
		v.progress()
	}
	return s, nil
}

// snapshot checks what an event says of the state before it, and the snapshot
// if it is there.
func (v *verification) snapshot(ctx context.Context, s *State, digest Digest) error {
	if have := DigestOf(s.encode()); have != digest {
		return fmt.Errorf("%w: the state before it has the digest %v, not %v", ErrCorrupt, have, digest)
	}
	if _, err := v.l.readSnapshot(ctx, digest); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// files checks the files of the versions of a model.
func (v *verification) files(ctx context.Context, s *State) error {
	for _, version := range s.Versions {
		v.report.Versions++
		for _, f := range version.Files {
			if version.Collected || v.good[f.Digest] {
				continue
			}
			d := &Damage{Model: s.Model, Version: version.Number, File: f.Name}
			if err := v.file(ctx, f, d); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if errors.Is(err, ErrNotFound) && v.l.collected(ctx, s.Model, version.Number) {
					break
				}
				d.Err = err
				return d
			}
			v.good[f.Digest] = true
			v.report.Files++
			v.report.Bytes += f.Size
			v.progress()
		}
	}
	return nil
}

// file reads a file. Where it is damaged, d says at which place.
func (v *verification) file(ctx context.Context, f FileInfo, d *Damage) error {
	r, err := v.l.store.OpenBlob(ctx, f.Digest)
	if err != nil {
		return err
	}
	where := newLocator(&f)
	check := newVerifier(io.NopCloser(io.TeeReader(contextReader{ctx, r}, where)), f)
	_, err = io.Copy(io.Discard, check)
	if errors.Is(err, ErrCorrupt) {
		read := f.Size - check.left
		if read == f.Size {
			where.check()
		}
		d.Offset, d.Length = where.offset, where.length
		switch {
		case d.Length > 0:
		case read != f.Size:
			d.Offset, d.Length = min(read, f.Size), 1 // cut short, or longer
		default:
			d.Length = max(1, f.Size)
		}
	}
	return errors.Join(err, r.Close())
}

// collected reports whether the files of a version are collected by now.
func (l *Log) collected(ctx context.Context, model string, version int) bool {
	s, err := l.state(ctx, model)
	return err == nil && version <= len(s.Versions) && s.Versions[version-1].Collected
}
