//go:build unix && !aix && !solaris

package audit

import "syscall"

// tryLock takes the lock of an open file, until it is closed, and reports
// whether it got it. Where there are no locks it says yes.
func tryLock(f File) bool {
	fd, ok := f.(interface{ Fd() uintptr })
	if !ok {
		return true
	}
	err := syscall.Flock(int(fd.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err != syscall.EWOULDBLOCK && err != syscall.EINTR
}
