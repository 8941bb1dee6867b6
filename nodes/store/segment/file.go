package segment

import "io"

// Handle is something that was opened by a name.
type Handle interface {
	io.Closer
	// Named reports whether name leads there still, and the size. It needs no
	// descriptor, and may be called once closed.
	Named(name string) (size int64, same bool)
}

// File is an open file. ReadAt may be called concurrently with everything.
type File interface {
	Handle
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Size() (int64, error)
	// Sync makes what was written durable, and the size.
	Sync() error
}
