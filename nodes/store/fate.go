package store

import (
	"errors"
	"syscall"

	"dht/nodes/store/segment"
)

// fate is what becomes of the journal after an error of the disk.
type fate int

const (
	fateFine fate = iota
	fateFull      // nothing has changed, and there may be room again: read-only until then
	fateWait      // the process has no descriptor left: it is tried again
	fateStop      // what the disk holds is not known any more
)

// fateOf sorts every error of a write, a sync, a truncation, a renaming, an
// opening: here and nowhere else. What a failed sync says why does not matter:
// the system may have thrown away what it could not write, and the next sync of
// the same file would succeed.
func fateOf(err error) fate {
	switch {
	case err == nil:
		return fateFine
	case errors.Is(err, segment.ErrNotDurable):
		return fateStop
	case errors.Is(err, errNumbers), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT),
		errors.Is(err, syscall.EFBIG):
		return fateFull
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fateWait
	}
	return fateStop
}

// errNumbers is that the last segment has the highest number there is.
var errNumbers = errors.New("there is no number for another segment: dump the records and load them into a new folder")
