package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"dht/events"
)

// Place is where a line stands.
type Place struct {
	File uint32 // segment.id
	Off  uint32
	Size uint32 // with its newline
}

// MaxSize keeps every offset within a place.
const MaxSize = 1 << 31

// Segment is one file of lines. As long as it is appended to its sizes belong to
// the committer; once sealed they do not change.
type Segment struct {
	ID      uint32 // unique in this process, also across merges
	Number  uint32 // its name
	Through uint32 // the last number it stands for
	At      uint32 // the segment that was appended to when this one was merged, or 0
	File    File
	End     int64 // bytes of lines
	Space   int64 // size of the file; zeros follow the lines
	fill    int64 // how many zeros were written ahead the last time
	maxFill int64
	Sealed  bool // guarded by Journal.mu

	Newest  events.Version // none of its lines has a newer one
	Dropped int64          // bytes of dropped lines that the merge had to keep
	Bad     bool           // a merge found damage in it; the merger's
}

// A segment is filled with zeros ahead of its lines, so that a sync need not
// commit its growth: from leastFill on twice as far each time, up to mostFill.
const (
	leastFill = 4 << 10
	mostFill  = 1 << 20
)

// Read returns the record of key that stands at at.
func (s *Segment) Read(key []byte, at Place) (events.Record, error) {
	raw := make([]byte, at.Size-1)
	_, err := s.File.ReadAt(raw, int64(at.Off))
	switch {
	case errors.Is(err, os.ErrClosed):
		return events.Record{}, err
	case err != nil:
		return events.Record{}, fmt.Errorf("%w: read %s at %d: %v", events.ErrCorrupt, Name(s.Number), at.Off, err)
	}
	var l Line
	if err := Parse(raw, &l); err != nil || !bytes.Equal(l.Record.Key, key) {
		return events.Record{}, fmt.Errorf("%w: %s at %d", events.ErrCorrupt, Name(s.Number), at.Off)
	}
	return l.Record, nil
}

// Append writes lines and syncs them. After an error that says the disk is full the
// segment is as before, durably; after any other it is unusable.
func (s *Segment) Append(lines []byte) error {
	err := s.write(lines)
	if err == nil {
		err = s.sync()
	}
	if err != nil {
		return fmt.Errorf("append to %s: %w", Name(s.Number), err)
	}
	s.End += int64(len(lines))
	return nil
}

// sync makes what was written durable. When that fails nothing is synced any more,
// but what is refused with it should not be there at the next start.
func (s *Segment) sync() error {
	err := Durable(s.File.Sync())
	if err != nil {
		_ = s.File.Truncate(s.End) // as far as it can be done
	}
	return err
}

// write writes lines behind the last one. It does not sync, unless they must be
// taken back: what was refused must not come back after a crash.
func (s *Segment) write(lines []byte) error {
	err := s.extend(s.End + int64(len(lines)))
	if err == nil {
		_, err = s.File.WriteAt(lines, s.End)
	}
	if err == nil {
		return nil
	}
	if undone := s.Trim(); undone != nil {
		return fmt.Errorf("take back what %q cut short: %w", err, undone)
	}
	return err
}

// extend makes room for lines up to need.
func (s *Segment) extend(need int64) error {
	if need <= s.Space {
		return nil
	}
	s.fill = min(max(2*s.fill, leastFill), s.maxFill)
	for to := need + s.fill; s.Space < to; {
		n, err := s.File.WriteAt(zeros[:min(to-s.Space, mostFill)], s.Space)
		s.Space += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// zeros is only ever read, which takes no memory.
var zeros [mostFill]byte

// Trim cuts off what stands behind the lines, durably.
func (s *Segment) Trim() error {
	s.Space, s.fill = s.End, 0
	err := s.File.Truncate(s.End)
	if err == nil {
		err = s.File.Sync()
	}
	if err != nil {
		return fmt.Errorf("trim %s: %w", Name(s.Number), Durable(err))
	}
	return nil
}

// FillUpTo bounds how many zeros are written ahead at once.
func (s *Segment) FillUpTo(most int64) { s.maxFill = min(most, mostFill) }

// Mend makes the segment end in a newline, durably, and nothing else.
func (s *Segment) Mend() error {
	if s.End > 0 {
		if _, err := s.File.WriteAt([]byte{'\n'}, s.End-1); err != nil {
			return fmt.Errorf("mend %s: %w", Name(s.Number), err)
		}
	}
	return s.Trim()
}

// Probe tries whether there is room for a line. It does not sync.
func (s *Segment) Probe() error { return s.write(zeros[:leastFill]) }

// SealLine is the line that ends a segment of size bytes, which stands for those
// through that number.
func SealLine(size int64, through uint32) Line {
	return Line{Kind: KindSeal, Sealed: size, Synced: NoMark, Header: Header{Through: through}}
}

// Seal writes the line that ends the segment.
func (s *Segment) Seal() error {
	l := SealLine(s.End, s.Through)
	lines := l.AppendTo(nil)
	if err := s.write(lines); err != nil {
		return fmt.Errorf("seal %s: %w", Name(s.Number), err)
	}
	s.End += int64(len(lines))
	return s.Trim()
}

// ErrStop ends a scan early.
var ErrStop = errors.New("stop")

// scanBuffer is how much of a segment is read at once.
const scanBuffer = 1 << 20

// ScanLines calls each with every line in f's bytes from off up to size, without
// its newline; ended is false for what stands behind the last newline. raw is
// valid only during the call.
func ScanLines(f io.ReaderAt, off, size int64, each func(off int64, raw []byte, ended bool) error) error {
	return ScanBlocks(f, off, size, func(off int64, block []byte) error {
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

// ScanBlocks calls each with f's bytes from off up to size, in blocks of whole
// lines; only what stands behind the last newline has none. block is valid only
// during the call.
func ScanBlocks(f io.ReaderAt, off, size int64, each func(off int64, block []byte) error) error {
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
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}
