package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Retention says what Retain keeps. The zero value keeps a lot.
type Retention struct {
	// Models are the models to look at. None means all.
	Models []string
	// Versions is how many of the newest versions are kept, 0 meaning 10, and
	// Age how old a version must be before it is not.
	Versions int
	Age      time.Duration
	// Rollbacks is how many earlier versions of production a rollback can
	// return to. 0 means 5.
	Rollbacks int
	// Archived is how long a version stays archived before its files are given
	// up.
	Archived time.Duration
	// Grace is how long a blob that nobody refers to is left alone, for it may
	// belong to a version that is being registered. 0 means a day; it must be
	// longer than a Register takes.
	Grace time.Duration
	// DryRun tells what would be done and does nothing.
	DryRun bool
	// Actor and Reason go into the events.
	Actor, Reason string
}

// A RetainReport says what Retain did, or would have done.
type RetainReport struct {
	// Archived and Collected are the events.
	Archived  []Event `json:"archived"`
	Collected []Event `json:"collected"`
	// Blobs were deleted, of so many Bytes, and Temporary files of killed
	// processes.
	Blobs     int   `json:"blobs"`
	Bytes     int64 `json:"bytes"`
	Temporary int   `json:"temporary"`
}

// Retain archives versions that nobody needs, gives up the files of those that
// are archived long enough, and deletes the blobs that no version of any model
// refers to. It never touches what is in staging or production or being rolled
// out, what an alias names, or what a rollback can return to. What a version was and who made it
// stays in the history. Where the Store is no Collector the error wraps
// ErrUnsupported. Where no model is there, or one that this Log has seen is gone,
// the error wraps ErrCorrupt and no blob is deleted.
func (l *Log) Retain(ctx context.Context, r Retention) (RetainReport, error) {
	if r.Versions <= 0 {
		r.Versions = 10
	}
	if r.Rollbacks <= 0 {
		r.Rollbacks = 5
	}
	if r.Grace <= 0 {
		r.Grace = 24 * time.Hour
	}
	var report RetainReport
	store, ok := l.store.(Collector)
	if !ok {
		return report, fmt.Errorf("%w: the registry's store cannot delete blobs", ErrUnsupported)
	}
	old, err := l.oldBlobs(ctx, store, l.o.Now().Add(-r.Grace))
	if err != nil {
		return report, err
	}
	chosen, referred := map[string]bool{}, map[Digest]bool{}
	for _, model := range r.Models {
		if _, err := l.State(ctx, model); err != nil {
			return report, err
		}
		chosen[model] = true
	}
	seen, models := l.seen(), map[string]bool{}
	for model, err := range l.Models(ctx) {
		if err != nil {
			return report, err
		}
		models[model] = true
		s, err := l.state(ctx, model)
		if err == nil && (len(chosen) == 0 || chosen[model]) {
			s, err = l.retain(ctx, s, r, &report)
		}
		if err == nil {
			err = l.refer(ctx, s, referred)
		}
		if err != nil {
			return report, err
		}
	}
	if err := vanished(seen, models); err != nil {
		return report, err
	}
	if len(models) == 0 && len(old) > 0 {
		return report, fmt.Errorf("%w: there are blobs and no model, as if the logs had vanished; none was deleted", ErrCorrupt)
	}
	for _, b := range old {
		if referred[b.Digest] {
			continue
		}
		if !r.DryRun {
			err := store.DeleteBlob(ctx, b.Digest, l.o.Now().Add(-r.Grace))
			if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
				continue // put again, or deleted by somebody else
			}
			if err != nil {
				return report, err
			}
		}
		report.Blobs++
		report.Bytes += b.Size
	}
	if d, ok := l.store.(interface {
		RemoveTemporary(context.Context, time.Time) (int, error)
	}); ok && !r.DryRun {
		report.Temporary, err = d.RemoveTemporary(ctx, l.o.Now().Add(-r.Grace))
	}
	return report, err
}

// oldBlobs returns the blobs that were put before a time.
func (l *Log) oldBlobs(ctx context.Context, store Collector, before time.Time) (old []Blob, err error) {
	for b, err := range store.Blobs(ctx) {
		if err != nil {
			return nil, err
		}
		if b.Time.Before(before) {
			old = append(old, b)
		}
	}
	return old, nil
}

// refer adds what s refers to.
func (l *Log) refer(ctx context.Context, s *State, referred map[Digest]bool) error {
	for _, v := range s.Versions {
		for _, f := range v.Files {
			if !v.Collected {
				referred[f.Digest] = true
			}
		}
	}
	e, err := l.lastCommitted(ctx, s.Model)
	if err == nil && e.State != nil {
		referred[*e.State] = true
	}
	return err
}

// errDone says that there is nothing left to do.
var errDone = errors.New("done")

// retain appends the events that r wants for a model, and returns its state
// after them. In a dry run they are only folded.
func (l *Log) retain(ctx context.Context, s *State, r Retention, report *RetainReport) (*State, error) {
	plan := func(s *State) (Event, error) {
		e, ok := s.retire(r, l.o.Now())
		if !ok {
			return e, errDone
		}
		return e, nil
	}
	for {
		var next *State
		var e Event
		var err error
		if r.DryRun {
			if e, err = plan(s); err == nil {
				next = s.clone()
				e = s.next(e, l.o.Now())
				err = next.apply(e)
			}
		} else {
			next, e, err = l.append(ctx, s.Model, plan)
		}
		switch {
		case errors.Is(err, errDone) && r.DryRun:
			return s, nil
		case errors.Is(err, errDone):
			return l.state(ctx, s.Model)
		case err != nil:
			return nil, err
		case e.Kind == KindArchived:
			report.Archived = append(report.Archived, e)
		default:
			report.Collected = append(report.Collected, e)
		}
		s = next
	}
}

// retire returns the next event that r wants.
func (s *State) retire(r Retention, now time.Time) (Event, bool) {
	needed := map[int]bool{s.stages[Staging]: true}
	if s.Rollout != nil {
		needed[s.Rollout.Version] = true
	}
	for _, n := range s.Aliases {
		needed[n] = true
	}
	window := map[int]bool{} // a version may have been in production more than once
	for _, n := range slices.Backward(s.production) {
		if len(window) <= r.Rollbacks {
			needed[n], window[n] = true, true
		}
	}
	for _, v := range s.Versions {
		archived := v.Stage == Archived
		event := Event{Kind: KindArchived, Version: v.Number, Stage: Archived, Actor: r.Actor, Reason: r.Reason}
		switch {
		case v.Collected || needed[v.Number] || s.permitted(&event) != nil:
		case archived && now.Sub(v.Since) >= r.Archived:
			return Event{Kind: KindCollected, Version: v.Number, Actor: r.Actor, Reason: r.Reason}, true
		case !archived && v.Number <= len(s.Versions)-r.Versions && now.Sub(v.CreatedAt) >= r.Age:
			return event, true
		}
	}
	return Event{}, false
}
