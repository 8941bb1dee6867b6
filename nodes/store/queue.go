package store

import (
	"runtime"
	"sync"

	"dht/events"
)

// request is what one call of Apply queued.
type request struct {
	changes []events.Change
	done    func(error)
	err     error // why it cannot be done at all
}

// newRequest checks what a store could not keep.
func newRequest(changes []events.Change, done func(error)) request {
	for i := range changes {
		if err := events.CheckKey(changes[i].Key); err != nil {
			return request{done: done, err: err}
		}
	}
	return request{changes: changes, done: done}
}

// normal is next as it is kept of key: a tombstone has neither value nor expiry,
// and what has no version says nothing.
func normal(key []byte, next events.Record) events.Record {
	switch {
	case !next.Known():
		return events.Record{}
	case next.Deleted:
		return events.Record{Key: key, Version: next.Version, Deleted: true}
	}
	next.Key, next.Corrupt = key, false
	return next
}

// queue hands requests from many callers to one goroutine, all that wait at
// once. Safe for concurrent use.
type queue struct {
	mu      sync.Mutex
	waiting []request
	closed  bool
	wake    chan struct{} // holds a token while there is something to take, or closed
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push queues r. It reports false once the queue is closed.
func (q *queue) push(r request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, r)
	q.signal()
	return true
}

// signal must be called with mu held.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// settle lets others run as long as that brings more requests, up to as many as
// were answered just before: those who ask again at once share the next batch,
// which costs as much for all as for one.
func (q *queue) settle(answered int) {
	for before := 0; ; {
		runtime.Gosched()
		n := q.len()
		if n <= before || n >= answered {
			return
		}
		before = n
	}
}

// idle reports whether nothing waits, and more can come.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && !q.closed
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// take returns what waits, in order, and whether more can come. It reuses spare.
func (q *queue) take(spare []request) (batch []request, open bool) {
	clear(spare)
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.waiting = q.waiting, spare[:0]
	return batch, !q.closed
}

// close lets no more in; what waits can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}
