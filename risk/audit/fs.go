package audit

import (
	"io"
	"io/fs"
	"os"

	"github.com/riskkit/riskkit/internal/durable"
)

// An FS is what a Dir needs of the file system: one open directory, and what is
// in it by slash-separated names. An os.Root is what there is by default; a host
// may put another in its place, to see what happens when the disk is full.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	MkdirAll(name string, perm fs.FileMode) error
	Rename(oldname, newname string) error
	Remove(name string) error
	Close() error
}

// A File is what a Dir needs of an open file or directory.
type File interface {
	io.ReadWriteCloser
	io.Seeker
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	Readdirnames(n int) ([]string, error)
}

// OpenFS opens the directory root of the operating system's file system.
func OpenFS(root string) (FS, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return osRoot{r}, nil
}

// osRoot is an os.Root as an FS.
type osRoot struct{ *os.Root }

func (r osRoot) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := r.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// names lists the directory name.
func names(disk FS, name string) ([]string, error) {
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// syncFolder makes the names in a directory last.
func syncFolder(disk FS, name string) error {
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return durable.SyncDir(f)
}

// writeFile writes a file so that it is there with all of data, or as before.
func writeFile(disk FS, folder, name string, data []byte) error {
	temp := folder + "/." + name + ".tmp"
	f, err := disk.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = disk.Rename(temp, folder+"/"+name)
	}
	if err != nil {
		_ = disk.Remove(temp) // the next one writes over it
		return err
	}
	return syncFolder(disk, folder)
}
