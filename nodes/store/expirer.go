package store

import (
	"sync"
	"time"

	"dht/nodes/store/index"
)

// expirer takes out what expires when its time has come, and sleeps until then:
// while nothing expires it does not wake. It belongs to one goroutine.
type expirer struct {
	journal *Journal
	sooner  chan struct{} // holds a token when there is an earlier deadline than armed
	stop    chan struct{}
	running sync.WaitGroup
	armed   int64 // unix milliseconds, what it sleeps for; guarded by journal.mu
}

const (
	// expirePause is how long the expirer rests at least: what expires in the
	// meantime goes together.
	expirePause = 250 * time.Millisecond
	// expireSleep is how long it sleeps at most while a deadline is ahead: the
	// machine may sleep too, and timers with it.
	expireSleep = time.Minute
)

func newExpirer(j *Journal) *expirer {
	return &expirer{journal: j, armed: index.Never, sooner: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (e *expirer) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-e.stop:
			return
		case <-e.sooner:
		case <-timer.C:
			e.journal.expire()
			last = e.journal.options.Now()
		}
		timer.Stop()
		if wait, armed := e.arm(last.Add(expirePause)); armed {
			timer.Reset(wait)
		}
	}
}

// arm notes the next deadline, and returns how long to sleep until then, or until
// earliest when that is later; armed tells whether there is a deadline.
func (e *expirer) arm(earliest time.Time) (wait time.Duration, armed bool) {
	e.journal.mu.Lock()
	defer e.journal.mu.Unlock()
	e.armed = e.journal.index.NextExpiry()
	if e.armed == index.Never {
		return 0, false
	}
	now, at := e.journal.options.Now(), time.UnixMilli(e.armed)
	if at.Before(earliest) {
		at = earliest
	}
	return min(at.Sub(now), expireSleep), true
}

// look wakes the expirer when there is an earlier deadline than it sleeps for.
// The journal's mu must be held.
func (e *expirer) look() {
	if e.journal.index.NextExpiry() >= e.armed {
		return
	}
	select {
	case e.sooner <- struct{}{}:
	default:
	}
}
