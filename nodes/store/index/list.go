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

// Keys appends the live keys that are sorted in and begin with prefix, behind after, if visible,
// at most limit of them.
func (x *Index) Keys(keys []events.KeyInfo, prefix, after []byte, limit int, visible func(segment.Place) bool) (_ []events.KeyInfo, more bool) {
	start := prefix
	if bytes.Compare(after, prefix) >= 0 {
		start = append(bytes.Clone(after), 0) // the first key behind after
	}
	most := len(keys) + limit
	run, i := x.order.seek(&x.arena, start)
	x.order.from(run, i, func(r Ref) bool {
		e := x.entry(r)
		if !bytes.HasPrefix(e.key(), prefix) {
			return false
		}
		if !visible(e.place()) {
			return true
		}
		if more = len(keys) >= most; more {
			return false
		}
		keys = append(keys, x.info(r, e))
		return true
	})
	return keys, more
}

func (x *Index) info(r Ref, e entry) events.KeyInfo {
	info := events.KeyInfo{Key: bytes.Clone(e.key()), Version: e.version(), Bytes: int64(e.valueSize())}
	if e.has(flagExpires) {
		info.Expires = x.expiry.times[r]
	}
	return info
}
