package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"dht/nodes/store/segment"
)

// FS is what the store asks of a file system. [OS] is the real one; package
// storetest has one that fails on command and forgets what was not synced. Files
// are opened without following links.
type FS interface {
	// MkdirAll makes a folder that only its owner may enter, and its parents.
	MkdirAll(dir string) error
	// OpenDir opens a folder.
	OpenDir(dir string) (Dir, error)
	// Lock takes the lock file name; [events.ErrLocked] when it is taken.
	Lock(name string) (Handle, error)
	// Create makes a new file; what had the name before loses it.
	Create(name string) (File, error)
	// Open opens a file for reading and writing; [os.ErrNotExist] when missing.
	Open(name string) (File, error)
	// Names lists the files of a folder in order.
	Names(dir string) ([]string, error)
	Rename(from, to string) error
	Remove(name string) error
}

// Handle and File are those of package segment.
type (
	Handle = segment.Handle
	File   = segment.File
)

// Dir is an open folder.
type Dir interface {
	Handle
	// Sync makes files created in, renamed within and removed from it durable.
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
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osFS) Open(name string) (File, error) { return openFile(name, os.O_RDWR) }

func openFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag|noFollow, fileMode)
	if err != nil {
		return nil, sayLink(name, err)
	}
	id, err := identify(f)
	if err == nil && !id.info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f, id}, nil
}

// sayLink says it in plain words when name is a link.
func sayLink(name string, err error) error {
	if errors.Is(err, syscall.ELOOP) {
		return fmt.Errorf("%s is a link, and links are not followed in a data folder: put the file itself there", name)
	}
	return err
}

func (osFS) OpenDir(dir string) (Dir, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	id, err := identify(d)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return osDir{d, id}, nil
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

// identity is which file something is, by any name.
type identity struct{ info os.FileInfo }

func identify(f interface{ Stat() (os.FileInfo, error) }) (identity, error) {
	info, err := f.Stat()
	return identity{info}, err
}

func (i identity) Named(name string) (size int64, same bool) {
	info, err := os.Lstat(name)
	if err != nil || !os.SameFile(info, i.info) {
		return 0, false
	}
	return info.Size(), true
}

type osFile struct {
	*os.File
	identity
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error { return syncData(f.File) }

// WriteAt leaves the name out of its errors: it is the one that the file had first.
func (f osFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	var named *os.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return n, err
}

type osDir struct {
	*os.File
	identity
}

// Named follows links: the folder itself may be behind one.
func (d osDir) Named(name string) (size int64, same bool) {
	info, err := os.Stat(name)
	return 0, err == nil && os.SameFile(info, d.info)
}
