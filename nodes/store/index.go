package store

import (
	"bytes"
	"hash/maphash"
	"slices"
	"time"

	"dht/events"
)

// index finds the records that stand, by key and in order. It is not safe for
// concurrent use.
type index struct {
	arena  arena // of the entries: a ref in here is always one, or was
	values arena
	table  table
	order  order
	expiry expiry
	stats  events.StoreStats // of the listed entries
	usage  map[uint32]*usage // by segment id
	cache  cache
	bulk   bool // while loading the order is left for later
}

// newIndex returns an empty index that keeps values in memory as long as it
// takes no more than limit bytes, 0 for any number.
func newIndex(limit int64) *index {
	return &index{
		cache:  cache{limit: limit},
		table:  table{seed: maphash.MakeSeed()},
		expiry: expiry{times: map[ref]int64{}},
		usage:  map[uint32]*usage{},
		bulk:   true,
	}
}

// loaded ends the bulk loading.
func (x *index) loaded() {
	refs := make([]ref, 0, x.stats.Keys)
	x.table.each(func(r ref) {
		if x.entry(r).has(flagListed) {
			refs = append(refs, r)
		}
	})
	x.order.build(&x.arena, refs)
	x.bulk = false
}

func (x *index) entry(r ref) entry { return entry(x.arena.at(r)) }

// hash is what the other methods want to know of a key. It needs no lock.
func (x *index) hash(key []byte) uint64 { return x.table.hash(key) }

// find returns the entry of key, 0 when nothing is known of it.
func (x *index) find(key []byte, hash uint64) ref { return x.table.find(&x.arena, key, hash) }

// findAll finds the entries of many keys at once, 0 for those of which nothing is
// known. key(i) is the one with hashes[i].
func (x *index) findAll(hashes []uint64, refs []ref, key func(int) []byte) []ref {
	refs = slices.Grow(refs[:0], len(hashes))[:len(hashes)]
	for from := 0; from < len(hashes); from += together {
		to := min(from+together, len(hashes))
		x.table.likely(&x.arena, hashes[from:to], refs[from:to])
		for i := from; i < to; i++ {
			if refs[i] != 0 && !x.is(refs[i], key(i)) {
				refs[i] = x.find(key(i), hashes[i])
			}
		}
	}
	return refs
}

// is reports whether the entry at r, which may have been removed, is that of key.
func (x *index) is(r ref, key []byte) bool { return bytes.Equal(x.entry(r).key(), key) }

// head is what an entry says but for the value; its key is the one given.
func (x *index) head(key []byte, at ref) events.Record {
	e := x.entry(at)
	r := events.Record{Key: key, Version: e.version(), Deleted: e.has(flagDeleted)}
	if e.has(flagExpires) {
		r.Expires = x.expiry.times[at]
	}
	return r
}

// record copies what an entry says, with the value when that is in memory.
func (x *index) record(key []byte, at ref) events.Record {
	r := x.head(key, at)
	var value []byte
	if e := x.entry(at); e.value() != 0 {
		value = x.values.at(e.value())[:e.valueSize()]
	}
	b := make([]byte, len(key)+len(value))
	copy(b, key)
	copy(b[len(key):], value)
	r.Key, r.Value = b[:len(key):len(key)], b[len(key):]
	return r
}

// set records r, which stands at at. ref is where the key's entry was not long
// ago, or 0.
func (x *index) set(r *events.Record, hash uint64, ref ref, at place) {
	if ref == 0 || !x.is(ref, r.Key) {
		ref = x.find(r.Key, hash)
	}
	if ref == 0 {
		ref = x.add(r.Key, hash)
	}
	e := x.entry(ref)
	x.account(e, -1)
	x.unlist(ref, e, r.Deleted)
	if e.has(flagExpires) {
		x.expiry.forget(ref)
	}
	e.setVersion(r.Version)
	e.setPlace(at)
	x.setValue(ref, e, r.Value)
	flags := e.flags() & (flagListed | flagCached | flagAdded)
	if r.Deleted {
		flags |= flagDeleted
	}
	if r.Expires != 0 {
		flags |= flagExpires
		x.expiry.set(ref, r.Expires)
	}
	e.setFlags(flags)
	x.list(ref, e)
	x.account(e, 1)
}

// touch reads where the value at r begins and ends. Touching many, one after the
// other, makes the processor wait for all at once: see table.likely.
func (x *index) touch(r ref) (touched byte) {
	if r == 0 {
		return 0
	}
	e := x.entry(r)
	if e.value() == 0 {
		return 0
	}
	value := x.values.at(e.value())[:e.valueSize()]
	return value[0] + value[len(value)/2] + value[len(value)-1]
}

// account adds an entry's line to what its segment is good for, or takes it off.
func (x *index) account(e entry, sign int64) {
	at := e.place()
	u := x.usage[at.file]
	if u == nil {
		u = &usage{}
		x.usage[at.file] = u
	}
	if e.has(flagListed) {
		u.live += sign * int64(at.size)
	} else { // the value of an expired record goes whenever it is merged
		u.dead += sign * (int64(at.size) - int64(e.valueSize()))
	}
}

func (x *index) usageOf(file uint32) usage {
	if u := x.usage[file]; u != nil {
		return *u
	}
	return usage{}
}

// live is how many bytes the lines of live records have.
func (x *index) live() (n int64) {
	for _, u := range x.usage {
		n += u.live
	}
	return n
}

func (x *index) forgetUsage(file uint32) { delete(x.usage, file) }

// moveAll follows lines that were merged.
func (x *index) moveAll(moves []move) (sum byte) {
	for _, m := range moves { // all at once, see table.likely
		sum += x.entry(m.ref).flags()
	}
	for _, m := range moves {
		x.move(m)
	}
	return sum
}

// move follows a line that was merged, unless the entry has changed since.
func (x *index) move(m move) {
	e := x.entry(m.ref)
	if e.place() != m.from {
		return
	}
	if m.to == (place{}) {
		x.remove(e.key(), x.hash(e.key()))
		return
	}
	x.account(e, -1)
	e.setPlace(m.to)
	if m.deleted {
		x.expiry.forget(m.ref)
		x.setValue(m.ref, e, nil)
		e.setFlags(e.flags()&(flagCached|flagAdded) | flagDeleted)
	}
	x.account(e, 1)
}

// add makes an entry for a key that is not known yet.
func (x *index) add(key []byte, hash uint64) ref {
	r := x.arena.alloc(entryHead + len(key))
	e := x.entry(r)
	clear(e[:entryHead])
	e.setKey(key)
	x.table.add(hash, r)
	return r
}

// remove forgets key.
func (x *index) remove(key []byte, hash uint64) {
	r := x.table.find(&x.arena, key, hash)
	if r == 0 {
		return
	}
	e := x.entry(r)
	x.account(e, -1)
	x.unlist(r, e, true)
	x.expiry.forget(r)
	x.setValue(r, e, nil)
	x.table.remove(hash, r)
	size := e.keySize()
	clear(e[:entryHead])
	x.arena.release(r, entryHead+size)
}

// mostStale is how many entries may wait to be sorted in beside twice those that
// live: keys that come and go while nobody lists any.
const mostStale = 1 << 16

// sort makes up to n new keys show in listings, the oldest first.
func (x *index) sort(n int) { x.order.sort(&x.arena, n) }

// list counts a live entry. One that has expired is taken out by expire.
func (x *index) list(r ref, e entry) {
	if e.has(flagDeleted) {
		return
	}
	x.count(e, 1)
	if e.has(flagListed) {
		return
	}
	e.setFlags(e.flags() | flagListed)
	if x.bulk {
		return
	}
	x.order.add(&x.arena, r)
	if len(x.order.added) > 2*x.stats.Keys+mostStale {
		x.order.prune(&x.arena)
	}
}

// count adds a live entry to the counts, or takes it off.
func (x *index) count(e entry, sign int) {
	x.stats.Keys += sign
	x.stats.Bytes += int64(sign) * e.liveBytes()
	if e.has(flagExpires) {
		x.stats.Expiring += sign
	}
}

// unlist no longer counts an entry. Unless it is gone its place in the order is
// kept for the record that follows.
func (x *index) unlist(r ref, e entry, gone bool) {
	if !e.has(flagListed) {
		return
	}
	x.count(e, -1)
	if !gone {
		return
	}
	e.setFlags(e.flags() &^ flagListed)
	if !x.bulk {
		x.order.remove(&x.arena, r)
	}
}

// replay applies a line of the journal: the newest version stands, among equal
// ones the last.
func (x *index) replay(l *line, at place) {
	hash := x.hash(l.record.Key)
	r := x.find(l.record.Key, hash)
	switch {
	case r != 0 && bytes.Compare(x.entry(r)[:16], l.record.Version[:]) > 0:
	case l.kind == kindDrop:
		x.remove(l.record.Key, hash)
	default:
		x.set(&l.record, hash, r, at)
	}
}

// due reports whether expire has something to do.
func (x *index) due(now time.Time) bool { return x.expiry.due(now.UnixMilli()) }

// expire takes expired entries out of the order and the counts, at most limit of
// them, and tells which.
func (x *index) expire(now time.Time, limit int) (gone []events.Event) {
	for range limit {
		r := x.expiry.pop(now.UnixMilli())
		if r == 0 {
			break
		}
		e := x.entry(r)
		gone = append(gone, events.Event{Type: events.EventExpire, Key: bytes.Clone(e.key()), Version: e.version(),
			Expires: x.expiry.times[r], Bytes: int64(e.valueSize())})
		x.account(e, -1)
		x.unlist(r, e, true)
		x.evict(e)
		x.account(e, 1)
	}
	return gone
}

// keys appends the live keys that are sorted in and begin with prefix, behind after, if visible,
// at most limit of them.
func (x *index) keys(keys []events.KeyInfo, prefix, after []byte, limit int, visible func(place) bool) (_ []events.KeyInfo, more bool) {
	start := prefix
	if bytes.Compare(after, prefix) >= 0 {
		start = append(bytes.Clone(after), 0) // the first key behind after
	}
	most := len(keys) + limit
	run, i := x.order.seek(&x.arena, start)
	x.order.from(run, i, func(r ref) bool {
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

func (x *index) info(r ref, e entry) events.KeyInfo {
	info := events.KeyInfo{Key: bytes.Clone(e.key()), Version: e.version(), Bytes: int64(e.valueSize())}
	if e.has(flagExpires) {
		info.Expires = x.expiry.times[r]
	}
	return info
}

func (x *index) close() {
	x.arena.close()
	x.values.close()
}
