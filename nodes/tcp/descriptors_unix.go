//go:build unix

package tcp

import "syscall"

// descriptors is how many files this process may have open. The runtime has raised
// that to what the system allows.
func descriptors() (n uint64, ok bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true
}
