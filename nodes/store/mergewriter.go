package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"dht/events"
)

// mergeWriter writes the segment that several are merged into, under a name
// that does not count until it is whole.
type mergeWriter struct {
	journal *Journal
	stop    chan struct{}
	segment *segment
	name    string
	forget  time.Time // tombstones stamped before need not be kept
	lines   []byte    // not yet written
	moves   [][]move  // in pieces of moveStep
	found   []found   // what is being looked at
	hashes  []uint64  // of their keys
	refs    []ref     // and their entries
}

// move says where an entry's line went; to the zero place: the entry goes.
type move struct {
	ref      ref
	from, to place
	deleted  bool // the expired record became a tombstone
}

const mergeBuffer = 1 << 20

func (m *merger) create(run []*segment) (*mergeWriter, error) {
	j := m.journal
	newest, active := j.newestAndActive()
	number, through := run[0].number, run[len(run)-1].through
	name := j.folder.path(segmentName(number)) + tempTail
	f, err := j.folder.fs.Create(name)
	if err != nil {
		return nil, err
	}
	m.nextID++
	s := &segment{id: m.nextID, number: number, through: through, at: active, file: f}
	for _, old := range run {
		if old.newest.Compare(s.newest) > 0 {
			s.newest = old.newest
		}
	}
	w := &mergeWriter{journal: j, stop: m.stop, segment: s, name: name}
	l := line{kind: kindHeader, synced: noMark, header: header{segment: number, through: through, at: active, newest: newest}}
	w.lines = l.appendTo(w.lines)
	return w, nil
}

// found is a line of a segment that is merged, as long as its block is in memory.
type found struct {
	raw     []byte // with its newline
	from    place
	key     []byte
	plain   bool // it says a value, and could stand as it is anywhere
	dropped bool
	ref     ref  // the entry whose line it is, 0 when it no longer stands
	flags   byte // of the entry
}

// copyLive copies what stands of s, and checks what does not. A line that cannot
// be read marks s as bad.
func (w *mergeWriter) copyLive(s *segment) error {
	return scanBlocks(s.file, 0, s.end, func(off int64, block []byte) error {
		for len(block) > 0 {
			n, err := w.read(block, place{file: s.id, off: uint32(off)})
			if err == nil {
				w.find()
				err = w.copyFound()
			}
			if err != nil {
				s.bad = true
				return errStop
			}
			if len(w.lines) >= mergeBuffer {
				if err := w.flush(); err != nil {
					return err
				}
			}
			block, off = block[n:], off+int64(n)
		}
		return nil
	})
}

// read takes as many lines of a block as are looked up together, and tells how
// many bytes they have. The block begins at at.
func (w *mergeWriter) read(block []byte, at place) (n int, err error) {
	w.found, w.hashes = w.found[:0], w.hashes[:0]
	for n < len(block) && len(w.found) < together {
		size := bytes.IndexByte(block[n:], '\n') + 1
		if size == 0 {
			return 0, errNoEnd
		}
		at.size = uint32(size)
		if err := w.take(block[n:n+size], at); err != nil {
			return 0, err
		}
		n += size
		at.off += at.size
	}
	return n, nil
}

func (w *mergeWriter) take(raw []byte, from place) error {
	body, err := checked(raw[:len(raw)-1])
	if err != nil {
		return err
	}
	f := found{raw: raw, from: from}
	if f.key, f.plain = valueKey(body); !f.plain {
		var l line
		if err := parse(raw[:len(raw)-1], &l); err != nil || l.kind > kindDrop {
			return err
		}
		f.key, f.dropped = l.record.Key, l.kind == kindDrop
	}
	w.found = append(w.found, f)
	w.hashes = append(w.hashes, w.journal.index.hash(f.key))
	return nil
}

// find finds the entries whose lines were read.
func (w *mergeWriter) find() {
	j := w.journal
	j.mu.RLock()
	defer j.mu.RUnlock()
	w.refs = j.index.findAll(w.hashes, w.refs, func(i int) []byte { return w.found[i].key })
	for i, r := range w.refs {
		f := &w.found[i]
		if r != 0 && j.index.entry(r).place() == f.from {
			f.ref, f.flags = r, j.index.entry(r).flags()
		}
	}
}

// copyFound copies those of the found lines that stand.
func (w *mergeWriter) copyFound() error {
	for i := range w.found {
		f := &w.found[i]
		if f.ref == 0 && !(f.dropped && w.forget.IsZero()) {
			continue
		}
		start := len(w.lines)
		if f.plain && f.flags&flagListed != 0 {
			w.lines = append(w.lines, f.raw...)
		} else if err := w.copyParsed(f); err != nil {
			return err
		}
		var to place // nowhere: it may go
		if size := len(w.lines) - start; size > 0 {
			to = place{file: w.segment.id, off: uint32(w.segment.end + int64(start)), size: uint32(size)}
		}
		if f.dropped {
			w.segment.dropped += int64(to.size)
			continue
		}
		w.move(move{ref: f.ref, from: f.from, to: to, deleted: f.expired()})
	}
	return nil
}

func (w *mergeWriter) move(m move) {
	last := len(w.moves) - 1
	if last < 0 || len(w.moves[last]) == moveStep {
		w.moves = append(w.moves, make([]move, 0, moveStep))
		last++
	}
	w.moves[last] = append(w.moves[last], m)
}

// expired reports whether the record of a line has expired.
func (f *found) expired() bool { return f.flags&(flagListed|flagDeleted) == 0 }

// copyParsed copies a line as a merge writes it: without a mark, as a tombstone
// when it has expired, and a tombstone only when it may not go.
func (w *mergeWriter) copyParsed(f *found) error {
	var l line
	if err := parse(f.raw[:len(f.raw)-1], &l); err != nil {
		return err
	}
	if !f.dropped && f.expired() {
		l.record = events.Record{Key: l.record.Key, Version: l.record.Version, Deleted: true}
	}
	if l.record.Deleted && l.record.Version.Time().Before(w.forget) {
		return nil
	}
	l.synced = noMark
	w.lines = l.appendTo(w.lines)
	return nil
}

func (w *mergeWriter) flush() error {
	select {
	case <-w.stop:
		return errMergeStopped
	default:
	}
	if _, err := w.segment.file.WriteAt(w.lines, w.segment.end); err != nil {
		return err
	}
	w.segment.end += int64(len(w.lines))
	w.lines = w.lines[:0]
	return nil
}

// finish makes the segment count, durably.
func (w *mergeWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	s := w.segment
	l := sealLine(s.end, s.through)
	w.lines = l.appendTo(w.lines)
	if err := w.flush(); err != nil {
		return err
	}
	s.sealed, s.space = true, s.end
	if err := durable(s.file.Sync()); err != nil {
		return err
	}
	folder := w.journal.folder
	if err := w.journal.mayMerge(); err != nil {
		return err
	}
	if err := folder.fs.Rename(w.name, folder.path(segmentName(s.number))); err != nil {
		return err
	}
	return folder.sync()
}

// abandon removes what was written.
func (w *mergeWriter) abandon() error {
	err := w.segment.file.Close()
	if w.journal.folder.ours() == nil {
		err = errors.Join(err, w.journal.folder.fs.Remove(w.name))
	}
	if err != nil {
		return fmt.Errorf("abandon %s: %w", w.name, err)
	}
	return nil
}
