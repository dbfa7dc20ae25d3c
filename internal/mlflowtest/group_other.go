//go:build !unix

package mlflowtest

import "os/exec"

// grouped returns what ends cmd.
func grouped(cmd *exec.Cmd) (kill func()) {
	return func() { _ = cmd.Process.Kill() } // it may have ended already
}
