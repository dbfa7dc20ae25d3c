package blobstore

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"gocloud.dev/blob"

	"github.com/riskkit/riskkit/registry"
)

// Logs yields the names of all logs in order of the alphabet.
func (s *Store) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := s.folders(ctx)
		if err != nil {
			yield("", fmt.Errorf("listing logs: %w", s.failed(ctx, err)))
			return
		}
		for names := range slices.Chunk(names, ahead) {
			logs, errs := make([]bool, len(names)), make([]error, len(names))
			inParallel(len(names), func(i int) { logs[i], errs[i] = s.isLog(ctx, names[i]) })
			for i, name := range names {
				if errs[i] != nil {
					yield("", fmt.Errorf("looking into log %q: %w", name, s.failed(ctx, errs[i])))
					return
				}
				if logs[i] && !yield(name, nil) {
					return
				}
			}
		}
	}
}

// folders returns the names of the folders that may be logs, in order.
func (s *Store) folders(ctx context.Context) ([]string, error) {
	var names []string
	for o, err := range s.list(ctx, s.key(modelsDir)+"/", "/") {
		if err != nil {
			return nil, err
		}
		// Where a driver escapes the slash behind a name that ends in "..", it
		// lists the objects instead of the folder.
		name, _, folder := strings.Cut(strings.TrimPrefix(o.Key, s.key(modelsDir)+"/"), "/")
		if folder && registry.CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// isLog reports whether there is an event in a folder, which can as well be
// empty or somebody else's. Where the first event is missing, a later one
// counts, so that the damage is seen.
func (s *Store) isLog(ctx context.Context, name string) (bool, error) {
	if ok, err := s.bucket.Exists(ctx, s.eventKey(name, 1)); ok || err != nil {
		return ok, err
	}
	last, err := s.last(ctx, name)
	return last > 0, err
}

// last returns the greatest position of an event in a log, 0 if there is none.
func (s *Store) last(ctx context.Context, log string) (int64, error) {
	last, folder := int64(0), s.key(modelsDir, log)+"/"
	for o, err := range s.list(ctx, folder, "") {
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(o.Key, folder), eventExt), 10, 64)
		if err == nil && n > 0 && s.eventKey(log, n) == o.Key { // one of ours
			last = max(last, n)
		}
	}
	return last, nil
}

// list yields the objects with a prefix.
func (s *Store) list(ctx context.Context, prefix, delimiter string) iter.Seq2[*blob.ListObject, error] {
	return func(yield func(*blob.ListObject, error) bool) {
		objects := s.bucket.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
		for {
			err := ctx.Err()
			var o *blob.ListObject
			if err == nil {
				o, err = objects.Next(ctx)
			}
			if err == io.EOF {
				return
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

var (
	_ registry.Store     = (*Store)(nil)
	_ registry.Collector = (*Store)(nil)
)
