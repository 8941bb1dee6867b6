package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes/coordinator"
	"dht/nodes/members"
	"dht/nodes/tcp/resp"
)

// lanes is how many connections lead to each peer: reads do not wait behind
// writes, which wait for a disk, nor what must be answered within the usual time
// behind what may take longer: replies come in order, and a peer is given up when
// the first of them is overdue. Whoever keeps to one lane for each kind of
// request has them carried out in the order of asking.
//
// What a node says of itself has a lane of its own, which leads to a peer of
// another map as well: the others do not.
const (
	lanes    = 5
	laneInfo = lanes - 1
)

func laneOf(op events.Op, patient bool) (lane int) {
	if op == events.OpInfo {
		return laneInfo
	}
	if op.Writes() {
		lane = 1
	}
	if patient {
		lane += 2
	}
	return lane
}

// errClosing is why nothing is asked any more.
var errClosing = errors.New("this node is closing")

// peer is another node of the map. Safe for concurrent use.
type peer struct {
	ctx    context.Context
	server *Server
	wake   chan struct{} // holds a token when a retry need not wait
	name   string
	addr   string
	ahead  atomic.Int64 // milliseconds by which its clock is ahead of this node's
	link   link

	messages sync.Pool // room to encode one in, *[]byte

	mu    sync.Mutex // guards what follows
	pipes [lanes]*resp.Pipe
	why   string // it cannot be reached; empty when it can, or nobody has tried
}

// send asks the peer, which may take the time within, or the usual. done is
// called once, maybe before send returns, with the reply or a
// *[resp.PipeError]; it must not block. message is not used after send has
// returned.
func (p *peer) send(op events.Op, message []byte, within time.Duration, done func(resp.Reply, error)) {
	patient := within > p.server.Timeout
	within = max(within, p.server.Timeout)
	until := time.Now().Add(within)
	for {
		pipe, err := p.pipe(laneOf(op, patient), within)
		if err != nil {
			done(resp.Reply{}, &resp.PipeError{Cause: err})
			return
		}
		if pipe.Send(until, done, []byte("DHT"), []byte(op), message) {
			return
		}
		p.lost(pipe)
	}
}

// Send asks the peer, which has the usual time.
func (p *peer) Send(op events.Op, reqs []events.Request, done func([]events.Answer, error)) {
	deadline := p.server.node.Clock.Now().Add(p.server.Timeout).UnixMilli() + p.ahead.Load()
	for i := range reqs {
		reqs[i].Deadline = deadline
	}
	n, room := len(reqs), p.messages.Get().(*[]byte)
	*room = events.AppendRequests((*room)[:0], reqs...)
	p.send(op, *room, 0, func(reply resp.Reply, err error) {
		switch {
		case err != nil:
			done(nil, noAnswer(err))
		case reply.Kind != '$':
			done(nil, fmt.Errorf("%w: it answers %q", events.ErrInternal, reply.Text))
		default:
			done(events.AnswersOf(p.name, reply.Text, n))
		}
	})
	if cap(*room) <= maxKeepOut {
		p.messages.Put(room)
	}
}

// noAnswer says for the coordinator why a pipe gave no reply; other errors stay.
func noAnswer(err error) error {
	if failed := (*resp.PipeError)(nil); errors.As(err, &failed) {
		return &coordinator.NoAnswer{Sent: failed.Sent, Overdue: errors.Is(err, resp.ErrOverdue), Cause: failed}
	}
	return err
}

// pipe returns that of a lane, beginning a new one where there is none; it must
// be connected within that time.
func (p *peer) pipe(lane int, within time.Duration) (*resp.Pipe, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.pipes[lane] != nil:
		return p.pipes[lane], nil
	case p.addr == "":
		return nil, errors.New("the cluster file gives it no tcp address")
	case p.ctx.Err() != nil:
		return nil, errClosing
	}
	pipe := resp.NewPipe()
	p.pipes[lane] = pipe
	p.server.wait.Go(func() { p.run(pipe, lane, within) })
	return pipe, nil
}

// run connects a pipe and serves it until it fails or the server closes.
func (p *peer) run(pipe *resp.Pipe, lane int, within time.Duration) {
	defer context.AfterFunc(p.ctx, func() { pipe.Fail(errClosing) })()
	defer p.lost(pipe)
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	conn, err := p.connect(ctx, lane)
	if p.ctx.Err() == nil {
		p.note(err)
	}
	if err != nil {
		p.link.failed.Store(true)
		pipe.Fail(err)
		p.retry()
		return
	}
	p.link.begin()
	defer p.retry()
	defer p.link.end()
	pipe.Run(conn)
}

// lost forgets a pipe that has failed.
func (p *peer) lost(pipe *resp.Pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.pipes {
		if p.pipes[i] == pipe {
			p.pipes[i] = nil
		}
	}
}

// note says once why the peer cannot be reached, and that it can be again.
func (p *peer) note(err error) {
	why := ""
	if failed := (*net.OpError)(nil); errors.As(err, &failed) {
		why = failed.Op + ": " + failed.Err.Error() // the whole has another port each time
	} else if err != nil {
		why = err.Error()
	}
	p.mu.Lock()
	before := p.why
	p.why = why
	p.mu.Unlock()
	switch {
	case why == before:
	case why == "":
		p.server.Logger.Info("reached a node again", "node", p.name, "addr", p.addr)
	default:
		p.server.Logger.Warn("cannot reach a node", "node", p.name, "addr", p.addr, "err", err)
	}
}

// connect dials and asks the peer who it is: another node, or one of another
// map, is no peer.
func (p *peer) connect(ctx context.Context, lane int) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := p.handshake(conn, lane); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("ask who is at %s: %w", p.addr, err)
	}
	return quick(conn), conn.SetDeadline(time.Time{})
}

// handshake makes sure that the peer is at the other end, and of this node's map.
func (p *peer) handshake(conn net.Conn, lane int) error {
	if err := p.shakeHands(conn); err != nil {
		return err
	}
	asked := p.server.node.Clock.Now()
	reply, err := resp.Once(conn, []byte("DHT"), []byte(events.OpInfo))
	if err != nil {
		return err
	}
	return p.admit(reply, asked, lane)
}

// admit takes what the node at the peer's address says of itself.
func (p *peer) admit(reply resp.Reply, asked time.Time, lane int) error {
	if reply.Kind != '$' {
		return fmt.Errorf("it answers %q", reply.Text)
	}
	info, err := events.DecodeInfo(reply.Text)
	if err != nil {
		return err
	}
	// Somebody else's node there is no reason to stop: this peer is not reached.
	if cluster := p.server.node.Map().Name(); info.Node != p.name || info.Cluster.Name != cluster {
		return fmt.Errorf("%w: it is node %q of cluster %q, not %q of %q",
			events.ErrConfig, info.Node, info.Cluster.Name, p.name, cluster)
	}
	if err := p.server.heard(info); err != nil {
		return err
	}
	if mine := p.server.node.Map().ID(); info.Map != mine && lane != laneInfo {
		return fmt.Errorf("%w: it holds map %s, this node holds %s", events.ErrStaleMap, info.Map, mine)
	}
	clock := info.Started.Add(time.Duration(info.UptimeMS) * time.Millisecond)
	p.ahead.Store(clock.Sub(asked).Milliseconds())
	return nil
}

// askPeers asks every peer who it is, ever more seldom, until each has said that it
// holds no key of an earlier map.
func (s *Server) askPeers(ctx context.Context) {
	missing := map[*peer]bool{}
	for _, p := range s.peers {
		if p != nil && p.addr != "" {
			missing[p] = true
		}
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for tries := 1; len(missing) > 0; tries++ {
		for p := range missing {
			if p.isClean(ctx) {
				delete(missing, p)
			}
		}
		pause.Reset(members.Backoff(tries))
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// isClean asks the peer whether it holds no record of an earlier map.
func (p *peer) isClean(ctx context.Context) bool {
	replies := make(chan resp.Reply, 1)
	p.send(events.OpInfo, nil, 0, func(reply resp.Reply, _ error) { replies <- reply })
	select {
	case reply := <-replies:
		info, err := events.DecodeInfo(reply.Text)
		return err == nil && p.server.heard(info) == nil && info.Map == p.server.node.Map().ID() && info.Clean
	case <-ctx.Done():
		return false
	}
}
