package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/riskkit/riskkit/internal/durable"
)

const (
	segmentName    = "%020d.jsonl"
	segmentSuffix  = ".jsonl"
	lockName       = "lock"
	checkpointName = "checkpoint.json"
)

// A Dir is the Sink that is a directory, with a folder for each writer and in it
// a file for each segment. On Unix a writer's folder is locked; the lock ends
// with the process. It is safe for concurrent use.
type Dir struct {
	disk FS
}

// DirOptions configure a Dir.
type DirOptions struct {
	// Create makes the directory where it is missing.
	Create bool
	// OpenFS opens it. nil means the function of this name.
	OpenFS func(root string) (FS, error)
}

// OpenDir opens the directory root. nil opts means the defaults.
func OpenDir(root string, opts *DirOptions) (*Dir, error) {
	var o DirOptions
	if opts != nil {
		o = *opts
	}
	if o.OpenFS == nil {
		o.OpenFS = OpenFS
	}
	if o.Create {
		if err := durable.MakeDir(root); err != nil {
			return nil, fmt.Errorf("audit: making the directory: %w", err)
		}
	}
	disk, err := o.OpenFS(root)
	if err != nil {
		return nil, fmt.Errorf("audit: opening the directory: %w", err)
	}
	return &Dir{disk}, nil
}

// Close closes the directory. What it opened must be closed before.
func (d *Dir) Close() error { return d.disk.Close() }

// Segments lists the segments. Files and folders with other names are passed
// over.
func (d *Dir) Segments(ctx context.Context) ([]Segment, error) {
	writers, err := names(d.disk, ".")
	if err != nil {
		return nil, fmt.Errorf("audit: listing the writers: %w", err)
	}
	var all []Segment
	for _, w := range writers {
		if CheckWriter(w) != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		files, err := names(d.disk, w)
		if err != nil {
			if info, serr := stat(d.disk, w); serr == nil && !info.IsDir() {
				continue
			}
			return nil, fmt.Errorf("audit: listing the segments of writer %q: %w", w, err)
		}
		for _, name := range files {
			digits, ok := strings.CutSuffix(name, segmentSuffix)
			first, err := strconv.ParseInt(digits, 10, 64)
			if !ok || err != nil || first < 1 || name != fmt.Sprintf(segmentName, first) {
				continue
			}
			info, err := stat(d.disk, w+"/"+name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted just now
			}
			if err != nil {
				return nil, fmt.Errorf("audit: segment %d of writer %q: %w", first, w, err)
			}
			all = append(all, Segment{w, first, info.Size()})
		}
	}
	sortSegments(all)
	return all, nil
}

func stat(disk FS, name string) (fs.FileInfo, error) {
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

func (s Segment) file() string { return s.Writer + "/" + fmt.Sprintf(segmentName, s.First) }

// OpenSegment opens a segment's file.
func (d *Dir) OpenSegment(_ context.Context, s Segment, from int64) (io.ReadCloser, error) {
	f, err := d.disk.OpenFile(s.file(), os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("audit: opening %v: %w", s, err)
	}
	if from > 0 {
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			f.Close()
			return nil, fmt.Errorf("audit: reading %v from byte %d: %w", s, from, err)
		}
	}
	return f, nil
}

// Checkpoint reads the writer's checkpoint.
func (d *Dir) Checkpoint(_ context.Context, writer string) ([]byte, error) {
	f, err := d.disk.OpenFile(writer+"/"+checkpointName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var data []byte
	if err == nil {
		defer f.Close()
		data, err = io.ReadAll(io.LimitReader(f, maxCheckpoint+1))
	}
	if err != nil {
		return nil, fmt.Errorf("audit: reading the checkpoint of writer %q: %w", writer, err)
	}
	return data, nil
}

// Lock makes and locks the writer's folder.
func (d *Dir) Lock(_ context.Context, writer string) (Appender, error) {
	if err := CheckWriter(writer); err != nil {
		return nil, err
	}
	err := d.disk.MkdirAll(writer, 0o700)
	if err == nil {
		err = syncFolder(d.disk, ".")
	}
	var lock File
	if err == nil {
		lock, err = d.disk.OpenFile(writer+"/"+lockName, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: locking writer %q: %w", writer, err)
	}
	if !tryLock(lock) {
		lock.Close()
		return nil, fmt.Errorf("%w: %q", ErrLocked, writer)
	}
	return &dirAppender{disk: d.disk, writer: writer, lock: lock}, nil
}

// dirAppender writes to a writer's folder.
type dirAppender struct {
	disk   FS
	writer string
	lock   File
	file   File  // of the segment that grows
	first  int64 // its number
	made   bool  // its name is not yet synced
}

// open makes s the segment that grows.
func (a *dirAppender) open(s Segment) error {
	if a.file != nil && a.first == s.First {
		return nil
	}
	if err := a.leave(); err != nil {
		return err
	}
	flag := os.O_RDWR | os.O_APPEND
	if s.Size == 0 {
		flag |= os.O_CREATE | os.O_EXCL
	}
	f, err := a.disk.OpenFile(s.file(), flag, 0o600)
	if err != nil {
		return err
	}
	a.file, a.first, a.made = f, s.First, a.made || s.Size == 0
	return nil
}

// leave closes the file of the segment that grew.
func (a *dirAppender) leave() error {
	if a.file == nil {
		return nil
	}
	f := a.file
	a.file = nil
	return f.Close()
}

func (a *dirAppender) Append(_ context.Context, s Segment, data []byte) error {
	err := a.open(s)
	if err == nil {
		var n int
		if n, err = a.file.Write(data); err == nil && n < len(data) {
			err = io.ErrShortWrite
		}
	}
	if err != nil {
		return fmt.Errorf("audit: writing to %v: %w", s, err)
	}
	return nil
}

func (a *dirAppender) Sync(_ context.Context, s Segment) error {
	err := a.open(s)
	if err == nil {
		err = a.file.Sync()
	}
	if err == nil && a.made {
		if err = syncFolder(a.disk, a.writer); err == nil {
			a.made = false
		}
	}
	if err != nil {
		return fmt.Errorf("audit: syncing %v: %w", s, err)
	}
	return nil
}

func (a *dirAppender) Cut(_ context.Context, s Segment, torn []byte) error {
	var err error
	if len(torn) > 0 {
		err = writeFile(a.disk, a.writer, fmt.Sprintf("%020d.%d.torn", s.First, s.Size), torn)
	}
	switch {
	case err != nil:
	case s.Size == 0:
		if err = a.leave(); err == nil {
			err = a.disk.Remove(s.file())
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	default:
		if err = a.open(s); err == nil {
			err = a.file.Truncate(s.Size)
		}
	}
	if err != nil {
		return fmt.Errorf("audit: cutting %v to %d bytes: %w", s, s.Size, err)
	}
	return nil
}

func (a *dirAppender) Delete(_ context.Context, s Segment) error {
	if err := a.disk.Remove(s.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: deleting %v: %w", s, err)
	}
	return nil
}

func (a *dirAppender) PutCheckpoint(_ context.Context, data []byte) error {
	if err := writeFile(a.disk, a.writer, checkpointName, data); err != nil {
		return fmt.Errorf("audit: writing the checkpoint of writer %q: %w", a.writer, err)
	}
	return nil
}

func (a *dirAppender) Close() error { return errors.Join(a.leave(), a.lock.Close()) }
