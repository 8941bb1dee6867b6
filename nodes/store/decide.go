package store

import (
	"fmt"

	"dht/events"
	"dht/nodes/store/index"
	"dht/nodes/store/segment"
)

// join is how many of the requests have their keys looked up together.
func join(requests []request) (n int) {
	for changes := 0; n < len(requests) && changes < index.Together; n++ {
		changes += len(requests[n].changes)
	}
	return n
}

// decide decides the changes of the first of the requests, and returns how many
// those are: as long as the batch is not too large already.
func (c *committer) decide(requests []request) (n int) {
	requests = requests[:join(requests)]
	c.lookup.look(c.journal, requests)
	for i := 0; n < len(requests) && len(c.batch.lines) < mostLines; n++ {
		before, err := len(c.batch.written), requests[n].err
		for k := range requests[n].changes {
			if err == nil {
				err = c.change(i + k)
			}
		}
		if i += len(requests[n].changes); err != nil {
			c.batch.undo(before)
			requests[n].err = err
		}
	}
	c.lookup.reset()
	return n
}

// change decides change i. After an error none of its request may be written.
func (c *committer) change(i int) error {
	current := c.current(i)
	next, write := c.lookup.changes[i].Decide(current)
	if !write {
		return nil
	}
	if err := c.fits(i, next); err != nil {
		return err
	}
	if current.Corrupt && next.Known() {
		c.dropDoubtful(i, next.Version)
	}
	c.add(i, current.Version, next)
	return nil
}

// fits refuses what could not be kept or shown once it is written.
func (c *committer) fits(i int, next events.Record) error {
	if len(next.Value) > events.MaxValue {
		return fmt.Errorf("%w: a value is at most %d bytes long, this one %d",
			events.ErrTooLarge, events.MaxValue, len(next.Value))
	}
	if c.lookup.refs[i] != 0 || !next.Known() {
		return nil
	}
	key := c.lookup.changes[i].Key
	if r, _ := c.batch.find(key, c.lookup.hashes[i]); r.Known() {
		return nil
	}
	if err := c.journal.reserve(len(key)); err != nil {
		return fmt.Errorf("%w: %w", events.ErrReadOnly, err)
	}
	c.promised = true
	return nil
}

// reserve makes sure that one more key of size bytes can be shown to readers.
func (j *Journal) reserve(size int) error {
	for {
		if j.reserveSome(size) {
			return nil
		}
		if err := j.grow(size); err != nil {
			return err
		}
	}
}

func (j *Journal) reserveSome(size int) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.index.Reserve(size)
}

func (j *Journal) grow(size int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.Grow(size)
}

// keepPromises ends what was reserved for a batch.
func (c *committer) keepPromises() {
	if !c.promised {
		return
	}
	c.promised = false
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.journal.index.KeepPromises()
}

// dropDoubtful drops what is left of a key that damage hides, where that is newer
// than the record that heals it: else the next start would take it for what stands,
// and as hidden as before.
func (c *committer) dropDoubtful(i int, healed events.Version) {
	j, key := c.journal, c.lookup.changes[i].Key
	j.mu.RLock()
	defer j.mu.RUnlock()
	r := j.index.Find(key, c.lookup.hashes[i])
	if r == 0 {
		return
	}
	if left := j.index.Head(key, r).Version; left.Compare(healed) > 0 {
		c.add(i, left, events.Record{})
	}
}

// current is what stands of the key of change i, with what this batch wrote.
func (c *committer) current(i int) events.Record {
	change, hash := &c.lookup.changes[i], c.lookup.hashes[i]
	if r, ok := c.batch.find(change.Key, hash); ok {
		return r
	}
	r, err := c.lookup.heads[i].record, c.lookup.heads[i].err
	if !change.Blind {
		r, err = c.journal.get(change.Key, hash)
	}
	if err == nil {
		return r
	}
	version := c.journal.floor
	if version.IsZero() { // the damage is as fresh as what was written last
		version = c.journal.Newest()
	}
	return events.Record{Key: change.Key, Version: version, Deleted: true, Corrupt: true}
}

// add appends a record for change i to the batch. One without a version drops the
// key, at the version that stands.
func (c *committer) add(i int, stands events.Version, next events.Record) {
	key := c.lookup.changes[i].Key
	l := segment.Line{Record: normal(key, next)}
	if !next.Known() {
		l.Kind, l.Record.Key, l.Record.Version = segment.KindDrop, key, stands
	}
	if !l.Record.Version.IsZero() { // else there is nothing to drop
		c.batch.add(&l, c.lookup.hashes[i], c.lookup.refs[i],
			segment.Place{File: c.active.ID, Off: uint32(c.active.End)})
	}
}
