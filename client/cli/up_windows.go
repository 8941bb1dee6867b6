package cli

import (
	"context"
	"os/exec"
)

// systemShell is a command as the system's shell runs it; Windows has no SIGTERM, so
// the process is killed when ctx ends.
func systemShell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/c", command)
}

func endGroup(*exec.Cmd) {}

// reaping is never needed: Windows gives nobody orphans.
func reaping() error { return nil }
