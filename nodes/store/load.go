package store

import (
	"errors"
	"fmt"
	"math"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// loader reads the segments of a folder into an index.
type loader struct {
	folder *folder
	index  *index.Index

	segments []*segment.Segment
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
		if len(l.segments) > 0 && n <= l.segments[len(l.segments)-1].Through {
			l.merged = append(l.merged, n)
			continue
		}
		l.checkGap(n)
		if err := l.loadSegment(n, i == len(numbers)-1); err != nil {
			return fmt.Errorf("load %s: %w", l.folder.path(segment.Name(n)), err)
		}
	}
	l.checkEnd()
	return nil
}

// next is the number of a segment behind all.
func (l *loader) next() uint32 {
	n := l.end.Segment
	if last := len(l.segments) - 1; last >= 0 {
		n = max(n, l.segments[last].Through)
	}
	return n + 1
}

// checkEnd notes it when segments are missing behind the last one.
func (l *loader) checkEnd() {
	before := uint32(0)
	if last := len(l.segments) - 1; last >= 0 {
		before = l.segments[last].Through
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
		want = l.segments[len(l.segments)-1].Through + 1
	}
	if n != want {
		l.damage = append(l.damage, damage{segment: n, line: 1, why: fmt.Errorf("segments %d to %d are missing", want, n-1)})
	}
}

func (l *loader) loadSegment(n uint32, last bool) error {
	f, err := l.folder.fs.Open(l.folder.path(segment.Name(n)))
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if size > math.MaxUint32 {
		return errors.Join(fmt.Errorf("%w: it has %d bytes, a segment at most %d",
			events.ErrCorrupt, size, math.MaxUint32), f.Close())
	}
	l.nextID++
	s := &segment.Segment{ID: l.nextID, Number: n, Through: n, File: f, Space: size}
	l.segments = append(l.segments, s)
	r := segmentReader{loader: l, segment: s, last: last, size: size}
	if n == l.end.Segment {
		r.durable = l.end.Bytes
	}
	if err := segment.ScanLines(f, 0, size, r.line); err != nil {
		return err
	}
	r.checkEnd()
	return nil
}

// segmentReader judges the lines of one segment, one after another.
type segmentReader struct {
	loader  *loader
	segment *segment.Segment
	last    bool // the segment that was appended to
	size    int64
	durable int64 // what stands before this offset was not cut off by a crash
	shift   int64 // how many bytes more there were before the line, by what lines say
	headed  bool  // its first line could be read
	foreign bool  // it is another segment
	number  int   // of the line
	parsed  segment.Line
}

// checkEnd notes it when the segment does not end where it must.
func (r *segmentReader) checkEnd() {
	s := r.segment
	switch {
	case r.foreign:
		r.loader.cut = r.loader.cut || r.last
	case !s.Sealed && (!r.last || s.End+r.shift < r.durable || s.At > 0):
		r.number++
		r.damaged(s.End, 0, errors.New("the segment is cut short"))
		r.loader.cut = r.loader.cut || r.last
	}
}

func (r *segmentReader) damaged(off, size int64, why error) {
	r.loader.damage = append(r.loader.damage, damage{segment: r.segment.Number, line: r.number,
		off: off, size: size, why: why})
}

func (r *segmentReader) line(off int64, raw []byte, ended bool) error {
	r.number++
	if !ended {
		return r.tail(off, raw)
	}
	err := segment.Parse(raw, &r.parsed)
	if err == nil && r.segment.Sealed {
		err = errors.New("it stands behind the end of the segment")
	}
	if err != nil {
		return r.bad(off, raw, err)
	}
	return r.good(off, len(raw))
}

func (r *segmentReader) tail(off int64, raw []byte) error {
	kind, size := segment.ReadTail(raw, &r.parsed)
	switch {
	case kind == segment.TailGood:
		return r.good(off, size)
	case kind == segment.TailTorn && (!r.last || off < r.durable):
		return r.bad(off, raw, segment.ErrNoEnd)
	case kind == segment.TailTorn:
		r.loader.torn += int64(len(raw))
	}
	return nil
}

// bad notes damage, unless the line is what a crash left of a write that was
// never answered: then the segment ends before it.
func (r *segmentReader) bad(off int64, raw []byte, why error) error {
	if r.last && off >= r.durable && segment.Holed(raw, off) {
		marked, err := segment.MarkedAfter(r.segment.File, off, r.size)
		if err != nil {
			return err
		}
		if !marked {
			r.loader.torn += r.size - off
			return segment.ErrStop
		}
	}
	r.damaged(off, int64(len(raw)), why)
	r.segment.End = off + int64(len(raw)) + 1
	return nil
}

// good applies a line of size bytes without its newline.
func (r *segmentReader) good(off int64, size int) error {
	s, l := r.segment, &r.parsed
	if !r.belongs() {
		return r.another()
	}
	r.headed = r.headed || r.number == 1
	s.End = off + int64(size) + 1
	r.stands(off)
	at := segment.Place{File: s.ID, Off: uint32(off), Size: uint32(size) + 1}
	switch l.Kind {
	case segment.KindHeader:
		s.Through, s.At = l.Header.Through, l.Header.At
		r.loader.observe(l.Header.Newest)
	case segment.KindSeal:
		s.Sealed, s.Through = true, l.Header.Through // also when the header is damaged
	default:
		r.loader.observe(l.Record.Version)
		if l.Record.Version.Compare(s.Newest) > 0 {
			s.Newest = l.Record.Version
		}
		return r.loader.index.Replay(l, at)
	}
	return nil
}

// belongs reports whether the line is of the segment that the file's name says.
func (r *segmentReader) belongs() bool {
	switch s, h := r.segment, r.parsed.Header; r.parsed.Kind {
	case segment.KindHeader:
		return h.Segment == s.Number && h.Through >= s.Number
	case segment.KindSeal:
		return h.Through == s.Through || !r.headed && h.Through > s.Number
	}
	return true
}

// another trusts nothing of a segment that stands under another one's name.
func (r *segmentReader) another() error {
	why := fmt.Errorf("it is another segment's: what is in the file is not %s", segment.Name(r.segment.Number))
	r.damaged(0, r.size, why)
	r.foreign, r.segment.End = true, r.size
	return segment.ErrStop
}

// stands compares where the line stands with what it says about that.
func (r *segmentReader) stands(off int64) {
	says := r.parsed.Synced
	if r.parsed.Kind == segment.KindSeal {
		says = r.parsed.Sealed
	}
	switch says {
	case segment.NoMark, off + r.shift:
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

// damage is a stretch of a segment that holds no good lines.
type damage struct {
	segment uint32
	line    int // counted from 1
	off     int64
	size    int64
	why     error
}

func (d damage) String() string {
	return fmt.Sprintf("%s, line %d (%d bytes at %d): %v", segment.Name(d.segment), d.line, d.size, d.off, d.why)
}
