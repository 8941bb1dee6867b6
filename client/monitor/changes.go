package monitor

import (
	"time"

	"dht/events"
)

// changes pairs each change that a node tells of with the node's answer to the
// request for it, whichever is seen first: the answer says it all.
type changes struct {
	found map[change]*found
	queue []*found // in the order they were seen
}

type change struct {
	node, key string
	version   events.Version
}

// found is one half of a pair, or a whole one.
type found struct {
	change
	at    time.Time
	sight *Sight // of the change; nil: the answer
}

// answered takes an answer.
func (c *changes) answered(w change, at time.Time) { c.pair(&found{change: w, at: at}) }

// told takes a change.
func (c *changes) told(w change, s Sight) { c.pair(&found{change: w, at: s.Time, sight: &s}) }

func (c *changes) pair(f *found) {
	if other := c.found[f.change]; other != nil {
		if (other.sight == nil) != (f.sight == nil) {
			delete(c.found, f.change)
			other.sight = nil
		}
		return
	}
	c.found[f.change] = f
	c.queue = append(c.queue, f)
}

// expire shows changes of before that no answer told of, and the oldest ones
// when there are too many.
func (c *changes) expire(before time.Time, show func(Sight)) {
	n := 0
	for n < len(c.queue) && (!c.queue[n].at.After(before) || len(c.queue)-n > maxOpen) {
		f := c.queue[n]
		if c.found[f.change] == f {
			delete(c.found, f.change)
		}
		if f.sight != nil {
			show(*f.sight)
		}
		n++
	}
	c.queue = append(c.queue[:0], c.queue[n:]...)
}
