package cli

import "syscall"

// groupOfItsOwn also lets the kernel end the process when dht up is killed, so
// that no node stays behind and holds its folder.
func groupOfItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
