//go:build unix

package broker

import "syscall"

// files is how many files the process may have open.
func files() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 1 << 20
	}
	return uint64(limit.Cur) // signed on some systems
}
