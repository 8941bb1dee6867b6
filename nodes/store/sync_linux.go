package store

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out what a reader does not need, such as the time of the last
// change; the size is made durable.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Sync syncs the folder itself.
func (d osDir) Sync() error { return d.File.Sync() }
