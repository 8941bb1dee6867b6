package index

import (
	"bytes"

	"dht/events"
	"dht/nodes/store/segment"
)

// mostStale is how many entries may wait to be sorted in beside twice those that
// live: keys that come and go while nobody lists any.
const mostStale = 1 << 16

// Sort makes up to n new keys show in listings, the oldest first.
func (x *Index) Sort(n int) { x.order.sort(&x.arena, n) }

// Page is a part of a walk through the order: up to where it went, and whether
// there is more than it was to give.
type Page struct {
	At   []byte // the last key looked at, when it stopped before it was through; then it goes on behind
	More bool   // it was through: the limit was reached, and there is another
}

// walkStep is how many entries a walk looks at.
const walkStep = 1000

// walk calls each with the entries that are sorted in, from start on, until it returns
// false. It looks at a bounded number of them.
func (x *Index) walk(start []byte, each func(Ref, entry) bool) (at []byte) {
	looked := 0
	run, i := x.order.seek(&x.arena, start)
	x.order.from(run, i, func(r Ref) bool {
		e := x.entry(r)
		if !each(r, e) {
			return false
		}
		if looked++; looked == walkStep {
			at = bytes.Clone(e.key())
		}
		return looked < walkStep
	})
	return at
}

// behind is the first key that may come behind after.
func behind(after []byte) []byte {
	if len(after) == 0 {
		return nil
	}
	return append(bytes.Clone(after), 0)
}

// Keys appends live keys that are sorted in and begin with prefix, behind after, if
// visible, until there are limit of them.
func (x *Index) Keys(keys []events.KeyInfo, prefix, after []byte, limit int,
	visible func(segment.Place) bool) ([]events.KeyInfo, Page) {
	start, more := prefix, false
	if bytes.Compare(after, prefix) >= 0 {
		start = behind(after)
	}
	at := x.walk(start, func(r Ref, e entry) bool {
		if !bytes.HasPrefix(e.key(), prefix) {
			return false
		}
		if !e.has(flagListed) || !visible(e.place()) {
			return true
		}
		if more = len(keys) >= limit; !more {
			keys = append(keys, x.info(r, e))
		}
		return !more
	})
	return keys, Page{at, more}
}

// Scan appends everything that is sorted in, behind after, if visible, until there
// are limit of them: tombstones and what has expired too, and no values.
func (x *Index) Scan(records []events.Record, after []byte, limit int,
	visible func(segment.Place) bool) ([]events.Record, Page) {
	var keys []byte // one piece of memory for many
	more := false
	at := x.walk(behind(after), func(r Ref, e entry) bool {
		if !visible(e.place()) {
			return true
		}
		if more = len(records) >= limit; !more {
			from := len(keys)
			keys = append(keys, e.key()...)
			records = append(records, x.Head(keys[from:len(keys):len(keys)], r))
		}
		return !more
	})
	return records, Page{at, more}
}

func (x *Index) info(r Ref, e entry) events.KeyInfo {
	info := events.KeyInfo{Key: bytes.Clone(e.key()), Version: e.version(), Bytes: int64(e.valueSize())}
	if e.has(flagExpires) {
		info.Expires = x.expiry.times[r]
	}
	return info
}
