package store

import (
	"io"
	"os"
)

// FS is what the store asks of a file system. [OS] is the real one; package
// storetest has one that fails on command and forgets what was not synced.
type FS interface {
	// MkdirAll makes a folder that only its owner may enter, and its parents.
	MkdirAll(dir string) error
	// Lock takes the lock file name; [events.ErrLocked] when it is taken.
	Lock(name string) (io.Closer, error)
	// Create makes an empty file, or empties the one that is there.
	Create(name string) (File, error)
	// Open opens a file for reading and writing; [os.ErrNotExist] when missing.
	Open(name string) (File, error)
	// Names lists the files of a folder in order.
	Names(dir string) ([]string, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes files created in, renamed within and removed from a folder
	// durable.
	SyncDir(dir string) error
}

// File is an open file. ReadAt may be called concurrently with everything.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Size() (int64, error)
	// Sync makes what was written durable, and the size.
	Sync() error
}

// OS is the file system of this machine.
func OS() FS { return osFS{} }

type osFS struct{}

const (
	folderMode = 0o700
	fileMode   = 0o600
)

func (osFS) MkdirAll(dir string) error    { return os.MkdirAll(dir, folderMode) }
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(name string) error     { return os.Remove(name) }

func (osFS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(name string) (File, error) { return openFile(name, os.O_RDWR) }

func openFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error { return syncData(f.File) }
