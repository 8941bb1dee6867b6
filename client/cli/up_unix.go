//go:build unix

package cli

import (
	"context"
	"os/exec"
	"regexp"
	"syscall"
)

// simple is a command without anything that only a shell understands.
var simple = regexp.MustCompile(`^[\w./-]+( [\w./:=@%,+-]+)*$`)

// systemShell is a command as the system's shell runs it, in a process group of its
// own: an interrupt at the terminal reaches dht up alone, which then ends the
// group with SIGTERM, and with SIGKILL when that does not help.
func systemShell(ctx context.Context, command string) *exec.Cmd {
	if simple.MatchString(command) {
		command = "exec " + command // no shell stays between
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.SysProcAttr = groupOfItsOwn()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd
}

// endGroup kills what a command that has ended left running.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
