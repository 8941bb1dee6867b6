package tcp

import (
	"sync/atomic"

	"dht/events"
)

// link says whether a peer can be reached, as far as anybody has tried.
type link struct {
	lanes  atomic.Int32 // that are connected
	failed atomic.Bool  // the last one ended, or never began
}

func (l *link) begin() {
	l.lanes.Add(1)
	l.failed.Store(false)
}

func (l *link) end() {
	l.lanes.Add(-1)
	l.failed.Store(true)
}

func (l *link) state() events.LinkState {
	switch {
	case l.lanes.Load() > 0:
		return events.LinkUp
	case l.failed.Load():
		return events.LinkDown
	}
	return events.LinkIdle
}

// Links tells of the connections to the other nodes: of none before Serve.
func (s *Server) Links() (links []events.Link) {
	s.mu.Lock()
	peers := s.peers
	s.mu.Unlock()
	for _, p := range peers {
		if p != nil && p.addr != "" {
			links = append(links, events.Link{To: p.name, Path: events.PathTCP, State: p.link.state()})
		}
	}
	return links
}
