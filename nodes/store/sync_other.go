//go:build !linux

package store

import (
	"os"
	"runtime"
)

func syncData(f *os.File) error { return f.Sync() }

// Sync syncs the folder itself. Windows has no such call: NTFS journals its
// folders.
func (d osDir) Sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.File.Sync()
}
