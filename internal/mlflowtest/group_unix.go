//go:build unix

package mlflowtest

import (
	"os/exec"
	"syscall"
)

// grouped lets cmd start in a process group of its own, and returns what ends
// all of that.
func grouped(cmd *exec.Cmd) (kill func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have ended already
}
