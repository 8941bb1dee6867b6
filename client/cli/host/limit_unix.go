//go:build unix

package host

import (
	"os/signal"
	"syscall"
)

// refuseAtFileLimit lets a write beyond the largest size that a file may have fail,
// as one to a full disk does, where the system would end the process.
func refuseAtFileLimit() { signal.Ignore(syscall.SIGXFSZ) }
