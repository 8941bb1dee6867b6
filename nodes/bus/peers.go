package bus

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
	"dht/nodes/coordinator"
)

// Peers asks other nodes over NATS, for a coordinator: nodes to which no TCP path
// leads. Safe for concurrent use.
type Peers struct {
	conn     *nats.Conn
	subjects events.Subjects
	clock    *events.Clock
	timeout  time.Duration
	sub      *nats.Subscription
	inbox    string // of all messages, with its last dot; nobody can guess it

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[uint64]*message
	closed  bool
}

// NewPeers returns peers that have timeout to answer; 0 is 2 s. The caller closes
// conn, after the peers.
func NewPeers(conn *nats.Conn, subjects events.Subjects, clock *events.Clock, timeout time.Duration) (*Peers, error) {
	if timeout <= 0 {
		timeout = 2 * time.Second
	}
	p := &Peers{conn: conn, subjects: subjects, clock: clock, timeout: timeout, waiting: map[uint64]*message{},
		inbox: events.NewInbox(conn.Opts.InboxPrefix) + "."}
	var err error
	if p.sub, err = conn.Subscribe(p.inbox+"*", p.receive); err != nil {
		return nil, fmt.Errorf("subscribe to an inbox: %w", err)
	}
	return p, nil
}

// Peer is the node called name.
func (p *Peers) Peer(name string) coordinator.Peer { return &peer{peers: p, name: name} }

var (
	errOverdue = errors.New("no answer in time")
	errClosing = errors.New("this node is closing")
	errNoBus   = errors.New("no NATS server can be reached")
)

// Close ends what is under way. It is idempotent.
func (p *Peers) Close() error {
	p.mu.Lock()
	all := p.waiting
	p.waiting, p.closed = map[uint64]*message{}, true
	p.mu.Unlock()
	for _, m := range all {
		m.end(nil, &coordinator.NoAnswer{Sent: true, Cause: errClosing})
	}
	if err := p.sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) &&
		!errors.Is(err, nats.ErrBadSubscription) {
		return fmt.Errorf("close peers: %w", err)
	}
	return nil
}

// peer is one of them. The bus hands over messages of one kind in their order, and
// those of several kinds in any: a write waits as long as writes of another kind are
// under way.
type peer struct {
	peers *Peers
	name  string

	mu    sync.Mutex // guards what follows
	op    events.Op  // of the writes that are under way
	under int        // how many those are
	queue []*message // of writes that wait
}

// message is one message to a peer, with as many requests as the bus carries.
type message struct {
	peer  *peer
	op    events.Op
	text  []byte
	n     int // requests
	until *time.Timer
	done  func([]events.Answer, error)
}

// Send implements [coordinator.Peer]. What the bus cannot carry at once goes in
// several messages.
func (p *peer) Send(op events.Op, reqs []events.Request, done func([]events.Answer, error)) {
	deadline := p.peers.clock.Now().Add(p.peers.timeout).UnixMilli()
	for i := range reqs {
		reqs[i].Deadline = deadline
	}
	room := int(p.peers.conn.MaxPayload())
	parts := split(reqs, room)
	all := join(len(parts), done)
	for i, part := range parts {
		m := &message{peer: p, op: op, text: events.AppendRequests(nil, part...), n: len(part),
			done: func(a []events.Answer, err error) { all(i, a, err) }}
		if len(m.text) > room {
			m.done([]events.Answer{p.tooLarge(len(m.text), room)}, nil)
			continue
		}
		p.queueUp(m)
	}
}

func (p *peer) tooLarge(size, room int) events.Answer {
	err := fmt.Errorf("%w: the request has %d bytes, the bus to %s carries %d", events.ErrTooLarge, size, p.name, room)
	return events.Answer{Node: p.name, Status: events.StatusError, Code: events.ErrTooLarge, Error: err.Error()}
}

// sizeHead is what the size of a value adds to a head that is not the last.
const sizeHead = len(`,"size":1048576`)

// split cuts requests into messages that the bus can carry. Of those that give back
// an old value a node takes one a message.
func split(reqs []events.Request, room int) (parts [][]events.Request) {
	from, size, old := 0, 0, 0
	var entry []byte
	for i := range reqs {
		entry = events.AppendRequests(entry[:0], reqs[i])
		n := len(entry) + sizeHead
		if i > from && (size+n > room || reqs[i].Old && old > 0) {
			parts = append(parts, reqs[from:i])
			from, size, old = i, 0, 0
		}
		if size += n; reqs[i].Old {
			old++
		}
	}
	return append(parts, reqs[from:])
}

// join calls done once, when every part is answered, with all answers in order; or
// with the first error.
func join(parts int, done func([]events.Answer, error)) func(i int, answers []events.Answer, err error) {
	if parts == 1 {
		return func(_ int, answers []events.Answer, err error) { done(answers, err) }
	}
	var mu sync.Mutex
	lists, missing, failed := make([][]events.Answer, parts), parts, error(nil)
	return func(i int, answers []events.Answer, err error) {
		mu.Lock()
		lists[i] = answers
		if missing--; err != nil && failed == nil {
			failed = err
		}
		ready := missing == 0
		mu.Unlock()
		switch {
		case !ready:
		case failed != nil:
			done(nil, failed)
		default:
			done(slices.Concat(lists...), nil)
		}
	}
}

// queueUp sends a message, or lets it wait for writes of another kind.
func (p *peer) queueUp(m *message) {
	if m.op.Writes() {
		p.mu.Lock()
		if len(p.queue) > 0 || p.under > 0 && p.op != m.op {
			p.queue = append(p.queue, m)
			p.mu.Unlock()
			return
		}
		p.op = m.op
		p.under++
		p.mu.Unlock()
	}
	p.peers.publish(m)
}

// next sends the writes that waited for the one that has ended. Where that had no
// answer they are not sent: the peer would be waited for again and again.
func (p *peer) next(err error) {
	p.mu.Lock()
	p.under--
	ready := p.ready(err != nil)
	p.mu.Unlock()
	for _, m := range ready {
		if err == nil {
			p.peers.publish(m)
		} else {
			m.done(nil, &coordinator.NoAnswer{Cause: err})
		}
	}
}

// ready takes from the queue what is to be sent now, or everything. mu must be held.
func (p *peer) ready(everything bool) (list []*message) {
	if everything {
		list, p.queue = p.queue, nil
		return list
	}
	for len(p.queue) > 0 && (p.under == 0 || p.queue[0].op == p.op) {
		list, p.op = append(list, p.queue[0]), p.queue[0].op
		p.queue = p.queue[1:]
		p.under++
	}
	return list
}

// publish sends a message; its answer is waited for.
func (p *Peers) publish(m *message) {
	if !p.conn.IsConnected() {
		m.end(nil, &coordinator.NoAnswer{Cause: errNoBus})
		return
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		m.end(nil, &coordinator.NoAnswer{Cause: errClosing})
		return
	}
	p.last++
	id := p.last
	p.waiting[id] = m
	overdue := &coordinator.NoAnswer{Sent: true, Overdue: true, Cause: errOverdue}
	m.until = time.AfterFunc(p.timeout, func() { p.answer(id, nil, overdue) })
	p.mu.Unlock()
	subject, inbox := p.subjects.Node(m.peer.name, m.op), p.inbox+strconv.FormatUint(id, 36)
	if err := p.conn.PublishRequest(subject, inbox, m.text); err != nil {
		p.answer(id, nil, &coordinator.NoAnswer{Cause: err})
	}
}

// receive takes what comes to the inbox. Whoever hears a message may reply to it: an
// answer counts only when it is the peer's, and of the shape that was asked for. That
// nobody listens (an empty message) could be said by anybody.
func (p *Peers) receive(msg *nats.Msg) {
	id, err := strconv.ParseUint(strings.TrimPrefix(msg.Subject, p.inbox), 36, 64)
	if err != nil || len(msg.Data) == 0 {
		return
	}
	p.mu.Lock()
	m := p.waiting[id]
	p.mu.Unlock()
	if m == nil {
		return
	}
	if answers, err := events.AnswersOf(m.peer.name, msg.Data, m.n); err == nil {
		p.answer(id, answers, nil)
	}
}

// answer ends the wait for a message, once.
func (p *Peers) answer(id uint64, answers []events.Answer, err error) {
	p.mu.Lock()
	m := p.waiting[id]
	delete(p.waiting, id)
	p.mu.Unlock()
	if m != nil {
		m.end(answers, err)
	}
}

// end is called once for each message that was queued.
func (m *message) end(answers []events.Answer, err error) {
	if m.until != nil {
		m.until.Stop()
	}
	m.done(answers, err)
	if m.op.Writes() {
		m.peer.next(err)
	}
}
