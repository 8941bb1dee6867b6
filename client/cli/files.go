package cli

import (
	"fmt"
	"os"
	"syscall"

	"dht/configs"
)

// openFile opens a file that somebody has named, which may be a pipe.
func openFile(what, path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, configs.InWords(path, err))
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", what, configs.InWords(path, syscall.EISDIR))
	}
	return file, nil
}
