package tcp

import (
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/members"
)

// link says whether a peer can be reached, as far as anybody has tried.
type link struct {
	lanes    atomic.Int32 // that are connected
	failed   atomic.Bool  // the last one ended, or never began
	retrying atomic.Bool
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

// retry tries to reach a peer that was lost, ever more seldom, until it is back:
// who looks at the links sees whether it can be reached now, not whether somebody
// could the last time that he wanted to.
func (p *peer) retry() {
	if !p.link.retrying.CompareAndSwap(false, true) {
		return
	}
	p.server.wait.Go(func() {
		defer p.retried()
		pause := time.NewTimer(members.Backoff(0))
		defer pause.Stop()
		for tries := 1; p.link.state() == events.LinkDown; {
			select {
			case <-pause.C:
			case <-p.wake: // it was heard of elsewhere
				tries = 1
			case <-p.ctx.Done():
				return
			}
			p.isClean(p.ctx)
			tries++
			pause.Reset(members.Backoff(tries))
		}
	})
}

// Retry tries at once to reach a peer that is lost: it was heard of elsewhere.
func (s *Server) Retry(name string) {
	s.mu.Lock()
	peers := s.peers
	s.mu.Unlock()
	for _, p := range peers {
		if p != nil && p.name == name && p.link.state() == events.LinkDown {
			select {
			case p.wake <- struct{}{}:
			default:
			}
		}
	}
}

// retried ends a retry, unless the peer was lost at that moment.
func (p *peer) retried() {
	p.link.retrying.Store(false)
	if p.link.state() == events.LinkDown && p.ctx.Err() == nil {
		p.retry()
	}
}

// report is the link as others see it.
func (p *peer) report() events.Link {
	l := events.Link{To: p.name, Path: events.PathTCP, State: p.link.state()}
	if l.State == events.LinkDown {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.Error = p.why
	}
	return l
}

// Links reports the connections to the other nodes: of none before Serve.
func (s *Server) Links() (links []events.Link) {
	s.mu.Lock()
	peers := s.peers
	s.mu.Unlock()
	for _, p := range peers {
		if p != nil && p.addr != "" {
			links = append(links, p.report())
		}
	}
	return links
}
