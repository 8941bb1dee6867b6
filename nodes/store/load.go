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
	cut      bool  // the last segment lacks something, or is another one: nothing may be appended
	end      mark  // up to which nothing was cut off by a crash
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
	l.checkEnd()
	return nil
}

// next is the number of a segment behind all.
func (l *loader) next() uint32 {
	n := l.end.Segment
	if last := len(l.segments) - 1; last >= 0 {
		n = max(n, l.segments[last].through)
	}
	return n + 1
}

// checkEnd notes it when segments are missing behind the last one.
func (l *loader) checkEnd() {
	before := uint32(0)
	if last := len(l.segments) - 1; last >= 0 {
		before = l.segments[last].through
	}
	if before < l.end.Segment {
		l.cut = true
		l.missing(l.end.Segment, before+1, l.end.Segment)
	}
}

func (l *loader) missing(at, first, last uint32) {
	why := fmt.Errorf("segments %d to %d are missing", first, last)
	if first == last {
		why = errors.New("the segment is missing")
	}
	l.damage = append(l.damage, damage{segment: at, line: 1, why: why})
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
	if n == l.end.Segment {
		r.durable = l.end.Bytes
	}
	if err := scanLines(f, 0, size, r.line); err != nil {
		return err
	}
	r.checkEnd()
	return nil
}

// segmentReader judges the lines of one segment, one after another.
type segmentReader struct {
	loader  *loader
	segment *segment
	last    bool // the segment that was appended to
	size    int64
	durable int64 // what stands before this offset was not cut off by a crash
	shift   int64 // how many bytes more there were before the line, by what lines say
	headed  bool  // its first line could be read
	foreign bool  // it is another segment
	number  int   // of the line
	parsed  line
}

// checkEnd notes it when the segment does not end where it must.
func (r *segmentReader) checkEnd() {
	s := r.segment
	switch {
	case r.foreign:
		r.loader.cut = r.loader.cut || r.last
	case !s.sealed && (!r.last || s.end+r.shift < r.durable || s.at > 0):
		r.number++
		r.damaged(s.end, 0, errors.New("the segment is cut short"))
		r.loader.cut = r.loader.cut || r.last
	}
}

func (r *segmentReader) damaged(off, size int64, why error) {
	r.loader.damage = append(r.loader.damage, damage{segment: r.segment.number, line: r.number, off: off, size: size, why: why})
}

func (r *segmentReader) line(off int64, raw []byte, ended bool) error {
	r.number++
	if !ended {
		return r.tail(off, raw)
	}
	err := parse(raw, &r.parsed)
	if err == nil && r.segment.sealed {
		err = errors.New("it stands behind the end of the segment")
	}
	if err != nil {
		return r.bad(off, raw, err)
	}
	return r.good(off, len(raw))
}

func (r *segmentReader) tail(off int64, raw []byte) error {
	kind, size := readTail(raw, &r.parsed)
	switch {
	case kind == tailGood:
		return r.good(off, size)
	case kind == tailTorn && (!r.last || off < r.durable):
		return r.bad(off, raw, errNoEnd)
	case kind == tailTorn:
		r.loader.torn += int64(len(raw))
	}
	return nil
}

// bad notes damage, unless the line is what a crash left of a write that was
// never answered: then the segment ends before it.
func (r *segmentReader) bad(off int64, raw []byte, why error) error {
	if r.last && off >= r.durable && holed(raw, off) {
		marked, err := markedAfter(r.segment.file, off, r.size)
		if err != nil {
			return err
		}
		if !marked {
			r.loader.torn += r.size - off
			return errStop
		}
	}
	r.damaged(off, int64(len(raw)), why)
	r.segment.end = off + int64(len(raw)) + 1
	return nil
}

// good applies a line of size bytes without its newline.
func (r *segmentReader) good(off int64, size int) error {
	s, l := r.segment, &r.parsed
	if !r.belongs() {
		return r.another()
	}
	r.headed = r.headed || r.number == 1
	s.end = off + int64(size) + 1
	r.stands(off)
	at := place{file: s.id, off: uint32(off), size: uint32(size) + 1}
	switch l.kind {
	case kindHeader:
		s.through, s.at = l.header.through, l.header.at
		r.loader.observe(l.header.newest)
	case kindSeal:
		s.sealed, s.through = true, l.header.through // also when the header is damaged
	default:
		r.loader.observe(l.record.Version)
		if l.record.Version.Compare(s.newest) > 0 {
			s.newest = l.record.Version
		}
		r.loader.index.replay(l, at)
	}
	return nil
}

// belongs reports whether the line is of the segment that the file's name says.
func (r *segmentReader) belongs() bool {
	switch s, h := r.segment, r.parsed.header; r.parsed.kind {
	case kindHeader:
		return h.segment == s.number && h.through >= s.number
	case kindSeal:
		return h.through == s.through || !r.headed && h.through > s.number
	}
	return true
}

// another trusts nothing of a segment that stands under another one's name.
func (r *segmentReader) another() error {
	why := fmt.Errorf("it is another segment's: what is in the file is not %s", segmentName(r.segment.number))
	r.damaged(0, r.size, why)
	r.foreign, r.segment.end = true, r.size
	return errStop
}

// stands compares where the line stands with what it says about that.
func (r *segmentReader) stands(off int64) {
	says := r.parsed.synced
	if r.parsed.kind == kindSeal {
		says = r.parsed.sealed
	}
	switch says {
	case noMark, off + r.shift:
		return
	case off: // written after a restart that found what is missing
		r.shift = 0
		return
	}
	more := says - off - r.shift
	r.shift += more
	why := fmt.Errorf("%d bytes are missing before it", more)
	if more < 0 {
		why = fmt.Errorf("%d bytes before it were added by another program", -more)
	}
	r.damaged(off, 0, why)
}

func (l *loader) observe(v events.Version) {
	if v.Compare(l.newest) > 0 {
		l.newest = v
	}
}
