package index

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"dht/events"
	"dht/nodes/store/segment"
)

// Index finds the records that stand, by key and in order. It is not safe for
// concurrent use.
type Index struct {
	arena  arena // of the entries: a ref in here is always one, or was
	values arena
	table  table
	order  order
	expiry expiry
	counts events.StoreStats // of the listed entries
	known  int               // how many entries there are
	usage  map[uint32]*Usage // by segment id
	cache  cache
	bulk   bool // while loading the order is left for later
}

// State is what an entry says of its key.
type State byte

const (
	Expired State = iota // it had a value, until its time came
	Deleted              // a tombstone
	Live                 // a value
)

// Usage is what the lines of a segment are still good for, in bytes.
type Usage struct {
	Live int64 // of records that live
	Dead int64 // of tombstones that stand, and of expired records without their values
}

// Move says where an entry's line went; to the zero place: the entry goes.
type Move struct {
	Ref      Ref
	From, To segment.Place
	Expired  bool // the expired record became a tombstone
}

// New returns an empty index that keeps values in memory as long as it
// takes no more than limit bytes, 0 for any number. It has at most pages MiB for
// keys, and as many for values; 0 is 32 GiB, which is as far as they can be named.
func New(limit int64, pages int) *Index {
	return &Index{
		arena:  arena{newPage: newPage, most: pages},
		values: arena{newPage: newPage, most: pages},
		cache:  cache{limit: limit},
		table:  table{seed: maphash.MakeSeed()},
		expiry: expiry{times: map[Ref]int64{}},
		usage:  map[uint32]*Usage{},
		bulk:   true,
	}
}

// Loaded ends the bulk loading.
func (x *Index) Loaded() {
	refs := make([]Ref, 0, x.known)
	x.table.each(func(r Ref) {
		refs = append(refs, r)
	})
	x.order.build(&x.arena, refs)
	x.bulk = false
}

func (x *Index) entry(r Ref) entry { return entry(x.arena.at(r)) }

// Stats counts the live entries.
func (x *Index) Stats() events.StoreStats { return x.counts }

// PlaceOf is where the line of the entry at r stands.
func (x *Index) PlaceOf(r Ref) segment.Place { return x.entry(r).place() }

// InMemory reports whether the value of the entry at r need not be read.
func (x *Index) InMemory(r Ref) bool { return x.entry(r).inMemory() }

// ValueSize is how many bytes the value of the entry at r has.
func (x *Index) ValueSize(r Ref) int { return x.entry(r).valueSize() }

// StateOf is what the entry at r says.
func (x *Index) StateOf(r Ref) State {
	switch e := x.entry(r); {
	case e.has(flagListed):
		return Live
	case e.has(flagDeleted):
		return Deleted
	}
	return Expired
}

// Unsorted is how many new keys do not show in listings yet.
func (x *Index) Unsorted() int { return len(x.order.added) }

// NextExpiry is when the next entry expires at the earliest, unix milliseconds,
// never without any.
func (x *Index) NextExpiry() int64 { return x.expiry.next() }

// Hash is what the other methods want to know of a key. It needs no lock.
func (x *Index) Hash(key []byte) uint64 { return x.table.hash(key) }

// Find returns the entry of key, 0 when nothing is known of it.
func (x *Index) Find(key []byte, hash uint64) Ref { return x.table.find(&x.arena, key, hash) }

// FindAll finds the entries of many keys at once, 0 for those of which nothing is
// known. key(i) is the one with hashes[i].
func (x *Index) FindAll(hashes []uint64, refs []Ref, key func(int) []byte) []Ref {
	refs = slices.Grow(refs[:0], len(hashes))[:len(hashes)]
	for from := 0; from < len(hashes); from += Together {
		to := min(from+Together, len(hashes))
		x.table.likely(&x.arena, hashes[from:to], refs[from:to])
		for i := from; i < to; i++ {
			if refs[i] != 0 && !x.is(refs[i], key(i)) {
				refs[i] = x.Find(key(i), hashes[i])
			}
		}
	}
	return refs
}

// is reports whether the entry at r, which may have been removed, is that of key.
func (x *Index) is(r Ref, key []byte) bool { return bytes.Equal(x.entry(r).key(), key) }

// Head is what an entry says but for the value; its key is the one given.
func (x *Index) Head(key []byte, at Ref) events.Record {
	e := x.entry(at)
	r := events.Record{Key: key, Version: e.version(), Deleted: e.has(flagDeleted)}
	if e.has(flagExpires) {
		r.Expires = x.expiry.times[at]
	}
	return r
}

// Record copies what an entry says, with the value when that is in memory.
func (x *Index) Record(key []byte, at Ref) events.Record {
	r := x.Head(key, at)
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

// Reserve promises that one more key of size bytes can be recorded, where that takes
// no memory that is not there. It may be called while others read, by whoever is the
// only one to call Set.
func (x *Index) Reserve(size int) bool { return x.arena.reserve(entryHead + size) }

// Grow takes the memory for which Reserve was not enough. It is [ErrFull] when there
// is none.
func (x *Index) Grow(size int) error { return x.arena.grow(entryHead + size) }

// KeepPromises ends what was reserved.
func (x *Index) KeepPromises() { x.arena.keepPromises() }

// Set records r, which stands at at. ref is where the key's entry was not long
// ago, or 0.
// It is [ErrFull] when there is no memory for a new key, unless that was reserved.
func (x *Index) Set(r *events.Record, hash uint64, ref Ref, at segment.Place) (err error) {
	if ref == 0 || !x.is(ref, r.Key) {
		ref = x.Find(r.Key, hash)
	}
	if ref == 0 {
		if ref, err = x.add(r.Key, hash); err != nil {
			return err
		}
	}
	e := x.entry(ref)
	x.account(e, -1)
	x.unlist(e, r.Deleted)
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
	x.list(e)
	x.account(e, 1)
	return nil
}

// Prefetch reads where the value at r begins and ends. Doing that for many, one after the
// other, makes the processor wait for all at once: see table.likely.
func (x *Index) Prefetch(r Ref) (sum byte) {
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
func (x *Index) account(e entry, sign int64) {
	at := e.place()
	u := x.usage[at.File]
	if u == nil {
		u = &Usage{}
		x.usage[at.File] = u
	}
	if e.has(flagListed) {
		u.Live += sign * int64(at.Size)
	} else { // the value of an expired record goes whenever it is merged
		u.Dead += sign * (int64(at.Size) - int64(e.valueSize()))
	}
}

func (x *Index) UsageOf(file uint32) Usage {
	if u := x.usage[file]; u != nil {
		return *u
	}
	return Usage{}
}

// LiveBytes is how many bytes the lines of live records have.
func (x *Index) LiveBytes() (n int64) {
	for _, u := range x.usage {
		n += u.Live
	}
	return n
}

func (x *Index) ForgetUsage(file uint32) { delete(x.usage, file) }

// MoveAll follows lines that were merged.
func (x *Index) MoveAll(moves []Move) (sum byte) {
	for _, m := range moves { // all at once, see table.likely
		sum += x.entry(m.Ref).flags()
	}
	for _, m := range moves {
		x.move(m)
	}
	return sum
}

// move follows a line that was merged, unless the entry has changed since.
func (x *Index) move(m Move) {
	e := x.entry(m.Ref)
	if e.place() != m.From {
		return
	}
	if m.To == (segment.Place{}) {
		x.Remove(e.key(), x.Hash(e.key()))
		return
	}
	x.account(e, -1)
	e.setPlace(m.To)
	if m.Expired {
		x.expiry.forget(m.Ref)
		x.setValue(m.Ref, e, nil)
		e.setFlags(e.flags()&(flagCached|flagAdded) | flagDeleted)
	}
	x.account(e, 1)
}

// add makes an entry for a key that is not known yet.
func (x *Index) add(key []byte, hash uint64) (Ref, error) {
	r, err := x.arena.alloc(entryHead + len(key))
	if err != nil {
		return 0, err
	}
	e := x.entry(r)
	clear(e[:entryHead])
	e.setKey(key)
	x.table.add(hash, r)
	x.known++
	if x.bulk {
		return r, nil
	}
	x.order.add(&x.arena, r)
	if len(x.order.added) > 2*x.known+mostStale {
		x.order.prune(&x.arena)
	}
	return r, nil
}

// Remove forgets key.
func (x *Index) Remove(key []byte, hash uint64) {
	r := x.table.find(&x.arena, key, hash)
	if r == 0 {
		return
	}
	e := x.entry(r)
	x.account(e, -1)
	x.unlist(e, true)
	if !x.bulk {
		x.order.remove(&x.arena, r)
	}
	x.expiry.forget(r)
	x.setValue(r, e, nil)
	x.table.remove(hash, r)
	x.known--
	size := e.keySize()
	clear(e[:entryHead])
	x.arena.release(r, entryHead+size)
}

// list counts a live entry. One that has expired is no longer counted by Expire.
func (x *Index) list(e entry) {
	if !e.has(flagDeleted) {
		x.count(e, 1)
		e.setFlags(e.flags() | flagListed)
	}
}

// count adds a live entry to the counts, or takes it off.
func (x *Index) count(e entry, sign int) {
	x.counts.Keys += sign
	x.counts.Bytes += int64(sign) * e.liveBytes()
	if e.has(flagExpires) {
		x.counts.Expiring += sign
	}
}

// unlist no longer counts an entry, which is gone unless a record follows.
func (x *Index) unlist(e entry, gone bool) {
	if !e.has(flagListed) {
		return
	}
	x.count(e, -1)
	if gone {
		e.setFlags(e.flags() &^ flagListed)
	}
}

// Replay applies a line of the journal: the newest version stands, among equal
// ones the last.
func (x *Index) Replay(l *segment.Line, at segment.Place) error {
	hash := x.Hash(l.Record.Key)
	r := x.Find(l.Record.Key, hash)
	switch {
	case r != 0 && bytes.Compare(x.entry(r)[:16], l.Record.Version[:]) > 0:
	case l.Kind == segment.KindDrop:
		x.Remove(l.Record.Key, hash)
	default:
		return x.Set(&l.Record, hash, r, at)
	}
	return nil
}

// Due reports whether expire has something to do.
func (x *Index) Due(now time.Time) bool { return x.expiry.due(now.UnixMilli()) }

// Expire takes expired entries out of the counts, at most limit of
// them, and returns which.
func (x *Index) Expire(now time.Time, limit int) (gone []events.Event) {
	for range limit {
		r := x.expiry.pop(now.UnixMilli())
		if r == 0 {
			break
		}
		e := x.entry(r)
		gone = append(gone, events.Event{Type: events.EventExpire, Key: bytes.Clone(e.key()), Version: e.version(),
			Expires: x.expiry.times[r], Bytes: int64(e.valueSize())})
		x.account(e, -1)
		x.unlist(e, true)
		x.evict(e)
		x.account(e, 1)
	}
	return gone
}

// Close gives all memory back. Nothing may be called any more.
func (x *Index) Close() error { return errors.Join(x.arena.close(), x.values.close()) }
