//go:build !unix

package tcp

import "time"

// cpuTime is what this process has used of the processors, where that is known.
func cpuTime() (user, system time.Duration, ok bool) { return 0, 0, false }
