package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"dht/events"
)

// place is where a line stands.
type place struct {
	file uint32 // segment.id
	off  uint32
	size uint32 // with its newline
}

// maxSegment keeps every offset within a place.
const maxSegment = 1 << 31

// segment is one file of lines. As long as it is appended to its sizes belong to
// the committer; once sealed they do not change.
type segment struct {
	id      uint32 // unique in this process, also across merges
	number  uint32 // its name
	through uint32 // the last number it stands for
	at      uint32 // the segment that was appended to when this one was merged, or 0
	file    File
	end     int64 // bytes of lines
	space   int64 // size of the file; zeros follow the lines
	fill    int64 // how many zeros were written ahead the last time
	maxFill int64
	sealed  bool // guarded by Journal.mu

	newest  events.Version // none of its lines has a newer one
	dropped int64          // bytes of dropped lines that the merge had to keep
	bad     bool           // a merge found damage in it; the merger's
}

// A segment is filled with zeros ahead of its lines, so that a sync need not
// commit its growth: from leastFill on twice as far each time, up to mostFill.
const (
	leastFill = 4 << 10
	mostFill  = 1 << 20
)

// read returns the record of key that stands at at.
func (s *segment) read(key []byte, at place) (events.Record, error) {
	raw := make([]byte, at.size-1)
	_, err := s.file.ReadAt(raw, int64(at.off))
	switch {
	case errors.Is(err, os.ErrClosed):
		return events.Record{}, err
	case err != nil:
		return events.Record{}, fmt.Errorf("%w: read %s at %d: %v", events.ErrCorrupt, segmentName(s.number), at.off, err)
	}
	var l line
	if err := parse(raw, &l); err != nil || !bytes.Equal(l.record.Key, key) {
		return events.Record{}, fmt.Errorf("%w: %s at %d", events.ErrCorrupt, segmentName(s.number), at.off)
	}
	return l.record, nil
}

// append writes lines and syncs them. After an error that [fateOf] calls full the
// segment is as before, durably; after any other it is unusable.
func (s *segment) append(lines []byte) error {
	err := s.write(lines)
	if err == nil {
		err = s.sync()
	}
	if err != nil {
		return fmt.Errorf("append to %s: %w", segmentName(s.number), err)
	}
	s.end += int64(len(lines))
	return nil
}

// sync makes what was written durable. When that fails nothing is synced any more,
// but what is refused with it should not be there at the next start.
func (s *segment) sync() error {
	err := durable(s.file.Sync())
	if err != nil {
		_ = s.file.Truncate(s.end) // as far as it can be done
	}
	return err
}

// write writes lines behind the last one. It does not sync, unless they must be
// taken back: what was refused must not come back after a crash.
func (s *segment) write(lines []byte) error {
	err := s.extend(s.end + int64(len(lines)))
	if err == nil {
		_, err = s.file.WriteAt(lines, s.end)
	}
	if err == nil {
		return nil
	}
	if undone := s.trim(); undone != nil {
		return fmt.Errorf("take back what %q cut short: %w", err, undone)
	}
	return err
}

// extend makes room for lines up to need.
func (s *segment) extend(need int64) error {
	if need <= s.space {
		return nil
	}
	s.fill = min(max(2*s.fill, leastFill), s.maxFill)
	for to := need + s.fill; s.space < to; {
		n, err := s.file.WriteAt(zeros[:min(to-s.space, mostFill)], s.space)
		s.space += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// zeros is only ever read, which takes no memory.
var zeros [mostFill]byte

// trim cuts off what stands behind the lines, durably.
func (s *segment) trim() error {
	s.space, s.fill = s.end, 0
	err := s.file.Truncate(s.end)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("trim %s: %w", segmentName(s.number), durable(err))
	}
	return nil
}

// sealLine is the line that ends a segment of size bytes, which stands for those
// through that number.
func sealLine(size int64, through uint32) line {
	return line{kind: kindSeal, sealed: size, synced: noMark, header: header{through: through}}
}

// seal writes the line that ends the segment.
func (s *segment) seal() error {
	l := sealLine(s.end, s.through)
	lines := l.appendTo(nil)
	if err := s.write(lines); err != nil {
		return fmt.Errorf("seal %s: %w", segmentName(s.number), err)
	}
	s.end += int64(len(lines))
	return s.trim()
}

// errStop ends a scan early.
var errStop = errors.New("stop")

// scanBuffer is how much of a segment is read at once.
const scanBuffer = 1 << 20

// scanLines calls each with every line in f's bytes from off up to size, without
// its newline; ended is false for what stands behind the last newline. raw is
// valid only during the call.
func scanLines(f io.ReaderAt, off, size int64, each func(off int64, raw []byte, ended bool) error) error {
	return scanBlocks(f, off, size, func(off int64, block []byte) error {
		for len(block) > 0 {
			end := bytes.IndexByte(block, '\n')
			if end < 0 {
				return each(off, block[:len(block):len(block)], false)
			}
			if err := each(off, block[:end:end], true); err != nil {
				return err
			}
			block, off = block[end+1:], off+int64(end)+1
		}
		return nil
	})
}

// scanBlocks calls each with f's bytes from off up to size, in blocks of whole
// lines; only what stands behind the last newline has none. block is valid only
// during the call.
func scanBlocks(f io.ReaderAt, off, size int64, each func(off int64, block []byte) error) error {
	buf, have := make([]byte, min(scanBuffer, size-off)), 0
	for off+int64(have) < size {
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		want := buf[have:min(int64(len(buf)), size-off)]
		n, err := f.ReadAt(want, off+int64(have))
		if n < len(want) {
			return fmt.Errorf("read %d bytes at %d: %w", len(want), off+int64(have), err)
		}
		done := have + bytes.LastIndexByte(want, '\n') + 1
		if have += n; done == have-n { // no line ends in what was read
			continue
		}
		if err := each(off, buf[:done:done]); err != nil {
			return ignoreStop(err)
		}
		have = copy(buf, buf[done:have])
		off += int64(done)
	}
	if have == 0 {
		return nil
	}
	return ignoreStop(each(off, buf[:have:have]))
}

func ignoreStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
