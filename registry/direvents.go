package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/riskkit/riskkit/internal/pause"
)

func eventPath(log string, seq int64) string {
	return path.Join(modelsDir, log, fmt.Sprintf("%012d%s", seq, eventExt))
}

// Append stores event at the position seq of a log.
func (d *Dir) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := CheckName(log); err != nil {
		return err
	}
	if len(event) > maxEvent {
		return fmt.Errorf("%w: event of %d bytes, at most %d are allowed", ErrInput, len(event), maxEvent)
	}
	return d.in(ctx, func(root FS) error {
		unlock, err := lock(ctx, root, log)
		if err != nil {
			return err
		}
		defer unlock()
		conflict := fmt.Errorf("%w: position %d of log %q is not the next", ErrConflict, seq, log)
		if _, err := root.Lstat(eventPath(log, seq-1)); seq < 1 || seq > 1 && errors.Is(err, fs.ErrNotExist) {
			return conflict
		} else if seq > 1 && err != nil {
			return err
		}
		name := eventPath(log, seq)
		if _, err := root.Lstat(name); err == nil {
			return conflict
		}
		err = writeFile(root, name, func(w io.Writer) error {
			_, err := w.Write(event)
			return err
		}, root.Link)
		if errors.Is(err, fs.ErrExist) {
			return conflict
		}
		return err
	})
}

// lockTries bounds how often an Append tries to get the lock: for a quarter of
// a second together.
const lockTries = 60

// lock takes the lock of a log, or gives up after a while: it spares the others
// futile work, no more. A killed process holds no locks.
func lock(ctx context.Context, root FS, log string) (unlock func(), err error) {
	if err := root.MkdirAll(locksDir, 0o700); err != nil {
		return nil, err
	}
	f, err := root.OpenFile(path.Join(locksDir, log), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for try := 0; !tryLock(f) && try < lockTries; try++ {
		if err := pause.For(ctx, min(50*time.Microsecond<<min(try, 10), 5*time.Millisecond)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return func() { f.Close() }, nil // nothing was written to it
}

// Events yields the events of a log from the position from. A gap in its files
// is an error that wraps ErrCorrupt: wherever it is if that is the first, else
// if one file is missing.
func (d *Dir) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		stopped := false
		err := CheckName(log)
		if err == nil {
			err = d.in(ctx, func(root FS) error {
				last := from - 1
				if from <= 1 {
					var err error
					if last, err = lastEvent(root, log); err != nil {
						return err
					}
				}
				for seq := max(1, from); ; seq++ {
					if err := ctx.Err(); err != nil {
						return err
					}
					event, err := readEvent(root, log, seq)
					if errors.Is(err, fs.ErrNotExist) && seq > last {
						if _, err := root.Lstat(eventPath(log, seq+1)); err != nil {
							return nil
						}
						event, err = readEvent(root, log, seq) // both may have come meanwhile
					}
					switch {
					case errors.Is(err, fs.ErrNotExist):
						return fmt.Errorf("%w: event %d of log %q is missing, later ones are there", ErrCorrupt, seq, log)
					case err != nil:
						return err
					}
					if stopped = !yield(event, nil); stopped {
						return nil
					}
				}
			})
		}
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// Logs yields the names of all logs.
func (d *Dir) Logs(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		err := d.in(ctx, func(root FS) (err error) {
			names, err = readNames(root, modelsDir)
			return err
		})
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			if CheckName(name) != nil {
				continue // not one of ours
			}
			// A folder without events is what a killed process left of its
			// first one.
			for _, err := range d.Events(ctx, name, 1) {
				if !yield(name, err) || err != nil {
					return
				}
				break
			}
		}
	}
}

// lastEvent returns the greatest position of an event in a log, 0 if there is
// none.
func lastEvent(root FS, log string) (int64, error) {
	names, err := readNames(root, path.Join(modelsDir, log))
	last := int64(0)
	for _, name := range names {
		n, err := strconv.ParseInt(strings.TrimSuffix(name, eventExt), 10, 64)
		if err == nil && eventPath(log, n) == path.Join(modelsDir, log, name) { // one of ours
			last = max(last, n)
		}
	}
	return last, err
}

// readEvent reads the event at the position seq.
func readEvent(root FS, log string, seq int64) ([]byte, error) {
	f, err := openRegular(root, eventPath(log, seq))
	if err != nil {
		return nil, err
	}
	event, err := io.ReadAll(io.LimitReader(f, maxEvent+1))
	if err == nil && len(event) > maxEvent {
		err = fmt.Errorf("%w: event %d of log %q is over %d bytes", ErrCorrupt, seq, log, maxEvent)
	}
	return event, errors.Join(err, f.Close())
}

// Mark looks, by two system calls, whether the last event is the same file and
// has no successor. It knows how on Linux (amd64 and arm64); elsewhere, and
// with Open set, it returns nil.
func (d *Dir) Mark(log string, seq int64) func() bool {
	if !d.mark || CheckName(log) != nil || seq < 1 {
		return nil
	}
	return markFiles(filepath.Join(d.root, eventPath(log, seq)), filepath.Join(d.root, eventPath(log, seq+1)))
}
