//go:build amd64 || arm64

package registry

import (
	"syscall"
	"unsafe"
)

// markFiles returns a function that reports whether last is the file that it is
// now and next is not there; nil if last is not there. It is unsafe because the
// functions of package syscall that take names copy them to the heap, and a
// Resolve is not to allocate. Links are not followed.
func markFiles(last, next string) func() bool {
	m := &fileMark{last: append([]byte(last), 0), next: append([]byte(next), 0)}
	var errno syscall.Errno
	if m.file, errno = lstat(m.last); errno != 0 {
		return nil
	}
	return m.same
}

type fileMark struct {
	last, next []byte // ending with a zero, as system calls want it
	file       fileID
}

// fileID tells a file, and a change of its content, from others.
type fileID struct {
	dev, ino     uint64
	mtime, ctime syscall.Timespec
}

func (m *fileMark) same() bool {
	file, errno := lstat(m.last)
	if errno != 0 || file != m.file {
		return false
	}
	_, errno = lstat(m.next)
	return errno == syscall.ENOENT
}

// lstat describes the file of a zero-terminated name.
func lstat(name []byte) (fileID, syscall.Errno) {
	const (
		currentDirectory = -100  // AT_FDCWD
		noFollow         = 0x100 // AT_SYMLINK_NOFOLLOW
	)
	var st syscall.Stat_t
	dir := currentDirectory
	_, _, errno := syscall.Syscall6(sysFstatat, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&st)), noFollow, 0, 0)
	return fileID{uint64(st.Dev), st.Ino, st.Mtim, st.Ctim}, errno
}
