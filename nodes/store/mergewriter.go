package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// mergeWriter writes the segment that several are merged into, under a name
// that does not count until it is whole.
type mergeWriter struct {
	journal *Journal
	stop    chan struct{}
	segment *segment.Segment
	name    string
	forget  time.Time      // tombstones stamped before need not be kept
	lines   []byte         // not yet written
	moves   [][]index.Move // in pieces of moveStep
	found   []found        // what is being looked at
	hashes  []uint64       // of their keys
	refs    []index.Ref    // and their entries
}

const mergeBuffer = 1 << 20

func (m *merger) create(run []*segment.Segment) (*mergeWriter, error) {
	j := m.journal
	newest, active := j.newestAndActive()
	number, through := run[0].Number, run[len(run)-1].Through
	name := j.folder.path(segment.Name(number)) + tempTail
	f, err := j.folder.fs.Create(name)
	if err != nil {
		return nil, err
	}
	m.nextID++
	s := &segment.Segment{ID: m.nextID, Number: number, Through: through, At: active, File: f}
	for _, old := range run {
		if old.Newest.Compare(s.Newest) > 0 {
			s.Newest = old.Newest
		}
	}
	w := &mergeWriter{journal: j, stop: m.stop, segment: s, name: name}
	l := segment.Line{Kind: segment.KindHeader, Synced: segment.NoMark,
		Header: segment.Header{Segment: number, Through: through, At: active, Newest: newest}}
	w.lines = l.AppendTo(w.lines)
	return w, nil
}

// found is a line of a segment that is merged, as long as its block is in memory.
type found struct {
	raw     []byte // with its newline
	from    segment.Place
	key     []byte
	plain   bool // it says a value, and could stand as it is anywhere
	dropped bool
	ref     index.Ref   // the entry whose line it is, 0 when it no longer stands
	state   index.State // of the entry
}

// copyLive copies what stands of s, and checks what does not. A line that cannot
// be read marks s as bad.
func (w *mergeWriter) copyLive(s *segment.Segment) error {
	return segment.ScanBlocks(s.File, 0, s.End, func(off int64, block []byte) error {
		for len(block) > 0 {
			n, err := w.read(block, segment.Place{File: s.ID, Off: uint32(off)})
			if err == nil {
				w.find()
				err = w.copyFound()
			}
			if err != nil {
				s.Bad = true
				return segment.ErrStop
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
func (w *mergeWriter) read(block []byte, at segment.Place) (n int, err error) {
	w.found, w.hashes = w.found[:0], w.hashes[:0]
	for n < len(block) && len(w.found) < index.Together {
		size := bytes.IndexByte(block[n:], '\n') + 1
		if size == 0 {
			return 0, segment.ErrNoEnd
		}
		at.Size = uint32(size)
		if err := w.take(block[n:n+size], at); err != nil {
			return 0, err
		}
		n += size
		at.Off += at.Size
	}
	return n, nil
}

func (w *mergeWriter) take(raw []byte, from segment.Place) error {
	body, err := segment.Checked(raw[:len(raw)-1])
	if err != nil {
		return err
	}
	f := found{raw: raw, from: from}
	if f.key, f.plain = segment.ValueKey(body); !f.plain {
		var l segment.Line
		if err := segment.Parse(raw[:len(raw)-1], &l); err != nil || l.Kind > segment.KindDrop {
			return err
		}
		f.key, f.dropped = l.Record.Key, l.Kind == segment.KindDrop
	}
	w.found = append(w.found, f)
	w.hashes = append(w.hashes, w.journal.index.Hash(f.key))
	return nil
}

// find finds the entries whose lines were read.
func (w *mergeWriter) find() {
	j := w.journal
	j.mu.RLock()
	defer j.mu.RUnlock()
	w.refs = j.index.FindAll(w.hashes, w.refs, func(i int) []byte { return w.found[i].key })
	for i, r := range w.refs {
		f := &w.found[i]
		if r != 0 && j.index.PlaceOf(r) == f.from {
			f.ref, f.state = r, j.index.StateOf(r)
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
		if f.plain && f.state == index.Live {
			w.lines = append(w.lines, f.raw...)
		} else if err := w.copyParsed(f); err != nil {
			return err
		}
		var to segment.Place // nowhere: it may go
		if size := len(w.lines) - start; size > 0 {
			to = segment.Place{File: w.segment.ID, Off: uint32(w.segment.End + int64(start)), Size: uint32(size)}
		}
		if f.dropped {
			w.segment.Dropped += int64(to.Size)
			continue
		}
		w.move(index.Move{Ref: f.ref, From: f.from, To: to, Expired: f.state == index.Expired})
	}
	return nil
}

func (w *mergeWriter) move(m index.Move) {
	last := len(w.moves) - 1
	if last < 0 || len(w.moves[last]) == moveStep {
		w.moves = append(w.moves, make([]index.Move, 0, moveStep))
		last++
	}
	w.moves[last] = append(w.moves[last], m)
}

// copyParsed copies a line as a merge writes it: without a mark, as a tombstone
// when it has expired, and a tombstone only when it may not go.
func (w *mergeWriter) copyParsed(f *found) error {
	var l segment.Line
	if err := segment.Parse(f.raw[:len(f.raw)-1], &l); err != nil {
		return err
	}
	if !f.dropped && f.state == index.Expired {
		l.Record = events.Record{Key: l.Record.Key, Version: l.Record.Version, Deleted: true}
	}
	if l.Record.Deleted && l.Record.Version.Time().Before(w.forget) {
		return nil
	}
	l.Synced = segment.NoMark
	w.lines = l.AppendTo(w.lines)
	return nil
}

func (w *mergeWriter) flush() error {
	select {
	case <-w.stop:
		return errMergeStopped
	default:
	}
	if _, err := w.segment.File.WriteAt(w.lines, w.segment.End); err != nil {
		return err
	}
	w.segment.End += int64(len(w.lines))
	w.lines = w.lines[:0]
	return nil
}

// finish makes the segment count, durably.
func (w *mergeWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	s := w.segment
	l := segment.SealLine(s.End, s.Through)
	w.lines = l.AppendTo(w.lines)
	if err := w.flush(); err != nil {
		return err
	}
	s.Sealed, s.Space = true, s.End
	if err := segment.Durable(s.File.Sync()); err != nil {
		return err
	}
	folder := w.journal.folder
	if err := w.journal.mayMerge(); err != nil {
		return err
	}
	if err := folder.fs.Rename(w.name, folder.path(segment.Name(s.Number))); err != nil {
		return err
	}
	return folder.sync()
}

// abandon removes what was written.
func (w *mergeWriter) abandon() error {
	err := w.segment.File.Close()
	if w.journal.folder.ours() == nil {
		err = errors.Join(err, w.journal.folder.fs.Remove(w.name))
	}
	if err != nil {
		return fmt.Errorf("abandon %s: %w", w.name, err)
	}
	return nil
}
