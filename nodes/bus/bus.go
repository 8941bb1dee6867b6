// Package bus brings requests from NATS to a node, and its answers back.
//
// It subscribes, decodes, calls the node and encodes; it decides nothing about
// keys. It imports events, nodes with its members and coordinator, and nats.go; it
// knows neither the TCP path nor who runs the NATS server.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
	"dht/nodes"
)

// Options make a server.
type Options struct {
	Subjects  events.Subjects
	Logger    *slog.Logger
	Addresses map[string]string // where else the node is reached, by what is spoken there: shown to NATS tools
	// Heard gets each request that can be read, before it is answered; it
	// must neither block nor keep anything. May be nil.
	Heard func(op events.Op, reqs []events.Request)
	// Met gets the name of each node that says who it is; it must not block. May be nil.
	Met func(name string)
	// Interest reports whether anybody listens to a subject. Without it every event
	// is sent: what a bus says to that anybody could say.
	Interest func(subject string) bool
}

// Server answers for one node on the bus.
type Server struct {
	Options
	conn      *nats.Conn
	node      *nodes.Node
	subs      []*nats.Subscription
	stop      context.CancelFunc
	wait      sync.WaitGroup // for what sends, and for the handshake
	writes    sync.WaitGroup // for replies that wait for the disk
	out       chan func()
	gone      chan struct{} // closed when nothing more is sent
	failed    chan error
	closed    sync.Once
	publisher *Publisher
	alien     alienReplies
	ready     atomic.Bool // Serve has begun

	run      events.Version  // of this process
	began    time.Time       // when it began to serve
	namesake chan struct{}   // holds a token when another process of this node's name has asked
	needs    map[string]bool // subjects without which the node does not hear what is asked
	denied   atomic.Pointer[denial]
}

// outbox is how many replies may wait to be sent without holding up the store's
// goroutine: as many as a node lets writes wait for the disk.
const outbox = 16_384

// New makes a server that answers for node on conn, and sends what publisher takes.
// The caller closes conn, after the server.
func New(conn *nats.Conn, node *nodes.Node, publisher *Publisher, o Options) *Server {
	return &Server{Options: o, conn: conn, node: node, run: node.Info().ID, publisher: publisher,
		needs: map[string]bool{}, out: make(chan func(), outbox), gone: make(chan struct{}),
		failed: make(chan error, 1), namesake: make(chan struct{}, 1)}
}

// Serve looks for others of the same name or another map, then subscribes and
// returns when the node hears what is asked of it and has answered: it does so
// until Close. Errors are those of [members.Table.Conflict], of NATS, or
// [events.ErrRefused] with what the NATS server does not permit.
func (s *Server) Serve(ctx context.Context) error {
	h, err := s.newHandshake()
	if err != nil {
		return err
	}
	if err := errors.Join(h.probe(ctx), s.refusal()); err != nil {
		h.close()
		return err
	}
	s.wait.Go(s.send)
	if err := s.begin(ctx, h); err != nil {
		h.close()
		s.Close()
		return err
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.began = time.Now()
	s.wait.Go(func() { h.run(ctx) })
	s.ready.Store(true)
	s.publisher.Notify(events.Event{Type: events.EventUp})
	return nil
}

// begin subscribes, and comes back when the node has heard itself.
func (s *Server) begin(ctx context.Context, h *handshake) error {
	s.needs[h.inbox+"*"] = true
	if err := errors.Join(s.startPublishing(), s.subscribe()); err != nil {
		return err
	}
	if err := s.reachable(ctx, h); err != nil {
		return err
	}
	before := s.conn.ErrorHandler()
	s.conn.SetErrorHandler(func(conn *nats.Conn, sub *nats.Subscription, err error) {
		s.onError(conn, err)
		if before != nil {
			before(conn, sub, err)
		}
	})
	return s.discoverable() // for NATS tools: who may not do without it
}

// subscribe listens without a queue group: every node hears every request.
func (s *Server) subscribe() error {
	for _, op := range events.Ops() {
		for _, subject := range []string{s.Subjects.Broadcast(op), s.Subjects.Node(s.node.Name, op)} {
			s.needs[subject] = true
			if err := s.hear(subject, func(m *nats.Msg) { s.handle(op, m) }); err != nil {
				return err
			}
		}
	}
	if err := s.conn.Flush(); err != nil {
		return fmt.Errorf("subscribe node %s: %w", s.node.Name, err)
	}
	return s.refusal()
}

func (s *Server) hear(subject string, handle nats.MsgHandler) error {
	sub, err := s.conn.Subscribe(subject, func(m *nats.Msg) {
		if s.mayAnswer(m.Reply) {
			handle(m)
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	s.subs = append(s.subs, sub)
	return nil
}

func (s *Server) handle(op events.Op, m *nats.Msg) {
	reqs, err := events.DecodeRequestsOf(op, m.Data)
	if err == nil {
		err = answerable(reqs)
	}
	if err != nil {
		s.respond(m, []events.Answer{s.node.Refuse(err)})
		return
	}
	switch op {
	case events.OpWatch:
		s.publisher.beginWatch(reqs[0].Limit)
		fallthrough
	case events.OpInfo:
		s.noteAsker(m.Data)
		s.respondInfo(m)
		return
	}
	s.identify(reqs, m.Reply)
	for i, room := 0, int32(min(s.conn.MaxPayload(), math.MaxInt32)); i < len(reqs); i++ {
		reqs[i].Room = room
	}
	if op == events.OpGet {
		s.limit(reqs)
	}
	if s.Heard != nil {
		s.Heard(op, reqs)
	}
	if !op.Writes() {
		s.node.Do(op, reqs, func(answers []events.Answer) { s.respond(m, answers) })
		return
	}
	s.writes.Add(1)
	s.node.Do(op, reqs, func(answers []events.Answer) {
		s.post(func() {
			defer s.writes.Done()
			s.respond(m, answers)
		})
	})
}

// entryHead is what an answer takes beside its value, about.
const entryHead = 256

// limit lets no more be read than the bus can carry.
func (s *Server) limit(reqs []events.Request) {
	room := max(int(s.conn.MaxPayload())-len(reqs)*entryHead, entryHead)
	if reqs[0].Limit <= 0 || reqs[0].Limit > room {
		reqs[0].Limit = room
	}
}

// answerable refuses a message that would change values and give the old ones in
// an answer which the bus may be too small for: they would be lost.
func answerable(reqs []events.Request) error {
	if values := events.OldValues(reqs); values > 1 {
		return fmt.Errorf("%w: a message of %d updates that give old values: one at a time", events.ErrTooLarge, values)
	}
	return nil
}

func (s *Server) logError(what string, err error) {
	if err != nil && !errors.Is(err, nats.ErrMsgNoReply) {
		s.Logger.Warn("cannot "+what, "err", err)
	}
}

// post leaves f to the outbox; after Close it is forgotten.
func (s *Server) post(f func()) {
	select {
	case s.out <- f:
	case <-s.gone:
	}
}

// send works off the outbox.
func (s *Server) send() {
	for {
		select {
		case f := <-s.out:
			f()
		case <-s.gone:
			for len(s.out) > 0 {
				(<-s.out)()
			}
			return
		}
	}
}

// Failed delivers the reason why this node cannot stay on the bus: another
// process has its name, or another map is in force.
func (s *Server) Failed() <-chan error { return s.failed }

// Close stops listening, answers what is in flight and returns. It is
// idempotent; the store must still be open.
func (s *Server) Close() error {
	s.closed.Do(func() {
		if s.ready.Load() {
			s.stop()
			s.publisher.Notify(events.Event{Type: events.EventDrain})
		}
		s.drain()
		s.writes.Wait()
		if s.ready.Load() {
			s.publisher.Notify(events.Event{Type: events.EventDown})
		}
		s.publisher.watch.stop()
		close(s.gone)
		s.wait.Wait()
		for _, conn := range []*nats.Conn{s.conn, s.publisher.conn} {
			if conn != nil && conn.IsConnected() {
				s.logError("flush", conn.FlushTimeout(time.Second))
			}
		}
		s.publisher.close()
	})
	return nil
}

// drain waits until every request that was delivered has been handled.
// nats.conn.Drain alone would lose their replies. Without a server there is
// nobody to reply to, and draining would wait for one.
func (s *Server) drain() {
	var handled sync.WaitGroup
	for _, sub := range s.subs {
		if !s.conn.IsConnected() {
			s.logError("unsubscribe", sub.Unsubscribe())
			continue
		}
		handled.Add(1)
		sub.SetClosedHandler(func(string) { handled.Done() })
		if err := sub.Drain(); err != nil { // the connection is closed by now
			handled.Done()
		}
	}
	handled.Wait()
}
