package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// Transport carries messages to nodes and brings their replies back.
type Transport interface {
	// Ask sends message to the node called to, to every node when that is
	// empty, and calls take with each reply, one at a time, until take returns
	// true, ctx ends or the transport is closed. It may send the same bytes
	// again when replies fail to come, and returns how often it sent them. Its
	// error says that nothing could be sent, wrapping [events.ErrUnreachable]
	// or [events.ErrTooLarge], or that the bus does not let this client ask,
	// wrapping [events.ErrRefused]; that nobody replied is no error. Nothing is sent
	// when ctx is over. take is not called after Ask has returned.
	Ask(ctx context.Context, to string, op events.Op, message []byte,
		take func(reply []byte) (enough bool)) (sent int, err error)
	// MaxMessage is how many bytes a message may have.
	MaxMessage() int
	// Close ends what is under way. It is idempotent.
	Close() error
}

// busTransport asks over NATS: one subscription on a wildcard inbox serves all
// calls, an id in the last token says which one a reply is for. (A subscription
// for each request costs eight times the latency and 525 KB.)
type busTransport struct {
	conn     *nats.Conn
	owned    bool // the connection was made here
	subjects events.Subjects
	sub      *nats.Subscription
	prefix   string // of the inbox, with its last dot
	closed   chan struct{}
	close    sync.Once

	mu     sync.Mutex // guards what follows
	calls  map[uint64]*call
	last   uint64
	denied denial // of the inbox: no reply can come
}

var _ Transport = (*busTransport)(nil)

// call waits for replies to one message.
type call struct {
	subject string
	over    chan struct{} // closed when no more replies are waited for

	mu     sync.Mutex // guards what follows; held while take runs
	take   func([]byte) bool
	closed bool
	err    error // why the bus lets no reply come
}

// errOver says that there was no time left to ask.
var errOver = fmt.Errorf("%w: the time for it was over before it was sent", events.ErrUnreachable)

// retryEvery is the pause after which a message that could not be sent is tried
// again: the connection is moving to another server.
const retryEvery = 20 * time.Millisecond

func newBusTransport(conn *nats.Conn, owned bool, subjects events.Subjects) (*busTransport, error) {
	t := &busTransport{conn: conn, owned: owned, subjects: subjects, calls: map[uint64]*call{},
		closed: make(chan struct{})}
	t.prefix = events.NewInbox(conn.Opts.InboxPrefix) + "."
	var err error
	if t.sub, err = conn.Subscribe(t.prefix+"*", t.receive); err != nil {
		return nil, fmt.Errorf("subscribe to an inbox: %w", err)
	}
	before := conn.ErrorHandler()
	conn.SetErrorHandler(func(conn *nats.Conn, sub *nats.Subscription, err error) {
		t.onError(err)
		if before != nil {
			before(conn, sub, err)
		}
	})
	return t, nil
}

func (t *busTransport) receive(m *nats.Msg) {
	// An empty message says that nobody listens on the server asked. Nothing
	// rests on that: one silent observer of dht.> keeps it from being sent.
	if len(m.Data) == 0 {
		return
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, t.prefix), 36, 64)
	if err != nil {
		return
	}
	t.mu.Lock()
	c := t.calls[id]
	t.mu.Unlock()
	if c != nil {
		c.reply(m.Data)
	}
}

func (c *call) reply(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.take(data) {
		c.closed = true
		close(c.over)
	}
}

// refuse ends the wait: no reply can come.
func (c *call) refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed, c.err = true, err
		close(c.over)
	}
}

func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

func (t *busTransport) open(subject string, take func([]byte) bool) (id uint64, c *call) {
	c = &call{subject: subject, over: make(chan struct{}), take: take}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.calls[t.last] = c
	if t.denied.err != nil && t.denied.reconnects == t.conn.Stats().Reconnects {
		c.refuse(t.denied.err)
	}
	return t.last, c
}

func (t *busTransport) forget(id uint64, c *call) {
	t.mu.Lock()
	delete(t.calls, id)
	t.mu.Unlock()
	c.end()
}

func (t *busTransport) Ask(ctx context.Context, to string, op events.Op, message []byte,
	take func([]byte) bool) (sent int, err error) {
	subject := t.subjects.Broadcast(op)
	if to != "" {
		subject = t.subjects.Node(to, op)
	}
	id, c := t.open(subject, take)
	defer t.forget(id, c)
	msg := &nats.Msg{Subject: subject, Reply: t.prefix + strconv.FormatUint(id, 36), Data: message}

	again := time.NewTimer(halfOf(ctx))
	defer again.Stop()
	for {
		switch over := ctx.Err() != nil; {
		case over && sent == 0: // nobody waits for it any more
			return 0, errOver
		case over:
			return sent, nil
		}
		err := t.conn.PublishMsg(msg)
		switch {
		case errors.Is(err, nats.ErrMaxPayload):
			return sent, fmt.Errorf("%w: the message has %d bytes, the bus carries %d",
				events.ErrTooLarge, len(message), t.conn.MaxPayload())
		case err != nil:
			again.Reset(retryEvery)
		default:
			if sent++; op == events.OpUpdate { // what is sent twice is done twice
				again.Stop()
			}
		}
		select {
		case <-c.over:
			return sent, c.err
		case <-again.C:
			continue
		case <-t.closed:
			err = nats.ErrConnectionClosed
		case <-ctx.Done():
		}
		if sent == 0 {
			return 0, fmt.Errorf("%w: no NATS server can be reached: %v", events.ErrUnreachable, err)
		}
		return sent, nil
	}
}

// halfOf is half the time that ctx leaves: when a reply has not come by then,
// the request or the reply was lost with a server, and is sent once more.
func halfOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Second
	}
	return time.Until(deadline) / 2
}

func (t *busTransport) MaxMessage() int { return int(t.conn.MaxPayload()) }

func (t *busTransport) Close() (err error) {
	t.close.Do(func() {
		close(t.closed)
		if t.owned {
			t.conn.Close()
		} else if err = t.sub.Unsubscribe(); errors.Is(err, nats.ErrConnectionClosed) {
			err = nil
		}
	})
	if err != nil {
		return fmt.Errorf("close client: %w", err)
	}
	return nil
}
