package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/tcp/resp"
)

// lanes is how many links lead to each peer: reads do not wait behind writes,
// which wait for a disk. Whoever keeps to one lane for each kind of request has
// them carried out in the order of asking.
const lanes = 2

func laneOf(op events.Op) int {
	if op.Writes() {
		return 1
	}
	return 0
}

// pauseAfter a failed attempt to connect, requests fail at once instead of
// trying again.
const pauseAfter = 100 * time.Millisecond

// peer is another node of the map. Safe for concurrent use.
type peer struct {
	ctx    context.Context
	server *Server
	name   string
	addr   string
	ahead  atomic.Int64 // milliseconds by which its clock is ahead of this node's

	mu     sync.Mutex // guards what follows
	links  [lanes]*link
	failed error // of the last attempt to connect
	since  time.Time
}

func newPeer(ctx context.Context, s *Server, name, addr string) *peer {
	return &peer{ctx: ctx, server: s, name: name, addr: addr}
}

// send asks the peer. done is called once, maybe before send returns, with the
// reply or a *[linkError]; it must not block.
func (p *peer) send(op events.Op, message []byte, done func(reply []byte, err error)) {
	until := time.Now().Add(p.server.Timeout)
	for {
		l, err := p.link(laneOf(op))
		if err != nil {
			done(nil, &linkError{false, err})
			return
		}
		if l.send(op, message, until, done) {
			return
		}
	}
}

// link returns the link of a lane, beginning a new one where there is none.
func (p *peer) link(lane int) (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.links[lane] != nil:
		return p.links[lane], nil
	case p.addr == "":
		return nil, errors.New("the cluster file gives it no tcp address")
	case p.ctx.Err() != nil:
		return nil, errors.New("the node is closing")
	case p.failed != nil && time.Since(p.since) < pauseAfter:
		return nil, p.failed
	}
	l := newLink(p)
	p.links[lane] = l
	p.server.wait.Go(func() { l.run(p.ctx) })
	return l, nil
}

// lost forgets a link that has failed.
func (p *peer) lost(l *link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.links {
		if p.links[i] == l {
			p.links[i] = nil
		}
	}
	p.failed, p.since = err, time.Now()
}

// met takes what the node at the peer's address says of itself: another node,
// or one of another map, is no peer.
func (p *peer) met(reply resp.Reply, asked time.Time) error {
	if reply.Kind != '$' {
		return fmt.Errorf("it answers %q", reply.Text)
	}
	info, err := events.DecodeInfo(reply.Text)
	if err != nil {
		return err
	}
	if err := p.server.heard(info); err != nil {
		return err
	}
	if info.Node != p.name {
		return fmt.Errorf("%w: it is node %q", events.ErrConfig, info.Node)
	}
	clock := info.Started.Add(time.Duration(info.UptimeMS) * time.Millisecond)
	p.ahead.Store(clock.Sub(asked).Milliseconds())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = nil
	return nil
}

// ask is send for a caller that waits.
func (p *peer) ask(ctx context.Context, op events.Op, message []byte) ([]byte, error) {
	type result struct {
		reply []byte
		err   error
	}
	results := make(chan result, 1)
	p.send(op, message, func(reply []byte, err error) { results <- result{reply, err} })
	select {
	case r := <-results:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

const (
	meetFirst  = 100 * time.Millisecond
	meetAtMost = 15 * time.Second // a phone's radio should sleep
)

// meet asks every peer who it is, ever more seldom, until each has said that it
// holds no key of an earlier map.
func (s *Server) meet(ctx context.Context) {
	missing := map[*peer]bool{}
	for _, p := range s.peers {
		if p != nil && p.addr != "" {
			missing[p] = true
		}
	}
	for every := meetFirst; len(missing) > 0; every = min(2*every, meetAtMost) {
		for p := range missing {
			if s.isSettled(ctx, p) {
				delete(missing, p)
			}
		}
		select {
		case <-time.After(every):
		case <-s.stopping:
			return
		}
	}
}

func (s *Server) isSettled(ctx context.Context, p *peer) bool {
	reply, err := p.ask(ctx, events.OpInfo, nil)
	if err != nil {
		return false
	}
	info, err := events.DecodeInfo(reply)
	if err != nil || s.heard(info) != nil {
		return false
	}
	return info.Map == s.node.Map.ID() && info.Misplaced == 0
}
