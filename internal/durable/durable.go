// Package durable makes directories, and what is in them, outlast a failure of power.
package durable

import (
	"os"
	"path/filepath"
	"runtime"
)

// MakeDir makes a directory and those above it, for good. One that is there is no
// error.
func MakeDir(name string) error {
	var made []string // the parents of what is to be made
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		made = append(made, filepath.Dir(dir))
	}
	if err := os.MkdirAll(name, 0o700); err != nil {
		return err
	}
	for _, dir := range made {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := SyncDir(f); err != nil {
			return err
		}
	}
	return nil
}

// SyncDir makes the names in an open directory last, for which Windows has no
// call, and closes it.
func SyncDir(dir interface {
	Sync() error
	Close() error
}) (err error) {
	if runtime.GOOS != "windows" {
		err = dir.Sync()
	}
	if cerr := dir.Close(); err == nil {
		err = cerr
	}
	return err
}
