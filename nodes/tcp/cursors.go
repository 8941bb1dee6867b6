package tcp

import (
	"hash/maphash"
	"sync"
)

// cursors remembers where scans stand. A cursor of Redis is a number of 64
// bits, a scan in byte order stands at a key of up to 1,024 bytes. The same
// place has the same number, so that many scans need few. Safe for concurrent
// use; the zero value is empty.
type cursors struct {
	mu    sync.Mutex // guards what follows
	seed  maphash.Seed
	byID  map[uint64][]byte
	order []uint64 // oldest first
}

// maxCursors is how many places are remembered. A scan whose place is forgotten
// begins anew: twice is allowed, fewer keys never are.
const maxCursors = 16_384

// save returns the number of the place behind key; it is never 0.
func (c *cursors) save(key []byte) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID, c.seed = map[uint64][]byte{}, maphash.MakeSeed()
	}
	id := maphash.Bytes(c.seed, key)
	for ; ; id++ {
		known, taken := c.byID[id]
		switch {
		case id == 0 || taken && string(known) != string(key):
			continue
		case taken:
			return id
		}
		break
	}
	if len(c.order) == maxCursors {
		delete(c.byID, c.order[0])
		c.order = c.order[1:]
	}
	c.byID[id] = append([]byte(nil), key...)
	c.order = append(c.order, id)
	return id
}

// find returns the key behind which the scan numbered id goes on.
func (c *cursors) find(id uint64) (key []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, ok = c.byID[id]
	return key, ok
}
