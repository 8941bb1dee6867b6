package store

import (
	"dht/events"
	"dht/nodes/store/index"
)

// Known calls each with every key of which anything is recorded, a value or a
// tombstone, in no order; live tells which. When damage hides keys it gives the
// others, and [events.ErrCorrupt]. Writes wait meanwhile. each must not keep the
// key nor call the store.
func (j *Journal) Known(each func(key []byte, live bool)) error {
	j.expire()
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return events.ErrStopped
	}
	j.index.Each(func(key []byte, is index.State) { each(key, is == index.Live) })
	if len(j.damage) > 0 {
		return j.corrupt()
	}
	return nil
}
