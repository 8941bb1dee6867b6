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
	suspects chan struct{} // holds a token when a newer map was named

	mu        sync.Mutex // guards what follows
	named     map[events.MapID]time.Time
	suspected time.Time
}

const (
	nameAgain    = time.Minute
	suspectAgain = time.Second
	mostNamed    = 64 // what is asked in anger must not fill the memory
)

// mismatch notes that who believes in another map.
func (n *Node) mismatch(other events.MapID, who string) {
	now := n.Clock.Now()
	if other.Epoch > n.Map.Epoch() {
		n.mismatches.suspect(now)
	}
	if n.mismatches.isNew(other, now) {
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

func (m *mapMismatches) suspect(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ago := now.Sub(m.suspected); ago >= 0 && ago < suspectAgain {
		return
	}
	m.suspected = now
	select {
	case m.suspects <- struct{}{}:
	default:
	}
}

// Suspects holds a token after a request has named a newer map than this node's,
// once a second at most: whoever can should ask the nodes what they hold.
func (n *Node) Suspects() <-chan struct{} { return n.mismatches.suspects }
