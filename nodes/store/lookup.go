package store

import (
	"dht/events"
	"dht/nodes/store/index"
)

// lookup is what stands of the keys of some changes, found all at once.
type lookup struct {
	changes []events.Change
	hashes  []uint64
	refs    []index.Ref // of the keys' entries, 0 where nothing is known
	heads   []head
}

// head is what stands for a blind change; it says nothing of another one.
type head struct {
	record events.Record
	err    error
}

// look finds what stands for the changes of requests.
func (l *lookup) look(j *Journal, requests []request) {
	l.reset()
	for _, r := range requests {
		l.changes = append(l.changes, r.changes...)
	}
	for i := range l.changes {
		l.hashes = append(l.hashes, j.index.Hash(l.changes[i].Key))
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	l.refs = j.index.FindAll(l.hashes, l.refs, func(i int) []byte { return l.changes[i].Key })
	for i, r := range l.refs {
		var h head
		if c := &l.changes[i]; c.Blind {
			h.record, _, h.err = j.stands(c.Key, r, true)
		}
		l.heads = append(l.heads, h)
	}
}

// reset forgets everything, and gives back what only many changes need.
func (l *lookup) reset() {
	if cap(l.changes) > mostSpareLast {
		*l = lookup{}
	}
	clear(l.changes) // the callers' slices
	clear(l.heads)
	l.changes, l.hashes, l.heads = l.changes[:0], l.hashes[:0], l.heads[:0]
}
