package store

import (
	"dht/events"
	"dht/nodes/store/index"
)

// List returns the live keys that begin with prefix, in byte order, behind
// after, at most limit of them; more says whether the listing was cut. When
// damage hides keys it returns those that are certain, and
// [events.ErrCorrupt]. The keys returned must not be modified.
func (j *Journal) List(prefix, after []byte, limit int) (keys []events.KeyInfo, more bool, err error) {
	j.expire()
	more, err = j.walk(after, func(after []byte) (p index.Page) {
		keys, p = j.index.Keys(keys, prefix, after, limit, j.certain)
		return p
	})
	return keys, more, err
}

// Scan returns everything that is recorded, in byte order of the keys, behind after,
// at most limit of it; more says whether there is more, behind the last key
// returned. Tombstones are there, and what has expired, and nothing has its value.
// It is no snapshot: what is written between two calls may show in the second one.
// When damage hides keys it returns those that are certain, and
// [events.ErrCorrupt]. No lock is held once it has returned, nor for long before.
func (j *Journal) Scan(after []byte, limit int) (records []events.Record, more bool, err error) {
	more, err = j.walk(after, func(after []byte) (p index.Page) {
		records, p = j.index.Scan(records, after, limit, j.certain)
		return p
	})
	return records, more, err
}

// walk calls page until it is through. Writes wait for one page at a time.
func (j *Journal) walk(after []byte, page func(after []byte) index.Page) (more bool, err error) {
	j.sort()
	for {
		p, err := j.walkSome(after, page)
		if p.At == nil {
			return p.More, err
		}
		after = p.At
	}
}

func (j *Journal) walkSome(after []byte, page func(after []byte) index.Page) (index.Page, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return index.Page{}, events.ErrStopped
	}
	p := page(after)
	if len(j.damage) > 0 {
		return p, j.corrupt()
	}
	return p, nil
}

// sortStep bounds how long others wait for new keys to be sorted in.
const sortStep = 512

// sort makes the keys added until now show in listings.
func (j *Journal) sort() {
	for left := j.unsorted(); left > 0; left -= sortStep {
		j.sortSome()
	}
}

func (j *Journal) unsorted() int {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.index.Unsorted()
}

// sortSome reports whether there is more to sort.
func (j *Journal) sortSome() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	j.index.Sort(sortStep)
	return j.index.Unsorted() > 0
}
