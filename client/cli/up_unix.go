//go:build unix

package cli

import (
	"context"
	"os/exec"
	"syscall"
)

// shell is a command as the system's shell runs it, in a process group of its
// own: an interrupt at the terminal reaches dht up alone, which then ends the
// group with SIGTERM, and with SIGKILL when that does not help.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd
}
