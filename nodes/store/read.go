package store

import (
	"errors"
	"fmt"
	"os"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// Get returns what is recorded of key, durably: the zero Record when nothing
// is known of it, a tombstone, possibly an expired record. It is
// [events.ErrCorrupt] when damage hides the truth. The slices returned must not
// be modified; they stay valid.
func (j *Journal) Get(key []byte) (events.Record, error) {
	return j.get(key, j.index.Hash(key))
}

// get is Get for those who know the key's hash.
func (j *Journal) get(key []byte, hash uint64) (events.Record, error) {
	for {
		j.mu.RLock()
		r, from, err := j.lookup(key, hash)
		j.mu.RUnlock()
		if err != nil || from.segment == nil {
			return r, err
		}
		r, err = from.segment.Read(key, from.at)
		switch {
		case errors.Is(err, os.ErrClosed): // merged meanwhile: the record has moved
			continue
		case errors.Is(err, events.ErrCorrupt):
			j.options.Notify(events.Event{Type: events.EventCorrupt, Key: key, Detail: err.Error()})
		case err == nil && j.options.Memory > 0:
			j.cache(&r, hash, from.at)
		}
		return r, err
	}
}

// GetAll is Get of several keys, whose memory is fetched side by side. It calls
// each once for every key, in no order; each must be short and not call the
// journal. take says of each value that there is, by its size, whether it is
// wanted: otherwise the record comes without it, and costs no more than its head.
// nil takes all.
func (j *Journal) GetAll(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error)) {
	if len(keys) <= fewTogether {
		j.getSome(keys, take, each)
		return
	}
	for from := 0; from < len(keys); from += fewTogether {
		taken := take
		if take != nil {
			taken = func(i, size int) bool { return take(from+i, size) }
		}
		j.getSome(keys[from:min(from+fewTogether, len(keys))], taken, func(i int, r events.Record, err error) { each(from+i, r, err) })
	}
}

// fewTogether is how many keys are read at a time: their hashes and refs stay on
// the stack.
const fewTogether = 32

func (j *Journal) getSome(keys [][]byte, take func(i, size int) bool, each func(i int, r events.Record, err error)) {
	var hashes [fewTogether]uint64
	for i, key := range keys {
		hashes[i] = j.index.Hash(key)
	}
	onDisk := j.getInMemory(keys, hashes[:len(keys)], take, each)
	for i, key := range keys {
		if onDisk&(1<<i) != 0 {
			r, err := j.get(key, hashes[i])
			each(i, r, err)
		}
	}
}

// getInMemory reads what need not be read from disk, and returns a bit for each
// key that must be.
func (j *Journal) getInMemory(keys [][]byte, hashes []uint64, take func(i, size int) bool, each func(i int, r events.Record, err error)) (onDisk uint32) {
	var room [fewTogether]index.Ref
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		for i := range keys {
			each(i, events.Record{}, events.ErrStopped)
		}
		return 0
	}
	refs := j.index.FindAll(hashes, room[:0], func(i int) []byte { return keys[i] })
	for _, at := range refs {
		j.index.Prefetch(at)
	}
	for i, at := range refs {
		blind := take != nil && at != 0 && !take(i, j.index.ValueSize(at))
		r, from, err := j.stands(keys[i], at, blind)
		if from.segment != nil {
			onDisk |= 1 << i
			continue
		}
		each(i, r, err)
	}
	return onDisk
}

// cache takes a value that was read from at into memory, unless it was written
// anew meanwhile.
func (j *Journal) cache(r *events.Record, hash uint64, at segment.Place) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.index.CacheValue(r, hash, at)
	}
}

// source is where a value must be read from; without a segment, nowhere.
type source struct {
	segment *segment.Segment
	at      segment.Place
}

// lookup finds the record of key, or where it is to be read. mu must be held.
func (j *Journal) lookup(key []byte, hash uint64) (events.Record, source, error) {
	if j.closed {
		return events.Record{}, source{}, events.ErrStopped
	}
	return j.stands(key, j.index.Find(key, hash), false)
}

// stands is the record of key, whose entry is at r, or where it is to be read. A
// blind one is without a value, its key the caller's. mu must be held.
func (j *Journal) stands(key []byte, r index.Ref, blind bool) (events.Record, source, error) {
	if len(j.damage) > 0 && (r == 0 || !j.certain(j.index.PlaceOf(r))) {
		return events.Record{}, source{}, j.corrupt()
	}
	switch {
	case r == 0:
		return events.Record{}, source{}, nil
	case blind:
		return j.index.Head(key, r), source{}, nil
	case !j.index.InMemory(r):
		at := j.index.PlaceOf(r)
		return events.Record{}, source{j.files[at.File], at}, nil
	}
	return j.index.Record(key, r), source{}, nil
}

// certain reports whether no damage stands behind a line. mu must be held.
func (j *Journal) certain(at segment.Place) bool {
	return len(j.damage) == 0 || !position{j.files[at.File].Number, int64(at.Off)}.before(j.hidden)
}

func (j *Journal) corrupt() error {
	return fmt.Errorf("%w: %s: %v", events.ErrCorrupt, j.folder.dir, j.damage[0])
}
