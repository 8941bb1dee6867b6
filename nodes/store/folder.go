package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dht/events"
	"dht/nodes/store/segment"
)

const (
	ownerName = "node.json"
	lockName  = "lock"
	badTail   = ".bad"
	tempTail  = ".new"
)

// Owner says whose folder a data folder is.
type Owner struct {
	Cluster string       `json:"cluster"`
	Node    string       `json:"node"`
	Map     events.MapID `json:"map"` // the cluster map in force
}

// ownership is what node.json holds.
type ownership struct {
	Owner
	Earlier []events.MapID `json:"earlier,omitempty"` // maps that were in force before
	End     mark           `json:"end,omitzero"`      // of the journal, at the last start or clean stop
}

// mark is a place in the journal up to which all was durable once. What is missing
// before it was not cut off by a crash.
type mark struct {
	Segment uint32 `json:"segment"`
	Bytes   int64  `json:"bytes"` // of lines in that segment, if it was not merged since
}

// folder is a locked data folder.
type folder struct {
	fs   FS
	dir  string
	lock Handle

	lockPath string
	opened   Dir // kept open: a sync needs no descriptor, and is of the folder that was locked
	owner    ownership
}

// lockFolder takes the folder's lock.
func lockFolder(fs FS, dir string) (*folder, error) {
	lock, err := fs.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	opened, err := fs.OpenDir(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open data folder %s: %w", dir, err), lock.Close())
	}
	return &folder{fs: fs, dir: dir, lock: lock, lockPath: filepath.Join(dir, lockName), opened: opened}, nil
}

func (f *folder) release() error { return errors.Join(f.opened.Close(), f.lock.Close()) }

// sync makes names in the folder durable.
func (f *folder) sync() error { return segment.Durable(f.opened.Sync()) }

// ours says what shows that the folder is not the one that was locked any more:
// another process may be using the one that has its name now.
func (f *folder) ours() error {
	if _, same := f.opened.Named(f.dir); !same {
		return fmt.Errorf("data folder %s was moved or removed while the node ran; restart the node", f.dir)
	}
	if _, same := f.lock.Named(f.lockPath); !same {
		return errMoved(f.lockPath)
	}
	return nil
}

// locked is ours in the common case, for half of what it costs: where the lock is,
// the folder is.
func (f *folder) locked() error {
	if _, same := f.lock.Named(f.lockPath); same {
		return nil
	}
	return f.ours()
}

// holds says what shows that another program had its hands on a segment. What is
// in the file is not looked at: lines have their checksums.
func (f *folder) holds(s *segment.Segment) error { return holds(s, f.path(segment.Name(s.Number))) }

func holds(s *segment.Segment, name string) error {
	switch size, same := s.File.Named(name); {
	case !same:
		return errMoved(name)
	case size != s.Space:
		return fmt.Errorf("another program changed %s: it has %d bytes, not %d; restart the node", name, size, s.Space)
	}
	return nil
}

func errMoved(name string) error {
	return fmt.Errorf("%s was moved, removed or replaced while the node ran; restart the node", name)
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// claim checks that the folder is o's, and remembers that it is.
func (f *folder) claim(o Owner) error {
	known, err := f.readOwner()
	if err != nil {
		return err
	}
	f.owner, err = known.succeed(o, f.dir)
	if err != nil || f.owner.Owner == known.Owner {
		return err
	}
	return f.writeOwner()
}

// succeed decides whether o may take over from w, and as what.
func (w ownership) succeed(o Owner, dir string) (ownership, error) {
	refuse := func(hint string) (ownership, error) {
		return w, fmt.Errorf("%w: %s belongs to %s, this is %s: %s", events.ErrWrongFolder, dir, w.Owner, o, hint)
	}
	switch {
	case w.Owner == Owner{}:
		return ownership{Owner: o}, nil
	case w.Cluster != o.Cluster, w.Node != o.Node:
		return refuse("give it a folder of its own (data = …)")
	case o.Map.Epoch < w.Map.Epoch:
		return refuse("use the cluster file with the higher epoch")
	case o.Map.Epoch == w.Map.Epoch && o.Map.Hash != w.Map.Hash:
		return refuse("raise the epoch when the nodes, the rules or copies change")
	case o.Map == w.Map:
		return w, nil
	}
	return ownership{Owner: o, Earlier: append(slices.Clone(w.Earlier), w.Map), End: w.End}, nil
}

// String is the owner in one phrase of an error text.
func (o Owner) String() string {
	return fmt.Sprintf("node %q of cluster %q at map %s", o.Node, o.Cluster, o.Map)
}

func (f *folder) readOwner() (w ownership, err error) {
	b, err := readFile(f.fs, f.path(ownerName))
	if errors.Is(err, os.ErrNotExist) {
		return w, f.mustBeNew()
	}
	if err != nil {
		return w, fmt.Errorf("read whose folder it is: %w", err)
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return w, fmt.Errorf("%w: read %s: %v", events.ErrCorrupt, f.path(ownerName), err)
	}
	return w, nil
}

// mustBeNew refuses a folder that has records but does not say whose.
func (f *folder) mustBeNew() error {
	segments, err := f.segments()
	if err == nil && len(segments) > 0 {
		err = fmt.Errorf("%w: %s has records but no %s that says whose they are", events.ErrCorrupt, f.dir, ownerName)
	}
	return err
}

func (f *folder) writeOwner() error {
	b, err := json.Marshal(f.owner)
	if err == nil {
		err = f.replaceFile(f.path(ownerName), append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember whose folder it is: %w", err)
	}
	return nil
}

// remember notes how far the journal reaches.
func (f *folder) remember(end mark) error {
	if f.owner.End == end {
		return nil
	}
	f.owner.End = end
	return f.writeOwner()
}

// segments lists the numbers of the segments in the folder, in order.
func (f *folder) segments() (numbers []uint32, err error) {
	names, err := f.fs.Names(f.dir)
	if err != nil {
		return nil, fmt.Errorf("list data folder: %w", err)
	}
	for _, name := range names {
		if n, ok := segment.ParseName(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// tidy removes what a crash left behind: unfinished files, and segments that
// were merged into an earlier one.
func (f *folder) tidy(merged []uint32) error {
	names, err := f.fs.Names(f.dir)
	if err != nil {
		return fmt.Errorf("list data folder: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, tempTail) })
	for _, n := range merged {
		names = append(names, segment.Name(n))
	}
	for _, name := range names {
		if err := f.fs.Remove(f.path(name)); err != nil {
			return fmt.Errorf("tidy data folder: %w", err)
		}
	}
	return nil
}

// nextName is what a segment is called until the one before it is sealed.
func nextName(n uint32) string { return fmt.Sprintf("%08d%s", n, tempTail) }

// readFile reads a whole file.
func readFile(fs FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	b := make([]byte, size)
	if err == nil && size > 0 {
		_, err = f.ReadAt(b, 0)
	}
	return b, errors.Join(ignoreEOF(err), f.Close())
}

// replaceFile writes a file so that a crash leaves the old one or the new one.
func (f *folder) replaceFile(name string, content []byte) error {
	temp, err := f.fs.Create(name + tempTail)
	if err != nil {
		return err
	}
	_, err = temp.WriteAt(content, 0)
	if err == nil {
		err = segment.Durable(temp.Sync())
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(name+tempTail, name); err != nil {
		return err
	}
	return f.sync()
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
