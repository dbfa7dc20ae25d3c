package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// poll is how often a file that is followed is looked at.
const poll = 200 * time.Millisecond

// tail reads a file that grows: at the end it waits for more until ctx is done.
type tail struct {
	*os.File
	ctx  context.Context
	path string // empty if the file cannot be looked up
}

// followFile returns the tail of a file.
func followFile(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &tail{f, ctx, path}, nil
}

// followInput returns standard input until it ends or ctx is done. A file there
// is followed as one with a name is.
func followInput(ctx context.Context, in io.Reader) io.ReadCloser {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return &tail{f, ctx, ""}
		}
	}
	// A read of a pipe cannot be called off, so that another goroutine does it.
	// It ends when the pipe does, or with riskctl.
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })
	return r
}

// Read reads what there is, or waits for it.
func (t *tail) Read(p []byte) (int, error) {
	for {
		if err := t.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := t.File.Read(p)
		if n > 0 || len(p) == 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := t.same(); err != nil {
			return 0, err
		}
		select {
		case <-t.ctx.Done():
		case <-time.After(poll):
		}
	}
}

// same returns an error where the file is no longer the one that was opened, or
// shorter than what was read.
func (t *tail) same() error {
	info, err := t.Stat()
	if err != nil {
		return err
	}
	at, err := t.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if info.Size() < at {
		return fmt.Errorf("the file was cut to %d bytes after %d had been read; start again", info.Size(), at)
	}
	if t.path == "" {
		return nil
	}
	now, err := os.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, now) {
		return errors.New("the file was moved or replaced; start again to follow the new one")
	}
	return err
}
