//go:build !unix || aix || solaris

package audit

// tryLock says yes, for there are no locks here.
func tryLock(File) bool { return true }
