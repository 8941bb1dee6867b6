package storetest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
)

// sector is what a power loss leaves whole.
const sector = 512

// inode is a file's content.
type inode struct {
	data    []byte // as programs see it
	durable []byte
	pending []write // not yet durable
}

// write is data at an offset, or a new size.
type write struct {
	off      int64
	data     []byte
	truncate bool
}

func (n *inode) afterPowerLoss(r *rand.Rand) []byte {
	data := slices.Clone(n.durable)
	for _, w := range n.pending {
		if w.truncate {
			if r.IntN(2) == 0 {
				data = resized(data, w.off)
			}
			continue
		}
		for start := int64(0); start < int64(len(w.data)); {
			end := min(int64(len(w.data)), (w.off+start)/sector*sector+sector-w.off)
			if r.IntN(2) == 0 {
				data = patched(data, w.off+start, w.data[start:end])
			}
			start = end
		}
		if r.IntN(2) == 0 { // the size, but not the data
			data = resized(data, max(int64(len(data)), w.off+int64(len(w.data))))
		}
	}
	return data
}

func resized(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func patched(data []byte, off int64, b []byte) []byte {
	data = resized(data, max(int64(len(data)), off+int64(len(b))))
	copy(data[off:], b)
	return data
}

// file is an open file.
type file struct {
	disk   *Disk
	name   string
	inode  *inode
	closed bool
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if off >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step("write", f.name); err != nil {
		f.inode.write(b[:len(b)/2], off)
		return len(b) / 2, err
	}
	if grow := off + int64(len(b)) - int64(len(f.inode.data)); grow > 0 && f.disk.room >= 0 {
		if grow > f.disk.room {
			n := len(b) - int(grow-f.disk.room)
			f.inode.write(b[:n], off)
			f.disk.room = 0
			return n, fmt.Errorf("write %s: %w", f.name, syscall.ENOSPC)
		}
		f.disk.room -= grow
	}
	f.inode.write(b, off)
	return len(b), nil
}

func (n *inode) write(b []byte, off int64) {
	n.data = patched(n.data, off, b)
	n.pending = append(n.pending, write{off: off, data: slices.Clone(b)})
}

func (n *inode) sync() {
	for _, w := range n.pending {
		if w.truncate {
			n.durable = resized(n.durable, w.off)
		} else {
			n.durable = patched(n.durable, w.off, w.data)
		}
	}
	n.pending = nil
}

func (n *inode) truncate(size int64) {
	n.data = resized(n.data, size)
	n.pending = append(n.pending, write{off: size, truncate: true})
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step("truncate", f.name); err != nil {
		return err
	}
	if f.disk.room >= 0 {
		f.disk.room += max(0, int64(len(f.inode.data))-size)
	}
	f.inode.truncate(size)
	return nil
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.step("sync", f.name); err != nil {
		return err
	}
	f.inode.sync()
	return nil
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.inode.data)), nil
}

// Named reports whether name leads to the file, and its size.
func (f *file) Named(name string) (size int64, same bool) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.inode.data)), f.disk.names[name] == f.inode
}

func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	return nil
}
