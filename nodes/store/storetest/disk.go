package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

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
	locks   map[string]*lock
	room    int64 // bytes that may still be written, -1: any number
	fault   func(Step) error
	steps   int
}

// Step is one operation that changes a disk.
type Step struct {
	N    int    // counted from 1
	Op   string // create, open, write, truncate, sync, rename, remove, syncdir
	Name string
}

// ErrPower is what every operation returns once the power is gone.
var ErrPower = errors.New("the power is gone")

var _ store.FS = (*Disk)(nil)

// rename moves an inode to a name; without an inode it removes the name.
type rename struct {
	from, to string
	inode    *inode
}

// NewDisk returns an empty disk with any amount of room.
func NewDisk() *Disk {
	return &Disk{names: map[string]*inode{}, durable: map[string]*inode{}, locks: map[string]*lock{}, room: -1}
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
func (d *Disk) Lock(name string) (store.Handle, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[name] != nil {
		return nil, fmt.Errorf("%w: %s", events.ErrLocked, name)
	}
	d.locks[name] = &lock{d, name}
	return d.locks[name], nil
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

// Named reports whether the lock was not replaced.
func (l *lock) Named(name string) (size int64, same bool) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	now := l.disk.locks[name]
	return 0, now == l || now == nil
}

// Create makes a new file.
func (d *Disk) Create(name string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	n := &inode{}
	d.names[name] = n
	d.pending = append(d.pending, rename{to: name, inode: n})
	return &file{disk: d, name: name, inode: n}, nil
}

// Open opens a file.
func (d *Disk) Open(name string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("open", name); err != nil {
		return nil, err
	}
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

// OpenDir opens a folder.
func (d *Disk) OpenDir(name string) (store.Dir, error) { return dir{d, name}, nil }

// dir is an open folder.
type dir struct {
	disk *Disk
	name string
}

// Sync makes all names durable.
func (d dir) Sync() error {
	d.disk.mu.Lock()
	defer d.disk.mu.Unlock()
	if err := d.disk.step("syncdir", d.name); err != nil {
		return err
	}
	d.disk.durable, d.disk.pending = maps.Clone(d.disk.names), nil
	return nil
}

func (d dir) Close() error { return nil }

// Named is always true: folders are names.
func (d dir) Named(string) (size int64, same bool) { return 0, true }
