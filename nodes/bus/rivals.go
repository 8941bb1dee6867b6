package bus

import (
	"encoding/json"
	"sync"
	"time"

	"dht/events"
)

// asker is what a node's own question says of it.
type asker struct {
	From string         `json:"x-from"`
	Run  events.Version `json:"x-run"`
}

// rivals are runs that have asked lately, other than this one.
type rivals struct {
	heard chan struct{} // holds a token when one of this node's name has

	mu       sync.Mutex // guards what follows
	asked    map[events.Version]time.Time
	reported map[events.Version]time.Time
}

const (
	mostRivals  = 256 // what is asked in anger must not fill the memory
	rivalFor    = time.Minute
	reportAgain = time.Minute
)

func newRivals() rivals {
	return rivals{heard: make(chan struct{}, 1), asked: map[events.Version]time.Time{}, reported: map[events.Version]time.Time{}}
}

// noteAsker remembers which run has asked, where a question says so. One that is
// new on the bus is asked in turn; one of this node's own name whenever it asks.
func (s *Server) noteAsker(message []byte) {
	var a asker
	if len(message) < len(`{"x-run":""}`) || json.Unmarshal(message, &a) != nil || a.Run == s.run || a.Run.IsZero() {
		return
	}
	if !s.rivals.has(a.Run) {
		s.Meet()
	}
	remember(&s.rivals.mu, s.rivals.asked, a.Run, time.Now(), 0)
	if a.From == s.node.Name {
		signal(s.rivals.heard)
	}
}

// has reports whether a run has asked lately.
func (r *rivals) has(run events.Version) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, asked := r.asked[run]
	return asked && time.Since(last) < rivalFor
}

// news reports whether a run was not reported lately.
func (r *rivals) news(run events.Version, now time.Time) bool {
	return remember(&r.mu, r.reported, run, now, reportAgain)
}

// remember notes that run was met now, unless it was within that time.
func remember(mu *sync.Mutex, met map[events.Version]time.Time, run events.Version, now time.Time, within time.Duration) bool {
	mu.Lock()
	defer mu.Unlock()
	if last, known := met[run]; known && now.Sub(last) < within {
		return false
	}
	if len(met) >= mostRivals {
		clear(met)
	}
	met[run] = now
	return true
}
