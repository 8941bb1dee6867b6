package segment

import (
	"bytes"
	"io"
)

// sector is the smallest unit that a disk writes whole.
const sector = 512

// Holed reports whether the bytes at off show what a power loss leaves of a
// write: zeros where sectors were not written, from the start of the line or of
// a sector up to the end of a sector. Damage of another kind, such as a flipped
// bit, does not look like that.
func Holed(raw []byte, off int64) bool {
	for i := 0; i < len(raw); {
		zero := bytes.IndexByte(raw[i:], 0)
		if zero < 0 {
			return false
		}
		start := i + zero
		end := start
		for end < len(raw) && raw[end] == 0 {
			end++
		}
		if (start == 0 || (off+int64(start))%sector == 0) && (off+int64(end))%sector == 0 {
			return true
		}
		i = end
	}
	return false
}

// Tail returns what stands behind the last newline of a segment.
type Tail int

const (
	TailClean Tail = iota // nothing, or zeros filled in ahead
	TailGood              // a good line that lacks its newline
	TailTorn              // what a crash left of a line
)

// ReadTail judges what stands behind the last newline, and how many of its
// bytes are a good line. A bit that flipped in the last newline must not cost
// the line before it.
func ReadTail(raw []byte, l *Line) (Tail, int) {
	raw = bytes.TrimRight(raw, "\x00")
	if len(raw) == 0 {
		return TailClean, 0
	}
	if Parse(raw, l) == nil {
		return TailGood, len(raw)
	}
	if Parse(raw[:len(raw)-1], l) == nil {
		return TailGood, len(raw) - 1
	}
	return TailTorn, 0
}

// MarkedAfter reports whether a good line says that more than the bytes up to
// off were durable.
func MarkedAfter(f io.ReaderAt, off, size int64) (marked bool, err error) {
	err = ScanLines(f, off, size, func(_ int64, raw []byte, ended bool) error {
		var l Line
		if ended && Parse(raw, &l) == nil && (l.Synced > off || l.Kind == KindSeal) {
			marked = true
			return ErrStop
		}
		return nil
	})
	return marked, err
}
