package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
)

// CopyOptions say what to copy. The zero value is everything.
type CopyOptions struct {
	// Models are the models to copy. None means all.
	Models []string
	// Progress, if not nil, is called after each event.
	Progress func(CopyReport)
}

// A CopyReport says what was copied.
type CopyReport struct {
	Models int `json:"models"`
	// Events were not there before. Blobs are those of versions among them,
	// Bytes theirs.
	Events int   `json:"events"`
	Blobs  int   `json:"blobs"`
	Bytes  int64 `json:"bytes"`
}

// Copy copies models from one store to another, whatever these are: numbers,
// history, hashes and signatures stay what they are, byte by byte. To export a
// registry is to copy it to a directory, to import it is to copy it back.
//
// What is there already is not copied again, so a Copy that was interrupted, or
// is to bring a copy up to date, is simply called again. Where the destination
// has another history the error wraps ErrConflict, where the source is damaged
// ErrCorrupt. Until a first Copy is complete, Verify of the destination may miss
// the files of versions that the source collected later.
func Copy(ctx context.Context, dst, src Store, opts *CopyOptions) (CopyReport, error) {
	c := copier{dst: dst, src: src, from: New(src, nil), copied: map[Digest]bool{}}
	if opts != nil {
		c.o = *opts
	}
	models := c.o.Models
	if len(models) == 0 {
		for model, err := range src.Logs(ctx) {
			if err != nil {
				return c.report, err
			}
			models = append(models, model)
		}
	}
	for _, model := range models {
		if err := c.model(ctx, model); err != nil {
			return c.report, err
		}
		c.report.Models++
	}
	return c.report, nil
}

type copier struct {
	dst, src Store
	from     *Log
	o        CopyOptions
	report   CopyReport
	copied   map[Digest]bool
}

// model copies one model.
func (c *copier) model(ctx context.Context, model string) error {
	last, err := c.from.State(ctx, model)
	if err != nil {
		return err
	}
	there, stop := iter.Pull2(c.dst.Events(ctx, model, 1))
	defer stop()
	s := newState(model)
	var snapshot []byte
	for data, err := range c.src.Events(ctx, model, 1) {
		if err != nil {
			return err
		}
		e, err := decodeEvent(data)
		if err != nil {
			return fmt.Errorf("event %d of model %q: %w", s.Seq+1, model, err)
		}
		if e.State != nil {
			snapshot = s.encode()
		}
		if err := s.apply(e); err != nil {
			return err
		}
		have, err, ok := there()
		switch {
		case err != nil:
			return err
		case ok && bytes.Equal(have, data):
			continue
		case ok:
			return fmt.Errorf("%w: event %d of model %q is another one at the destination", ErrConflict, e.Seq, model)
		}
		if e.Kind == KindRegistered && (e.Version > len(last.Versions) || !last.Versions[e.Version-1].Collected) {
			for _, f := range e.Files {
				err := c.blob(ctx, f)
				if errors.Is(err, ErrNotFound) && c.from.collected(ctx, model, e.Version) {
					break
				}
				if err != nil {
					return fmt.Errorf("%s of version %d of model %q: %w", f.Name, e.Version, model, err)
				}
			}
		}
		if err := c.dst.Append(ctx, model, e.Seq, data); err != nil {
			return fmt.Errorf("event %d of model %q: %w", e.Seq, model, err)
		}
		c.report.Events++
		if c.o.Progress != nil {
			c.o.Progress(c.report)
		}
	}
	_, err, ok := there()
	switch {
	case err != nil:
		return err
	case ok:
		return fmt.Errorf("%w: model %q has more events at the destination", ErrConflict, model)
	case snapshot != nil:
		return c.dst.PutBlob(ctx, DigestOf(snapshot), bytes.NewReader(snapshot))
	}
	return nil
}

// blob copies the content of a file, once. It does so too where it is there, for
// it may be damaged, or so old that a Retain would take it meanwhile.
func (c *copier) blob(ctx context.Context, f FileInfo) error {
	if c.copied[f.Digest] {
		return nil
	}
	r, err := c.src.OpenBlob(ctx, f.Digest)
	if err != nil {
		return err
	}
	if err := errors.Join(c.dst.PutBlob(ctx, f.Digest, newVerifier(r, f)), r.Close()); err != nil {
		return err
	}
	c.copied[f.Digest] = true
	c.report.Blobs++
	c.report.Bytes += f.Size
	return nil
}
