package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/riskkit/riskkit/internal/durable"
)

// A Dir is a Store in one directory of a file system, readable by a person:
//
//	models/NAME/000000000001.json   the events of a model, one file each
//	blobs/ab/abcdef…                blobs by the digits of their digest
//	tmp/…                           files being written
//	locks/NAME                      what writers to a model lock
//
// A file is written under tmp, synced, and only then brought to its place in
// one step that fails if another process was there first. So killing a process
// at any moment leaves whole files; what it was writing stays in tmp until a
// Retain, or can be deleted when nobody writes. The file system must know hard
// links. Files are readable and writable by their owner alone, and links that
// lead out of the directory are not followed. It is made by OpenDir.
//
// Several processes may write to one directory. Where the operating system has
// locks they wait for each other, so that nobody works for nothing; what keeps
// them from overwriting each other does not need the locks.
type Dir struct {
	root string
	open func(root string) (FS, error)
	mark bool // whether Mark looks at the same files as open
}

// DirOptions configure a Dir. The zero value means the defaults.
type DirOptions struct {
	// Create makes the directory where there is none.
	Create bool
	// MayBeAbsent opens a directory that need not be there yet, or not always:
	// calls fail while it is not.
	MayBeAbsent bool
	// Open opens the directory for one call. nil means OpenFS.
	Open func(root string) (FS, error)
}

const (
	modelsDir = "models"
	blobsDir  = "blobs"
	tmpDir    = "tmp"
	locksDir  = "locks"
	eventExt  = ".json"
	// maxEvent bounds what is read as one event. What a Log writes is smaller,
	// as other stores may want.
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
	d := &Dir{root: root, open: o.Open}
	if d.open == nil {
		d.open, d.mark = OpenFS, true
	}
	if o.MayBeAbsent {
		return d, nil
	}
	if o.Create {
		if err := durable.MakeDir(root); err != nil {
			return nil, err
		}
	}
	r, err := d.open(root)
	if err != nil {
		return nil, err
	}
	return d, r.Close()
}

// in calls f with the directory opened.
func (d *Dir) in(ctx context.Context, f func(FS) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := d.open(d.root)
	if err != nil {
		return err
	}
	return errors.Join(f(r), r.Close())
}

// readNames returns the names in a directory in order, none if it is not there.
func readNames(root FS, dir string) ([]string, error) {
	info, err := root.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%w: %s is not a directory", ErrCorrupt, dir)
	}
	f, err := root.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}

// openRegular opens a file, refusing what is none: a pipe would block.
func openRegular(root FS, name string) (File, error) {
	if info, err := root.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrCorrupt, name)
	}
	return root.OpenFile(name, os.O_RDONLY, 0)
}

// writeFile has fill write a temporary file, syncs it, and has place bring it
// to name, by renaming or linking. What is left of it under its first name is
// removed.
func writeFile(root FS, name string, fill func(io.Writer) error, place func(from, to string) error) error {
	dir := path.Dir(name)
	if err := root.MkdirAll(tmpDir, 0o700); err != nil {
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

// makeDirs makes a directory and those above it, for good. Nothing is brought to
// a directory before its own name lasts, so one that has something in it does;
// an empty one may be somebody else's who has not got so far, or was cut short.
func makeDirs(root FS, dir string) error {
	if dir == "." || !isEmpty(root, dir) {
		return nil
	}
	parent := path.Dir(dir)
	if err := makeDirs(root, parent); err != nil {
		return err
	}
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(root, parent)
}

// isEmpty reports whether a directory has nothing in it, as far as can be seen.
func isEmpty(root FS, dir string) bool {
	if info, err := root.Stat(dir); err != nil || !info.IsDir() { // a pipe would block
		return true
	}
	f, err := root.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return true
	}
	names, err := f.Readdirnames(1)
	return f.Close() != nil || err != nil || len(names) == 0
}

// syncDir makes the names in a directory last.
func syncDir(root FS, dir string) error {
	f, err := root.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return durable.SyncDir(f)
}

// RemoveTemporary removes what killed processes left half written before a
// time, and returns how many files that were. Retain does so too.
func (d *Dir) RemoveTemporary(ctx context.Context, before time.Time) (n int, err error) {
	err = d.in(ctx, func(root FS) error {
		names, err := readNames(root, tmpDir)
		if err != nil {
			return err
		}
		for _, name := range names {
			name = path.Join(tmpDir, name)
			info, err := root.Lstat(name)
			if err != nil || info.IsDir() || !info.ModTime().Before(before) {
				continue // it is gone, or not one of these
			}
			if err := root.Remove(name); err == nil {
				n++
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	return n, err
}
