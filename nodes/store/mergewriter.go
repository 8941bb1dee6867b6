package store

import (
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
	moves   []move
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
	s := &segment{id: m.nextID, number: number, through: through, at: active, file: f, merged: j.options.Now()}
	w := &mergeWriter{journal: j, stop: m.stop, segment: s, name: name}
	l := line{kind: kindHeader, synced: noMark, header: header{segment: number, through: through, at: active, newest: newest}}
	w.lines = l.appendTo(w.lines)
	return w, nil
}

// copyLive copies what stands of s. A line that cannot be read marks s as bad.
func (w *mergeWriter) copyLive(s *segment) error {
	var l line
	return scanLines(s.file, 0, s.end, func(off int64, raw []byte, ended bool) error {
		if err := parse(raw, &l); err != nil || !ended {
			s.bad = true
			return errStop
		}
		if l.kind <= kindDrop {
			w.copyLine(&l, place{file: s.id, off: uint32(off), size: uint32(len(raw)) + 1})
		}
		if len(w.lines) >= mergeBuffer {
			return w.flush()
		}
		return nil
	})
}

func (w *mergeWriter) copyLine(l *line, from place) {
	old := l.record.Version.Time().Before(w.forget)
	if l.kind == kindDrop {
		if w.forget.IsZero() {
			w.segment.dropped += int64(w.append(l).size)
		}
		return
	}
	r, expired := w.standing(l.record.Key, from)
	if r == 0 {
		return
	}
	m := move{ref: r, from: from, deleted: expired}
	if expired {
		l.record = events.Record{Key: l.record.Key, Version: l.record.Version, Deleted: true}
	}
	if !l.record.Deleted || !old {
		m.to = w.append(l)
	}
	w.moves = append(w.moves, m)
}

// standing finds the entry whose line stands at from, and tells whether it has
// expired.
func (w *mergeWriter) standing(key []byte, from place) (r ref, expired bool) {
	j := w.journal
	j.mu.RLock()
	defer j.mu.RUnlock()
	r = j.index.find(key, j.index.hash(key))
	if r == 0 || j.index.entry(r).place() != from {
		return 0, false
	}
	e := j.index.entry(r)
	return r, !e.has(flagListed) && !e.has(flagDeleted)
}

// append adds a line, and tells where it stands.
func (w *mergeWriter) append(l *line) place {
	l.synced = noMark
	start := len(w.lines)
	w.lines = l.appendTo(w.lines)
	return place{file: w.segment.id, off: uint32(w.segment.end + int64(start)), size: uint32(len(w.lines) - start)}
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
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", errNotDurable, err)
	}
	folder := w.journal.folder
	if err := folder.fs.Rename(w.name, folder.path(segmentName(s.number))); err != nil {
		return err
	}
	if err := folder.fs.SyncDir(folder.dir); err != nil {
		return fmt.Errorf("%w: %w", errNotDurable, err)
	}
	return nil
}

// errNotDurable is a failed sync: what the disk holds is not known any more.
var errNotDurable = errors.New("sync failed")

// abandon removes what was written.
func (w *mergeWriter) abandon() error {
	err := errors.Join(w.segment.file.Close(), w.journal.folder.fs.Remove(w.name))
	if err != nil {
		return fmt.Errorf("abandon %s: %w", w.name, err)
	}
	return nil
}
