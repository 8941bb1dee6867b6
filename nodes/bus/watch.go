package bus

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"dht/events"
)

// watch is on while somebody wants answers to be published, and says how many.
type watch struct {
	on   atomic.Bool
	lost func(n int64) // called with how many answers were not published, a tenth of a second after the first

	mu     sync.Mutex    // guards what follows
	end    *time.Timer   // turns it off
	rate   int           // answers a second
	until  time.Time     // whoever wants so many has asked for them
	tokens *rate.Limiter // one for each answer that may be published now
	missed int64         // answers that were not published
	report *time.Timer   // of those; nil while there are none
}

const (
	// maxWatchRate is what a node publishes at most.
	maxWatchRate = 100_000
	// tick is how often tokens are given: at the same moments on all nodes, so that an
	// answer which all give together is published by all, but for the end of a burst.
	tick         = 100 * time.Millisecond
	ticksASecond = int(time.Second / tick)
)

// beginWatch lets the node publish its answers for a while: so many a second, or
// as many as usual.
func (p *Publisher) beginWatch(limit int) {
	perSecond := events.WatchRate
	if limit > 0 {
		perSecond = min(limit, maxWatchRate)
	}
	p.watch.begin(perSecond, events.WatchFor, p.clock.Now())
}

// begin turns it on for as long, from now. Of several who watch the one who
// wants most counts.
func (w *watch) begin(perSecond int, lasting time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if perSecond >= w.rate || now.After(w.until) {
		if perSecond != w.rate {
			w.tokens = rate.NewLimiter(rate.Every(tick)*rate.Limit(max(1, perSecond/ticksASecond)), perSecond)
		}
		w.rate, w.until = perSecond, now.Add(lasting)
	}
	w.on.Store(true)
	if w.end == nil {
		w.end = time.AfterFunc(lasting, func() { w.on.Store(false) })
		return
	}
	w.end.Reset(lasting)
}

// admit returns how many of n answers may be published now: of a second's worth at
// once, in which each tick gives its share.
func (w *watch) admit(n int, now time.Time) (admitted int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tokens != nil {
		const roundingError = 1e-9
		now = now.Truncate(tick)
		admitted = min(n, int(w.tokens.TokensAt(now)+roundingError))
		w.tokens.AllowN(now, admitted)
	}
	w.missed += int64(n - admitted)
	if admitted < n && w.report == nil {
		w.report = time.AfterFunc(tick, w.reportMissed)
	}
	return admitted
}

func (w *watch) reportMissed() {
	w.mu.Lock()
	n := w.missed
	w.missed, w.report = 0, nil
	w.mu.Unlock()
	w.lost(n)
}

// stop turns it off for good.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range []*time.Timer{w.end, w.report} {
		if t != nil {
			t.Stop()
		}
	}
	w.on.Store(false)
}
