package bus

import (
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
)

// watch is on while somebody wants to be told of answers, and says of how many.
type watch struct {
	on   atomic.Bool
	lost func(n int64) // called with how many answers were not told, a tenth of a second after the first

	mu     sync.Mutex  // guards what follows
	end    *time.Timer // turns it off
	rate   int         // answers a second
	until  time.Time   // whoever wants so many has asked for them
	tenth  int64       // of a second, since 1970: those that all nodes hear together are told of by all, but for the end of a burst
	left   int         // answers that may be told of, still in this tenth
	missed int64       // answers that were not told
	tell   *time.Timer // of those; nil while there are none
}

// maxWatchRate is what a node tells of at most.
const maxWatchRate = 100_000

// beginWatch lets the node tell of its answers for a while: of so many a second, or
// as many as usual.
func (s *Server) beginWatch(limit int) {
	rate := events.WatchRate
	if limit > 0 {
		rate = min(limit, maxWatchRate)
	}
	s.watch.begin(rate, events.WatchFor, s.node.Clock.Now())
}

// begin turns it on for as long, from now. Of several who watch the one who
// wants most counts.
func (w *watch) begin(rate int, lasting time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rate >= w.rate || now.After(w.until) {
		w.rate, w.until = rate, now.Add(lasting)
	}
	w.on.Store(true)
	if w.end == nil {
		w.end = time.AfterFunc(lasting, func() { w.on.Store(false) })
		return
	}
	w.end.Reset(lasting)
}

// admit returns how many of n answers may be told of now: each tenth of a second
// gives a tenth of the rate, and a second's worth is kept for a burst.
func (w *watch) admit(n int, now time.Time) (told int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tenth := now.UnixMilli() / 100; tenth != w.tenth {
		passed := int(max(1, min(tenth-w.tenth, 10)))
		w.tenth, w.left = tenth, min(w.left+passed*max(1, w.rate/10), w.rate)
	}
	told = min(n, w.left)
	w.left -= told
	w.missed += int64(n - told)
	if told < n && w.tell == nil {
		w.tell = time.AfterFunc(100*time.Millisecond, w.tellLoss)
	}
	return told
}

func (w *watch) tellLoss() {
	w.mu.Lock()
	n := w.missed
	w.missed, w.tell = 0, nil
	w.mu.Unlock()
	w.lost(n)
}

// stop turns it off for good.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range []*time.Timer{w.end, w.tell} {
		if t != nil {
			t.Stop()
		}
	}
	w.on.Store(false)
}
