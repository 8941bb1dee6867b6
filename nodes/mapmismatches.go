package nodes

import (
	"fmt"
	"sync"
	"time"

	"dht/events"
)

// mapMismatches remembers which other maps were named, so that one old client
// does not fill the log with every request.
type mapMismatches struct {
	mu    sync.Mutex // guards what follows
	named map[events.MapID]time.Time
}

const (
	nameAgain = time.Minute
	mostNamed = 64 // what is asked in anger must not fill the memory
)

// mismatch notes that who believes in another map: nobody's word yet, but a reason
// to ask the nodes what they hold.
func (n *Node) mismatch(other events.MapID, who string) {
	if n.mismatches.isNew(other, n.Clock.Now()) {
		n.Notify(events.Event{Type: events.EventMapMismatch,
			Detail: fmt.Sprintf("%s believes in map %s, %s holds %s", who, other, n.Name, n.Map.ID())})
	}
}

// isNew reports whether other was not named lately.
func (m *mapMismatches) isNew(other events.MapID, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, known := m.named[other]; known && now.Sub(last) < nameAgain {
		return false
	}
	if len(m.named) >= mostNamed || m.named == nil {
		m.named = map[events.MapID]time.Time{}
	}
	m.named[other] = now
	return true
}
