//go:build unix

package tcp

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used of the processors, where that is known.
func cpuTime() (user, system time.Duration, ok bool) {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0, 0, false
	}
	return time.Duration(used.Utime.Nano()), time.Duration(used.Stime.Nano()), true
}
