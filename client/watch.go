package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"

	"dht/events"
)

// ErrNoBus says that a client over TCP was asked for what only the bus has.
var ErrNoBus = errors.New("events are told on the bus only, and this client has none")

// Change is a change of one key, as a node told of it once it was durable. With
// several owners each tells of its own.
type Change struct {
	ID      events.Version   // of the telling: when it happened, by the node's clock
	Type    events.EventType // put, delete, expire
	Key     []byte
	Node    string         // that tells
	Version events.Version // of the record
	Bytes   int64          // put, expire: of the value
	Expires int64          // unix milliseconds; 0 is never
}

// LostError says that changes happened, or may have, of which [Client.Watch]
// cannot tell. Keys can be read anew then.
type LostError struct {
	Events int64 // how many events, of all keys; 0 when nobody can say
	Why    string
}

func (e *LostError) Error() string {
	if e.Events == 0 {
		return "changes may be lost: " + e.Why
	}
	return fmt.Sprintf("%d events lost: %s", e.Events, e.Why)
}

// watchQueue is how many events may wait for whoever watches, before the newest
// are lost.
const watchQueue = 16_384

// Watch tells of changes of keys with prefix, from when it returns until ctx or
// the client ends, or the loop over them does; one loop can be run. Of each key
// a node's changes come in their order. What is lost on the way is told as a
// [*LostError], after which the loop goes on. Any other error ends it:
// [events.ErrUnreachable] when the client was closed. Watch itself fails with
// [ErrNoBus], [events.ErrUnreachable] or, when that ends first, why ctx did.
func (c *Client) Watch(ctx context.Context, prefix []byte) (iter.Seq2[Change, error], error) {
	bus := busOf(c.transport)
	if bus == nil {
		return nil, fmt.Errorf("watch %q: %w", prefix, ErrNoBus)
	}
	if c.cluster != "" {
		if _, err := c.Map(ctx); errors.Is(err, events.ErrWrongCluster) {
			return nil, fmt.Errorf("watch %q: %w", prefix, err)
		}
	}
	if err := ended(ctx); err != nil {
		return nil, fmt.Errorf("watch %q: %w", prefix, err)
	}
	w := &watch{bus: bus, prefix: bytes.Clone(prefix), messages: make(chan *nats.Msg, watchQueue)}
	// All events, for any may say that others were lost.
	var err error
	if w.sub, err = bus.conn.ChanSubscribe(bus.subjects.Events(), w.messages); err == nil {
		w.status = bus.conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
		within, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		if err = Subscribed(within, bus.conn, bus.subjects.Events()); err != nil || ctx.Err() != nil {
			w.end()
		}
	}
	switch {
	case ctx.Err() != nil: // says nothing about the bus
		return nil, fmt.Errorf("watch %q: %w", prefix, ended(ctx))
	case errors.Is(err, events.ErrRefused):
		return nil, fmt.Errorf("watch %q: %w", prefix, err)
	case err != nil:
		return nil, fmt.Errorf("%w: watch %q: %v", events.ErrUnreachable, prefix, err)
	}
	stop := context.AfterFunc(ctx, w.end)
	return func(yield func(Change, error) bool) {
		defer w.end()
		defer stop()
		w.run(ctx, yield)
	}, nil
}

func busOf(t Transport) *busTransport {
	switch t := t.(type) {
	case *busTransport:
		return t
	case leaveOpen:
		return busOf(t.Transport)
	}
	return nil
}

// watch hands on events as they come.
type watch struct {
	bus      *busTransport
	prefix   []byte
	messages chan *nats.Msg
	sub      *nats.Subscription
	status   chan nats.Status
	dropped  int // messages, as last seen
}

// end is idempotent. Unsubscribing fails on a connection that is closed, and has
// ended there too.
func (w *watch) end() {
	_ = w.sub.Unsubscribe()
	w.bus.conn.RemoveStatusListener(w.status)
}

func (w *watch) run(ctx context.Context, yield func(Change, error) bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.bus.closed:
			yield(Change{}, fmt.Errorf("%w: the client was closed", events.ErrUnreachable))
			return
		case s, ok := <-w.status:
			switch {
			case !ok: // ctx has ended
				return
			case s == nats.CLOSED:
				yield(Change{}, fmt.Errorf("%w: the connection was closed", events.ErrUnreachable))
				return
			case s == nats.CONNECTED &&
				!yield(Change{}, &LostError{Why: "the connection to the bus was lost for a while"}):
				return
			}
		case m := <-w.messages:
			if !w.tell(m, yield) {
				return
			}
		}
	}
}

// tell yields what a message tells of, and what was lost.
func (w *watch) tell(m *nats.Msg, yield func(Change, error) bool) bool {
	if dropped, err := w.sub.Dropped(); err == nil && dropped > w.dropped {
		lost := &LostError{Events: int64(dropped - w.dropped), Why: "whoever watches is too slow"}
		w.dropped = dropped
		if !yield(Change{}, lost) {
			return false
		}
	}
	e, err := events.DecodeEvent(m.Data)
	if err != nil || m.Subject != w.bus.subjects.Event(e.Node, e.Type) {
		return true // somebody else's
	}
	if e.Lost > 0 && e.Type != events.EventLost && !yield(Change{},
		&LostError{Events: e.Lost, Why: e.Node + " had more to tell than the bus took"}) {
		return false
	}
	switch e.Type {
	case events.EventPut, events.EventDelete, events.EventExpire:
		if bytes.HasPrefix(e.Key, w.prefix) {
			return yield(Change{e.ID, e.Type, e.Key, e.Node, e.Version, e.Bytes, e.Expires}, nil)
		}
	}
	return true
}
