package index

import (
	"math/rand/v2"

	"dht/events"
	"dht/nodes/store/segment"
)

// cache says which values may be put out of memory when there is a limit. What
// goes is chosen at random: that needs no trace of who reads what, and a value
// that is read often soon comes back.
type cache struct {
	limit   int64 // for entries and values; 0 is none
	entries []Ref // that have a value in memory, or had one
}

// maxInMemory is the longest value that is kept in memory: a longer one is read
// from its segment, which costs little beside sending it.
const maxInMemory = 4 << 10

// setValue replaces the value of the entry at r.
func (x *Index) setValue(r Ref, e entry, value []byte) {
	if old := e.value(); old != 0 && sameClass(e.valueSize(), len(value)) {
		e.setValueSize(len(value))
		copy(x.values.at(old), value)
		return
	}
	x.evict(e)
	e.setValueSize(len(value))
	x.admit(r, e, value)
}

// CacheValue takes a value that was read from at into memory.
func (x *Index) CacheValue(r *events.Record, hash uint64, at segment.Place) {
	found := x.Find(r.Key, hash)
	if found == 0 {
		return
	}
	if e := x.entry(found); e.place() == at && !e.inMemory() && e.has(flagListed) {
		x.admit(found, e, r.Value)
	}
}

// admit takes the value of e into memory, for which others may have to go.
func (x *Index) admit(r Ref, e entry, value []byte) {
	if len(value) == 0 || len(value) > maxInMemory {
		return
	}
	if limit := x.cache.limit; limit > 0 {
		if !x.makeRoom(limit - int64(len(value))) {
			return
		}
		if !e.has(flagCached) {
			e.setFlags(e.flags() | flagCached)
			x.cache.entries = append(x.cache.entries, r)
		}
	}
	v, err := x.values.alloc(len(value))
	if err != nil { // it is on disk
		return
	}
	copy(x.values.at(v), value)
	e.setValue(v)
}

// makeRoom puts values out until all takes no more than most. While
// loading none has to go: those that are there are as good.
func (x *Index) makeRoom(most int64) bool {
	for x.arena.used+x.values.used > most {
		last := len(x.cache.entries) - 1
		if last < 0 || x.bulk {
			return false
		}
		i := rand.IntN(last + 1)
		e := x.entry(x.cache.entries[i])
		x.cache.entries[i] = x.cache.entries[last]
		x.cache.entries = x.cache.entries[:last]
		e.setFlags(e.flags() &^ flagCached)
		x.evict(e)
	}
	return true
}

// evict leaves the value of e on disk only.
func (x *Index) evict(e entry) {
	if r := e.value(); r != 0 {
		x.values.release(r, e.valueSize())
		e.setValue(0)
	}
}
