package store

import (
	"errors"
	"fmt"

	"dht/events"
)

// loader reads the segments of a folder into an index.
type loader struct {
	folder *folder
	index  *index

	segments []*segment
	damage   []damage
	newest   events.Version
	torn     int64 // bytes that a crash left of unanswered writes
	nextID   uint32
	merged   []uint32 // segments that an earlier one stands for: left by a crash
}

// load reads every segment, the oldest first. It changes nothing on disk.
func (l *loader) load() error {
	numbers, err := l.folder.segments()
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if len(l.segments) > 0 && n <= l.segments[len(l.segments)-1].through {
			l.merged = append(l.merged, n)
			continue
		}
		l.checkGap(n)
		if err := l.loadSegment(n, i == len(numbers)-1); err != nil {
			return fmt.Errorf("load %s: %w", l.folder.path(segmentName(n)), err)
		}
	}
	return nil
}

// checkGap notes it when segments before n are missing.
func (l *loader) checkGap(n uint32) {
	want := uint32(1)
	if len(l.segments) > 0 {
		want = l.segments[len(l.segments)-1].through + 1
	}
	if n != want {
		l.damage = append(l.damage, damage{segment: n, line: 1, why: fmt.Errorf("segments %d to %d are missing", want, n-1)})
	}
}

func (l *loader) loadSegment(n uint32, last bool) error {
	f, err := l.folder.fs.Open(l.folder.path(segmentName(n)))
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.nextID++
	s := &segment{id: l.nextID, number: n, through: n, file: f, space: size}
	l.segments = append(l.segments, s)
	r := segmentReader{loader: l, segment: s, last: last, size: size}
	if err := scanLines(f, 0, size, r.line); err != nil {
		return err
	}
	if !last && !s.sealed {
		l.damage = append(l.damage, damage{segment: n, line: r.number + 1, off: s.end, why: errors.New("the segment is cut short")})
	}
	return nil
}

// segmentReader judges the lines of one segment, one after another.
type segmentReader struct {
	loader  *loader
	segment *segment
	last    bool // the segment that was appended to
	size    int64
	number  int // of the line
	parsed  line
}

func (r *segmentReader) line(off int64, raw []byte, ended bool) error {
	r.number++
	if !ended {
		return r.tail(off, raw)
	}
	err := parse(raw, &r.parsed)
	if err != nil {
		return r.bad(off, raw, err)
	}
	r.good(off, len(raw))
	return nil
}

func (r *segmentReader) tail(off int64, raw []byte) error {
	kind, size := readTail(raw, &r.parsed)
	switch {
	case kind == tailGood:
		r.good(off, size)
	case kind == tailTorn && !r.last:
		return r.bad(off, raw, errNoEnd)
	case kind == tailTorn:
		r.loader.torn += int64(len(raw))
	}
	return nil
}

// bad notes damage, unless the line is what a crash left of a write that was
// never answered: then the segment ends before it.
func (r *segmentReader) bad(off int64, raw []byte, why error) error {
	if r.last && holed(raw, off) {
		marked, err := markedAfter(r.segment.file, off, r.size)
		if err != nil {
			return err
		}
		if !marked {
			r.loader.torn += r.size - off
			return errStop
		}
	}
	r.loader.damage = append(r.loader.damage, damage{segment: r.segment.number, line: r.number, off: off, size: int64(len(raw)), why: why})
	r.segment.end = off + int64(len(raw)) + 1
	return nil
}

// good applies a line of size bytes without its newline.
func (r *segmentReader) good(off int64, size int) {
	s, l := r.segment, &r.parsed
	s.end = off + int64(size) + 1
	at := place{file: s.id, off: uint32(off), size: uint32(size) + 1}
	switch l.kind {
	case kindHeader:
		s.through, s.at = l.header.through, l.header.at
		r.loader.observe(l.header.newest)
	case kindSeal:
		s.sealed, s.through = l.sealed == off, l.header.through // also when the header is damaged
	default:
		r.loader.observe(l.record.Version)
		if l.record.Version.Compare(s.newest) > 0 {
			s.newest = l.record.Version
		}
		r.loader.index.replay(l, at)
	}
}

func (l *loader) observe(v events.Version) {
	if v.Compare(l.newest) > 0 {
		l.newest = v
	}
}
