package index

import (
	"container/heap"
	"math"
)

// Never is later than all times.
const Never = math.MaxInt64

// expiry knows when entries expire, and which one does first.
type expiry struct {
	times map[Ref]int64 // unix milliseconds
	heap  deadlines     // also holds what no longer is so in times
}

type deadline struct {
	at  int64
	ref Ref
}

type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at < d[j].at }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}

// set says that r expires at at.
func (e *expiry) set(r Ref, at int64) {
	e.times[r] = at
	if len(e.heap) >= 2*len(e.times)+64 {
		e.rebuild()
		return
	}
	heap.Push(&e.heap, deadline{at, r})
}

// forget says that r no longer expires.
func (e *expiry) forget(r Ref) { delete(e.times, r) }

// rebuild leaves out what is no longer so, which keeps the heap's size in
// proportion when one key is written again and again.
func (e *expiry) rebuild() {
	e.heap = e.heap[:0]
	for r, at := range e.times {
		e.heap = append(e.heap, deadline{at, r})
	}
	heap.Init(&e.heap)
}

// due reports whether pop may have something.
func (e *expiry) due(now int64) bool { return e.next() <= now }

// next is the first deadline, unix milliseconds, or one that no longer is so;
// never without any.
func (e *expiry) next() int64 {
	if len(e.heap) == 0 {
		return Never
	}
	return e.heap[0].at
}

// pop returns an entry that has expired, 0 when there is none. Its time stays
// known.
func (e *expiry) pop(now int64) Ref {
	for e.due(now) {
		d := heap.Pop(&e.heap).(deadline)
		if at, ok := e.times[d.ref]; ok && at == d.at {
			return d.ref
		}
	}
	return 0
}
