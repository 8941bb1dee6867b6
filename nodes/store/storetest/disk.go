package storetest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"dht/events"
	"dht/nodes/store"
)

// Disk is a file system in memory that fails on command and, when the power
// goes, keeps any part of what was not synced: of writes by sector, of created,
// renamed and removed names one by one. Safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	names   map[string]*inode // as programs see them
	durable map[string]*inode // as they are after a power loss
	pending []rename          // not yet durable
	locks   map[string]bool
	room    int64 // bytes that may still be written, -1: any number
	fault   func(Step) error
	steps   int
}

// Step is one operation that changes a disk.
type Step struct {
	N    int    // counted from 1
	Op   string // create, write, truncate, sync, rename, remove, syncdir
	Name string
}

// ErrPower is what every operation returns once the power is gone.
var ErrPower = errors.New("the power is gone")

var _ store.FS = (*Disk)(nil)

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

// rename moves an inode to a name; without an inode it removes the name.
type rename struct {
	from, to string
	inode    *inode
}

const sector = 512

// NewDisk returns an empty disk with any amount of room.
func NewDisk() *Disk {
	return &Disk{names: map[string]*inode{}, durable: map[string]*inode{}, locks: map[string]bool{}, room: -1}
}

// SetFault makes f decide about every step from now on: an error fails it. A
// write that fails has written a part.
func (d *Disk) SetFault(f func(Step) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetRoom leaves room for n more bytes, any number when negative.
func (d *Disk) SetRoom(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

// Steps is how many steps there were.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// PowerOff fails every step from now on.
func (d *Disk) PowerOff() { d.SetFault(func(Step) error { return ErrPower }) }

// Killed returns the disk as it is after the process was killed: what was
// written is there. The old one has no power any more.
func (d *Disk) Killed() *Disk {
	d.PowerOff()
	d.mu.Lock()
	defer d.mu.Unlock()
	after := NewDisk()
	for name, n := range d.names {
		after.names[name] = &inode{data: slices.Clone(n.data), durable: slices.Clone(n.data)}
	}
	after.durable = maps.Clone(after.names)
	return after
}

// PowerLost returns the disk as it may be after the power was lost, as r
// decides. The old one has no power any more.
func (d *Disk) PowerLost(r *rand.Rand) *Disk {
	d.PowerOff()
	d.mu.Lock()
	defer d.mu.Unlock()
	names := maps.Clone(d.durable)
	for _, p := range d.pending {
		if r.IntN(2) == 0 {
			p.apply(names)
		}
	}
	after := NewDisk()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].afterPowerLoss(r)
		after.names[name] = &inode{data: data, durable: slices.Clone(data)}
	}
	after.durable = maps.Clone(after.names)
	return after
}

func (p rename) apply(names map[string]*inode) {
	delete(names, p.from)
	if p.inode != nil {
		names[p.to] = p.inode
	}
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

// Content is what is in a file.
func (d *Disk) Content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.names[name].data)
}

// SetContent replaces what is in a file, durably, also for those who have it
// open.
func (d *Disk) SetContent(name string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		d.names[name] = &inode{}
	}
	*d.names[name] = inode{data: slices.Clone(data), durable: slices.Clone(data)}
	d.durable[name] = d.names[name]
}

// Size is the sum of all files' sizes.
func (d *Disk) Size() (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.names {
		n += int64(len(i.data))
	}
	return n
}

// step counts an operation and decides whether it fails. mu must be held.
func (d *Disk) step(op, name string) error {
	d.steps++
	if d.fault == nil {
		return nil
	}
	if err := d.fault(Step{N: d.steps, Op: op, Name: filepath.Base(name)}); err != nil {
		return fmt.Errorf("%s %s: %w", op, name, err)
	}
	return nil
}

// MkdirAll does nothing: folders are names.
func (d *Disk) MkdirAll(string) error { return nil }

// Lock takes a lock that ends with the process, as Killed and PowerLost do.
func (d *Disk) Lock(name string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[name] {
		return nil, fmt.Errorf("%w: %s", events.ErrLocked, name)
	}
	d.locks[name] = true
	return &lock{d, name}, nil
}

type lock struct {
	disk *Disk
	name string
}

func (l *lock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.disk.locks, l.name)
	return nil
}

// Create makes an empty file.
func (d *Disk) Create(name string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	n, ok := d.names[name]
	if !ok {
		n = &inode{}
		d.names[name] = n
		d.pending = append(d.pending, rename{to: name, inode: n})
	} else {
		n.truncate(0)
	}
	return &file{disk: d, name: name, inode: n}, nil
}

// Open opens a file.
func (d *Disk) Open(name string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, os.ErrNotExist)
	}
	return &file{disk: d, name: name, inode: n}, nil
}

// Names lists the files in a folder.
func (d *Disk) Names(dir string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Rename moves a file to another name.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename", to); err != nil {
		return err
	}
	return d.move(rename{from: from, to: to, inode: d.names[from]})
}

// Remove removes a name.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove", name); err != nil {
		return err
	}
	return d.move(rename{from: name})
}

func (d *Disk) move(r rename) error {
	if _, ok := d.names[r.from]; !ok {
		return fmt.Errorf("move %s: %w", r.from, os.ErrNotExist)
	}
	r.apply(d.names)
	d.pending = append(d.pending, r)
	return nil
}

// SyncDir makes all names durable.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("syncdir", dir); err != nil {
		return err
	}
	d.durable, d.pending = maps.Clone(d.names), nil
	return nil
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

func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	return nil
}
