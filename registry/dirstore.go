package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Dir is a Store in one directory of a file system, readable by a person:
//
//	models/NAME/000000000001.json   the events of a model, one file each
//	blobs/ab/abcdef…                blobs by the digits of their digest
//	tmp/…                           files being written
//
// A file is written under tmp, synced, and only then brought to its place in
// one step that fails if another process was there first. So killing a process
// at any moment leaves whole files; what it was writing stays in tmp and can be
// deleted when nobody writes. The file system must know hard links. Files are
// readable and writable by their owner alone, and links that lead out of the
// directory are not followed. It is made by OpenDir.
type Dir struct {
	root string
}

// DirOptions configure a Dir. The zero value means the defaults.
type DirOptions struct {
	// Create makes the directory where there is none.
	Create bool
	// MayBeAbsent opens a directory that need not be there yet, or not always:
	// calls fail while it is not.
	MayBeAbsent bool
}

const (
	modelsDir = "models"
	blobsDir  = "blobs"
	tmpDir    = "tmp"
	eventExt  = ".json"
	// maxEvent bounds what is read as one event.
	maxEvent = 16 << 20
)

// OpenDir returns the store in the directory root. Where there is none the
// error wraps fs.ErrNotExist, unless opts say otherwise. nil opts means the
// defaults. The directory is opened anew for each call, so it may be replaced
// as a whole while the store is in use.
func OpenDir(root string, opts *DirOptions) (*Dir, error) {
	var o DirOptions
	if opts != nil {
		o = *opts
	}
	if o.MayBeAbsent {
		return &Dir{root: root}, nil
	}
	if o.Create {
		if err := makeRoot(root); err != nil {
			return nil, err
		}
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Dir{root: root}, r.Close()
}

// makeRoot makes a directory and those above it, for good.
func makeRoot(root string) error {
	var made []string // the parents of what is to be made
	for dir := filepath.Clean(root); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, filepath.Dir(dir))
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	for _, dir := range made {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := syncFolder(f); err != nil {
			return err
		}
	}
	return nil
}

// in calls f with the directory opened.
func (d *Dir) in(ctx context.Context, f func(*os.Root) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := os.OpenRoot(d.root)
	if err != nil {
		return err
	}
	defer r.Close()
	return f(r)
}

func blobPath(d Digest) string {
	s := hex.EncodeToString(d[:])
	return path.Join(blobsDir, s[:2], s)
}

func eventPath(log string, seq int64) string {
	return path.Join(modelsDir, log, fmt.Sprintf("%012d%s", seq, eventExt))
}

// PutBlob stores what r yields under a digest. A blob that is there already is
// written again, which mends it if it was damaged.
func (d *Dir) PutBlob(ctx context.Context, digest Digest, r io.Reader) error {
	return d.in(ctx, func(root *os.Root) error {
		name := blobPath(digest)
		sum := sha256.New()
		return writeFile(root, name, func(w io.Writer) error {
			if _, err := io.Copy(io.MultiWriter(w, sum), contextReader{ctx, r}); err != nil {
				return err
			}
			if have := Digest(sum.Sum(nil)); have != digest {
				return fmt.Errorf("%w: storing blob %v, its content has %v", ErrCorrupt, digest, have)
			}
			return nil
		}, root.Rename)
	})
}

// OpenBlob opens the blob with a digest.
func (d *Dir) OpenBlob(ctx context.Context, digest Digest) (f io.ReadCloser, err error) {
	err = d.in(ctx, func(root *os.Root) error {
		f, err = openRegular(root, blobPath(digest))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: blob %v", ErrNotFound, digest)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Append stores event at the position seq of a log.
func (d *Dir) Append(ctx context.Context, log string, seq int64, event []byte) error {
	if err := checkModel(log); err != nil {
		return err
	}
	if len(event) > maxEvent {
		return fmt.Errorf("%w: event of %d bytes, at most %d are allowed", ErrInput, len(event), maxEvent)
	}
	return d.in(ctx, func(root *os.Root) error {
		conflict := fmt.Errorf("%w: position %d of log %q is not the next", ErrConflict, seq, log)
		if _, err := root.Lstat(eventPath(log, seq-1)); seq < 1 || seq > 1 && err != nil {
			return conflict
		}
		name := eventPath(log, seq)
		if _, err := root.Lstat(name); err == nil {
			return conflict
		}
		err := writeFile(root, name, func(w io.Writer) error {
			_, err := w.Write(event)
			return err
		}, root.Link)
		if errors.Is(err, fs.ErrExist) {
			return conflict
		}
		return err
	})
}

// Events yields the events of a log from the position from. From the first on,
// a gap in its files is an error that wraps ErrCorrupt.
func (d *Dir) Events(ctx context.Context, log string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		stopped := false
		err := checkModel(log)
		if err == nil {
			err = d.in(ctx, func(root *os.Root) error {
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
					switch {
					case errors.Is(err, fs.ErrNotExist) && seq > last:
						return nil
					case errors.Is(err, fs.ErrNotExist):
						return fmt.Errorf("%w: event %d of log %q is missing, the last is %d", ErrCorrupt, seq, log, last)
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
		err := d.in(ctx, func(root *os.Root) (err error) {
			names, err = readNames(root, modelsDir)
			return err
		})
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			if checkModel(name) != nil {
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

// readNames returns the names in a directory in order, none if it is not there.
func readNames(root *os.Root, dir string) ([]string, error) {
	f, err := root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// lastEvent returns the greatest position of an event in a log, 0 if there is
// none.
func lastEvent(root *os.Root, log string) (int64, error) {
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
func readEvent(root *os.Root, log string, seq int64) ([]byte, error) {
	f, err := openRegular(root, eventPath(log, seq))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	event, err := io.ReadAll(io.LimitReader(f, maxEvent+1))
	if err == nil && len(event) > maxEvent {
		err = fmt.Errorf("%w: event %d of log %q is over %d bytes", ErrCorrupt, seq, log, maxEvent)
	}
	return event, err
}

// openRegular opens a file, refusing what is none: a pipe would block.
func openRegular(root *os.Root, name string) (*os.File, error) {
	if info, err := root.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrCorrupt, name)
	}
	return root.Open(name)
}

// writeFile has fill write a temporary file, syncs it, and has place bring it
// to name, by renaming or linking. What is left of it under its first name is
// removed.
func writeFile(root *os.Root, name string, fill func(io.Writer) error, place func(from, to string) error) error {
	dir := path.Dir(name)
	if err := makeDirs(root, tmpDir); err != nil {
		return err
	}
	if err := makeDirs(root, dir); err != nil {
		return err
	}
	tmp := path.Join(tmpDir, rand.Text())
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer root.Remove(tmp) // fails after a rename; a file that stays does no harm
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = place(tmp, name)
	}
	if err == nil {
		err = syncDir(root, dir)
	}
	return err
}

// makeDirs makes a directory and those above it, for good.
func makeDirs(root *os.Root, dir string) error {
	if _, err := root.Lstat(dir); err == nil {
		return nil
	}
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for dir != "." {
		dir = path.Dir(dir)
		if err := syncDir(root, dir); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in a directory last.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return syncFolder(f)
}

// syncFolder syncs a directory, which Windows has no call for, and closes it.
func syncFolder(f *os.File) (err error) {
	if runtime.GOOS != "windows" {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
