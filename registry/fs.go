package registry

import (
	"io"
	"io/fs"
	"os"
)

// An FS is what a Dir needs of the file system: one open directory, and what is
// in it by slash-separated names. An os.Root, by its methods of these names, is
// what there is by default; a host may put another in front of it, to count or
// to see what happens when the disk is full. It follows no links that lead out
// of the directory.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	MkdirAll(name string, perm fs.FileMode) error
	// Link fails with fs.ErrExist if the new name is taken.
	Link(oldname, newname string) error
	Rename(oldname, newname string) error
	Remove(name string) error
	Close() error
}

// A File is what a Dir needs of an open file or directory.
type File interface {
	io.ReadWriteCloser
	Sync() error
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
