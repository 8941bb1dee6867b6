package nodes

import (
	"fmt"
	"sync"
	"time"

	"dht/events"
)

// strangers remembers which other maps were met, so that one old client does
// not tell of itself with every request.
type strangers struct {
	mu   sync.Mutex // guards what follows
	told map[events.MapID]time.Time
}

const (
	tellAgain     = time.Minute
	mostStrangers = 64 // what is asked in anger must not fill the memory
)

// meet tells that who believes in another map.
func (n *Node) meet(other events.MapID, who string) {
	if n.strangers.news(other, n.Clock.Now()) {
		n.Notify(events.Event{Type: events.EventMapMismatch,
			Detail: fmt.Sprintf("%s believes in map %s, %s holds %s", who, other, n.Name, n.Map.ID())})
	}
}

// news reports whether other was not told of lately.
func (s *strangers) news(other events.MapID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.told[other]; known && now.Sub(last) < tellAgain {
		return false
	}
	if len(s.told) >= mostStrangers || s.told == nil {
		s.told = map[events.MapID]time.Time{}
	}
	s.told[other] = now
	return true
}
