//go:build unix

package pgserver

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns the user to run as where this process is root.
func unprivileged() (uid, gid int, root bool, err error) {
	if os.Geteuid() != 0 {
		return 0, 0, false, nil
	}
	u, err := user.Lookup("postgres")
	if err == nil {
		uid, err = strconv.Atoi(u.Uid)
	}
	if err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	if err != nil {
		err = fmt.Errorf("pgserver: PostgreSQL does not run as root, and the user postgres cannot be used: %w", err)
	}
	return uid, gid, true, err
}

// handOver gives files to the user that the server runs as.
func handOver(files ...string) error {
	uid, gid, root, err := unprivileged()
	if err != nil || !root {
		return err
	}
	for _, file := range files {
		if err := os.Chown(file, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// asUser makes cmd run as that user.
func asUser(cmd *exec.Cmd) error {
	uid, gid, root, err := unprivileged()
	if err == nil && root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return err
}
