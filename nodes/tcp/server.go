package tcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"dht/events"
	"dht/nodes"
	"dht/nodes/coordinator"
)

// Options make a server. The zero value of each field has a meaning.
type Options struct {
	Peers map[string]string // where the other nodes listen, by name; one that is missing cannot be reached
	// Elsewhere asks the node of that name by another way, where Peers has no address
	// of it. nil: such nodes cannot be asked.
	Elsewhere func(name string) coordinator.Peer

	Timeout  time.Duration // how long a peer may take to answer; 0: 2 s
	MaxConns int           // connections at once; 0: 10,000
	Slow     time.Duration // how long a client may take to send one command, or to take its replies; 0: 30 s
	// ask the peers at once who they are, and until all are clean: without a bus nobody else does
	Meet       bool
	AllowFlush bool         // FLUSHDB deletes this node's keys; otherwise it is refused
	Logger     *slog.Logger // nil: nowhere
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 10_000
	}
	if n, ok := descriptors(); ok {
		o.MaxConns = min(o.MaxConns, clientsOf(n))
	}
	if o.Slow <= 0 {
		o.Slow = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// keptBack is how many descriptors clients never get, where there are enough: they
// are for the journal, for other nodes and for whoever asks how the node is. So is a
// quarter of all, for clients of the bus and of HTTP.
const keptBack = 64

// clientsOf is how many of so many descriptors clients may have.
func clientsOf(descriptors uint64) int {
	return int(min(descriptors-min(descriptors/2, keptBack+descriptors/4), 1<<20))
}

// Server answers for one node on TCP.
type Server struct {
	Options
	listener net.Listener
	node     *nodes.Node
	run      events.Version // of this process
	rooms    *rooms
	ctx      context.Context // ends when nothing is waited for any more
	peers    []*peer         // by their index in the map; nil for this node

	coordinator *coordinator.Coordinator

	commands map[string]*command
	cursors  cursors
	stats    stats
	monitors monitors
	failed   chan error
	repeated struct{ refused, full, browser seldom } // what the log says once in a while

	stop     context.CancelFunc
	stopping chan struct{}
	wait     sync.WaitGroup // for accept, askPeers, the links and the monitors
	served   sync.WaitGroup // for the sessions
	closed   sync.Once

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
	draining bool
	lastID   int64
}

// stats counts what INFO reports.
type stats struct {
	accepted atomic.Int64
}

// Listen reserves addr, host:port, or says why it cannot. Connections wait
// until [Server.Serve].
func Listen(addr string, o Options) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for Redis clients: %w", err)
	}
	return New(listener, o), nil
}

// New makes a server that answers on listener, which it closes.
func New(listener net.Listener, o Options) *Server {
	return &Server{Options: o.withDefaults(), listener: listener, commands: commands(), failed: make(chan error, 1),
		stopping: make(chan struct{}), sessions: map[*session]struct{}{}}
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers for node from now on, until Close, and returns at once. ctx
// lends its values, not its end.
func (s *Server) Serve(ctx context.Context, node *nodes.Node) error {
	s.node = node
	s.run = node.Info().ID
	s.rooms = newRooms()
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.ctx = ctx
	names := node.Map().Names(nil)
	peers, known := make([]*peer, len(names)), make([]coordinator.Peer, len(names))
	for i, name := range names {
		if name != node.Name {
			peers[i] = &peer{ctx: ctx, server: s, name: name, addr: s.Peers[name], wake: make(chan struct{}, 1),
				messages: sync.Pool{New: func() any { return new([]byte) }}}
			known[i] = s.way(peers[i])
		}
	}
	s.coordinator = coordinator.New(coordinator.Options{Context: ctx, Node: node, Peers: known, Patience: s.Slow})
	s.mu.Lock() // Links may be asked already, by the bus
	s.peers = peers
	s.mu.Unlock()
	s.wait.Go(s.accept)
	if s.Meet {
		s.wait.Go(func() { s.askPeers(ctx) })
	}
	return nil
}

// way is how the coordinator asks a peer.
func (s *Server) way(p *peer) coordinator.Peer {
	if p.addr == "" && s.Elsewhere != nil {
		return s.Elsewhere(p.name)
	}
	return p
}

func (s *Server) accept() {
	for pause := time.Millisecond; ; {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, for one: others may close some
			if times, say := s.repeated.refused.say(time.Now()); say {
				s.Logger.Warn("cannot accept a connection", "err", err, "times", times)
			}
			select {
			case <-time.After(pause):
				pause = min(2*pause, time.Second)
				continue
			case <-s.stopping:
				return
			}
		}
		pause = time.Millisecond
		s.stats.accepted.Add(1)
		s.start(conn)
	}
}

// start serves a connection on a goroutine of its own, or turns it away.
func (s *Server) start(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining || len(s.sessions) >= s.MaxConns {
		if times, say := s.repeated.full.say(time.Now()); say && !s.draining {
			s.Logger.Warn("turned a client away: there are as many as there may be", "clients",
				len(s.sessions), "times", times)
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte("-ERR max number of clients reached\r\n"))
		_ = conn.Close()
		return
	}
	s.lastID++
	session := newSession(s, quick(conn), s.lastID)
	s.sessions[session] = struct{}{}
	s.served.Go(func() {
		session.serve()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, session)
	})
}

// drainFor is how long a connection goes on being served while the server
// closes: requests that are on the way are answered.
const drainFor = 50 * time.Millisecond

// Close stops listening, answers what is in flight, closes every connection and
// returns. Peers and clients that hang do not hold it up for longer than a peer
// may take to answer. It is idempotent; the store must still be open.
func (s *Server) Close() error {
	s.closed.Do(func() {
		close(s.stopping)
		_ = s.listener.Close()
		s.eachSession(func(session *session) { session.drain(time.Now().Add(drainFor)) })
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.served.Wait()
		}()
		patience := time.NewTimer(drainFor + s.Timeout)
		defer patience.Stop()
		select {
		case <-served:
		case <-patience.C:
		}
		if s.stop != nil {
			s.stop() // what waits for a peer fails now
		}
		s.eachSession(func(session *session) { _ = session.conn.Close() })
		<-served
		s.wait.Wait()
	})
	return nil
}

// eachSession calls f with every session; none begins any more.
func (s *Server) eachSession(f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for session := range s.sessions {
		f(session)
	}
}

// closing reports whether Close has begun.
func (s *Server) closing() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// Failed delivers the reason why this node cannot stay in the cluster: another
// process has its name, or another map is in force.
func (s *Server) Failed() <-chan error { return s.failed }

// heard passes on what a peer says of itself.
func (s *Server) heard(info events.Info) error {
	err := s.node.Heard(info, events.PathTCP)
	if err != nil {
		select {
		case s.failed <- err:
		default:
		}
	}
	return err
}

// index of the node called name in the map, -1 when there is none.
func (s *Server) index(name string) int { return s.node.Map().Index(name) }
