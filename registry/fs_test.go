package registry_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/registrytest"
)

// failingFS is a file system that fails when told to: before an operation, or
// after it was done.
type failingFS struct {
	registry.FS
	fail  func() bool
	after bool
	err   error
}

// do does op, unless it is to fail.
func (f *failingFS) do(op func() error) error {
	fail := f.fail()
	if fail && !f.after {
		return f.err
	}
	if err := op(); err != nil {
		return err
	}
	if fail {
		return f.err
	}
	return nil
}

func (f *failingFS) OpenFile(name string, flag int, perm fs.FileMode) (file registry.File, err error) {
	err = f.do(func() (err error) {
		file, err = f.FS.OpenFile(name, flag, perm)
		return err
	})
	if err != nil {
		if file != nil {
			file.Close()
		}
		return nil, err
	}
	return &failingFile{file, f}, nil
}

func (f *failingFS) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.do(func() (err error) {
		info, err = f.FS.Lstat(name)
		return err
	})
	return info, err
}

func (f *failingFS) Stat(name string) (info fs.FileInfo, err error) {
	err = f.do(func() (err error) {
		info, err = f.FS.Stat(name)
		return err
	})
	return info, err
}

func (f *failingFS) MkdirAll(name string, perm fs.FileMode) error {
	return f.do(func() error { return f.FS.MkdirAll(name, perm) })
}

func (f *failingFS) Link(from, to string) error {
	return f.do(func() error { return f.FS.Link(from, to) })
}

func (f *failingFS) Rename(from, to string) error {
	return f.do(func() error { return f.FS.Rename(from, to) })
}

func (f *failingFS) Remove(name string) error {
	return f.do(func() error { return f.FS.Remove(name) })
}

type failingFile struct {
	registry.File
	fs *failingFS
}

// Write writes half of p where it fails.
func (f *failingFile) Write(p []byte) (int, error) {
	if f.fs.fail() {
		n, err := f.File.Write(p[:len(p)/2])
		if err == nil {
			err = f.fs.err
		}
		return n, err
	}
	return f.File.Write(p)
}

func (f *failingFile) Read(p []byte) (n int, err error) {
	if f.fs.fail() {
		return 0, f.fs.err
	}
	return f.File.Read(p)
}

func (f *failingFile) Sync() error { return f.fs.do(f.File.Sync) }

// TestDirOnFailingDisk lets one operation of the file system fail each time:
// the disk is full, an fsync fails, a write is cut short.
func TestDirOnFailingDisk(t *testing.T) {
	for _, after := range []bool{false, true} {
		runs := 0
		err := registrytest.TestInterruptions(t.Context(), func(fail func() bool) (registry.Store, error) {
			runs++
			return registry.OpenDir(filepath.Join(t.TempDir(), "registry"), &registry.DirOptions{Create: true, Open: func(root string) (registry.FS, error) {
				disk, err := registry.OpenFS(root)
				return &failingFS{disk, fail, after, syscall.ENOSPC}, err
			}})
		}, often(101, 41, 3))
		if err != nil {
			t.Errorf("failing after the operation %v: %v", after, err)
		}
		t.Logf("%d faults", runs-1)
	}
}

// TestDirVanishes takes the folder away while a registry works in it.
func TestDirVanishes(t *testing.T) {
	dir, log := openDir(t)
	register(t, log, "model")
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() {
		for failed == nil {
			_, failed = log.Register(t.Context(), model, registry.Artifact{"model.bin": []byte("model")}, nil)
		}
	})
	moved := dir + " moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if !errors.Is(failed, fs.ErrNotExist) && !errors.Is(failed, registry.ErrConflict) {
		t.Errorf("error is %v", failed)
	}
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	register(t, log, "model again")
}
