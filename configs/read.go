package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MaxFile is how long a cluster file, or a file that one names, may be.
const MaxFile = 1 << 20

// ReadFile reads a small file whole. What is no file but a pipe or a device is
// refused: it may have no end. Errors say what to do in words of ours.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: that waits for a pipe's other end
	if err != nil {
		return nil, InWords(path, err)
	}
	switch {
	case info.IsDir():
		return nil, InWords(path, syscall.EISDIR)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a pipe or a device, and a file is wanted", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, InWords(path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	switch {
	case err != nil:
		return nil, InWords(path, err)
	case len(text) > MaxFile:
		return nil, fmt.Errorf("%s is longer than 1 MiB, which is the most", path)
	}
	return text, nil
}

// InWords is why the file or folder at path cannot be used, as one would say it.
// The error behind it stays known.
func InWords(path string, err error) error {
	why := ""
	switch {
	case path == "":
		why = "a file without a name is none"
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no " + path
	case errors.Is(err, fs.ErrPermission):
		why = "you may not use " + path + ": look at its permissions, and its folders'"
	case errors.Is(err, syscall.EISDIR):
		why = path + " is a folder, and a file is wanted"
	case errors.Is(err, syscall.ENOTDIR):
		why = path + " takes a file for a folder"
	case errors.Is(err, syscall.EROFS):
		why = path + " is on a disk that is read-only"
	case errors.Is(err, syscall.ENOSPC):
		why = "the disk of " + path + " is full"
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, errors.ErrUnsupported):
		why = path + " is on a disk that cannot lock it: use one of this machine's own"
	case errors.Is(err, syscall.ENAMETOOLONG):
		why = "no file has a name as long as " + path[:min(32, len(path))] + "…"
	default:
		return err
	}
	return worded{why, err}
}

// worded is an error in other words than its cause's.
type worded struct {
	words string
	error
}

func (w worded) Error() string { return w.words }

func (w worded) Unwrap() error { return w.error }
