package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"dht/configs"
)

// readFile reads a file that somebody has named, which may be a pipe, until ctx
// ends.
func readFile(ctx context.Context, what, path string) (io.Reader, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, configs.InWords(path, err))
	}
	return piped(ctx, func() (io.ReadCloser, error) { return os.Open(path) }), nil
}
