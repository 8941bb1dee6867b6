package store_test

import (
	"sync/atomic"

	"dht/nodes/store"
)

// meteredFS counts the bytes written to new files, and remembers the largest
// write.
type meteredFS struct {
	store.FS
	written, largest atomic.Int64
}

func (fs *meteredFS) Create(name string) (store.File, error) {
	f, err := fs.FS.Create(name)
	return meteredFile{f, fs}, err
}

type meteredFile struct {
	store.File
	fs *meteredFS
}

func (f meteredFile) WriteAt(b []byte, off int64) (int, error) {
	n := int64(len(b))
	f.fs.written.Add(n)
	f.fs.largest.Store(max(f.fs.largest.Load(), n))
	return f.File.WriteAt(b, off)
}
