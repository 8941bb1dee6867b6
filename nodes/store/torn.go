package store

import (
	"bytes"
	"io"
)

// sector is the smallest unit that a disk writes whole.
const sector = 512

// holed reports whether the bytes at off show what a power loss leaves of a
// write: zeros where sectors were not written, from the start of the line or of
// a sector up to the end of a sector. Damage of another kind, such as a flipped
// bit, does not look like that.
func holed(raw []byte, off int64) bool {
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

// tail tells what stands behind the last newline of a segment.
type tail int

const (
	tailClean tail = iota // nothing, or zeros filled in ahead
	tailGood              // a good line that lacks its newline
	tailTorn              // what a crash left of a line
)

// readTail judges what stands behind the last newline, and how many of its
// bytes are a good line. A bit that flipped in the last newline must not cost
// the line before it.
func readTail(raw []byte, l *line) (tail, int) {
	raw = bytes.TrimRight(raw, "\x00")
	if len(raw) == 0 {
		return tailClean, 0
	}
	if parse(raw, l) == nil {
		return tailGood, len(raw)
	}
	if parse(raw[:len(raw)-1], l) == nil {
		return tailGood, len(raw) - 1
	}
	return tailTorn, 0
}

// markedAfter reports whether a good line says that more than the bytes up to
// off were durable.
func markedAfter(f io.ReaderAt, off, size int64) (marked bool, err error) {
	err = scanLines(f, off, size, func(_ int64, raw []byte, ended bool) error {
		var l line
		if ended && parse(raw, &l) == nil && (l.synced > off || l.kind == kindSeal) {
			marked = true
			return errStop
		}
		return nil
	})
	return marked, err
}
